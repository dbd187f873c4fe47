"""THE contract: what receivers, processors and exporters are, and what may be called when.

    receiver --consume--> processor.process(payload, forward) --forward--> ... --> exporter.export(payload)

One event loop runs every component, so none of them needs a lock. A call returns when the payload has been accepted
for good: what we must remember of it is committed, and the next hop has taken it. A call that cannot end so raises one
of two errors, and the sender is told accordingly (`errors.py`): `Refused`, try again; `BadData`, do not.
"""

from __future__ import annotations

import builtins
import enum
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from otel_insights.payload import Payload, Signal
    from otel_insights.selfmetrics import SelfMetrics
    from otel_insights.store import Store
    from otel_insights.worker import Worker


class Kind(enum.Enum):
    """What a component is; the value is the plural that the configuration and the folders use."""

    RECEIVER = "receivers"
    PROCESSOR = "processors"
    EXPORTER = "exporters"

    @property
    def word(self) -> str:
        """The singular, as self-telemetry writes it (`otelcol.component.kind`)."""
        return self.value.removesuffix("s")


_ID = re.compile(r"(?P<type>[a-zA-Z][0-9a-zA-Z_]{0,62})(?:/(?P<name>[^\s/](?:[^/]*[^\s/])?))?")


@dataclass(frozen=True, slots=True)
class ComponentId:
    """`type` or `type/name`, as everywhere in a Collector's configuration.

    >>> ComponentId.parse("otlp/backup")
    ComponentId(type='otlp', name='backup')
    >>> str(ComponentId("otlp"))
    'otlp'
    """

    type: str
    name: str = ""

    @classmethod
    def parse(cls, text: str) -> ComponentId:
        """Read an id. Raises ValueError, whose text says what was expected, for anything else."""
        found = _ID.fullmatch(text.strip())
        if not found:
            raise ValueError(f"expected an id of the form type or type/name, got {text!r}")
        return cls(found["type"], found["name"] or "")

    def __str__(self) -> str:
        return f"{self.type}/{self.name}" if self.name else self.type


@dataclass(frozen=True, slots=True)
class Accepted:
    """How the next hop took a payload: all of it, or all but `rejected` records, and why (OTLP's partial success)."""

    rejected: int = 0
    reason: str = ""


Consume = Callable[["Payload"], Awaitable[Accepted]]
"""Hands a payload to whatever comes next, and returns when that has accepted it. Raises Refused or BadData."""


class Settings(BaseModel):
    """A component's own part of the configuration: typed, immutable, and without unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class Host(Protocol):
    """What the service lends to its components between `start` and `stop`."""

    @property
    def store(self) -> Store:
        """What is remembered. One writer; see `otel_insights.store`."""

    @property
    def worker(self) -> Worker:
        """The one process for long work. See `otel_insights.worker`."""

    @property
    def metrics(self) -> SelfMetrics:
        """Our own counters."""

    @property
    def instance_id(self) -> str:
        """`service.instance.id` of this installation: what carries it came from us, and is never analysed."""

    def now_ns(self) -> int:
        """Tell the time, in nanoseconds since the epoch; tests pass another clock."""


@dataclass(slots=True)
class Component:
    """Everything that the configuration can name.

    Life: created with checked settings (creating opens nothing and cannot fail), then `start`, then used, then `stop`.
    The service starts the far end first (exporters, processors, receivers) and stops the near end first, so a component
    is only called while whatever it calls is running. `stop` is called once after every `start` that was begun, also if
    that failed.
    """

    id: ComponentId
    host: Host = field(init=False)

    async def start(self, host: Host) -> None:
        """Open what is needed. The last moment to fail: raise ConfigError or OSError, and nothing is started.

        Overriding components call this first: it keeps `host`.
        """
        self.host = host

    async def stop(self) -> None:
        """End all that was started, within seconds: no call is under way any more when this one is made."""


@dataclass(slots=True)
class Receiver(Component):
    """Takes telemetry in. Subclasses open their door in `serve` and close it in `stop`."""

    async def serve(self, consumers: Mapping[Signal, Consume]) -> None:
        """Begin to receive, and return once the door is open; called after `start`, when all that follows is ready.

        `consumers` holds the signals that some pipeline takes from this receiver; any other signal is refused as the
        Collector does (gRPC UNIMPLEMENTED, HTTP 404). The answer to the sender is given after the consumer's return:
        success, partial success, or the error that it raised.
        """
        raise NotImplementedError

    async def stop(self) -> None:
        """Take nothing more, let calls under way finish within the drain time, then close."""


@dataclass(slots=True)
class Processor(Component):
    """Looks at what passes, may add to it, and hands it on. One instance serves every pipeline that names its id."""

    async def process(self, payload: Payload, forward: Consume) -> Accepted:
        """Do the work of one payload around `await forward(payload)`, and return what that returned.

        What must be remembered is committed before forwarding. A payload with `replay` set was learnt from before: it
        is stamped, and nothing is counted. Bad data inside single records is counted and passed on, never raised.
        """
        return await forward(payload)

    async def analyse(self) -> None:
        """Do the long work over what has been remembered, in `host.worker`, off the data path.

        Called by the service on its schedule and on demand, never twice at once, in the order of the configuration. It
        returns when its results are committed and used.
        """


@dataclass(slots=True)
class Exporter(Component):
    """Sends telemetry on."""

    async def export(self, payload: Payload) -> Accepted:
        """Return when the other side has accepted the payload. Raises Refused or BadData; never keeps a queue.

        The payload may go to other exporters at the same time: it is not changed here.
        """
        raise NotImplementedError


S = TypeVar("S", bound=Settings)


@dataclass(frozen=True, slots=True)
class Factory(Generic[S]):
    """How a type of component is made: one for each module in receivers/, processors/ and exporters/.

    Third parties offer theirs as an entry point of the group `otel_insights.components` that names a Factory.
    """

    kind: Kind
    type: str
    settings: builtins.type[S]
    create: Callable[[ComponentId, S], Component]
    signals: frozenset[str]
    """Values of `Signal` that the component can take."""

    def build(self, id_: ComponentId, settings: Any) -> Component:  # noqa: ANN401 - checked right here
        """Make a component from settings of this factory's type. Raises TypeError for settings of another."""
        if not isinstance(settings, self.settings):
            raise TypeError(
                f"{self.kind.value}.{id_}: expected {self.settings.__name__}, got {type(settings).__name__}"
            )
        return self.create(id_, settings)
