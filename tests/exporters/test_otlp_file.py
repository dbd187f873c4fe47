"""otlp_file, the exporter: what it wrote can be read again, whatever happened to the file meanwhile."""

import asyncio
from pathlib import Path

import pytest
from next_hop import Host, three_logs
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from pydantic import ValidationError

from otel_insights.component import Accepted, ComponentId
from otel_insights.errors import BadData, Refused
from otel_insights.exporters.otlp_file import FACTORY, OtlpFile
from otel_insights.otlp_lines import read
from otel_insights.payload import Payload, Signal

LABEL = {"exporter": "otlp_file"}


async def started(path: Path, host: Host | None = None, **settings) -> OtlpFile:
    made = FACTORY.build(ComponentId("otlp_file"), FACTORY.settings(path=path, **settings))
    await made.start(host or Host())
    return made


def one_span() -> Payload:
    request = ExportTraceServiceRequest()
    request.resource_spans.add().scope_spans.add().spans.add(name="GET /", trace_id=bytes(16), span_id=b"12345678")
    return Payload.of(request)


@pytest.mark.parametrize("name", ["x.jsonl", "x.json", "x.jsonl.gz", "x.logs.binpb", "x.logs.binpb.gz"])
async def test_a_request_can_be_read_as_soon_as_it_is_accepted(name, tmp_path):
    host, path = Host(), tmp_path / name
    exporter = await started(path, host)
    for number in (1, 2, 3):
        assert await exporter.export(three_logs()) == Accepted()
        assert [one.data for one in read(path)] == [three_logs().data] * number
    await exporter.stop()
    assert host.counted("otelcol_exporter_sent_log_records", **LABEL) == 9


async def test_lines_of_all_signals_share_a_file_and_records_do_not(tmp_path):
    for name in ("x.jsonl", "y.binpb"):
        exporter = await started(tmp_path / name)
        await exporter.export(one_span())
        await exporter.export(three_logs())
        await exporter.stop()
    assert [one.signal for one in read(tmp_path / "x.jsonl")] == [Signal.TRACES, Signal.LOGS]
    assert [one.data for one in read(tmp_path / "y.traces.binpb")] == [one_span().data]
    assert [one.data for one in read(tmp_path / "y.logs.binpb")] == [three_logs().data]


async def test_a_file_named_after_a_signal_takes_no_other(tmp_path):
    exporter = await started(tmp_path / "x.Traces.binpb")
    with pytest.raises(BadData, match="is for traces, got logs"):
        await exporter.export(three_logs())
    await exporter.export(one_span())
    await exporter.stop()


@pytest.mark.parametrize(("append", "kept"), [(True, 2), (False, 1)])
async def test_what_the_file_held_is_kept_unless_the_settings_say_otherwise(append, kept, tmp_path):
    for _ in range(2):
        exporter = await started(tmp_path / "x.jsonl", append=append)
        await exporter.export(three_logs())
        await exporter.stop()
    assert len(list(read(tmp_path / "x.jsonl"))) == kept


async def test_a_file_that_was_moved_away_is_begun_again(tmp_path):
    path = tmp_path / "x.jsonl"
    exporter = await started(path)
    await exporter.export(three_logs())
    path.rename(tmp_path / "x.old.jsonl")
    await exporter.export(three_logs())
    await exporter.stop()
    assert len(list(read(path))) == len(list(read(tmp_path / "x.old.jsonl"))) == 1


async def test_many_exports_at_once_do_not_mix(tmp_path):
    exporter = await started(tmp_path / "x.logs.binpb")
    await asyncio.gather(*(exporter.export(three_logs()) for _ in range(100)))
    await exporter.stop()
    assert [one.data for one in read(tmp_path / "x.logs.binpb")] == [three_logs().data] * 100


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is always full")
async def test_a_full_disk_sends_the_request_back(tmp_path):
    host, path = Host(), tmp_path / "x.jsonl"
    path.symlink_to("/dev/full")
    exporter = await started(path, host)
    with pytest.raises(Refused, match="No space left"):
        await exporter.export(three_logs())
    await exporter.stop()
    assert host.counted("otelcol_exporter_send_failed_log_records", **LABEL) == 3


async def test_what_has_no_json_is_never_taken_and_spoils_nothing(tmp_path):
    no_utf8 = b"\x0a\x0d\x12\x0b\x12\x09\x2a\x07\x0a\x05n\xff\xffme"
    exporter = await started(tmp_path / "x.jsonl")
    with pytest.raises(BadData):
        await exporter.export(Payload(Signal.LOGS, no_utf8))
    await exporter.export(three_logs())
    await exporter.stop()
    assert [one.data for one in read(tmp_path / "x.jsonl")] == [three_logs().data]


async def test_a_folder_that_is_not_there_is_found_at_start(tmp_path):
    with pytest.raises(FileNotFoundError):
        await started(tmp_path / "nowhere" / "x.jsonl")


def test_a_name_that_tells_no_format_is_refused():
    with pytest.raises(ValidationError, match=r"expected a name that ends with \.jsonl"):
        FACTORY.settings(path="x.txt")
