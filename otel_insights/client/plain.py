"""What OTLP can hold: whatever an application hands over, it leaves as that, or as a text of it.

One value that cannot be encoded costs the exporter a whole batch, or of cumulative metrics all that come after.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping
from typing import Any, TypeVar

_T = TypeVar("_T", bound="Mapping[str, Any]")
_DEEPEST = 8
_WHOLE = 1 << 63
"""Whole numbers of OTLP have 64 bits."""
_EXACT = 1 << 53
"""Up to here a float is exact."""


def text(value: object) -> str:
    r"""Give the text of anything: half characters (file names that are no UTF-8 have them) are spelled out.

    >>> text("caf\udce9")
    'caf\\udce9'
    """
    try:
        found = value if isinstance(value, str) else str(value)
    except Exception:
        return f"<{type(value).__name__}: str() failed>"
    if found.isascii():
        return found
    try:
        found.encode()
    except UnicodeEncodeError:
        return found.encode("utf-8", "backslashreplace").decode()
    return found


def plain(value: Any, above: tuple[int, ...] = ()) -> Any:  # noqa: ANN401 - of any kind
    """Give the value, the same object where OTLP can hold it; of other objects their `repr`.

    What is in a list is all of one kind: earlier versions of the SDK drop a list that is not, and say so on stderr.

    >>> plain({"at": [1, 10**30, {2}], "to": [1, 2.5]})
    {'at': ['1', '1000000000000000000000000000000', '{2}'], 'to': [1.0, 2.5]}
    """
    if isinstance(value, str):
        return text(value)
    if value is None or isinstance(value, (bool, float, bytes)):
        return value
    if isinstance(value, numbers.Real):  # numpy's among them
        found = number(value)
        return text(value) if found is None or (isinstance(found, int) and not -_WHOLE <= found < _WHOLE) else found
    if isinstance(value, (list, tuple, Mapping)):
        return _holding(value, (*above, id(value))) if id(value) not in above and len(above) < _DEEPEST else "..."
    try:
        return text(repr(value))
    except Exception:
        return f"<{type(value).__name__}: repr() failed>"


def _holding(value: Any, above: tuple[int, ...]) -> Any:  # noqa: ANN401 - as above
    if isinstance(value, Mapping):
        return mapping(value, above)
    items = _alike([plain(one, above) for one in value])
    return value if all(one is was for one, was in zip(items, value, strict=True)) else items


def _alike(items: list[Any]) -> list[Any]:
    kinds = {list if isinstance(one, tuple) else type(one) for one in items if one is not None}
    if len(kinds) <= 1:
        return items
    of = float if kinds <= {int, float} else _exactly_text
    return [one if one is None else of(one) for one in items]


def _exactly_text(value: object) -> str:
    """Give a text that is of no class of its own, as members of enumerations are."""
    found = value if isinstance(value, str) else text(value)
    return str.__str__(found)


def mapping(values: _T, above: tuple[int, ...] = ()) -> _T | dict[str, Any]:
    """Give names and values as `plain` does, of no name `_`; the same object where OTLP can hold all of it."""
    found = {text(name) or "_": plain(value, above) for name, value in values.items()}
    same = len(found) == len(values) and all(name in found and found[name] is was for name, was in values.items())
    return values if same else found


def number(value: Any) -> int | float | None:  # noqa: ANN401 - as above
    """Give the number that an object stands for, an int where it is whole; None where it is none, or a text.

    >>> number(True), number("1"), number(2**70), number(10**400)
    (1, None, 1180591620717411303424, None)
    """
    try:
        if isinstance(value, numbers.Integral):
            found = int(value)
            float(found)
            return found
        if isinstance(value, (str, bytes)) or not hasattr(value, "__float__"):
            return None
        return float(value)
    except Exception:
        return None


def measured(value: object) -> int | float | None:
    """Give the number that may be added up in 64 bits: finite, and a float beyond what a float holds exactly."""
    found = number(value)
    if found is None or not math.isfinite(found):
        return None
    return float(found) if abs(found) >= _EXACT else found
