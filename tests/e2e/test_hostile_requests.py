"""What no good client sends is refused, and the next request works."""

import gzip
import socket
from collections.abc import Iterator
from pathlib import Path

import grpc
import httpx
import pytest
from e2e.arrived import span_ids
from e2e.processes import eventually
from e2e.topology import Collector, Insights, Stage
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

pytestmark = pytest.mark.e2e

MIB = 2**20
LIMIT = 64 * MIB
# One request may be held compressed, unpacked to the limit, and once more while buffers grow.
MEMORY_OF_A_BOMB = 3 * LIMIT
EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
PROTOBUF = {"content-type": "application/x-protobuf"}
ANY_SIZE = [("grpc.max_send_message_length", -1)]


def request(number: int) -> bytes:
    span = Span(trace_id=number.to_bytes(16, "big"), span_id=number.to_bytes(8, "big"), name="good")
    spans = [ScopeSpans(spans=[span])]
    return ExportTraceServiceRequest(resource_spans=[ResourceSpans(scope_spans=spans)]).SerializeToString()


def bomb(path: Path, size: int) -> Path:
    """Write a gzip file that unpacks to so many zeros; about a thousandth of that."""
    piece = bytes(16 * MIB)
    with gzip.open(path, "wb", compresslevel=9) as packed:
        for _ in range(size // len(piece)):
            packed.write(piece)
    return path


class Door:
    """Both doors of otel-insights, and good requests to show that each is still open."""

    def __init__(self, insights: Insights, b: Collector) -> None:
        self.insights, self.b = insights, b
        self.url = f"http://127.0.0.1:{insights.http}/v1/traces"
        self.good = 0

    def post(self, content: bytes, **headers: str) -> int:
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        return httpx.post(self.url, content=content, headers={**PROTOBUF, **more}, timeout=60).status_code

    def call(self, content: bytes, compression: grpc.Compression = grpc.Compression.NoCompression) -> grpc.StatusCode:
        with grpc.insecure_channel(f"127.0.0.1:{self.insights.grpc}", ANY_SIZE) as channel:
            try:
                channel.unary_unary(EXPORT)(content, timeout=60, compression=compression)
            except grpc.RpcError as error:
                return error.code()
        return grpc.StatusCode.OK

    def still_open(self) -> None:
        """A good request is taken at both doors, and arrives."""
        self.good += 2
        assert self.post(request(self.good - 1)) == 200
        assert self.call(request(self.good)) is grpc.StatusCode.OK


@pytest.fixture
def door(stage: Stage) -> Iterator[Door]:
    b = stage.collector("b")
    made = Door(stage.insights(f"http://127.0.0.1:{b.insights}"), b)
    made.still_open()
    yield made
    expected = {f"{number + 1:016x}" for number in range(made.good)}
    eventually(lambda: span_ids(b.file).keys() == expected, "the good requests arrive, and nothing else")


@pytest.mark.parametrize(
    "bad",
    [b"\xff" * 100, request(1)[:-1], b"\x0a\xff\xff\xff\xff\x0f", b"\x0b"],
    ids=["noise", "cut", "length", "group"],
)
def test_bytes_that_are_no_protobuf_are_refused_for_good(door: Door, bad: bytes) -> None:
    assert door.post(bad) == 400
    assert door.call(bad) is grpc.StatusCode.INVALID_ARGUMENT
    door.still_open()


def test_a_request_beyond_the_limit_is_refused_for_good(door: Door) -> None:
    oversized = bytes(LIMIT + 1)
    assert door.post(oversized) == 413
    assert door.call(oversized) is grpc.StatusCode.RESOURCE_EXHAUSTED
    door.still_open()


def test_a_gzip_bomb_is_refused_in_bounded_memory(door: Door, tmp_path: Path) -> None:
    packed = bomb(tmp_path / "bomb.gz", 1024 * MIB).read_bytes()
    assert len(packed) < 2 * MIB
    before = peak_memory(door.insights)
    assert door.post(packed, content_encoding="gzip") == 413
    assert door.call(bytes(4 * LIMIT), grpc.Compression.Gzip) is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert peak_memory(door.insights) < before + MEMORY_OF_A_BOMB
    door.still_open()


@pytest.mark.parametrize("cut", [1, 5, 30])
def test_gzip_that_is_broken_is_refused_for_good(door: Door, cut: int) -> None:
    assert door.post(gzip.compress(request(1) * 10)[:-cut], content_encoding="gzip") == 400
    door.still_open()


def test_what_is_no_export_request_at_all_is_answered_as_the_collector_does(door: Door) -> None:
    collector = f"http://127.0.0.1:{door.b.http}/v1/traces"
    for url in (door.url, collector):
        assert httpx.get(url).status_code == 405, url
        assert httpx.post(f"{url}x", content=b"", headers=PROTOBUF).status_code == 404, url
        assert httpx.post(url, content=b"a,b", headers={"content-type": "text/csv"}).status_code == 415, url
    door.still_open()


def test_noise_on_the_socket_closes_that_connection_only(door: Door) -> None:
    for port in (door.insights.http, door.insights.grpc):
        for noise in (b"\x00" * 1000, b"\x16\x03\x01\x02\x00\x01", b"POST /v1/traces HTTP/1.1\r\n"):
            with socket.create_connection(("127.0.0.1", port), timeout=5) as one:
                one.sendall(noise)
        door.still_open()


def peak_memory(insights: Insights) -> int:
    """Return the most bytes that were ever resident (Linux; elsewhere what is resident now)."""
    status = Path(f"/proc/{insights.process.pid}/status")
    if not status.exists():
        return insights.memory()
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024
