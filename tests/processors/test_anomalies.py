"""The processor `anomalies`: real requests of metrics in, findings and scores out."""

import json
from dataclasses import replace

import pytest
from metric_samples import MINUTE, OF, load, request, send, started, told
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from otlp_samples import T0, build, resource, values
from prometheus_client import CollectorRegistry
from typer.testing import CliRunner

from otel_insights import metric_window, own_metrics, semconv
from otel_insights.anomaly_listing import judge
from otel_insights.cli import app
from otel_insights.payload import Payload, Signal, attribute
from otel_insights.processors.anomalies import FACTORY
from otel_insights.store import anomalies, outbox
from otel_insights.store.corrections import WrongCorrection

SPIKE = 2000


def scores(payload: Payload, name: str = semconv.ANOMALY_SCORE) -> dict[int, float]:
    return {
        (point.time_unix_nano - T0) // MINUTE: point.as_double
        for part in payload.message().resource_metrics
        for scope in part.scope_metrics
        for metric in scope.metrics
        if metric.name == name
        for point in metric.gauge.data_points
    }


def logged(host, at: int, count: float) -> Payload:
    """What we tell ourselves of the lines of a service."""
    labels = {"service.name": "shop", semconv.LOG_TEMPLATE_ID: "3c0ffee1", semconv.LOG_TEMPLATE_SEVERITY: "INFO"}
    families = [own_metrics.Family(semconv.LOG_RECORDS, [(labels, count)], is_sum=True)]
    return Payload.of(
        own_metrics.export_request(
            host.instance_id,
            families,
            CollectorRegistry(),
            since_ns=T0,
            started_ns=T0,
            now_ns=T0 + at * MINUTE,
        )
    )


@pytest.mark.parametrize("wished", [False, True])
async def test_counts_of_log_templates_are_scored_like_any_metric_if_that_is_wished(host, wished):
    processor = await started(host, log_templates=wished)
    count = 0.0
    for at in range(1, 2100):
        count += 6000 if SPIKE <= at < SPIKE + 5 else 600 + at * 7919 % 60
        await send(processor, logged(host, at, count))
    found = await host.store.read(anomalies.page)
    surge = [one for one in found if one.opened_ns == T0 + SPIKE * MINUTE]
    assert [(one.service, one.metric, one.direction) for one in surge] == (
        [("shop", semconv.LOG_RECORDS, "up")] if wished else []
    )
    assert wished or not found


async def test_a_spike_is_one_anomaly_that_opens_and_closes_and_is_told(host):
    processor = await started(host)
    await send(processor, *(request(at, at + 60, spikes=[SPIKE]) for at in range(0, 2100, 60)))
    (one,) = await host.store.read(anomalies.page)
    assert (one.service, one.metric, one.direction, one.ended) == ("shop", "queue.depth", "up", "recovered")
    assert one.opened_ns == T0 + SPIKE * MINUTE
    assert one.closed_ns is not None
    assert one.closed_ns >= T0 + (SPIKE + 5) * MINUTE
    assert one.score > 1
    assert one.expected is not None
    assert one.lower is not None
    assert one.upper is not None
    assert one.lower < one.expected < one.upper < one.observed
    assert json.loads(one.attributes) == {"queue": "orders"}
    (opened, how), (closed, _) = await told(host)
    assert (opened, closed) == (semconv.ANOMALY_OPENED, semconv.ANOMALY_CLOSED)
    assert how[semconv.ANOMALY_METRIC] == "queue.depth"
    assert how[semconv.SUBJECT_NAME] == "shop"
    families = {one.name: one.points for one in await host.store.read(own_metrics.found)}
    assert list(families[semconv.ANOMALIES]) == [
        ({semconv.SERVICE_NAME: "shop", semconv.ANOMALY_METRIC: "queue.depth"}, 1)
    ]
    assert host.metrics.value("telemetry_anomalies", service="shop", metric="queue.depth") == 1


async def test_scores_leave_for_series_that_were_anomalous_lately_and_for_no_others(host):
    processor = await started(host)
    before = request(0, 1980)
    data = before.data
    quiet, spiking, after = await send(processor, before, request(1980, 2040, spikes=[SPIKE]), request(2040, 2100))
    assert quiet.data == data
    assert spiking.data.startswith(request(1980, 2040, spikes=[SPIKE]).data), "what came is all still there"
    assert min(scores(spiking)[at] for at in range(SPIKE, SPIKE + 5)) > 1
    assert len(scores(after)) == 60
    assert max(scores(after)[at] for at in range(2045, 2100)) <= 1
    upper, lower = (scores(after, name) for name in (semconv.ANOMALY_UPPER, semconv.ANOMALY_LOWER))
    assert all(lower[at] < load(at) < upper[at] for at in range(2060, 2100))
    point = after.message().resource_metrics[-1].scope_metrics[0].metrics[0].gauge.data_points[0]
    assert values(point.attributes) == {"queue": "orders", semconv.ANOMALY_METRIC: "queue.depth"}
    assert after.message().resource_metrics[-1].resource == OF


@pytest.mark.parametrize(("general", "of_rule", "left"), [("none", "all", 60), ("all", "none", 0), ("all", None, 60)])
async def test_a_rule_chooses_the_series_whose_scores_leave(host, general, of_rule, left):
    processor = await started(host, emit=general, rules=[{"metric": "queue.*", "emit": of_rule}])
    chosen, other = await send(processor, request(0, 60), request(0, 60, metric="other"))
    assert len(scores(chosen)) == left
    assert len(scores(other)) == (60 if general == "all" else 0)
    assert await host.store.read(anomalies.page) == []


async def test_a_replay_is_scored_whole_as_it_was_the_first_time(host):
    processor = await started(host, emit="all")
    payloads = [request(at, at + 60, spikes=[SPIKE]) for at in range(0, 2100, 60)]
    live = await send(processor, *(Payload(Signal.METRICS, one.data) for one in payloads))
    again = await send(processor, *(Payload(Signal.METRICS, one.data, replay=True) for one in payloads))
    assert [scores(one) for one in live] == [scores(one) for one in again]
    assert len(await host.store.read(anomalies.page)) == 1


async def test_the_same_request_again_changes_nothing(host):
    processor = await started(host)
    await send(processor, request(0, 1990))
    for _ in range(3):
        await send(processor, request(1990, 2010, spikes=[SPIKE]))
    await processor.analyse()
    assert len(await host.store.read(anomalies.page)) == 1
    assert host.metrics.value("otel_insights_late_points", processor="anomalies") == 40


async def test_what_is_known_survives_a_restart(host):
    first = await started(host)
    await send(first, request(0, 1980))
    await first.stop()
    second = await started(host)
    await send(second, request(1980, 2040, spikes=[SPIKE]))
    (one,) = await host.store.read(anomalies.page)
    assert one.opened_ns == T0 + SPIKE * MINUTE
    assert one.expected == pytest.approx(load(SPIKE), abs=15)
    third = await started(host)
    (one,) = await host.store.read(anomalies.page)
    assert one.ended in {"restarted", "recovered"}
    await third.stop()


async def test_an_anomaly_that_is_open_at_a_restart_has_ended_for_all_we_know(host):
    first = await started(host)
    await send(first, request(0, 2003, spikes=[SPIKE]))
    assert len(await host.store.read(anomalies.opened)) == 1
    await started(host)
    (one,) = await host.store.read(anomalies.page)
    assert one.ended == "restarted"


async def test_an_anomaly_of_which_nothing_more_is_heard_is_closed(host):
    processor = await started(host)
    host.now = T0 + 2003 * MINUTE
    await send(processor, request(0, 2003, spikes=[SPIKE]))
    await processor.analyse()
    assert len(await host.store.read(anomalies.opened)) == 1
    host.now += 61 * MINUTE
    await processor.analyse()
    (one,) = await host.store.read(anomalies.page)
    assert one.ended == "no_data"
    await send(processor, request(2100, 2110))
    assert (await host.store.read(anomalies.get, one.id)).closed_ns == one.closed_ns


async def test_what_people_call_no_anomaly_raises_the_threshold_of_its_series(host):
    processor = await started(host)
    await send(processor, *(request(at, at + 60, spikes=[SPIKE]) for at in range(0, 2100, 60)))
    (one,) = await host.store.read(anomalies.page)
    judged = await host.store.write(anomalies.judge, one.id, "not_anomaly")
    assert judged.verdict == "not_anomaly"
    assert list((await host.store.read(anomalies.factors)).values()) == [1.5]
    await processor.analyse()
    await send(processor, request(2100, 3440), request(3440, 3460, spikes=[3450]))
    second = (await host.store.read(anomalies.page))[0]
    assert second.id != one.id
    assert second.threshold > 1.2 * one.threshold, "1.5 times what it is without, which falls with the series' age"
    await host.store.write(anomalies.judge, one.id, "anomaly")
    assert await host.store.read(anomalies.factors) == {}


RULES = [
    {"ignore": True},
    {"min_absolute": 1000.0},
    {"min_relative": 5.0},
    {"factor": 100.0},
    {"metric": "queue.*", "service": "sh?p", "ignore": True},
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: next(iter(rule)))
async def test_a_rule_says_what_is_no_anomaly(host, rule):
    processor = await started(host, rules=[{"metric": "other", "factor": 1.0}, rule])
    await send(processor, request(0, 2100, spikes=[SPIKE]))
    assert await host.store.read(anomalies.page) == []


async def test_a_rule_says_which_way_a_deviation_is_to_go(host):
    processor = await started(host, rules=[{"direction": "down"}])
    await send(processor, request(0, 2100, spikes=[SPIKE]))
    assert {one.direction for one in await host.store.read(anomalies.page)} <= {"down"}


async def test_the_first_rule_that_fits_holds(host):
    processor = await started(host, rules=[{"metric": "queue.*"}, {"ignore": True}])
    await send(processor, request(0, 2100, spikes=[SPIKE]))
    assert len(await host.store.read(anomalies.page)) == 1


async def test_a_threshold_opens_after_its_time_and_closes_when_the_value_is_back(host):
    line = {"metric": "queue.*", "service": "shop", "above": 500.0, "for": "3m"}
    processor = await started(host, thresholds=[line])
    value = {0: 400, 1: 600, 2: 400, 3: 600, 4: 700, 5: 900, 6: 650, 7: 640, 8: 450}
    for minute in value:
        await send(processor, request(minute, minute + 1, value=value.get))
    (one,) = await host.store.read(anomalies.page)
    assert (one.detector, one.direction, one.threshold, one.upper, one.lower) == ("threshold", "up", 500, 500, None)
    assert (one.opened_ns, one.closed_ns) == (T0 + 6 * MINUTE, T0 + 8 * MINUTE)
    assert one.ended == "recovered"
    assert one.id.startswith("T-")
    assert [name for name, _ in await told(host)] == [semconv.ANOMALY_OPENED, semconv.ANOMALY_CLOSED]
    record = LogRecord.FromString((await host.store.read(outbox.waiting))[0].record)
    assert record.body.string_value == "queue.depth of shop was above 500: 650"
    with pytest.raises(WrongCorrection, match="to be changed there"):
        await host.store.write(judge, one.id, "not_anomaly")


async def test_a_value_below_its_line_is_an_anomaly_and_one_between_two_lines_is_none(host):
    processor = await started(host, thresholds=[{"metric": "queue.depth", "above": 200.0, "below": 10.0}])
    value = {0: 100, 1: 5, 2: 50, 3: 300, 4: 200}
    await send(processor, request(0, 5, value=value.get))
    up, down = await host.store.read(anomalies.page)
    assert (up.direction, up.threshold, down.direction, down.threshold) == ("up", 200, "down", 10)
    assert (down.opened_ns, down.closed_ns) == (T0 + MINUTE, T0 + 2 * MINUTE)


async def test_a_series_that_falls_silent_beyond_its_line_is_closed(host):
    processor = await started(host, thresholds=[{"metric": "*", "above": 1.0}])
    host.now = T0
    await send(processor, request(0, 3))
    host.now = T0 + 70 * MINUTE
    await processor.analyse()
    (one,) = await host.store.read(anomalies.page)
    assert one.ended == "no_data"
    await send(processor, request(80, 81))
    assert len(await host.store.read(anomalies.opened)) == 1


async def test_what_is_beyond_a_threshold_is_back_also_under_the_next_version_of_its_service(host):
    processor = await started(host, thresholds=[{"metric": "*", "above": 500.0}])
    for minute, version, value in ((0, "1", 900), (1, "1", 900), (2, "2", 100)):
        of = resource("i-1", "shop", "demo")
        of.attributes.append(attribute("service.version", version))
        await send(processor, request(minute, minute + 1, of=of, value={minute: value}.get))
    (one,) = await host.store.read(anomalies.page)
    assert (one.ended, one.closed_ns) == ("recovered", T0 + 2 * MINUTE)


async def test_an_anomaly_whose_series_made_room_has_ended_and_is_nobody_elses(host):
    processor = await started(host, max_series=2, thresholds=[{"metric": "*", "above": 500.0}])
    for minute, metric, value in ((0, "a", 900), (1, "b", 1), (2, "c", 900), (3, "c", 100)):
        await send(processor, request(minute, minute + 1, metric=metric, value={minute: value}.get))
    told_of = {one.metric: one.ended for one in await host.store.read(anomalies.page)}
    assert told_of == {"a": "forgotten", "c": "recovered"}


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ({"metric": "m"}, "expected `above`, `below`, or both"),
        ({"metric": "m", "above": 1.0, "below": 2.0}, "no higher than `above`"),
        ({"metric": "m", "above": float("nan")}, "finite"),
    ],
)
def test_a_threshold_that_is_none_is_refused(line, why):
    with pytest.raises(ValueError, match=why):
        build(FACTORY, thresholds=[line])


def test_a_threshold_is_shown_as_it_is_written(tmp_path):
    file = tmp_path / "c.yaml"
    file.write_text(
        "receivers: {otlp_http: }\nexporters: {debug: }\n"
        "processors: {anomalies: {thresholds: [{metric: m, above: 3, for: 5m}]}}\n"
        "service: {pipelines: {metrics: {receivers: [otlp_http], processors: [anomalies], exporters: [debug]}}}\n"
    )
    shown = CliRunner().invoke(app, ["config", "show", str(file)])
    assert "for: 300s" in shown.stdout
    file.write_text(shown.stdout)
    assert CliRunner().invoke(app, ["config", "check", str(file)]).exit_code == 0


async def test_own_telemetry_is_not_scored(host):
    processor = await started(host, emit="all")
    ours = resource(host.instance_id)
    payload = request(0, 50, of=ours)
    data = payload.data
    (got,) = await send(processor, payload)
    assert got.data == data


async def test_series_beyond_the_cap_make_room_and_are_counted(host):
    processor = await started(host, max_series=5)
    for number in range(20):
        await send(processor, request(number, number + 1, metric=f"m{number}"))
    await processor.analyse()
    assert host.metrics.value("otel_insights_evicted_series", processor="anomalies") == 15
    await processor.stop()


async def test_nothing_that_is_kept_of_points_holds_a_secret(host, tmp_path):
    secret = "hunter2hunter2"
    of = resource("i-1", "shop", "demo")
    of.attributes.append(attribute("db.password", secret))
    processor = await started(host)
    payloads = [request(at, at + 60, spikes=[SPIKE], of=of) for at in range(0, 2100, 60)]
    for payload in payloads:
        message = payload.message()
        for point in message.resource_metrics[0].scope_metrics[0].metrics[0].gauge.data_points:
            point.attributes.append(attribute("api_key", secret))
        payload.rewrite(message)
    await send(processor, *payloads)
    (one,) = await host.store.read(anomalies.page)
    assert secret not in repr(one)
    rows = await host.store.read(metric_window.latest, metric_window.Asked(), 10)
    assert len(rows) == 10
    assert secret not in repr(rows)
    await processor.stop()
    saved = await host.store.read(anomalies.saved)
    assert saved
    assert secret not in repr(saved)
    assert secret.encode().hex() not in repr(saved)


async def test_anomalies_are_listed_by_pages_and_filters(host):
    processor = await started(host)
    await send(processor, request(0, 2100, spikes=[SPIKE]))
    (one,) = await host.store.read(anomalies.page)
    copies = [
        replace(one, id=f"A-{number}", opened_ns=one.opened_ns + 1 + number, metric="m" if number % 2 else one.metric)
        for number in range(10)
    ]
    await host.store.write(anomalies.record, copies, [])
    first = await host.store.read(anomalies.page, limit=6)
    rest = await host.store.read(anomalies.page, limit=6, after=first[-1].id)
    assert [one.id for one in first + rest] == [f"A-{number}" for number in range(9, -1, -1)] + [one.id]
    assert len(await host.store.read(anomalies.page, metric="m", service="shop")) == 5
    assert await host.store.read(anomalies.page, is_open=True) == []
    assert await host.store.read(anomalies.page, since_ns=(one.closed_ns or 0) + 1) == []
    with pytest.raises(anomalies.UnknownAnomaly, match="no anomaly 'x'"):
        await host.store.read(anomalies.get, "x")


@pytest.mark.parametrize("detector", ["rolling", "ewma"])
async def test_another_detector_can_be_chosen_and_begins_anew_where_one_went_before(host, detector):
    processor = await started(host)
    await send(processor, request(0, 600, value=lambda at: 100.0 + at % 7))
    await processor.stop()
    for _ in range(2):  # the second one goes on from what the first one knew
        processor = await started(host, detector=detector)
        await processor.stop()
    processor = await started(host, detector=detector)
    await send(processor, request(600, 1000, value=lambda at: 400.0 if at == 990 else 100.0 + at % 7))
    (one,) = await host.store.read(anomalies.page)
    assert (one.detector, one.observed) == (f"{detector}-1", 400.0)


@pytest.mark.parametrize("up", [True, False])
async def test_an_anomaly_leads_to_the_trace_of_the_point_that_opened_it_that_went_furthest(host, up):
    processor = await started(host)
    await send(processor, request(0, 1980))
    opening = request(1980, 1981, value=lambda at: load(at) + (300 if up else -300)).message()
    (point,) = opening.resource_metrics[0].scope_metrics[0].metrics[0].gauge.data_points
    for value, trace in ((500.0, b"h" * 16), (20.0, b"l" * 16), (100.0, b"m" * 16), (999.0, b"")):
        point.exemplars.add(as_double=value, trace_id=trace, span_id=b"s" * 8)
    await send(processor, Payload.of(opening))
    (one,) = await host.store.read(anomalies.page)
    assert one.trace_id == ("68" if up else "6c") * 16
    (record,) = [LogRecord.FromString(each.record) for each in await host.store.read(outbox.waiting)]
    assert (record.trace_id, record.span_id) == (bytes.fromhex(one.trace_id), b"s" * 8)


async def test_a_series_is_known_under_the_next_version_of_its_service(host):
    def of(version: str, instance: str = "i-1"):
        return resource(instance, service__version=version, telemetry__sdk__version=version)

    processor = await started(host)
    await send(processor, request(0, 1980, of=of("1.8.2")))
    await send(processor, request(1980, 2040, of=of("1.8.3"), spikes=[2000]))
    (one,) = await host.store.read(anomalies.page)
    assert one.opened_ns == T0 + 2000 * MINUTE
    assert json.loads(one.resource)["service.version"] == "1.8.3"
    await processor.stop()
    processor = await started(host)
    await send(processor, request(2040, 2200, of=of("1.9.0", "i-2"), spikes=[2100]))
    assert len(await host.store.read(anomalies.page)) == 1, "of another instance nothing is known yet"
    await send(processor, request(2200, 2300, of=of("1.9.0"), spikes=[2250]))
    assert len({one.series for one in await host.store.read(anomalies.page)}) == 1
    assert len(await host.store.read(anomalies.page)) == 2


@pytest.mark.parametrize("by", [400, -90])
async def test_a_level_that_stays_is_accepted_and_that_is_said(host, by):
    processor = await started(host)
    await send(processor, request(0, 1980), request(1980, 2200, value=lambda at: load(at) + by))
    found = await host.store.read(anomalies.page)
    assert {one.ended for one in found} == {"new_level"}
    assert len(found) <= 2


async def test_a_metric_that_comes_in_another_unit_begins_anew_and_that_is_told_once(host):
    processor = await started(host)
    for minute, unit in ((0, "s"), (1, "ms"), (2, "ms"), (3, "s")):
        payload = request(minute, minute + 1).message()
        payload.resource_metrics[0].scope_metrics[0].metrics[0].unit = unit
        await send(processor, Payload.of(payload))
    ((event, how),) = await told(host)
    assert event == semconv.METRIC_CHANGED
    assert (how[semconv.METRIC_BEFORE], how[semconv.METRIC_AFTER]) == ("gauge s", "gauge ms")
    assert (how[semconv.ANOMALY_METRIC], how[semconv.SUBJECT_NAME]) == ("queue.depth", "shop")


async def test_a_metric_of_another_scope_is_another_metric_and_no_change(host):
    processor = await started(host)
    sent = [("a", "1", "s"), ("b", "1", "ms"), ("a", "2", "s"), ("b", "2", "By")]
    for minute, (scope, version, unit) in enumerate(sent):
        payload = request(minute, minute + 1).message()
        part = payload.resource_metrics[0].scope_metrics[0]
        part.scope.name, part.scope.version, part.metrics[0].unit = scope, version, unit
        await send(processor, Payload.of(payload))
    assert [how[semconv.METRIC_AFTER] for _, how in await told(host)] == ["gauge By"]
