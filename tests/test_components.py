"""The contract of components, asked of every one that is listed: a new one needs a line in SETTINGS, and no test."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from otel_insights.component import (
    Accepted,
    Component,
    ComponentId,
    Consume,
    Exporter,
    Factory,
    Kind,
    Processor,
    Receiver,
    Settings,
)
from otel_insights.components import BUILT_IN, Registry, available
from otel_insights.config import Config, Pipeline
from otel_insights.config.sections import AnalysisSection, StoreSection, TelemetrySection
from otel_insights.endpoint import host_and_port
from otel_insights.errors import BadData, InsightsError, Refused
from otel_insights.payload import Payload, Signal
from otel_insights.service import Service

SETTINGS: dict[str, dict[str, Any]] = {
    "receivers.insights": {},
    "receivers.kafka": {"brokers": ["127.0.0.1:1"]},
    "receivers.otlp_file": {"path": "{folder}/in.jsonl"},
    "receivers.otlp_grpc": {"endpoint": "127.0.0.1:0"},
    "receivers.otlp_http": {"endpoint": "127.0.0.1:0"},
    "processors.anomalies": {},
    "processors.environments": {},
    "processors.exceptions": {},
    "processors.logs": {},
    "processors.memory_limiter": {},
    "processors.redaction": {},
    "processors.runs": {},
    "processors.span_metrics": {},
    "processors.suggestions": {},
    "exporters.debug": {},
    "exporters.kafka": {"brokers": ["127.0.0.1:1"], "timeout": "1s"},
    "exporters.otlp": {"endpoint": "http://127.0.0.1:1"},
    "exporters.otlp_file": {"path": "{folder}/out.jsonl"},
    "exporters.webhook": {"url": "http://127.0.0.1:1/hook"},
}
"""Settings with which a component starts on any machine; `{folder}` becomes one that holds an empty in.jsonl."""

CLASSES = {Kind.RECEIVER: Receiver, Kind.PROCESSOR: Processor, Kind.EXPORTER: Exporter}
SPANS = bytes.fromhex("0a0a120812060a0412020a00")
NOT_FRAMED = b"\x0a\xff\xff\xff\xff\xff"


def of(kind: Kind) -> list[str]:
    return [name for name in BUILT_IN if name.startswith(kind.value)]


def factory_of(name: str) -> Factory[Any]:
    kind, _, type_ = name.partition(".")
    return available().find(Kind(kind), type_)


def settings_of(name: str, folder: Path) -> Settings:
    (folder / "in.jsonl").touch()
    settings = factory_of(name).settings
    values = {
        key: value.format(folder=folder) if isinstance(value, str) else value for key, value in SETTINGS[name].items()
    }
    return settings(**values)


def service_of(name: str, folder: Path) -> tuple[Service, Component]:
    """Make a service in which this component stands alone, in a pipeline for each of its signals."""
    factory = factory_of(name)
    id_ = ComponentId(factory.type)
    ids = {kind: (id_,) if kind is factory.kind else () for kind in Kind}
    pipelines = tuple(
        Pipeline(signal, "", ids[Kind.RECEIVER], ids[Kind.PROCESSOR], ids[Kind.EXPORTER])
        for signal in Signal
        if signal.value in factory.signals
    )
    components = {kind: {id_: settings_of(name, folder)} if kind is factory.kind else {} for kind in Kind}
    store, analysis = StoreSection(url="sqlite://"), AnalysisSection(interval=3600.0)
    config = Config(components, pipelines, store, None, analysis, TelemetrySection())
    service = Service(config, Registry.of([factory]), drain_seconds=5.0)
    found = {**service.receivers, **service.processors, **service.exporters}
    return service, found[id_]


@asynccontextmanager
async def running(name: str, folder: Path) -> AsyncIterator[Any]:
    service, component = service_of(name, folder)
    await service.start()
    try:
        yield component
    finally:
        await service.stop()


every = pytest.mark.parametrize("name", BUILT_IN)
each_processor = pytest.mark.parametrize("name", of(Kind.PROCESSOR))
each_exporter = pytest.mark.parametrize("name", of(Kind.EXPORTER))
each_signal = pytest.mark.parametrize("signal", list(Signal), ids=lambda signal: signal.value)


def takes(name: str, signal: Signal) -> None:
    if signal.value not in factory_of(name).signals:
        pytest.skip(f"{name} is not for {signal.value}")


@every
def test_its_factory_is_of_the_kind_and_type_that_its_place_says(name: str) -> None:
    factory = factory_of(name)
    assert f"{factory.kind.value}.{factory.type}" == name
    assert factory.signals
    assert factory.signals <= {signal.value for signal in Signal}


@every
def test_its_settings_refuse_an_unknown_key_and_cannot_be_changed(name: str, tmp_path: Path) -> None:
    settings = settings_of(name, tmp_path)
    assert isinstance(settings, Settings)
    with pytest.raises(ValidationError, match="no_such_key"):
        type(settings)(**{**settings.model_dump(), "no_such_key": 1})
    for key in type(settings).model_fields:
        with pytest.raises(ValidationError, match="frozen"):
            setattr(settings, key, None)


@every
def test_its_settings_say_what_they_are(name: str) -> None:
    """`config check` words its errors from the schema, and people read the docstring."""
    settings = factory_of(name).settings
    assert settings.__doc__
    assert settings.model_json_schema()["additionalProperties"] is False


@every
def test_it_is_made_with_its_id_and_only_from_its_own_settings(name: str, tmp_path: Path) -> None:
    class Foreign(Settings):
        """Of nobody."""

    factory, id_ = factory_of(name), ComponentId(name.partition(".")[2], "second")
    made = factory.build(id_, settings_of(name, tmp_path))
    assert isinstance(made, CLASSES[factory.kind])
    assert made.id == id_
    assert type(made).__doc__
    with pytest.raises(TypeError):
        factory.build(id_, Foreign())


@every
async def test_it_starts_and_stops_and_leaves_no_task_and_no_thread(name: str, tmp_path: Path) -> None:
    tasks = asyncio.all_tasks()
    async with running(name, tmp_path):
        pass
    left = asyncio.all_tasks() - tasks
    assert not left
    # grpc and the executor of the event loop keep theirs for the process
    assert not [thread.name for thread in threading.enumerate() if "otel-insights" in thread.name]


@every
async def test_it_stops_after_a_start_that_was_followed_by_nothing(name: str, tmp_path: Path) -> None:
    """As when another component failed to start."""
    host, _ = service_of("processors.memory_limiter", tmp_path)
    await host.start()
    component = factory_of(name).build(ComponentId(name.partition(".")[2]), settings_of(name, tmp_path))
    await component.start(host)
    await asyncio.wait_for(component.stop(), 10)
    await host.stop()


def forwarding(answer: Accepted | Exception) -> tuple[Consume, list[bytes]]:
    seen: list[bytes] = []

    async def forward(payload: Payload) -> Accepted:
        seen.append(payload.data)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return forward, seen


@each_processor
@each_signal
@pytest.mark.parametrize("replay", [False, True])
async def test_a_processor_forwards_what_it_has_no_interest_in_byte_for_byte(
    name: str, signal: Signal, replay: bool, tmp_path: Path
) -> None:
    takes(name, signal)
    async with running(name, tmp_path) as processor:
        for data in (b"", SPANS):
            forward, seen = forwarding(Accepted(1, "so"))
            assert await processor.process(Payload(signal, data, replay=replay), forward) == Accepted(1, "so")
            assert seen == [data]


@each_processor
@each_signal
@pytest.mark.parametrize("answer", [Refused("full", retry_after=3), BadData("broken"), RuntimeError("a bug")], ids=repr)
async def test_a_processor_hands_the_next_hops_error_back(
    name: str, signal: Signal, answer: Exception, tmp_path: Path
) -> None:
    takes(name, signal)
    async with running(name, tmp_path) as processor:
        forward, _ = forwarding(answer)
        with pytest.raises(type(answer)) as caught:
            await processor.process(Payload(signal, SPANS), forward)
        assert caught.value is answer


@each_processor
@each_signal
async def test_a_processor_forwards_broken_framing_or_calls_it_bad_data(
    name: str, signal: Signal, tmp_path: Path
) -> None:
    takes(name, signal)
    async with running(name, tmp_path) as processor:
        forward, seen = forwarding(Accepted())
        try:
            await processor.process(Payload(signal, NOT_FRAMED), forward)
        except BadData:
            assert not seen
        else:
            assert seen == [NOT_FRAMED]


@each_processor
async def test_a_processor_analyses_an_empty_store_twice(name: str, tmp_path: Path) -> None:
    async with running(name, tmp_path) as processor:
        await processor.analyse()
        await processor.analyse()


@each_exporter
@each_signal
async def test_an_exporter_accepts_or_raises_what_was_foreseen_and_changes_nothing(
    name: str, signal: Signal, tmp_path: Path
) -> None:
    takes(name, signal)
    async with running(name, tmp_path) as exporter:
        payload = Payload(signal, b"", gzipped=None)
        try:
            answer = await asyncio.wait_for(exporter.export(payload), 30)
        except InsightsError as error:
            assert isinstance(error, Refused)  # noqa: PT017 - nobody listens there, which may change
        else:
            assert isinstance(answer, Accepted)
        assert payload.data == b""


@pytest.mark.parametrize("name", of(Kind.RECEIVER))
async def test_a_receiver_serves_also_where_no_pipeline_takes_a_signal_from_it(name: str, tmp_path: Path) -> None:
    host, _ = service_of("processors.memory_limiter", tmp_path)
    await host.start()
    receiver = factory_of(name).build(ComponentId(name.partition(".")[2]), settings_of(name, tmp_path))
    assert isinstance(receiver, Receiver)
    await receiver.start(host)
    await asyncio.wait_for(receiver.serve({}), 10)
    await asyncio.wait_for(receiver.stop(), 10)
    await host.stop()


def listening() -> list[str]:
    return [name for name in of(Kind.RECEIVER) if "endpoint" in SETTINGS[name]]


@pytest.mark.parametrize("name", listening())
async def test_a_receiver_that_listens_says_where_and_gives_the_port_back(name: str, tmp_path: Path) -> None:
    async with running(name, tmp_path) as receiver:
        host, port = host_and_port(receiver.address)
        assert port
        socket.create_connection((host, port)).close()
    socket.create_server((host, port)).close()


@pytest.mark.parametrize("name", listening())
async def test_a_receiver_whose_port_is_taken_says_so_with_its_name(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setitem(SETTINGS, name, {"endpoint": f"127.0.0.1:{port}"})
        with pytest.raises(OSError, match=rf"{name}: .*{port}"):
            async with running(name, tmp_path):
                pass


@pytest.mark.parametrize("name", listening())
@pytest.mark.parametrize("endpoint", ["localhost", "localhost:http", "localhost:99999", ""])
def test_an_endpoint_without_a_port_is_refused_before_anything_starts(name: str, endpoint: str) -> None:
    with pytest.raises(ValidationError, match="endpoint"):
        factory_of(name).settings(endpoint=endpoint)


def test_the_contract_is_asked_of_every_component_that_is_listed() -> None:
    assert sorted(SETTINGS) == sorted(BUILT_IN)


def test_no_two_components_have_one_place() -> None:
    assert len(set(BUILT_IN)) == len(BUILT_IN)
