"""Whether exporters reach anybody: each of them sends an empty request, as it would a real one."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from otel_insights.component import ComponentId
from otel_insights.components import Registry
from otel_insights.config import Config, Pipeline
from otel_insights.config.sections import StoreSection
from otel_insights.errors import InsightsError
from otel_insights.payload import Payload
from otel_insights.service import Service

SECONDS = 5.0
"""How long a next hop may take to answer."""


async def reach(config: Config, registry: Registry, exporter: ComponentId) -> str:
    """Send an empty request through one exporter (OTLP: servers answer it with success); "" or why that failed."""
    signal = next(line.signal for line in config.pipelines if exporter in line.exporters)
    alone = replace(
        config,
        store=StoreSection(url="sqlite://"),
        pipelines=(Pipeline(signal, "", (), (), (exporter,)),),
    )
    service = Service(alone, registry, drain_seconds=1.0)
    try:
        await service.start()
        await asyncio.wait_for(service.exporters[exporter].export(Payload(signal, b"")), SECONDS)
    except asyncio.TimeoutError:
        return f"no answer within {SECONDS:g} s"
    except (InsightsError, OSError) as error:
        return str(error)
    except Exception as error:  # noqa: BLE001 - a bug in one component, of which a person is to be told with the rest
        return f"{type(error).__name__}: {error}"
    finally:
        await service.stop()
    return ""
