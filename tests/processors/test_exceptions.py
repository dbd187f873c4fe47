"""The processor `exceptions`: found, counted once, grouped, stamped."""

import pytest
from otlp_samples import (
    FakeHost,
    Sink,
    build,
    charge,
    log,
    logs,
    look_up,
    passing,
    raised,
    resource,
    span,
    spans,
    values,
)

from otel_insights import semconv
from otel_insights.errors import Refused
from otel_insights.payload import Payload, Signal
from otel_insights.processors.exceptions import FACTORY
from otel_insights.report import all_clusters
from otel_insights.store import outbox


@pytest.fixture
async def exceptions(host: FakeHost):
    made = build(FACTORY)
    await made.start(host)
    return made


async def counted(host: FakeHost) -> float:
    return sum(cluster.count for cluster in await all_clusters(host.store))


async def test_payload_without_exceptions_passes_byte_for_byte(exceptions):
    sink = Sink()
    payload = spans(span(1), span(2))
    before = payload.data
    await passing([exceptions], payload, sink)
    assert sink.got[0].data == before


async def test_exception_event_and_its_span_are_stamped_and_nothing_else_is_changed(exceptions, host):
    sink = Sink()
    original = span(1, raised(charge, 5))
    await passing([exceptions], spans(original, span(2)), sink)
    await exceptions.analyse()
    await passing([exceptions], spans(original, span(2)), sink)

    unstamped, stamped = sink.spans()[0], sink.spans()[2]
    fingerprint = values(unstamped.attributes)[semconv.FINGERPRINT]
    assert len(fingerprint) == 16
    assert semconv.CLUSTER_ID not in values(unstamped.attributes), "no clustering has seen it yet"
    (cluster,) = await all_clusters(host.store)
    for attributes in (stamped.attributes, stamped.events[0].attributes):
        assert values(attributes)[semconv.FINGERPRINT] == fingerprint
        assert values(attributes)[semconv.CLUSTER_ID] == cluster.id
        assert 0 <= values(attributes)[semconv.CLUSTER_PROBABILITY] <= 1
    for attributes in (stamped.attributes, stamped.events[0].attributes):
        del attributes[-3:]
    assert stamped == original
    assert sink.spans()[3] == span(2)


async def test_same_request_twice_counts_once(exceptions, host):
    for _ in range(2):
        await passing([exceptions], spans(span(1, raised(charge, 5)), span(2, raised(charge, 6))), Sink())
    await exceptions.analyse()
    assert await counted(host) == 2


async def test_failure_of_the_next_hop_after_the_commit_does_not_count_twice(exceptions, host):
    sink = Sink(answers=[Refused("later")])
    with pytest.raises(Refused):
        await passing([exceptions], spans(span(1, raised(charge, 5))), sink)
    await passing([exceptions], spans(span(1, raised(charge, 5))), sink)
    await exceptions.analyse()
    assert await counted(host) == 1
    assert len(sink.got) == 1


async def test_what_one_failure_records_on_nested_spans_and_in_a_log_is_one_occurrence(exceptions, host):
    failure = raised(charge, 5)
    nested = spans(span(3, failure, trace=1, parent=2), span(2, failure, trace=1))
    record = log("payment failed", failure, trace_id=(1).to_bytes(16, "big"), span_id=(2).to_bytes(8, "big"))
    await passing([exceptions], nested, Sink())
    await passing([exceptions], logs(record), Sink())
    await exceptions.analyse()
    assert await counted(host) == 1


async def test_two_failures_of_one_trace_are_two_occurrences(exceptions, host):
    await passing([exceptions], spans(span(1, raised(charge, 5)), span(2, raised(look_up, "o-1"), trace=1)), Sink())
    await exceptions.analyse()
    assert await counted(host) == 2
    assert len(await all_clusters(host.store)) == 2


async def test_log_record_is_found_without_an_event_name_and_weighs_what_it_stands_for(exceptions, host):
    sink = Sink()
    record = log("failed", {**raised(charge, 5), "log_count": 40})
    await passing([exceptions], logs(record, log("exception.type is only mentioned here")), sink)
    await exceptions.analyse()
    assert await counted(host) == 40
    assert semconv.FINGERPRINT in values(sink.logs()[0].attributes)
    assert semconv.FINGERPRINT not in values(sink.logs()[1].attributes)


async def test_own_telemetry_that_comes_back_is_forwarded_and_not_analysed(exceptions, host):
    sink = Sink()
    await passing([exceptions], spans(span(1, raised(charge, 5)), of=resource(host.instance_id)), sink)
    await exceptions.analyse()
    assert await counted(host) == 0
    assert sink.spans() == [span(1, raised(charge, 5))]


async def test_span_that_protobuf_refuses_passes_through_and_is_counted(exceptions, host):
    good, bad = span(1, raised(charge, 5)), span(2, raised(charge, "XXXX"))
    broken = spans(good, bad).data.replace(b"XXXX", b"\xff\xfe\xff\xfe")
    sink = Sink()
    await passing([exceptions], Payload(Signal.TRACES, broken), sink)
    assert b"\xff\xfe\xff\xfe" in sink.got[0].data
    assert sink.got[0].data.count(semconv.FINGERPRINT.encode()) == 2, "the other span is stamped, and its event"
    assert host.metrics.value("otel_insights_uninspected_items", processor="exceptions") == 1


async def test_a_span_with_a_bad_string_beside_its_exception_is_inspected_all_the_same(exceptions, host):
    broken = spans(span(1, raised(charge, 5), name="XXXX")).data.replace(b"XXXX", b"\xff\xfe\xff\xfe")
    sink = Sink()
    await passing([exceptions], Payload(Signal.TRACES, broken), sink)
    await exceptions.analyse()
    assert await counted(host) == 1
    assert sink.got[0].data.count(semconv.FINGERPRINT.encode()) == 2


async def test_ids_survive_a_restart_and_new_clusters_are_told_once(host):
    first = build(FACTORY)
    await first.start(host)
    await passing([first], spans(span(1, raised(charge, 5))), Sink())
    await first.analyse()
    (cluster,) = await all_clusters(host.store)

    second, sink = build(FACTORY), Sink()
    await second.start(host)
    await passing([second], spans(span(2, raised(charge, 7))), sink)
    assert values(sink.spans()[0].attributes)[semconv.CLUSTER_ID] == cluster.id
    await second.analyse()
    assert len(await host.store.read(outbox.waiting)) == 1


async def test_new_cluster_is_told_with_an_exemplar(exceptions, host):
    from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

    await passing([exceptions], spans(span(1, raised(charge, 5))), Sink())
    await exceptions.analyse()
    (waiting,) = await host.store.read(outbox.waiting)
    record = LogRecord.FromString(waiting.record)
    assert record.event_name == semconv.CLUSTER_CREATED
    assert record.trace_id == (1).to_bytes(16, "big")
    assert record.span_id == (1).to_bytes(8, "big")
    assert record.severity_number == 17
    assert record.time_unix_nano
    assert "ValueError" in record.body.string_value


async def test_occurrences_past_their_retention_go_and_counts_stay(exceptions, host):
    await passing([exceptions], spans(span(1, raised(charge, 5))), Sink())
    await exceptions.analyse()
    host.now += 15 * 86_400 * 10**9
    await exceptions.analyse()
    left = await host.store.read(lambda db: db.execute("SELECT count(*) FROM occurrence").fetchone()[0])
    assert left == 0
    assert await counted(host) == 1


async def test_namespaces_do_not_share_clusters(exceptions, host):
    for namespace in ("a", "b"):
        await passing([exceptions], spans(span(1, raised(charge, 5)), of=resource(namespace=namespace)), Sink())
    await exceptions.analyse()
    assert [cluster.namespace for cluster in await all_clusters(host.store)].count("a") == 1
    assert len(await all_clusters(host.store)) == 2


async def test_audit_by_full_parse_finds_nothing_wrong_and_counts_itself(host):
    made, sink = build(FACTORY, audit_every=1), Sink()
    await made.start(host)
    await passing([made], spans(span(1, raised(charge, 5), raised(look_up, "o")), span(2), span(3)), sink)
    await passing([made], logs(log("x", raised(charge, 5)), log("y")), sink)
    await passing([made], spans(span(4)), sink)
    await passing([made], spans(span(5, raised(charge, 5)), of=resource(host.instance_id)), sink)
    assert host.metrics.value("otel_insights_audited_payloads", processor="exceptions") == 4
    assert host.metrics.value("otel_insights_audit_failures", processor="exceptions") == 0


async def test_payload_that_fails_the_audit_goes_on_as_it_came(host, monkeypatch, caplog):
    from otel_insights.processors import exceptions as module

    made, sink = build(FACTORY, audit_every=1), Sink()
    await made.start(host)
    payload = spans(span(1, raised(charge, 5)))
    before = payload.data
    monkeypatch.setattr(module, "find_in_spans", lambda *_: ([], 0))  # a search that misses something
    await passing([made], payload, sink)
    assert sink.got[0].data == before
    assert "a full parse finds 1" in caplog.text


async def test_a_time_that_cannot_be_one_stops_nothing(exceptions, host):
    sink = Sink()
    far = span(1, raised(charge, 5))
    far.end_time_unix_nano = far.events[0].time_unix_nano = 2**64 - 1
    await passing([exceptions], spans(far), sink)
    await exceptions.analyse()
    assert await counted(host) == 1
    assert sink.spans()[0].end_time_unix_nano == 2**64 - 1


@pytest.mark.parametrize("absurd", [2**63 - 1, -1, 0])
async def test_a_count_that_nobody_can_have_counted_is_one(exceptions, host, absurd):
    record = log("failed", {**raised(charge, 5), "log_count": absurd})
    await passing([exceptions], logs(record), Sink())
    await exceptions.analyse()
    assert await counted(host) == 1


async def test_bug_of_ours_does_not_hold_telemetry_up(host, monkeypatch, caplog):
    from otel_insights.processors import exceptions as module

    made, sink = build(FACTORY), Sink()
    await made.start(host)
    monkeypatch.setattr(module, "stamp", lambda *_: 1 / 0)
    payload = spans(span(1, raised(charge, 5)), span(2))
    before = payload.data
    for _ in range(2):
        await passing([made], payload, sink)
    assert [one.data for one in sink.got] == [before, before]
    assert host.metrics.value("otel_insights_uninspected_items", processor="exceptions") == 4
    assert caplog.text.count("ZeroDivisionError") == 1


async def test_store_that_cannot_be_written_is_an_answer_to_try_again(exceptions, host, monkeypatch):
    import sqlite3

    from otel_insights.store import occurrences

    def full(*_):
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(occurrences, "record", full)
    sink = Sink()
    with pytest.raises(Refused, match="disk is full"):
        await passing([exceptions], spans(span(1, raised(charge, 5))), sink)
    assert sink.got == []


async def test_trace_id_of_zeros_is_none_so_that_every_record_counts(exceptions, host):
    for body in ("one", "two"):
        record = log(body, raised(charge, 5), trace_id=bytes(16), span_id=bytes(8))
        await passing([exceptions], logs(record), Sink())
    await exceptions.analyse()
    assert await counted(host) == 2
