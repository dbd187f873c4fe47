"""The processor `suggestions`: said with evidence, told once, withdrawn when it no longer holds."""

import pytest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from otlp_samples import FakeHost, Sink, build, charge, log, logs, look_up, package, passing, raised, resource, values

from otel_insights import semconv
from otel_insights.processors import environments, exceptions, suggestions
from otel_insights.report import all_clusters
from otel_insights.store import feedback, outbox
from otel_insights.store import suggestions as memory


@pytest.fixture
async def processors(host: FakeHost):
    made = [build(module.FACTORY) for module in (environments, exceptions, suggestions)]
    for one in made:
        await one.start(host)
    return made


async def run_environment(processors, number: int, numpy: str, *, fails: bool, service: str = "shop") -> None:
    records = [package("numpy", numpy), package("pandas", "2.1"), log("served", {"log_count": 500})]
    if fails:
        records.append(log("failed", raised(charge, number)))
    await passing(processors, logs(*records, of=resource(f"i-{number}", service)), Sink())


async def analyse(processors) -> None:
    for one in processors:
        await one.analyse()


def merge(db, old: str) -> None:
    """Let a cluster go into a new one, `survivor`."""
    db.execute(
        "INSERT INTO cluster (id, namespace, title, exception_type, created_ns)"
        " SELECT 'survivor', namespace, title, exception_type, created_ns FROM cluster WHERE id = ?",
        [old],
    )
    db.execute("UPDATE fingerprint SET cluster_id = 'survivor' WHERE cluster_id = ?", [old])
    db.execute("UPDATE cluster SET merged_into = 'survivor' WHERE id = ?", [old])


async def told(host: FakeHost) -> list[LogRecord]:
    return [LogRecord.FromString(one.record) for one in await host.store.read(outbox.waiting)]


async def test_shared_configuration_of_failing_environments_is_established_with_its_remedy(processors, host):
    for number in range(40):
        bad = number % 2 == 0
        await run_environment(processors, number, "2.0" if bad else "1.26", fails=bad)
    await analyse(processors)
    (cluster,) = await all_clusters(host.store)
    first = (await host.store.read(memory.of_cluster, cluster.id))[0]
    assert first.tier == "established"
    assert first.body["conditions"][0]["key"] == "package.numpy"
    assert first.body["failing"] == [20, 20]
    assert first.body["healthy"] == [0, 20]
    assert first.body["remedy"]["value"] == "1.26"
    assert await host.store.read(memory.silence_of, cluster.id) is None

    record = next(one for one in await told(host) if one.event_name == semconv.SUGGESTION_CREATED)
    assert values(record.attributes)[semconv.CLUSTER_ID] == cluster.id
    assert "numpy" in record.body.string_value

    before = len(await told(host))
    await analyse(processors)
    assert len(await told(host)) == before, "no news, nothing said"


async def test_a_version_with_another_error_is_no_remedy(processors, host):
    for number in range(60):
        numpy, error = [("2.0", charge), ("1.26", look_up), ("1.25", None)][number % 3]
        records = [package("numpy", numpy), log("served", {"log_count": 500})]
        failed = [log("failed", raised(error, number))] if error else []
        await passing(processors, logs(*records, *failed, of=resource(f"i-{number}")), Sink())
    await analyse(processors)
    cluster = next(one for one in await all_clusters(host.store) if one.exception_type == "ValueError")
    remedy = (await host.store.read(memory.of_cluster, cluster.id))[0].body["remedy"]
    assert (remedy["value"], remedy["healthy_environments"]) == ("1.25", 20)


async def test_nothing_is_said_without_a_healthy_side(processors, host):
    for number in range(10):
        await run_environment(processors, number, "2.0", fails=True)
    await analyse(processors)
    (cluster,) = await all_clusters(host.store)
    assert [one for one in await host.store.read(memory.of_cluster, cluster.id) if one.tier == "established"] == []
    reason, _ = await host.store.read(memory.silence_of, cluster.id)
    assert reason in ("service_wide", "no_healthy_side")


async def test_suggestion_is_withdrawn_when_new_evidence_speaks_against_it(processors, host):
    for number in range(30):
        await run_environment(processors, number, "2.0" if number < 15 else "1.26", fails=number < 15)
    await analyse(processors)
    for number in range(30, 200):
        await run_environment(processors, number, "2.0" if number % 2 else "1.26", fails=number % 4 < 2)
    await analyse(processors)
    (cluster,) = await all_clusters(host.store)
    assert [one for one in await host.store.read(memory.of_cluster, cluster.id) if one.tier == "established"] == []
    assert [one.event_name for one in await told(host)].count(semconv.SUGGESTION_WITHDRAWN) == 1


async def test_suggestion_that_was_withdrawn_and_holds_again_is_told_again(processors, host):
    async def fleet_with(healthy: str) -> None:
        for number in range(30):
            of = resource(f"i-{number}")
            told = [package("numpy", "2.0" if number < 15 else healthy), log("served", {"log_count": 500})]
            failed = [log("failed", raised(charge, number))] if number < 15 else []
            await passing(processors, logs(*told, *failed, of=of), Sink())
        await analyse(processors)

    await fleet_with("1.26")
    (cluster,) = await all_clusters(host.store)
    (first,) = await host.store.read(memory.of_cluster, cluster.id)
    await fleet_with("2.0")
    assert await host.store.read(memory.of_cluster, cluster.id) == [], "a withdrawn one is not shown"
    assert await host.store.read(memory.established) == []
    await fleet_with("1.25")
    assert [one.id for one in await host.store.read(memory.of_cluster, cluster.id)] == [first.id]
    names = [one.event_name for one in await told(host)]
    assert names.count(semconv.SUGGESTION_CREATED) == 2
    assert names.count(semconv.SUGGESTION_WITHDRAWN) == 1


async def test_suggestion_of_a_cluster_that_was_merged_is_withdrawn_and_asked_of_the_survivor(processors, host):
    for number in range(30):
        await run_environment(processors, number, "2.0" if number < 15 else "1.26", fails=number < 15)
    await analyse(processors)
    (old,) = await all_clusters(host.store)
    (before,) = await host.store.read(memory.of_cluster, old.id)

    await host.store.write(merge, old.id)
    await processors[-1].analyse()
    assert await host.store.read(memory.of_cluster, old.id) == []
    (after,) = await host.store.read(memory.of_cluster, "survivor")
    assert after.body["conditions"] == before.body["conditions"]
    records = [values(one.attributes) | {"event": one.event_name} for one in await told(host)]
    assert [one["event"] for one in records if semconv.SUGGESTION_ID in one] == [
        semconv.SUGGESTION_CREATED, semconv.SUGGESTION_WITHDRAWN, semconv.SUGGESTION_CREATED,
    ]  # fmt: skip
    (gone,) = [one for one in records if one["event"] == semconv.SUGGESTION_WITHDRAWN]
    assert gone[semconv.CLUSTER_SURVIVOR] == "survivor"


async def test_what_was_called_wrong_of_a_cluster_is_not_said_of_the_one_that_it_went_into(processors, host):
    for number in range(30):
        await run_environment(processors, number, "2.0" if number < 15 else "1.26", fails=number < 15)
    await analyse(processors)
    (old,) = await all_clusters(host.store)
    (before,) = await host.store.read(memory.of_cluster, old.id)
    said = feedback.Feedback(before.id, old.id, feedback.conditions_of(before.body["conditions"]), "wrong")
    await host.store.write(feedback.give, said, ("called_wrong", "so it was"), [], host.now_ns())

    await host.store.write(merge, old.id)
    await processors[-1].analyse()
    assert await host.store.read(memory.of_cluster, "survivor") == []
    assert (await host.store.read(memory.silence_of, "survivor"))[0] == "called_wrong"


async def test_what_people_say_during_an_explanation_is_not_overwritten_by_it(processors, host):
    for number in range(30):
        await run_environment(processors, number, "2.0" if number < 15 else "1.26", fails=number < 15)
    await analyse(processors)
    (cluster,) = await all_clusters(host.store)
    (before,) = await host.store.read(memory.of_cluster, cluster.id)
    await run_environment(processors, 30, "1.26", fails=False)
    (question,) = await host.store.read(memory.questions)
    said = feedback.Feedback(before.id, cluster.id, feedback.conditions_of(before.body["conditions"]), "wrong")
    await host.store.write(feedback.give, said, ("called_wrong", "so it was"), [], host.now_ns())
    await host.store.write(memory.save, question, [before], None, [], [], host.now_ns())
    assert await host.store.read(memory.of_cluster, cluster.id) == []
    assert len(await host.store.read(memory.questions)) == 1, "it is asked again"
