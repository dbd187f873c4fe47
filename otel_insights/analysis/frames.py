"""What a stack trace is made of."""

from dataclasses import dataclass
from typing import Literal

Link = Literal["cause", "context", "group"]


@dataclass(frozen=True, slots=True)
class Frame:
    """One call of a stack. `code` is the source line as printed, or empty; `line` counts from 1."""

    file: str
    function: str
    line: int | None = None
    code: str = ""


@dataclass(frozen=True, slots=True)
class Raised:
    """One exception of a chain.

    `frames` run from the outermost call to the one that raised, whatever the runtime's own order. `type` is empty when
    the text was cut before it. `link` says what the exception *before* this one is to it: its `cause` (raised from it),
    its `context` (raised while it was handled), or a member of this `group`; None for the first.
    """

    type: str
    message: str
    frames: tuple[Frame, ...]
    link: Link | None = None
