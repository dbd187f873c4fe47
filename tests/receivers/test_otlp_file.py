"""otlp_file, the receiver: files are read once, in order, and nothing that they hold is lost on the way."""

import asyncio
import gzip
from pathlib import Path

import pytest
from next_hop import Host, soon, three_logs
from otlp_samples import Sink

from otel_insights.component import ComponentId
from otel_insights.errors import BadData, ConfigError, Refused
from otel_insights.otlp_lines import Writer
from otel_insights.payload import Payload, Signal
from otel_insights.receivers.otlp_file import FACTORY, OtlpFile

LABEL = {"receiver": "otlp_file"}
ACCEPTED, REFUSED = "otelcol_receiver_accepted_log_records", "otelcol_receiver_refused_log_records"


def numbered(number: int) -> Payload:
    return Payload(Signal.LOGS, three_logs().data + b"\xf0\x7f" + bytes([number]))  # field 2046, an integer


def write(path: Path, *payloads: Payload) -> Path:
    with Writer(path) as writer:
        for payload in payloads:
            writer.write(payload)
    return path


async def serving(sink, *paths: Path | str, host: Host | None = None, **settings) -> OtlpFile:
    settings = {"retry_interval": "1ms", **settings}
    made = FACTORY.build(ComponentId("otlp_file"), FACTORY.settings(path=[str(path) for path in paths], **settings))
    await made.start(host or Host())
    await made.serve({Signal.LOGS: sink})
    return made


async def test_files_are_handed_on_from_beginning_to_end_in_their_order(tmp_path):
    host, sink = Host(), Sink()
    paths = [write(tmp_path / f"{name}.logs.binpb", numbered(1), numbered(2)) for name in "ba"]
    receiver = await serving(sink, *paths, host=host)
    await receiver.done()
    assert [one.data for one in sink.got] == [numbered(1).data, numbered(2).data] * 2
    assert (receiver.requests, receiver.files, receiver.malformed) == (4, paths, [])
    assert host.counted(ACCEPTED, **LABEL) == 12
    await receiver.stop()


async def test_a_pattern_stands_for_its_files_by_name(tmp_path):
    sink = Sink()
    for name in ("2.jsonl", "1.jsonl.gz"):
        write(tmp_path / name, three_logs())
    receiver = await serving(sink, tmp_path / "*.jsonl*")
    await receiver.done()
    assert [path.name for path in receiver.files] == ["1.jsonl.gz", "2.jsonl"]
    assert len(sink.got) == 2
    await receiver.stop()


async def test_one_path_needs_no_list(tmp_path):
    path = write(tmp_path / "x.jsonl", three_logs())
    made = FACTORY.build(ComponentId("otlp_file"), FACTORY.settings(path=str(path)))
    await made.start(Host())
    assert made.files == [path]
    await made.stop()


async def test_what_is_malformed_is_counted_with_its_place_and_skipped(tmp_path):
    path = write(tmp_path / "x.jsonl", three_logs())
    line = path.read_bytes()
    path.write_bytes(b"{oops\n" + line + b'{"resourceBirds":[]}\n' + line)
    cut = tmp_path / "y.jsonl.gz"
    cut.write_bytes(gzip.compress(line * 2)[:-12])
    host, sink = Host(), Sink()
    receiver = await serving(sink, path, cut, host=host)
    await receiver.done()
    assert len(sink.got) >= 2
    assert [(one.path, one.line) for one in receiver.malformed][:2] == [(path, 1), (path, 3)]
    assert receiver.malformed[-1].path == cut
    assert host.counted("otel_insights_malformed_lines", **LABEL) == receiver.malformed_count == 3
    await receiver.stop()


async def test_what_is_refused_is_offered_again_and_what_is_bad_is_not(tmp_path):
    host, path = Host(), write(tmp_path / "x.logs.binpb", numbered(1), numbered(2), numbered(3))
    sink = Sink(answers=[Refused("full"), Refused("full", retry_after=0.002), BadData("odd"), RuntimeError("a bug")])
    receiver = await serving(sink, path, host=host)
    await receiver.done()
    assert [one.data for one in sink.got] == [numbered(3).data]
    assert receiver.requests == 3
    assert (host.counted(ACCEPTED, **LABEL), host.counted(REFUSED, **LABEL)) == (3, 3)
    assert host.counted("otelcol_receiver_failed_log_records", **LABEL) == 3
    await receiver.stop()


async def test_a_signal_that_no_pipeline_takes_is_refused_and_reading_goes_on(tmp_path):
    host, sink = Host(), Sink()
    path = write(tmp_path / "x.jsonl", Payload(Signal.TRACES, b"\x0a\x04\x12\x02\x12\x00"), three_logs())
    receiver = await serving(sink, path, host=host)
    await receiver.done()
    assert len(sink.got) == 1
    assert host.counted("otelcol_receiver_refused_spans", **LABEL) == 1
    await receiver.stop()


async def test_a_file_that_vanishes_is_told_and_the_others_are_read(tmp_path):
    first, second = (write(tmp_path / f"{name}.jsonl", three_logs()) for name in "ab")
    made = FACTORY.build(ComponentId("otlp_file"), FACTORY.settings(path=[str(first), str(second)]))
    sink = Sink()
    await made.start(Host())
    first.unlink()
    await made.serve({Signal.LOGS: sink})
    await made.done()
    assert [(one.path, one.line) for one in made.malformed] == [(first, 0)]
    assert len(sink.got) == 1
    await made.stop()


async def test_stopping_lets_the_request_under_way_end_and_reads_no_further(tmp_path):
    under_way, may_go = asyncio.Event(), asyncio.Event()
    ended = []

    async def slow(payload):
        under_way.set()
        await may_go.wait()
        ended.append(payload)

    receiver = await serving(slow, write(tmp_path / "x.jsonl", *[three_logs()] * 3))
    await under_way.wait()
    stopping = asyncio.create_task(receiver.stop())
    await asyncio.sleep(0)
    may_go.set()
    await stopping
    assert len(ended) == 1


async def test_stopping_does_not_wait_for_a_refused_request_to_be_taken(tmp_path):
    asked = []

    async def full(payload):
        asked.append(payload)
        raise Refused("full", retry_after=3600)

    receiver = await serving(full, write(tmp_path / "x.jsonl", three_logs()))
    await soon(lambda: bool(asked))
    await asyncio.wait_for(receiver.stop(), 2)
    assert receiver.requests == 0


@pytest.mark.parametrize("name", ["missing.jsonl", "*.nothing", "notes.txt", "."])
async def test_what_names_no_file_of_telemetry_is_found_at_start(name, tmp_path):
    (tmp_path / "notes.txt").write_text("not telemetry")
    with pytest.raises(ConfigError, match=r"^receivers\.otlp_file\.path: expected a"):
        await serving(Sink(), tmp_path / name)


async def test_what_was_never_served_is_done():
    made = FACTORY.build(ComponentId("otlp_file"), FACTORY.settings(path="x.jsonl"))
    await made.done()
    await made.stop()
