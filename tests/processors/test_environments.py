"""The processor `environments`: who sends, with what installed, and how much work is done there."""

import json

import pytest
import stores
from otlp_samples import FakeHost, Sink, build, log, logs, package, passing, resource, span, spans

from otel_insights.payload import Payload, Signal
from otel_insights.processors.environments import FACTORY
from otel_insights.store import configuration_changes
from otel_insights.store import environments as memory


@pytest.fixture
async def environments(host: FakeHost):
    made = build(FACTORY)
    await made.start(host)
    return made


async def known(host: FakeHost, namespace: str = "") -> list[memory.KnownEnvironment]:
    return await host.store.read(memory.in_namespace, namespace)


async def test_resource_becomes_an_environment_with_its_attributes_as_configuration(environments, host):
    await passing([environments], spans(span(1), of=resource("i-1", host__arch="arm64")), Sink())
    (one,) = await known(host)
    assert one.key == ("", "shop", "i-1")
    assert json.loads(one.configuration) == {"host.arch": "arm64"}


async def test_packages_are_remembered_by_their_normalised_names_over_several_requests(environments, host):
    await passing([environments], logs(package("Flask_SQLAlchemy", "3.1"), package("numpy", "1.26")), Sink())
    await passing([environments], logs(package("numpy", "2.0"), package("pandas", "2.2")), Sink())
    (one,) = await known(host)
    assert json.loads(one.configuration) == {
        "package.flask-sqlalchemy": "3.1",
        "package.numpy": "2.0",
        "package.pandas": "2.2",
    }
    assert one.packages == 3


async def test_work_is_counted_by_spans_and_log_records_and_not_by_package_announcements(environments, host):
    await passing([environments], spans(span(1), span(2)), Sink())
    await passing([environments], logs(package("numpy", "2.0"), log("one"), log("ten", {"log_count": 10})), Sink())
    sampled = [log("one in twenty", {"sampling.rate": 0.05}), log("both", {"sampling.rate": 0.5, "log_count": 3})]
    await passing([environments], logs(*sampled), Sink())
    await environments.analyse()
    (one,) = await known(host)
    assert one.exposure == 2 + 1 + 10 + 20 + 6


async def test_replay_teaches_nothing(environments, host):
    payload = spans(span(1))
    await passing([environments], Payload(Signal.TRACES, payload.data, replay=True), Sink())
    await environments.analyse()
    assert await known(host) == []


async def test_instance_without_an_id_is_told_by_host_and_process(environments, host):
    for pid in ("7", "8"):
        of = resource("", host__name="h-1", process__pid=pid)
        await passing([environments], spans(span(1), of=of), Sink())
    assert [one.key.instance for one in await known(host)] == ["h-1/7", "h-1/8"]


async def test_saying_the_same_again_is_not_written_again(environments, host):
    payload = logs(package("numpy", "2.0"), of=resource(host__arch="arm64"))
    await passing([environments], payload, Sink())
    changes = await host.store.read(stores.changes)
    await passing([environments], payload, Sink())
    assert await host.store.read(stores.changes) == changes


async def test_work_that_was_counted_is_committed_at_the_stop(environments, host):
    await passing([environments], spans(span(1)), Sink())
    await environments.stop()
    (one,) = await known(host)
    assert one.exposure == 1


async def test_own_telemetry_is_no_environment(environments, host):
    await passing([environments], spans(span(1), of=resource(host.instance_id)), Sink())
    assert await known(host) == []


async def test_instance_that_goes_back_to_what_it_was_is_known_as_what_it_is(environments, host):
    for version in ("1.26", "2.0", "1.26"):
        await passing([environments], logs(package("numpy", version)), Sink())
    (one,) = await known(host)
    assert json.loads(one.configuration) == {"package.numpy": "1.26"}


async def test_two_sdks_of_one_process_that_describe_it_differently_are_written_once_each(environments, host):
    sent = [spans(span(1), of=resource(host__arch="arm64")), logs(log("x"), of=resource(os__type="linux"))]
    for payload in sent:
        await passing([environments], payload, Sink())
    changes = await host.store.read(stores.changes)
    for payload in sent * 3:
        await passing([environments], payload, Sink())
    assert await host.store.read(stores.changes) == changes


async def came_up(host: FakeHost, since_ns: int) -> list[tuple[str, str, str, int]]:
    found = await host.store.read(configuration_changes.came_up, "", "shop", since_ns, host.now_ns())
    return [(one.key, one.before, one.after, one.environments) for one in found]


async def test_value_that_changes_in_an_environment_came_up_then(environments, host):
    await passing([environments], logs(package("numpy", "1.26"), of=resource(host__name="h-1")), Sink())
    host.now += 3600 * 10**9
    since = host.now
    await passing([environments], logs(package("numpy", "2.0"), of=resource(host__name="h-2")), Sink())
    assert await came_up(host, since) == [("package.numpy", "1.26", "2.0", 1)]
    assert await came_up(host, since + 1) == []


async def test_version_came_up_with_new_instances_and_what_was_there_before_did_not(environments, host):
    for instance in ("i-1", "i-2"):
        await passing([environments], spans(span(1), of=resource(instance, service__version="1.8.2")), Sink())
    host.now += 3600 * 10**9
    since = host.now
    for instance, version in (("i-3", "1.8.3"), ("i-4", "1.8.3"), ("i-5", "1.8.2")):
        of = resource(instance, service__version=version, k8s__pod__name=instance)
        await passing([environments], spans(span(1), of=of), Sink())
    assert await came_up(host, since) == [("service.version", "1.8.2", "1.8.3", 2)]


async def test_nothing_came_up_in_a_service_that_is_new_itself(environments, host):
    await passing([environments], spans(span(1), of=resource(service__version="1.8.2")), Sink())
    assert await came_up(host, 0) == []


async def test_changes_are_forgotten_after_a_month(environments, host):
    for version in ("1.26", "2.0"):
        await passing([environments], logs(package("numpy", version)), Sink())
    host.now += 31 * 86_400 * 10**9
    await environments.analyse()
    assert await came_up(host, 0) == []


def evaluated(flag: str, value: str | int, **others: str):
    told = {"feature_flag.key": flag, "feature_flag.result.value": value, **others}
    return log("", {name: value for name, value in told.items() if value != ""}, event="feature_flag.evaluation")


async def test_features_that_are_switched_are_part_of_a_configuration_and_the_last_word_holds(environments, host):
    variant = evaluated("sort", "", feature_flag__result__variant="x")
    variant.attributes[-1].key = "feature_flag.result.variant"
    records = (evaluated("dark_mode", "off"), evaluated("dark_mode", "on"), evaluated("batch", 8), variant)
    await passing([environments], logs(*records, evaluated("", "on"), evaluated("nothing", "")), Sink())
    (one,) = await known(host)
    assert json.loads(one.configuration) == {
        "feature_flag.dark_mode": "on",
        "feature_flag.batch": "8",
        "feature_flag.sort": "x",
    }
    since = host.now = host.now + 60 * 10**9
    await passing([environments], logs(evaluated("dark_mode", "off")), Sink())
    assert await came_up(host, since) == [("feature_flag.dark_mode", "on", "off", 1)]


async def test_a_flag_that_is_decided_for_each_request_is_said_to_vary_and_written_no_more(environments, host):
    for number in range(30):
        await passing([environments], logs(evaluated("new_basket", number % 2), evaluated("calm", "on")), Sink())
    changes = await host.store.read(stores.changes)
    await passing([environments], logs(evaluated("new_basket", 1)), Sink())
    assert await host.store.read(stores.changes) == changes
    (one,) = await known(host)
    assert json.loads(one.configuration) == {"feature_flag.new_basket": "varies", "feature_flag.calm": "on"}
    host.now += 2 * 3600 * 10**9
    await passing([environments], logs(evaluated("new_basket", 1)), Sink())
    (one,) = await known(host)
    assert json.loads(one.configuration)["feature_flag.new_basket"] == "1"


async def test_flags_beyond_two_hundred_of_an_environment_are_not_remembered(environments, host):
    await passing([environments], logs(*(evaluated(f"f{number}", "on") for number in range(150))), Sink())
    await passing([environments], logs(*(evaluated(f"f{number}", "off") for number in range(100, 400))), Sink())
    (one,) = await known(host)
    configuration = json.loads(one.configuration)
    assert len(configuration) == 200
    assert (configuration["feature_flag.f0"], configuration["feature_flag.f149"]) == ("on", "off")
