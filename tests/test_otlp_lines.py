"""The files of the Collector's file exporter, whole and broken."""

import gzip
import json
import struct
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otel_insights import otlp_lines
from otel_insights.errors import BadData, ConfigError
from otel_insights.otlp_lines import LARGEST_REQUEST, Malformed, Writer, read
from otel_insights.payload import Payload, Signal

NAMES = ["x.jsonl", "x.json", "x.jsonl.gz", "x.logs.binpb", "x.logs.binpb.gz"]


def logs(name="one"):
    request = ExportLogsServiceRequest()
    request.resource_logs.add().scope_logs.add().log_records.add(event_name=name).body.string_value = "line\nbreak"
    return request


LINE = b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"eventName":"one"}]}]}]}'


def framed(*requests):
    return b"".join(struct.pack(">I", len(data)) + data for data in requests)


def of_kind(found, kind):
    return [one for one in found if isinstance(one, kind)]


@pytest.mark.parametrize("name", NAMES)
def test_what_is_written_is_read(tmp_path, name):
    requests = [logs(f"name {i}") for i in range(20)]
    with Writer(tmp_path / name) as out:
        for request in requests:
            out.write(Payload.of(request))
    assert [payload.message() for payload in read(tmp_path / name)] == requests
    assert [file.name for file in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", NAMES)
def test_appending_goes_on_at_the_end(tmp_path, name):
    for _ in range(2):
        with Writer(tmp_path / name, append=True) as out:
            out.write(Payload.of(logs()))
    assert [payload.message() for payload in read(str(tmp_path / name))] == [logs(), logs()]


def test_signals_share_a_json_file(tmp_path):
    payloads = [Payload.of(kind()) for kind in (ExportMetricsServiceRequest, ExportLogsServiceRequest)]
    request = ExportTraceServiceRequest()
    request.resource_spans.add().scope_spans.add().spans.add(trace_id=b"\xab" * 16)
    with Writer(tmp_path / "all.jsonl") as out:
        out.write(Payload.of(request))
    with (tmp_path / "all.jsonl").open("ab") as file:
        file.write(b'{"resourceMetrics":[]}\n\n  \n{"resourceLogs":[]}')
    found = list(read(tmp_path / "all.jsonl"))
    assert [payload.signal for payload in found] == [Signal.TRACES, Signal.METRICS, Signal.LOGS]
    assert found[0].message() == request
    assert [payload.data for payload in found[1:]] == [payload.data for payload in payloads]


def test_the_file_is_a_json_object_a_line_as_the_collector_writes_it(tmp_path):
    with Writer(tmp_path / "x.jsonl") as out:
        out.write(Payload.of(logs()))
    text = (tmp_path / "x.jsonl").read_bytes()
    assert text.endswith(b"}\n")
    assert text.count(b"\n") == 1
    record = json.loads(text)["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0]
    assert record == {"body": {"stringValue": "line\nbreak"}, "eventName": "one"}


def test_the_proto_file_is_length_prefixed_requests_as_the_collector_writes_them(tmp_path):
    data = logs().SerializeToString()
    with Writer(tmp_path / "x.logs.binpb") as out:
        out.write(Payload(Signal.LOGS, data))
        out.write(Payload(Signal.LOGS, b""))
    assert (tmp_path / "x.logs.binpb").read_bytes() == framed(data, b"")


def test_malformed_lines_are_told_with_file_and_line_and_reading_goes_on(tmp_path):
    path = tmp_path / "x.jsonl"
    bad = [b"{", b"[]", b"{}", b'{"resourceLogs":5}', b'{"resourceLogs":[],"resourceSpans":[]}', b"\xff\xfe"]
    path.write_bytes(b"\n".join([LINE, *bad, b"", LINE]))
    found = list(read(path))
    assert [type(one) for one in found] == [Payload, *[Malformed] * 6, Payload]
    assert [one.line for one in of_kind(found, Malformed)] == [2, 3, 4, 5, 6, 7]
    assert str(found[1]).startswith(f"{path}:2: not JSON")
    assert "resourceLogs: expected an array, got 5" in str(found[4])
    assert found[-1].message().resource_logs[0].scope_logs[0].log_records[0].event_name == "one"


def test_strict_reading_stops_at_the_first_malformed_line(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_bytes(LINE + b"\nnonsense\n" + LINE)
    found = read(path, strict=True)
    assert next(found).count == 1
    with pytest.raises(BadData, match=r"x\.jsonl:2: not JSON"):
        next(found)


def test_lines_of_another_signal_than_the_expected_one_are_malformed(tmp_path):
    (tmp_path / "x.jsonl").write_bytes(LINE)
    assert "expected traces, got logs" in str(next(read(tmp_path / "x.jsonl", signal=Signal.TRACES)))
    assert next(read(tmp_path / "x.jsonl", signal=Signal.LOGS)).count == 1


@given(st.binary(max_size=60) | st.binary(max_size=40).map(gzip.compress), st.sampled_from(NAMES))
def test_arbitrary_bytes_in_a_file_raise_nothing(content, name):
    with TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        assert all(isinstance(one, Payload | Malformed) for one in read(path))


def test_a_line_over_the_maximum_is_malformed_and_skipped(tmp_path, monkeypatch):
    monkeypatch.setattr(otlp_lines, "LARGEST_LINE", len(LINE))
    path = tmp_path / "x.jsonl"
    path.write_bytes(b'{"resourceLogs":[' + b" " * 3_000_000 + b"]}\n" + LINE[:-1] + b"}")
    found = list(read(path))
    assert [type(one) for one in found] == [Malformed, Payload]
    assert "longer than" in found[0].reason


@pytest.mark.parametrize("cut", [1, 3, 4, 10])
def test_a_truncated_tail_is_malformed_after_what_is_whole(tmp_path, cut):
    data = logs().SerializeToString()
    path = tmp_path / "x.logs.binpb"
    path.write_bytes(framed(data) + framed(data)[:cut])
    whole, tail = read(path)
    assert whole.data == data
    assert tail == Malformed(path, 2, "the file ends within a request")


def test_an_insane_length_ends_the_file(tmp_path):
    path = tmp_path / "x.logs.binpb"
    path.write_bytes(framed(b"") + struct.pack(">I", LARGEST_REQUEST + 1) + framed(b"") * 9)
    whole, broken = read(path)
    assert whole.size == 0
    assert "a length of 67108865 bytes" in broken.reason


def test_a_request_with_broken_framing_is_malformed_and_the_next_one_is_read(tmp_path):
    path = tmp_path / "x.traces.binpb"
    path.write_bytes(framed(b"\x0a\x7f", b""))
    broken, whole = read(path)
    assert (broken.line, whole.signal) == (1, Signal.TRACES)


@pytest.mark.parametrize("name", ["x.jsonl.gz", "x.logs.binpb.gz"])
@pytest.mark.parametrize("damage", ["cut", "changed", "no gzip"])
def test_a_broken_gzip_is_malformed_after_what_could_be_read(tmp_path, name, damage):
    content = (LINE + b"\n") * 3 if name == "x.jsonl.gz" else framed(*[logs().SerializeToString()] * 3)
    packed = bytearray(gzip.compress(content))
    if damage == "cut":
        packed = packed[:-9]
    elif damage == "changed":
        packed[-6] ^= 0xFF
    else:
        packed = bytearray(content)
    (tmp_path / name).write_bytes(packed)
    found = list(read(tmp_path / name))
    assert len(of_kind(found, Malformed)) == 1
    assert isinstance(found[-1], Malformed)
    assert "gzip" in found[-1].reason


def test_the_signal_of_a_proto_file_is_told_by_argument_before_name(tmp_path):
    (tmp_path / "x.logs.binpb").write_bytes(framed(b""))
    assert [payload.signal for payload in read(tmp_path / "x.logs.binpb", signal=Signal.METRICS)] == [Signal.METRICS]


@pytest.mark.parametrize(
    ("name", "expected"), [("x.binpb", "tells the signal"), ("x.txt", r"\.jsonl, \.json or \.binpb")]
)
def test_a_name_that_tells_too_little_is_refused(tmp_path, name, expected):
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(ConfigError, match=expected):
        list(read(tmp_path / name))


def test_a_missing_file_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        list(read(tmp_path / "none.jsonl"))


def test_a_proto_file_holds_one_signal(tmp_path):
    with Writer(tmp_path / "x.binpb") as out:
        out.write(Payload(Signal.TRACES, b""))
        with pytest.raises(ConfigError, match=r"expected a \.binpb file of traces, got 'logs'"):
            out.write(Payload(Signal.LOGS, b""))


def test_a_writer_that_fails_leaves_the_older_file(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_bytes(LINE)

    def fail():
        with Writer(path) as out:
            out.write(Payload.of(logs()))
            out.write(Payload(Signal.LOGS, b"\x0a\x7f"))

    with pytest.raises(BadData):
        fail()
    assert path.read_bytes() == LINE
    assert list(tmp_path.iterdir()) == [path]


def test_a_writer_writes_nothing_outside_its_block(tmp_path):
    with pytest.raises(ValueError, match="within"):
        Writer(tmp_path / "x.jsonl").write(Payload.of(logs()))
