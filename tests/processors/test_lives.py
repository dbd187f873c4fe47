"""Lives of clusters through the processor: told once, by the events' own times, in the version that matters."""

import pytest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from otlp_samples import T0, FakeHost, Sink, build, charge, look_up, passing, raised, resource, span, spans, values

from otel_insights import semconv
from otel_insights.processors.exceptions import FACTORY
from otel_insights.report import all_clusters
from otel_insights.store import corrections, lives, outbox, sightings

HOUR = 3_600 * 10**9
DAY = 24 * HOUR


@pytest.fixture
async def exceptions(host: FakeHost):
    made = build(FACTORY)
    await made.start(host)
    return made


def failure(number: int, time_ns: int, function=charge, argument=5):
    made = span(number, raised(function, argument))
    made.events[0].time_unix_nano = time_ns
    return made


async def told(host: FakeHost, event: str) -> list[LogRecord]:
    records = [LogRecord.FromString(one.record) for one in await host.store.read(outbox.waiting, 5_000)]
    return [record for record in records if record.event_name == event]


async def state(host: FakeHost) -> str:
    (cluster,) = await all_clusters(host.store)
    return (await host.store.read(lives.get, cluster.id)).state


async def days_of(exceptions, host, hours: int, a_hour: int) -> None:
    begin = host.now - hours * HOUR
    for hour in range(hours):
        times = [begin + hour * HOUR + at * 1_000_000 for at in range(a_hour)]
        await passing(
            [exceptions], spans(*(failure(1 + hour * a_hour + at, time) for at, time in enumerate(times))), Sink()
        )


async def test_a_new_cluster_is_new(exceptions, host):
    await passing([exceptions], spans(failure(1, host.now)), Sink())
    await exceptions.analyse()
    assert await state(host) == "new"


async def test_a_spike_is_told_once_with_what_is_usual(exceptions, host):
    await days_of(exceptions, host, 48, 2)
    await exceptions.analyse()
    host.now += HOUR
    await passing([exceptions], spans(*(failure(9_000 + at, host.now) for at in range(60))), Sink())
    for _ in range(3):
        await exceptions.analyse()
    (record,) = await told(host, semconv.CLUSTER_SPIKING)
    attributes = values(record.attributes)
    assert attributes[semconv.CLUSTER_HOUR_EXPECTED] == 2
    assert attributes[semconv.CLUSTER_HOUR_COUNT] >= 60
    assert record.trace_id
    assert record.time_unix_nano == host.now
    assert await state(host) == "escalating"


async def test_history_that_comes_all_at_once_tells_of_its_clusters_and_of_nothing_else(exceptions, host):
    host.now += 400 * DAY
    for at in range(300):
        await passing([exceptions], spans(failure(at + 1, T0 + at * HOUR // 2)), Sink())
    await passing([exceptions], spans(*(failure(1_000 + at, T0 + 170 * HOUR) for at in range(500))), Sink())
    for _ in range(3):
        await exceptions.analyse()
    events = {LogRecord.FromString(one.record).event_name for one in await host.store.read(outbox.waiting)}
    assert events == {semconv.CLUSTER_CREATED}


async def test_what_a_person_resolved_comes_back_with_the_version_that_brought_it(exceptions, host):
    async def fail(number: int, version: str) -> None:
        of = resource(service__version=version)
        await passing([exceptions], spans(failure(number, host.now), of=of), Sink())
        await exceptions.analyse()

    await fail(1, "1.0")
    host.now += DAY
    await fail(2, "1.1")
    (cluster,) = await all_clusters(host.store)
    assert [one.version for one in await host.store.read(sightings.versions, cluster.id)] == ["1.0", "1.1"]
    host.now += DAY
    await host.store.write(corrections.resolve, cluster.id, host.now)
    await exceptions.analyse()
    assert await state(host) == "resolved"
    host.now += DAY
    await fail(3, "1.2")
    assert await state(host) == "regressed"
    (record,) = await told(host, semconv.CLUSTER_REGRESSED)
    assert values(record.attributes)[semconv.SUBJECT_VERSION] == "1.2"
    assert values(record.attributes)[semconv.CLUSTER_DECIDED_BY] == "person"
    assert record.span_id == (3).to_bytes(8, "big")
    assert record.body.string_value.startswith("Back in 1.2: ValueError")


async def test_telemetry_that_comes_again_after_a_cluster_was_resolved_brings_nothing_back(exceptions, host):
    payload = spans(failure(1, host.now))
    await passing([exceptions], payload, Sink())
    await exceptions.analyse()
    (cluster,) = await all_clusters(host.store)
    host.now += DAY
    await host.store.write(corrections.resolve, cluster.id, host.now)
    await passing([exceptions], spans(failure(1, T0)), Sink())
    await passing([exceptions], spans(failure(2, T0 + HOUR)), Sink())
    await exceptions.analyse()
    assert await state(host) == "resolved"


async def test_a_sender_whose_clock_is_ahead_brings_nothing_back_by_what_was_there_before(exceptions, host):
    await passing([exceptions], spans(failure(1, host.now + 900 * DAY)), Sink())
    await exceptions.analyse()
    (cluster,) = await all_clusters(host.store)
    host.now += DAY
    await host.store.write(corrections.resolve, cluster.id, host.now)
    await exceptions.analyse()
    assert await state(host) == "resolved"


async def test_lives_are_looked_at_some_at_a_time(exceptions, host, monkeypatch):
    monkeypatch.setattr(lives, "MOST_AT_ONCE", 2)
    for number in range(5):
        of = resource(namespace=f"n{number}")
        await passing([exceptions], spans(failure(number + 1, host.now), of=of), Sink())
    await exceptions.analyse()
    found = [await host.store.read(lives.get, one.id) for one in await all_clusters(host.store)]
    assert [one.state for one in found] == ["new"] * 5


async def test_silence_resolves_and_tells(host):
    made = build(FACTORY, resolve_after="2d")
    await made.start(host)
    await passing([made], spans(failure(1, host.now)), Sink())
    await made.analyse()
    host.now += 2 * DAY + 1
    await made.analyse()
    (record,) = await told(host, semconv.CLUSTER_RESOLVED)
    assert values(record.attributes)[semconv.CLUSTER_DECIDED_BY] == "quiet"
    host.now += DAY
    await passing([made], spans(failure(2, host.now)), Sink())
    await made.analyse()
    assert len(await told(host, semconv.CLUSTER_REGRESSED)) == 1


async def test_archived_neither_comes_back_nor_spikes_before_its_time(exceptions, host):
    await days_of(exceptions, host, 48, 2)
    await exceptions.analyse()
    host.now += HOUR
    (cluster,) = await all_clusters(host.store)
    await host.store.write(corrections.archive, cluster.id, host.now + DAY, host.now)
    await passing([exceptions], spans(*(failure(9_000 + at, host.now) for at in range(90))), Sink())
    await exceptions.analyse()
    assert await state(host) == "archived"
    assert await told(host, semconv.CLUSTER_SPIKING) == []
    host.now += DAY
    await exceptions.analyse()
    assert await state(host) == "ongoing"


async def test_exemplars_are_few_and_of_the_environments_that_began_to_fail_last(exceptions, host):
    for number in range(30):
        of = resource(f"i-{number}")
        await passing([exceptions], spans(failure(number + 1, host.now + number), of=of), Sink())
    host.now += HOUR
    await passing([exceptions], spans(*(failure(100 + at, host.now) for at in range(50)), of=resource("i-0")), Sink())
    await exceptions.analyse()
    (cluster,) = await all_clusters(host.store)
    shown = await host.store.read(lives.witnesses, cluster.id)
    assert [one.instance for one in shown] == [f"i-{number}" for number in range(29, 21, -1)]
    assert shown[0].trace_id == f"{30:032x}"


async def test_exemplars_stay_when_occurrences_are_past_their_time(exceptions, host):
    await passing([exceptions], spans(failure(1, host.now)), Sink())
    await exceptions.analyse()
    host.now += 15 * DAY
    await exceptions.analyse()
    (cluster,) = await all_clusters(host.store)
    assert len(await host.store.read(lives.witnesses, cluster.id)) == 1
    await passing([exceptions], spans(failure(2, host.now)), Sink())
    await exceptions.analyse()
    (latest,) = await host.store.read(lives.witnesses, cluster.id)
    assert latest.span_id == f"{2:016x}", "what came after all others were forgotten is counted, too"


async def test_signatures_beyond_the_cap_are_folded_away_with_their_counts_and_found_again(host):
    made = build(FACTORY, max_signatures=100)
    await made.start(host)
    for number in range(130):
        name = "".join(chr(97 + (number // 26**at) % 26) * 3 for at in range(3))
        space: dict = {}
        exec(f"def f_{name}():\n    raise LookupError('{name} is nowhere')", space)
        await passing([made], spans(failure_of(number + 1, space[f"f_{name}"], host.now)), Sink())
        host.now += 1_000
    await made.analyse()
    assert sum(cluster.count for cluster in await all_clusters(host.store)) == 130
    assert len(made._members) == 100
    before = {one.id for one in await all_clusters(host.store)}

    name = "aaa" * 3
    space = {}
    exec(f"def f_{name}():\n    raise LookupError('{name} is nowhere')", space)
    sink = Sink()
    await passing([made], spans(failure_of(1_000, space[f"f_{name}"], host.now)), sink)
    assert values(sink.spans()[0].attributes)[semconv.CLUSTER_ID] in before
    await made.analyse()
    assert {one.id for one in await all_clusters(host.store)} == before
    assert sum(cluster.count for cluster in await all_clusters(host.store)) == 131


def failure_of(number: int, function, time_ns: int):
    made = span(number, raised(function))
    made.events[0].time_unix_nano = time_ns
    return made


async def test_namespaces_that_share_a_failure_have_lives_of_their_own(exceptions, host):
    for namespace in ("a", "b"):
        of = resource(namespace=namespace)
        await passing([exceptions], spans(failure(1, host.now, look_up, "o"), of=of), Sink())
    await exceptions.analyse()
    first, second = await all_clusters(host.store)
    await host.store.write(corrections.resolve, first.id, host.now)
    await exceptions.analyse()
    assert (await host.store.read(lives.get, first.id)).state == "resolved"
    assert (await host.store.read(lives.get, second.id)).state == "new"
