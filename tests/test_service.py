"""The service: how components are joined, what the sender is answered, and how all of it begins and ends."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from otel_insights.component import (
    Accepted,
    ComponentId,
    Consume,
    Exporter,
    Factory,
    Host,
    Kind,
    Processor,
    Receiver,
    Settings,
)
from otel_insights.components import Registry
from otel_insights.config import read
from otel_insights.errors import BadData, ConfigError, Refused
from otel_insights.payload import Payload, Signal
from otel_insights.service import Service

ALL = frozenset({"traces", "logs", "metrics"})
EMPTY = b""


class Nothing(Settings):
    """Settings without a key."""


@dataclass
class Diary:
    """What happened, in order; and what components are to do."""

    events: list[str] = field(default_factory=list)
    failing: dict[str, BaseException] = field(default_factory=dict)
    answers: dict[str, Accepted] = field(default_factory=dict)
    hanging: set[str] = field(default_factory=set)
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    async def note(self, event: str) -> None:
        self.events.append(event)
        if event in self.failing:
            raise self.failing[event]
        if event in self.hanging:
            await self.gate.wait()

    def registry(self) -> Registry:
        classes: dict[Kind, list[tuple[str, type[Any]]]] = {
            Kind.RECEIVER: [("in", In), ("insights", In)],
            Kind.PROCESSOR: [("mark", Mark), ("think", Think)],
            Kind.EXPORTER: [("out", Out)],
        }
        return Registry.of(
            Factory(kind, type_, Nothing, lambda id_, _, class_=class_: class_(id_, self), ALL)
            for kind, listed in classes.items()
            for type_, class_ in listed
        )


class In(Receiver):
    def __init__(self, id_: ComponentId, diary: Diary) -> None:
        super().__init__(id_)
        self.diary = diary
        self.consumers: Mapping[Signal, Consume] = {}

    async def start(self, host: Host) -> None:
        await super().start(host)
        await self.diary.note(f"start {self.id}")

    async def serve(self, consumers: Mapping[Signal, Consume]) -> None:
        self.consumers = consumers
        await self.diary.note(f"serve {self.id}")

    async def stop(self) -> None:
        await self.diary.note(f"stop {self.id}")


class Mark(Processor):
    """Appends to what passes, as a processor that stamps does."""

    def __init__(self, id_: ComponentId, diary: Diary) -> None:
        super().__init__(id_)
        self.diary = diary

    async def start(self, host: Host) -> None:
        await super().start(host)
        await self.diary.note(f"start {self.id}")

    async def stop(self) -> None:
        await self.diary.note(f"stop {self.id}")

    async def process(self, payload: Payload, forward: Consume) -> Accepted:
        await self.diary.note(f"process {self.id}")
        message = payload.message()
        message.resource_spans.add(schema_url=str(self.id))
        payload.rewrite(message)
        return await forward(payload)


class Think(Processor):
    """Overrides nothing of the data path."""

    def __init__(self, id_: ComponentId, diary: Diary) -> None:
        super().__init__(id_)
        self.diary = diary

    async def analyse(self) -> None:
        await self.diary.note(f"analyse {self.id}")


class Out(Exporter):
    def __init__(self, id_: ComponentId, diary: Diary) -> None:
        super().__init__(id_)
        self.diary = diary
        self.taken: list[Payload] = []

    async def start(self, host: Host) -> None:
        await super().start(host)
        await self.diary.note(f"start {self.id}")

    async def stop(self) -> None:
        await self.diary.note(f"stop {self.id}")

    async def export(self, payload: Payload) -> Accepted:
        await self.diary.note(f"export {self.id}")
        self.taken.append(payload)
        return self.diary.answers.get(str(self.id), Accepted())


def service(diary: Diary, pipelines: str, *, interval: str = "1000s", **more: Any) -> Service:
    text = f"""
    receivers: {{in: , in/2: , insights: }}
    processors: {{mark/a: , mark/b: , think/a: , think/b: }}
    exporters: {{out: , out/2: }}
    store: {{url: "sqlite://"}}
    analysis: {{interval: {interval}}}
    service: {{pipelines: {{{pipelines}}}}}
    """
    registry = diary.registry()
    return Service(read(text, registry, {}), registry, **more)


async def send(service: Service, receiver: str = "in") -> Accepted:
    door = service.receivers[ComponentId.parse(receiver)]
    assert isinstance(door, In)
    return await door.consumers[Signal.TRACES](Payload(Signal.TRACES, EMPTY))


def taken(service: Service, exporter: str = "out") -> list[list[str]]:
    """Tell which processors each payload passed."""
    out = service.exporters[ComponentId.parse(exporter)]
    assert isinstance(out, Out)
    return [[one.schema_url for one in payload.message().resource_spans] for payload in out.taken]


LINE = "traces: {receivers: [in], processors: [mark/a, think/a, mark/b], exporters: [out]}"
TWO_OUT = "traces: {receivers: [in], exporters: [out, out/2]}"


@pytest.fixture
def diary() -> Diary:
    return Diary()


async def test_the_far_end_starts_first_and_the_near_end_stops_first(diary: Diary) -> None:
    one = service(diary, LINE)
    await one.start()
    assert diary.events == ["start out", "start mark/a", "start mark/b", "start in", "serve in"]
    diary.events.clear()
    await one.stop()
    assert diary.events == ["stop in", "stop mark/b", "stop mark/a", "stop out"]


async def test_a_payload_passes_the_processors_in_the_order_of_the_pipeline(diary: Diary) -> None:
    one = service(diary, LINE.replace("mark/a, think/a, mark/b", "mark/b, think/a, mark/a"))
    await one.start()
    await send(one)
    assert taken(one) == [["mark/b", "mark/a"]]
    await one.stop()


async def test_a_component_that_no_pipeline_names_is_not_started(diary: Diary) -> None:
    one = service(diary, LINE)
    assert ComponentId("in", "2") not in one.receivers
    assert "out/2" not in map(str, one.exporters)


async def test_all_exporters_get_the_payload_and_their_answers_are_one(diary: Diary) -> None:
    diary.answers = {"out": Accepted(2, "too old"), "out/2": Accepted(3, "no name")}
    one = service(diary, TWO_OUT)
    await one.start()
    assert await send(one) == Accepted(3, "too old; no name")
    assert len(taken(one)) == len(taken(one, "out/2")) == 1
    await one.stop()


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        (Refused("full"), None, Refused),
        (None, BadData("broken"), BadData),
        (BadData("broken"), Refused("full"), Refused),
        (Refused("full"), RuntimeError("a bug"), RuntimeError),
    ],
)
async def test_the_worst_answer_counts_and_comes_when_all_have_ended(
    diary: Diary, first: Exception | None, second: Exception | None, told: type[Exception]
) -> None:
    diary.failing = {f"export {name}": error for name, error in (("out", first), ("out/2", second)) if error}
    one = service(diary, TWO_OUT)
    await one.start()
    with pytest.raises(told):
        await send(one)
    assert {"export out", "export out/2"} <= set(diary.events)
    await one.stop()


async def test_of_two_that_refuse_the_longer_wait_is_told(diary: Diary) -> None:
    diary.failing = {"export out": Refused("a", retry_after=1), "export out/2": Refused("b", retry_after=5)}
    one = service(diary, TWO_OUT)
    await one.start()
    with pytest.raises(Refused) as caught:
        await send(one)
    assert caught.value.retry_after == 5
    await one.stop()


async def test_a_receiver_in_two_pipelines_gives_each_its_own_payload(diary: Diary) -> None:
    one = service(
        diary,
        "traces: {receivers: [in], processors: [mark/a], exporters: [out]},"
        "traces/2: {receivers: [in, in/2], processors: [mark/b], exporters: [out/2]}",
    )
    await one.start()
    await send(one)
    await send(one, "in/2")
    assert taken(one, "out") == [["mark/a"]]
    assert taken(one, "out/2") == [["mark/b"], ["mark/b"]]
    await one.stop()


async def test_a_receiver_gets_consumers_only_of_the_signals_that_a_pipeline_takes(diary: Diary) -> None:
    one = service(diary, LINE)
    await one.start()
    door = one.receivers[ComponentId("in")]
    assert isinstance(door, In)
    assert set(door.consumers) == {Signal.TRACES}
    await one.stop()


@pytest.mark.parametrize(
    ("failing", "stopped"),
    [
        ("start out", ["stop out"]),
        ("start mark/b", ["stop mark/b", "stop mark/a", "stop out"]),
        ("start in", ["stop in", "stop mark/b", "stop mark/a", "stop out"]),
        ("serve in", ["stop in", "stop mark/b", "stop mark/a", "stop out"]),
    ],
)
async def test_a_start_that_fails_leaves_nothing_running(diary: Diary, failing: str, stopped: list[str]) -> None:
    diary.failing[failing] = ConfigError("exporters.out", "expected something else")
    one = service(diary, LINE)
    with pytest.raises(ConfigError, match=r"exporters\.out"):
        await one.start()
    assert [event for event in diary.events if event.startswith("stop")] == stopped
    with pytest.raises(RuntimeError, match="not running"):
        one.store  # noqa: B018


async def test_a_port_that_is_taken_is_told_with_the_name_of_the_component(diary: Diary) -> None:
    diary.failing["serve in"] = OSError(98, "Address already in use")
    with pytest.raises(OSError, match=r"receivers\.in: Address already in use"):
        await service(diary, LINE).start()


async def test_a_component_that_fails_to_stop_keeps_no_other_from_stopping(diary: Diary) -> None:
    diary.failing["stop in"] = RuntimeError("stuck")
    one = service(diary, LINE)
    await one.start()
    await one.stop()
    assert diary.events[-1] == "stop out"


async def test_a_component_that_does_not_end_is_left_behind_after_the_drain_time(diary: Diary) -> None:
    diary.hanging.add("stop in")
    one = service(diary, LINE, drain_seconds=0.01)
    await one.start()
    await asyncio.wait_for(one.stop(), 5)
    assert diary.events[-1] == "stop out"


ANALYSING = "traces: {receivers: [in, insights], processors: [think/b, think/a], exporters: [out]}"


def analyses(diary: Diary) -> list[str]:
    return [event for event in diary.events if event.startswith("analyse")]


async def until(condition: Any) -> None:
    async def poll() -> None:
        while not condition():  # noqa: ASYNC110 - what is waited for sets no event
            await asyncio.sleep(0.001)

    await asyncio.wait_for(poll(), 5)


class TestAnalyses:
    async def test_each_processor_is_asked_in_the_order_of_the_configuration(self, diary: Diary) -> None:
        one = service(diary, ANALYSING)
        await one.start()
        await one.analyse()
        assert analyses(diary) == ["analyse think/a", "analyse think/b"]
        await one.stop()

    async def test_one_runs_at_a_time_and_demands_meanwhile_are_served_by_one_more(self, diary: Diary) -> None:
        diary.hanging.add("analyse think/a")
        one = service(diary, ANALYSING)
        await one.start()
        first = asyncio.create_task(one.analyse())
        await until(lambda: analyses(diary))
        later = [asyncio.create_task(one.analyse()) for _ in range(3)]
        await asyncio.sleep(0)
        assert analyses(diary) == ["analyse think/a"]
        diary.gate.set()
        await asyncio.wait_for(asyncio.gather(first, *later), 5)
        assert len(analyses(diary)) == 4
        await one.stop()

    async def test_a_failure_is_counted_and_stops_neither_the_others_nor_the_next(self, diary: Diary) -> None:
        diary.failing["analyse think/a"] = RuntimeError("singular matrix")
        one = service(diary, ANALYSING)
        await one.start()
        await one.analyse()
        await one.analyse()
        assert analyses(diary) == ["analyse think/a", "analyse think/b"] * 2
        assert one.metrics.value("otel_insights_analysis_failures", processor="think/a") == 2
        await one.stop()

    async def test_the_last_ones_tell_how_long_each_took_and_what_failed(self, diary: Diary) -> None:
        diary.failing["analyse think/a"] = RuntimeError("singular matrix")
        one = service(diary, ANALYSING)
        await one.start()
        await one.analyse()
        del diary.failing["analyse think/a"]
        for _ in range(25):
            await one.analyse()
        assert [each.failed for each in one.analyses.latest] == [()] * 20
        latest = one.analyses.latest[-1]
        assert (latest.demanded, list(latest.processors)) == (True, ["think/a", "think/b"])
        assert not one.analyses.under_way
        await one.stop()

    async def test_the_schedule_analyses_once_at_first_and_then_only_what_has_arrived(self, diary: Diary) -> None:
        one = service(diary, ANALYSING, interval="1ms")
        await one.start()
        await until(lambda: len(analyses(diary)) == 2)
        await send(one, "insights")
        turns = one.analyses.turns
        await until(lambda: one.analyses.turns > turns + 3)
        assert len(analyses(diary)) == 2
        await send(one)
        await until(lambda: len(analyses(diary)) == 4)
        await one.stop()

    async def test_without_telemetry_there_is_one_all_the_same_now_and_then(self, diary: Diary) -> None:
        times = [0]
        one = service(diary, ANALYSING, interval="1ms", clock=lambda: times[0])
        await one.start()
        await until(lambda: len(analyses(diary)) == 2)
        times[0] = 601 * 10**9
        await until(lambda: len(analyses(diary)) == 4)
        await one.stop()

    async def test_stopping_abandons_an_analysis_and_refuses_who_waits_for_it(self, diary: Diary) -> None:
        diary.hanging.add("analyse think/a")
        one = service(diary, ANALYSING)
        await one.start()
        waiting = asyncio.create_task(one.analyse())
        await until(lambda: analyses(diary))
        await asyncio.wait_for(one.stop(), 5)
        with pytest.raises(Refused):
            await waiting

    async def test_a_service_that_does_not_run_analyses_nothing(self, diary: Diary) -> None:
        with pytest.raises(Refused):
            await service(diary, ANALYSING).analyse()


async def test_the_host_tells_the_time_of_the_clock_it_was_given(diary: Diary) -> None:
    one = service(diary, LINE, clock=lambda: 42)
    assert one.now_ns() == 42
    await one.start()
    assert one.instance_id == one.store.instance_id
    await one.stop()
