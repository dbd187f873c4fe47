"""Requests of metrics for the processor `anomalies`, and what it tells of them."""

import math

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from otlp_samples import T0, Sink, build, passing, resource, values

from otel_insights.payload import Payload, attribute
from otel_insights.processors.anomalies import FACTORY
from otel_insights.store import outbox

MINUTE = 60 * 10**9
OF = resource("i-1", "shop", "demo")


def load(at: int) -> float:
    return 100 + 30 * math.sin(at / 1440 * 2 * math.pi) + (at * 7919 % 13) / 3


def request(first: int, last: int, *, spikes=(), metric="queue.depth", of=OF, value=load) -> Payload:
    """Points of minutes from one to another; those in a spike are much higher."""
    made = ExportMetricsServiceRequest()
    part = made.resource_metrics.add(resource=of)
    points = part.scope_metrics.add().metrics.add(name=metric).gauge.data_points
    for at in range(first, last):
        points.add(
            time_unix_nano=T0 + at * MINUTE,
            as_double=value(at) + (150 if any(spike <= at < spike + 5 for spike in spikes) else 0),
            attributes=[attribute("queue", "orders")],
        )
    return Payload.of(made)


async def started(host, **settings):
    made = build(FACTORY, **settings)
    await made.start(host)
    return made


async def send(processor, *payloads: Payload) -> list[Payload]:
    sink = Sink()
    for payload in payloads:
        await passing([processor], payload, sink)
    return sink.got


async def told(host) -> list[tuple[str, dict]]:
    waiting = await host.store.read(outbox.waiting)
    records = [LogRecord.FromString(one.record) for one in waiting]
    return [(one.event_name, values(one.attributes)) for one in records]
