"""logs: every record carries its template, counts add up, and new kinds of line are told."""

import random

import pytest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValueList
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from otlp_samples import T0, Sink, build, log, logs, look_up, passing, raised, resource, values

from otel_insights import own_metrics, semconv
from otel_insights.errors import Refused
from otel_insights.payload import Payload, attribute
from otel_insights.processors.logs import FACTORY
from otel_insights.store import log_views, outbox, templates

NAMES = ["ann", "bob", "cid", "dora", "eve"]
HOUR = 3600 * 10**9
ID, TEMPLATE = semconv.LOG_TEMPLATE_ID, semconv.LOG_RECORD_TEMPLATE


async def started(host, **settings):
    host.now = T0 + 3600 * 10**9
    processor = build(FACTORY, **settings)
    await processor.start(host)
    return processor


def at(number: int, body: str, attributes=None, **fields) -> LogRecord:
    record = log(body, attributes, **fields)
    record.time_unix_nano = T0 + number
    return record


async def stamps(processor, *records, of=None) -> list[dict[str, object]]:
    sink = Sink()
    await passing([processor], logs(*records, of=of), sink)
    return [values(one.attributes) for one in sink.logs()]


async def findings(host) -> list[LogRecord]:
    return [LogRecord.FromString(one.record) for one in await host.store.read(outbox.waiting)]


async def kept(host):
    await host.store.write(templates.fold)
    return {one.text: one for one in await host.store.read(log_views.page)}


async def test_a_record_is_stamped_with_its_template_and_its_id(host):
    one, other = await stamps(await started(host), at(1, "took 3 s"), at(2, "took 44 s"))
    assert one[TEMPLATE] == "took <*>"
    assert one[ID] == other[ID]


async def test_counts_are_kept_by_severity_and_weigh_what_a_record_stands_for(host):
    processor = await started(host)
    error = at(3, "took 9 s")
    error.severity_number = 17
    await stamps(processor, at(1, "took 3 s"), at(2, "took 3 s", {"log_count": 5}), error)
    await stamps(processor, at(2, "took 3 s", {"sampling.rate": 0.25}))
    found = (await kept(host))["took <*>"]
    assert found.counts == {"INFO": 10, "ERROR": 1}
    assert (found.count, found.severity) == (11, "INFO")
    assert (found.first_seen_ns, found.last_seen_ns) == (T0 + 1, T0 + 3)
    assert sorted(one.body for one in found.examples) == ["took 3 s", "took 9 s"]


async def test_a_request_that_comes_again_is_stamped_and_not_counted(host):
    processor = await started(host)
    sink = Sink(answers=[Refused("full")])
    payload = logs(at(1, "took 3 s"), at(2, "took 4 s"))
    with pytest.raises(Refused):
        await passing([processor], Payload(payload.signal, payload.data), sink)
    await passing([processor], Payload(payload.signal, payload.data), sink)
    assert all(ID in values(one.attributes) for one in sink.logs())
    assert (await kept(host))["took <*>"].count == 2


async def test_what_is_replayed_gets_the_ids_that_hold_at_last_and_counts_nothing(host):
    processor = await started(host)
    records = [at(n, f"customer {name} has paid at last") for n, name in enumerate(NAMES)]
    payload = logs(*records)
    for record in records:
        await stamps(processor, record)
    sink = Sink()
    await passing([processor], Payload(payload.signal, payload.data, replay=True), sink)
    (id_,) = {values(one.attributes)[ID] for one in sink.logs()}
    found = (await kept(host))["customer <*> has paid at last"]
    assert (found.id, found.count) == (id_, 5)


async def test_a_new_template_is_told_once_with_an_example(host):
    processor = await started(host)
    await stamps(processor, at(1, "took 3 s", trace_id=b"t" * 16, span_id=b"s" * 8))
    await stamps(processor, at(2, "took 4 s"))
    assert await findings(host) == []
    await processor.analyse()
    await processor.analyse()
    (told,) = await findings(host)
    found = values(told.attributes)
    assert told.event_name == "otel_insights.log.template.created"
    assert told.body.string_value == "New in the log of shop: took <*>"
    assert (told.trace_id, told.time_unix_nano) == (b"t" * 16, T0 + 1)
    assert found["otel_insights.subject.service.name"] == "shop"
    shown = found["otel_insights.log.template.examples"].values
    assert [one.string_value for one in shown] == ["took 3 s", "took 4 s"]


async def test_new_templates_beyond_a_bound_are_kept_and_not_told(host):
    processor = await started(host, most_announced=2)
    await stamps(processor, *(at(n, f"{word} works") for n, word in enumerate(["cat", "dog", "emu"])))
    await processor.analyse()
    assert len(await findings(host)) == 2
    assert len(await kept(host)) == 3
    assert host.metrics.value("otel_insights_unannounced_templates", processor="logs") == 1


async def hour(processor, host, number: int, **counts: int) -> list[str]:
    """Log each word so often within an hour, analyse at its end, and name what is told for the first time."""
    start = number * HOUR
    host.now = T0 + start + HOUR
    before = len(await findings(host))
    for word, many in counts.items():
        await stamps(processor, *(at(start + n, f"{word} works") for n in range(many)))
    await processor.analyse()
    told = (await findings(host))[before:]
    return [f"{one.event_name.rpartition('.')[2]} {one.body.string_value.rpartition(': ')[2]}" for one in told]


async def test_a_template_that_surges_is_told_once_until_it_is_over(host):
    processor = await started(host)
    for number in range(30):
        await hour(processor, host, number, cat=4, dog=4)
    assert await hour(processor, host, 30, cat=60, dog=4) == ["surging cat works"]
    assert await hour(processor, host, 31, cat=4, dog=4) == []
    assert await hour(processor, host, 32, cat=4, dog=4) == []
    assert await hour(processor, host, 35, cat=70, dog=4) == ["surging cat works"]
    found = values((await findings(host))[-1].attributes)
    assert found["otel_insights.log.template.hour.records"] == 70
    assert found["otel_insights.log.template.hour.expected"] == 4


async def test_a_template_that_has_vanished_is_told_once_until_it_is_logged_again(host):
    processor = await started(host)
    for number in range(30):
        await hour(processor, host, number, cat=4, dog=4)
    told = [one for number in range(30, 50) for one in await hour(processor, host, number, dog=4)]
    assert told == ["vanished cat works"]
    assert await hour(processor, host, 50, cat=4, dog=4) == []
    assert [one for number in range(51, 90) for one in await hour(processor, host, number, dog=4)] == told


async def test_nothing_of_a_service_that_is_silent_has_vanished(host):
    processor = await started(host)
    for number in range(30):
        await hour(processor, host, number, cat=4)
    assert await hour(processor, host, 200) == []


async def test_surges_beyond_a_bound_are_counted_and_not_told(host):
    processor = await started(host, most_announced=1)
    for number in range(30):
        await hour(processor, host, number, cat=4, dog=4)
    before = host.metrics.value("otel_insights_unannounced_templates", processor="logs")
    assert len(await hour(processor, host, 30, cat=60, dog=60)) == 1
    assert host.metrics.value("otel_insights_unannounced_templates", processor="logs") == before + 1


async def test_ids_and_news_survive_a_process_that_is_killed(host):
    before = await started(host)
    lines = [at(n, f"customer {name} has paid at last") for n, name in enumerate(NAMES)]
    *_, last = await stamps(before, *lines)
    await before.analyse()
    told = len(await findings(host))
    after = await started(host)  # the other one was never stopped
    (again,) = await stamps(after, at(9, "customer fritz has paid at last"))
    await after.analyse()
    assert again == last
    assert len(await findings(host)) == told == 1


async def test_what_a_refused_commit_would_have_kept_is_kept_with_the_next_one(host, monkeypatch):
    processor = await started(host)
    write = host.store.write

    async def full(*_):
        raise Refused("the disk is full")

    monkeypatch.setattr(host.store, "write", full)
    with pytest.raises(Refused):
        await stamps(processor, at(1, "took 3 s"))
    monkeypatch.setattr(host.store, "write", write)
    await stamps(processor, at(2, "all is well"))
    await stamps(processor, at(1, "took 3 s"))
    found = await kept(host)
    assert {text: one.count for text, one in found.items()} == {"took <*>": 1, "all is well": 1}
    assert [one.body for one in found["took <*>"].examples] == ["took 3 s"]


async def test_records_that_come_again_in_other_batches_count_once(host):
    processor = await started(host)
    records = [at(n, f"took {n} s") for n in range(6)]
    await stamps(processor, *records[:4])
    await stamps(processor, *records[2:])
    await stamps(await started(host), records[0], records[5])
    assert (await kept(host))["took <*>"].count == 6


async def test_records_that_are_equal_in_all_count_each_and_once(host):
    processor = await started(host)
    same = at(1, "the link is down")
    await stamps(processor, same, same, same)
    await stamps(processor, same, same, same)
    assert (await kept(host))["the link is down"].count == 3


async def test_the_same_record_of_another_instance_counts(host):
    processor = await started(host)
    await stamps(processor, at(1, "took 3 s"), of=resource("i-1"))
    await stamps(processor, at(1, "took 3 s"), of=resource("i-2"))
    assert (await kept(host))["took <*>"].count == 2


async def test_a_record_that_others_have_stamped_meanwhile_is_known_again(host):
    processor = await started(host)
    stamp = {"otel_insights.exception.fingerprint": "f"}
    await stamps(processor, at(1, "took 3 s", stamp))
    await stamps(processor, at(1, "took 3 s", stamp | {"otel_insights.exception.cluster.id": "c"}))
    assert (await kept(host))["took <*>"].count == 1


async def test_a_record_is_known_for_the_time_that_is_set_and_longer_while_it_keeps_coming(host):
    processor = await started(host, repeats_within="1h")
    hour = 3600 * 10**9
    await processor.analyse()
    for _ in range(4):
        await stamps(processor, at(1, "took 3 s"))
        host.now += hour
        await processor.analyse()
    assert (await kept(host))["took <*>"].count == 1
    host.now += hour
    await processor.analyse()
    await stamps(processor, at(1, "took 3 s"))
    assert (await kept(host))["took <*>"].count == 2


async def test_parameters_are_stamped_if_that_is_wished(host):
    (one,) = await stamps(await started(host, parameters=True), at(1, "took 3 s for /cart"))
    assert [one[f"log.record.template.parameter.{n}"] for n in (0, 1)] == ["3 s", "/cart"]


async def test_what_was_merged_counts_under_the_surviving_id(host):
    processor = await started(host)
    seen = [
        (await stamps(processor, at(n, f"customer {name} has paid at last")))[0][ID] for n, name in enumerate(NAMES[:4])
    ]
    assert len(set(seen)) == 3
    assert {await host.store.read(log_views.surviving, one) for one in seen} == {seen[-1]}
    assert (await kept(host))["customer <*> has paid at last"].count == 4


async def test_ids_given_at_arrival_stay_true(host):
    """At least 98 of 100 are the id that the same line gets when all has been seen; the others lead to it."""
    processor = await started(host)
    dice = random.Random(4)
    verbs = ["has paid", "has left", "was told", "is waiting", "went home", "asks again", "wants more", "came late"]
    customers = [f"{one}{other}" for one in ("an", "bo", "ci", "do", "e", "fa") for other in ("na", "ris", "l", "lo")]
    bodies = [f"customer {dice.choice(customers)} {dice.choice(verbs)} at last" for _ in range(3000)]
    records = [at(n, body) for n, body in enumerate(bodies)]
    arrived = [one[ID] for start in range(0, 3000, 50) for one in await stamps(processor, *records[start : start + 50])]
    settled = [one[ID] for one in await stamps(processor, *records)]
    assert sum(map(str.__eq__, arrived, settled)) >= 0.98 * len(bodies)
    assert len(set(settled)) == len(verbs) < len(set(arrived))
    led = {id_: await host.store.read(log_views.surviving, id_) or id_ for id_ in set(arrived)}
    assert [led[id_] for id_ in arrived] == settled


async def test_services_do_not_share_templates(host):
    processor = await started(host)
    (one,) = await stamps(processor, at(1, "took 3 s"), of=resource(service="shop"))
    (other,) = await stamps(processor, at(1, "took 3 s"), of=resource(service="till"))
    assert one[ID] != other[ID]


async def test_the_service_not_heard_of_for_longest_makes_room_and_is_recalled(host):
    processor = await started(host, max_services=1)
    *_, first = await stamps(processor, *(at(n, f"customer {name} has paid at last") for n, name in enumerate(NAMES)))
    await stamps(processor, at(1, "took 3 s"), of=resource(service="till"))
    (again,) = await stamps(processor, at(9, "customer eve has paid at last"))
    assert again[ID] == first[ID]


async def test_our_own_telemetry_is_forwarded_as_it_came(host):
    payload = logs(at(1, "took 3 s"), of=resource(instance=host.instance_id))
    sink = Sink()
    await passing([await started(host)], Payload(payload.signal, payload.data), sink)
    assert sink.got[0].data == payload.data


async def test_a_record_that_does_not_parse_passes_as_it_came_and_those_beside_it_are_stamped(host):
    good, bad = at(1, "took 3 s"), at(2, "took 4 \x7f")
    payload = logs(good, bad)
    data = payload.data.replace(b"took 4 \x7f", b"took 4 \xff")
    sink = Sink()
    processor = await started(host)
    await passing([processor], Payload(payload.signal, data), sink)
    first, second = sink.got[0].items()
    assert ID.encode() in first.data
    assert second.data == bad.SerializeToString().replace(b"\x7f", b"\xff")
    assert host.metrics.value("otel_insights_uninspected_items", processor="logs") == 1


async def test_what_was_stamped_before_is_stamped_anew(host):
    stale = {TEMPLATE: "old", ID: "0123", "kept": "yes"}
    (found,) = await stamps(await started(host), at(1, "took 3 s", stale))
    assert found[TEMPLATE] == "took <*>"
    assert found["kept"] == "yes"
    assert found[ID] != "0123"


@pytest.mark.parametrize("name", ["log.record.template", "{OriginalFormat}"])
async def test_a_template_that_the_sender_names_is_kept(host, name):
    one, other = await stamps(
        await started(host),
        at(1, "ann paid 3", {name: "{who} paid {sum}"}),
        at(2, "a b paid 4", {name: "{who} paid {sum}"}),
    )
    assert one[ID] == other[ID]
    assert one[TEMPLATE] == "{who} paid {sum}"


async def test_a_template_that_is_only_a_place_holder_says_nothing(host):
    one, other = await stamps(
        await started(host),
        at(1, "took 3 s", {"{OriginalFormat}": "{Message}"}),
        at(2, "order lost", {"{OriginalFormat}": "{Message}"}),
    )
    assert one[ID] != other[ID]


async def test_the_place_in_the_code_is_heeded(host):
    site = {"code.file.path": "net.py", "code.function.name": "call", "code.line.number": 12}
    one, other = await stamps(
        await started(host), at(1, "could not reach ann", site), at(2, "could not reach the far side", site)
    )
    assert one[ID] == other[ID]


async def test_bodies_with_fields_are_read_by_their_sentence(host):
    record = at(1, "")
    fields = [attribute("message", "took 3 s"), attribute("n", 1)]
    record.body.CopyFrom(AnyValue(kvlist_value=KeyValueList(values=fields)))
    (found,) = await stamps(await started(host), record)
    assert found[TEMPLATE] == "took <*>"


async def test_events_and_exceptions_without_a_body_have_a_template_too(host):
    event, failure = await stamps(
        await started(host), at(1, "", event="cart.emptied"), at(2, "", raised(look_up, "o-1"))
    )
    assert event[TEMPLATE] == "cart.emptied"
    assert failure[TEMPLATE] == "KeyError"


async def test_a_record_that_says_nothing_passes_as_it_came(host):
    nothing, binary = at(1, ""), at(2, "")
    binary.body.bytes_value = b"\x00\xff"
    payload = logs(nothing, binary)
    sink = Sink()
    await passing([await started(host)], Payload(payload.signal, payload.data), sink)
    assert sink.got[0].data == payload.data
    assert await kept(host) == {}


async def test_what_was_logged_is_a_metric_with_a_cap_beyond_which_counts_go_together(host):
    processor = await started(host)
    words = ["cat", "dog", "emu"]
    await stamps(processor, *(at(n, f"{word} works") for n, word in enumerate(words)))
    first, *_ = [one.id for one in (await kept(host)).values() if one.text == "cat works"]
    assert await host.store.read(log_views.totals, 1) == [
        log_views.LogCount("", "", "INFO", 2.0),
        log_views.LogCount("shop", first, "INFO", 1.0),
    ]
    families = {one.name: one.points for one in await host.store.read(own_metrics.found)}
    labels = {"service.name": "shop", ID: first, "otel_insights.log.template.severity": "INFO"}
    assert (labels, 1.0) in families["otel_insights.log.records"]


async def test_templates_not_logged_for_longest_are_let_go_beyond_a_bound(host):
    processor = await started(host, max_kept=16)
    formats = [f"say {word} of it" for word in "abcdefghijklmnopqrst"]
    await stamps(processor, *(at(n, "said", {"{OriginalFormat}": one}) for n, one in enumerate(formats)))
    await processor.analyse()
    assert set(await kept(host)) == set(formats[4:])
    (again,) = await stamps(processor, at(99, "said", {"{OriginalFormat}": formats[0]}))
    assert (await kept(host))[formats[0]].id == again[ID]
