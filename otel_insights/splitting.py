"""Splitting a request in two, for a next hop that takes no large ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from otel_insights.payload import ExportRequest, Payload, Signal

_NAMES: Final = {
    Signal.TRACES: ("resource_spans", "scope_spans", "spans"),
    Signal.LOGS: ("resource_logs", "scope_logs", "log_records"),
    Signal.METRICS: ("resource_metrics", "scope_metrics", "metrics"),
}


def halves(payload: Payload) -> tuple[Payload, Payload] | None:
    """Split a request into two with half of the spans, log records or metrics each; None where it has only one.

    Their order stays. Raises BadData for a request that does not parse as a whole (a string that is no UTF-8).
    """
    message, names = payload.message(), _NAMES[payload.signal]
    count = sum(
        len(getattr(inner, names[2])) for outer in getattr(message, names[0]) for inner in getattr(outer, names[1])
    )
    if count < 2:  # noqa: PLR2004
        return None
    parts = (_part(message, names, 0, count // 2), _part(message, names, count // 2, count))
    return Payload.of(parts[0], replay=payload.replay), Payload.of(parts[1], replay=payload.replay)


def _part(message: ExportRequest, names: Sequence[str], first: int, after: int) -> ExportRequest:
    """Copy the items with these numbers, and what they belong to; a resource or scope without items goes first."""
    outers, inners, items = names
    part = type(message)()
    at = 0
    for outer in getattr(message, outers):
        kept: list[Any] = []
        for inner in getattr(outer, inners):
            size = len(getattr(inner, items))
            chosen = getattr(inner, items)[max(0, first - at) : max(0, after - at)]
            if chosen or (not size and first <= at < after):
                copy = type(inner)()
                copy.CopyFrom(inner)
                copy.ClearField(items)
                getattr(copy, items).extend(chosen)
                kept.append(copy)
            at += size
        if kept:
            holder = getattr(part, outers).add()
            holder.CopyFrom(outer)
            holder.ClearField(inners)
            getattr(holder, inners).extend(kept)
    return part
