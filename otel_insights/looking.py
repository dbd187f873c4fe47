"""Looking at telemetry without holding it up: what a processor cannot digest passes as it came."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from otel_insights.component import Processor
from otel_insights.errors import InsightsError
from otel_insights.payload import Payload

_log = logging.getLogger(__name__)
_written: set[tuple[str, type[BaseException], int]] = set()
_MOST_WRITTEN = 1000


async def looked_at(processor: Processor, payload: Payload, look: Callable[[Payload], Awaitable[None]]) -> Payload:
    """Let a processor look at a payload and change it; give the payload to pass on.

    An error that nobody foresaw is a bug of ours. The same bytes would meet it at every retry, and hold up what waits
    behind them: so they pass as they came, and are counted as not inspected. `Refused` (the store is full, ...) and
    `BadData` are answers, and are raised.
    """
    before = payload.data
    try:
        await look(payload)
    except InsightsError:
        raise
    except Exception as error:  # noqa: BLE001 - see above
        processor.host.metrics.add("otel_insights_uninspected_items", payload.count, processor=str(processor.id))
        trace = error.__traceback__
        while trace and trace.tb_next:
            trace = trace.tb_next
        place = (str(processor.id), type(error), trace.tb_lineno if trace else 0)
        if place not in _written and len(_written) < _MOST_WRITTEN:
            _written.add(place)
            _log.exception("processors.%s: an error of ours, the payload passes as it came (told once)", processor.id)
        return Payload(payload.signal, before, gzipped=payload.gzipped, replay=payload.replay)
    return payload
