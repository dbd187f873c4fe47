"""What goes through otel-insights comes out as it would without it, but for the attributes added."""

from collections import Counter
from pathlib import Path

import httpx
import pytest
from e2e.arrived import Arrived, read
from e2e.processes import eventually
from e2e.rarities import rarities
from e2e.topology import Collector, Insights, Stage
from opentelemetry.proto.common.v1.common_pb2 import ArrayValue

from otel_insights import semconv

pytestmark = pytest.mark.e2e

ROUNDS = 3
TEMPLATE = {semconv.LOG_RECORD_TEMPLATE, semconv.LOG_TEMPLATE_ID}
# Collectors wait a moment for a fuller batch, and their files for a second before they are flushed.
WITHIN = 60.0


def theirs(file: Path) -> list[Arrived]:
    return [one for one in read(file) if one.service != semconv.SERVICE_NAME_OF_OURS]


def ours(file: Path) -> list[Arrived]:
    return [one for one in read(file) if one.service == semconv.SERVICE_NAME_OF_OURS]


def send_rarities(*collectors: Collector) -> None:
    for signal, request in rarities().items():
        for collector in collectors:
            answer = httpx.post(
                f"http://127.0.0.1:{collector.http}/v1/{signal}",
                content=request.SerializeToString(),
                headers={"content-type": "application/x-protobuf"},
            )
            assert answer.status_code == 200, answer.text


def told(pieces: Counter[tuple[bytes, ...]]) -> str:
    return "\n".join(repr(piece)[:2000] for piece in list(pieces)[:3])


@pytest.mark.parametrize(("protocol", "compression"), [("grpc", "none"), ("http", "gzip")])
def test_all_three_signals_arrive_unchanged_but_for_what_was_added(
    stage: Stage, protocol: str, compression: str
) -> None:
    b = stage.collector("b")
    port = b.insights if protocol == "grpc" else b.insights_http
    insights = stage.insights(f"http://127.0.0.1:{port}", protocol if protocol == "grpc" else "http/protobuf")
    a = stage.collector("a", f"127.0.0.1:{insights.grpc}", compression)
    without = stage.collector("without")
    doors = [a.grpc, without.grpc] if protocol == "grpc" else [a.http, without.http]

    app = stage.app(*(f"http://127.0.0.1:{door}" for door in doors), protocol=protocol, rounds=ROUNDS)
    assert app.process.wait(60) == 0
    send_rarities(a, without)
    expected = eventually(lambda: complete(without), "all telemetry is written without otel-insights", WITHIN)
    eventually(lambda: len(theirs(b.file)) >= len(expected), "as much is written behind otel-insights", WITHIN)

    through = Counter(one.bare() for one in theirs(b.file))
    direct = Counter(one.bare() for one in expected)
    assert through == direct, f"missing:\n{told(direct - through)}\nnot sent:\n{told(through - direct)}"
    assert {one.service for one in expected if tells_of_an_exception(one)} == {"shop", "rarities"}
    for one in theirs(b.file):
        assert (semconv.FINGERPRINT in one.stamps()) == tells_of_an_exception(one), one.item
        assert bool(one.stamps() - TEMPLATE) == tells_of_an_exception(one), one.item
        assert bool(one.stamps() & TEMPLATE) == says_something(one), one.item
    findings_arrive(insights, b)
    assert a.dropped() == []


def tells_of_an_exception(one: Arrived) -> bool:
    by_event = any(event.name == "exception" for event in getattr(one.item, "events", ()))
    return by_event or any(pair.key == "exception.type" for pair in getattr(one.item, "attributes", ()))


def says_something(one: Arrived) -> bool:
    """Tell whether it is a log record with a text, or one that stands for an exception or an event."""
    if not hasattr(one.item, "body"):
        return False
    body = one.item.body
    text = getattr(body, body.WhichOneof("value") or "string_value")
    told = (text if isinstance(text, str) else not isinstance(text, bytes | ArrayValue)) or one.item.event_name
    return bool(told) or tells_of_an_exception(one)


def complete(without: Collector) -> list[Arrived]:
    """Return all that is in a Collector's file, once that is as much as it took in."""
    arrived = read(without.file)
    items = sum(without.accepted(signal) for signal in ("traces", "logs", "metrics"))
    return arrived if sum(weight(one) for one in arrived) == items else []


def weight(one: Arrived) -> int:
    """Count as the Collector does: metrics by their points."""
    if not hasattr(one.item, "gauge"):
        return 1
    kind = one.item.WhichOneof("data")
    return len(getattr(one.item, kind).data_points) if kind else 0


def findings_arrive(insights: Insights, b: Collector) -> None:
    """The findings come after what they tell of, and are told apart by their resource."""
    insights.analyse()
    wanted = {cluster["id"] for cluster in insights.clusters()}
    assert wanted
    eventually(lambda: wanted <= reported(b), "a finding for every cluster arrives", WITHIN)
    metrics = lambda: {one.item.name for one in ours(b.file) if hasattr(one.item, "gauge")}  # noqa: E731
    eventually(lambda: semconv.OCCURRENCES in metrics(), "the count of occurrences arrives as a metric", WITHIN)


def reported(b: Collector) -> set[str]:
    created = [one.item for one in ours(b.file) if getattr(one.item, "event_name", "") == semconv.CLUSTER_CREATED]
    return {pair.value.string_value for one in created for pair in one.attributes if pair.key == semconv.CLUSTER_ID}
