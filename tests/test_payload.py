"""Payloads: counted, searched and edited as bytes."""

import math
import time
import tracemalloc

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otel_insights.errors import BadData, TooLarge
from otel_insights.payload import (
    EVENT_ATTRIBUTES,
    EVENT_NAMED_EXCEPTION,
    EXCEPTION_ATTRIBUTE,
    LOG_RECORD_ATTRIBUTES,
    PACKAGE_INFO,
    SPAN_ATTRIBUTES,
    Payload,
    Signal,
    attribute,
    attribute_bytes,
)
from otel_insights.wire import delimited

STAMP = attribute_bytes(SPAN_ATTRIBUTES, "otel_insights.exception.fingerprint", "0c9e4a1b")


def traces(*, resources=2, scopes=2, spans=3):
    """A request in which every other span has an exception, and every span looks as if it had one."""
    request = ExportTraceServiceRequest()
    for r in range(resources):
        outer = request.resource_spans.add()
        outer.resource.attributes.append(attribute("service.name", f"exception {r}"))
        for _ in range(scopes):
            inner = outer.scope_spans.add(schema_url="exception")
            inner.scope.name = "exception"
            for i in range(spans):
                span = inner.spans.add(name="exception", trace_id=b"\x12\x09exceptions..."[:16])
                span.attributes.append(attribute("exception", "x" * 200))
                span.events.add(name="exception" if i % 2 else "exceptions")
    return request


def payload(**shape):
    return Payload.of(traces(**shape))


def mark(found):
    return {item: item.data + STAMP for item in found}


@pytest.mark.parametrize(
    ("signal", "request_class", "method", "path", "item"),
    [
        (Signal.TRACES, ExportTraceServiceRequest, "trace.v1.TraceService", "/v1/traces", "spans"),
        (Signal.LOGS, ExportLogsServiceRequest, "logs.v1.LogsService", "/v1/logs", "log_records"),
        (Signal.METRICS, ExportMetricsServiceRequest, "metrics.v1.MetricsService", "/v1/metrics", "metric_points"),
    ],
)
def test_a_signal_knows_its_message_and_its_doors(signal, request_class, method, path, item):
    assert signal.message is request_class
    assert signal.grpc_method == f"/opentelemetry.proto.collector.{method}/Export"
    assert (signal.http_path, signal.item) == (path, item)


def test_spans_are_counted_by_resource_whose_bytes_are_given():
    request = traces()
    parts = Payload.of(request).resources()
    assert [part.items for part in parts] == [6, 6]
    assert [part.resource for part in parts] == [outer.resource.SerializeToString() for outer in request.resource_spans]
    assert Payload.of(request).count == 12


def test_log_records_are_counted():
    request = ExportLogsServiceRequest()
    request.resource_logs.add().scope_logs.add().log_records.extend([LogRecord()] * 300)
    request.resource_logs.add()
    assert [(part.resource, part.items) for part in Payload.of(request).resources()] == [(b"", 300), (b"", 0)]


kinds = st.sampled_from(["gauge", "sum", "histogram", "exponential_histogram", "summary"])


@given(st.lists(st.lists(st.tuples(kinds, st.integers(0, 3)), max_size=3), max_size=4))
def test_data_points_are_counted_as_protobuf_does_even_where_a_metric_changes_its_kind(metrics):
    def one(name, points):
        metric = Metric(name=name)
        getattr(metric, name).SetInParent()
        for _ in range(points):
            getattr(metric, name).data_points.add()
        return metric.SerializeToString()

    inner = b"".join(delimited(2, b"".join(one(*part) for part in parts)) for parts in metrics)
    data = delimited(1, delimited(2, inner))
    expected = 0
    for metric in ExportMetricsServiceRequest.FromString(data).resource_metrics[0].scope_metrics[0].metrics:
        kind = metric.WhichOneof("data")
        expected += len(getattr(metric, kind).data_points) if kind else 0
    assert Payload(Signal.METRICS, data).count == expected


def test_an_empty_request_is_a_payload_of_nothing():
    empty = Payload(Signal.LOGS, b"")
    assert (empty.count, empty.size, list(empty.items()), empty.search(b"x")) == (0, 0, [], [])
    assert empty.message() == ExportLogsServiceRequest()


def test_a_search_gives_the_items_that_hold_the_needle_with_what_they_belong_to():
    request = traces(resources=1, scopes=1)
    outer = request.resource_spans[0]
    found = Payload.of(request).search(EVENT_NAMED_EXCEPTION)
    spans = [Span.FromString(item.data) for item in found]
    assert [span for span in spans if any(event.name == "exception" for event in span.events)] == [
        outer.scope_spans[0].spans[1]
    ]
    assert {item.resource for item in found} == {outer.resource.SerializeToString()}
    assert {item.scope for item in found} == {outer.scope_spans[0].scope.SerializeToString()}


def test_the_needles_of_logs_are_in_the_records_they_are_for():
    request = ExportLogsServiceRequest()
    records = request.resource_logs.add().scope_logs.add().log_records
    records.add(event_name="package.info")
    records.add(attributes=[attribute("exception.type", "KeyError")])
    assert [item.data for item in Payload.of(request).search(PACKAGE_INFO)] == [records[0].SerializeToString()]
    assert [item.data for item in Payload.of(request).search(EXCEPTION_ATTRIBUTE)] == [records[1].SerializeToString()]


def test_an_edit_equals_the_same_edit_of_the_message():
    request = traces()
    edited = Payload.of(request)
    edited.replace(mark(edited.search(EVENT_NAMED_EXCEPTION)))
    for outer in request.resource_spans:
        for inner in outer.scope_spans:
            for span in inner.spans:
                span.attributes.append(attribute("otel_insights.exception.fingerprint", "0c9e4a1b"))
    assert edited.message() == request
    assert edited.count == 12


def test_edits_follow_one_another():
    edited = payload()
    for _ in range(3):
        edited.replace(mark(edited.search(EVENT_NAMED_EXCEPTION)))
    assert (
        edited.message().resource_spans[1].scope_spans[1].spans[2].attributes[-3:]
        == [attribute("otel_insights.exception.fingerprint", "0c9e4a1b")] * 3
    )


def test_items_from_before_an_edit_are_refused_and_nothing_changes():
    edited = payload()
    old = edited.search(EVENT_NAMED_EXCEPTION)
    edited.replace(mark(old[:1]))
    data = edited.data
    with pytest.raises(ValueError, match="search this one again"):
        edited.replace(mark(old[1:]))
    assert edited.data == data


def test_items_of_another_payload_are_refused():
    one, other = payload(), payload()
    with pytest.raises(ValueError, match="another payload"):
        one.replace(mark(other.search(EVENT_NAMED_EXCEPTION)))


def test_an_item_replaced_twice_at_once_is_refused():
    edited = payload()
    item, again = edited.search(EVENT_NAMED_EXCEPTION)[0], edited.search(EVENT_NAMED_EXCEPTION)[0]
    with pytest.raises(ValueError, match="twice"):
        edited.replace([(item, b""), (again, b"")])


def test_an_edit_of_nothing_changes_nothing():
    same = Payload.of(traces())
    found = same.search(EVENT_NAMED_EXCEPTION)
    same.replace({})
    same.replace(mark(found))


def test_compressed_bytes_are_kept_until_the_first_change():
    data = traces().SerializeToString()
    edited = Payload(Signal.TRACES, data, gzipped=b"as it came")
    edited.replace([])
    assert edited.gzipped == b"as it came"
    edited.replace(mark(edited.search(EVENT_NAMED_EXCEPTION)))
    assert edited.gzipped is None
    rewritten = Payload(Signal.TRACES, data, gzipped=b"as it came")
    rewritten.rewrite(rewritten.message())
    assert rewritten.gzipped is None


def test_a_changed_message_becomes_the_content_when_it_is_said():
    edited = payload()
    item = edited.search(EVENT_NAMED_EXCEPTION)[0]
    message = edited.message()
    assert edited.message() is message
    del message.resource_spans[1:]
    edited.rewrite(message)
    assert edited.count == 6
    with pytest.raises(ValueError, match="again"):
        edited.replace({item: b""})
    with pytest.raises(ValueError, match="no message of traces"):
        edited.rewrite(ExportMetricsServiceRequest())


def test_one_string_that_is_no_utf8_costs_the_message_and_no_more():
    request = traces(resources=1, scopes=1)
    request.resource_spans[0].scope_spans[0].spans[0].name = "bad string"
    broken = Payload(Signal.TRACES, request.SerializeToString().replace(b"bad string", b"bad \xff\xfe ing"))
    with pytest.raises(BadData):
        broken.message()
    assert broken.count == 3
    broken.replace(mark(broken.search(EVENT_NAMED_EXCEPTION)[1:]))
    bad, *good = broken.items()
    with pytest.raises(DecodeError):
        Span.FromString(bad.data)
    assert {Span.FromString(item.data).attributes[-1].key for item in good} == {"otel_insights.exception.fingerprint"}


def test_a_request_cut_anywhere_is_refused_or_stays_what_it_was_but_for_the_edits():
    whole = traces().SerializeToString()
    outcomes = set()
    for size in range(len(whole)):
        cut = Payload(Signal.TRACES, whole[:size])
        valid = not refuses(cut.message)
        outcomes.add(valid)
        if refuses(lambda cut=cut: cut.replace(mark(cut.search(EVENT_NAMED_EXCEPTION)))):
            assert not valid
            assert cut.data == whole[:size]
        else:
            assert refuses(cut.message) is not valid
            assert cut.data.count(b"exceptions...") == whole[:size].count(b"exceptions...")
    assert outcomes == {True, False}


def refuses(call):
    try:
        call()
    except BadData as error:
        return bool(str(error))
    return False


@given(st.sampled_from(Signal), st.binary(max_size=80))
def test_arbitrary_bytes_raise_nothing_but_bad_data(signal, data):
    refuses(Payload(signal, data).resources)
    refuses(Payload(signal, data).message)
    refuses(lambda: Payload(signal, data).search(b"\x12"))
    edited = Payload(signal, data)
    if not refuses(lambda: list(edited.items())):
        edited.replace([(item, b"new") for item in edited.items()])
        assert all(item.data == b"new" for item in edited.items())


def test_an_empty_needle_is_refused():
    with pytest.raises(ValueError, match="items"):
        payload().search(b"")


@pytest.mark.parametrize("value", ["text", "", True, False, 1, 0, -(2**63), 1.0, 0.0, -0.0, math.inf])
def test_an_attribute_keeps_its_type(value):
    for _ in range(2):
        pair = KeyValue.FromString(Span.FromString(attribute_bytes(9, "key", value)).attributes[0].SerializeToString())
        assert pair == attribute("key", value)
        kept = getattr(pair.value, pair.value.WhichOneof("value"))
        assert (type(kept), str(kept)) == (type(value), str(value))


def test_an_attribute_can_be_appended_to_spans_events_and_log_records():
    pair = attribute("k", "v")
    assert Span.FromString(attribute_bytes(SPAN_ATTRIBUTES, "k", "v")).attributes[:] == [pair]
    assert Span.Event.FromString(attribute_bytes(EVENT_ATTRIBUTES, "k", "v")).attributes[:] == [pair]
    assert LogRecord.FromString(attribute_bytes(LOG_RECORD_ATTRIBUTES, "k", "v")).attributes[:] == [pair]


@pytest.mark.parametrize(
    ("signal", "part"),
    [
        (Signal.TRACES, b"\x0a\x00"),  # empty resources
        (Signal.LOGS, b"\x0a\x80\x80\x40" + b"\x12\x00" * 2**19),  # empty scopes in one resource
        (Signal.METRICS, b"\x0a\x84\x80\x40\x12\x80\x80\x40" + b"\x12\x00" * 2**19),  # empty metrics in one scope
    ],
)
def test_request_of_very_many_tiny_parts_is_refused_before_they_become_objects(signal, part):
    data = part * max(1, 2**20 // len(part))
    tracemalloc.start()
    began = time.process_time()
    with pytest.raises(TooLarge, match="more than 100000"):
        Payload(signal, data).resources()
    grown = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert grown < 2**20
    assert time.process_time() - began < 5, "it ends at the bound, and not at the end of the data"


def test_honest_requests_of_many_parts_pass():
    message = Signal.TRACES.message()
    for _ in range(5000):
        message.resource_spans.add().scope_spans.add().spans.add(name="x" * 30)
    assert Payload.of(message).count == 5000
