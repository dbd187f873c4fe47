"""Files of export requests, in the two formats of the Collector's file exporter.

- `json` (`.jsonl`, `.json`): one OTLP/JSON object a line, whose key (`resourceSpans`...) tells the signal;
- `proto` (`.binpb`): serialised requests, each preceded by its length as four bytes, big-endian. Nothing in the bytes
  tells the signal: the name does (`x.logs.binpb`), or an argument.

Either may be compressed with gzip (`.gz` behind the name). Memory holds one request at a time.

Reference: the README of `exporter/fileexporter` in opentelemetry-collector-contrib.
"""

import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Final, cast

from isal import igzip, igzip_lib, isal_zlib
from typing_extensions import Self

from otel_insights.errors import BadData, ConfigError
from otel_insights.otlp_json import encode, parse, to_protobuf
from otel_insights.payload import Payload, Signal

LARGEST_REQUEST: Final = 64 << 20
"""In bytes, of a serialised request: what the receivers take over the wire as well."""
LARGEST_LINE: Final = 4 * LARGEST_REQUEST
"""In bytes: JSON is that much longer at worst, in ordinary telemetry."""

_BROKEN_GZIP: Final[tuple[type[Exception], ...]] = (  # type: ignore[assignment]  # the stubs take classes for instances
    EOFError,
    zlib.error,
    isal_zlib.error,
    igzip_lib.IsalError,
    igzip.BadGzipFile,
)


@dataclass(frozen=True, slots=True)
class Malformed:
    """A line, or a request by its number, that cannot be read; both count from 1."""

    path: Path
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.reason}"


def read(
    path: str | os.PathLike[str],
    *,
    signal: Signal | None = None,
    strict: bool = False,
) -> Iterator[Payload | Malformed]:
    """Read a file request by request; what cannot be read is told in its place, and reading goes on if it can.

    With a `signal`, a JSON line of another signal is Malformed. With `strict`, the first Malformed raises BadData.
    Raises OSError when the file cannot be opened, and ConfigError when nothing tells its format or signal, both at the
    first step of the iteration.
    """
    path = Path(path)
    with _open(path, "rb", compressed=_is_compressed(path)) as file:
        found = _read_proto(file, path, signal) if _is_proto(path) else _read_json(file, path, signal)
        for payload in found:
            if strict and isinstance(payload, Malformed):
                raise BadData(str(payload))
            yield payload


class Writer:
    """Write export requests to a file, in the format that its name tells.

    A context manager. The file appears, whole and in place of an older one, when the context ends without an exception;
    until then a file `NAME.partial` beside it grows. With `append`, requests go straight to the end of the file. Raises
    ConfigError when the name tells no format.
    """

    def __init__(self, path: str | os.PathLike[str], *, append: bool = False) -> None:
        self._path = Path(path)
        self._proto = _is_proto(self._path)
        self._signal = _signal_named(self._path) if self._proto else None
        self._target = self._path if append else self._path.with_name(f"{self._path.name}.partial")
        self._mode = "ab" if append else "wb"
        self._file: IO[bytes] | None = None

    def __enter__(self) -> Self:
        self._file = _open(self._target, self._mode, compressed=_is_compressed(self._path))
        return self

    def write(self, payload: Payload) -> None:
        """Write one request.

        Raises BadData for bytes that cannot be parsed, where the format is JSON, and ConfigError for a second signal in
        a `.binpb` file, for a reader could not tell them apart.
        """
        if self._file is None:
            raise ValueError("a Writer writes within its `with` block")
        if not self._proto:
            self._file.write(encode(payload.message()) + b"\n")
            return
        self._signal = self._signal or payload.signal
        if payload.signal is not self._signal:
            raise ConfigError(str(self._path), f"a .binpb file of {self._signal.value}", payload.signal.value)
        self._file.write(payload.size.to_bytes(4, "big") + payload.data)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        file, self._file = self._file, None
        try:
            if file is not None:
                file.close()
            if kind is None and self._target != self._path:
                with self._target.open("rb+") as written:
                    os.fsync(written.fileno())
                self._target.replace(self._path)
        finally:
            if self._target != self._path:  # still there only if something went wrong
                self._target.unlink(missing_ok=True)


def _read_json(file: IO[bytes], path: Path, signal: Signal | None) -> Iterator[Payload | Malformed]:
    number = 0
    while True:
        number += 1
        try:
            line = file.readline(LARGEST_LINE + 1)
            if len(line) > LARGEST_LINE:
                yield Malformed(path, number, f"longer than {LARGEST_LINE} bytes")
                while line and not line.endswith(b"\n"):
                    line = file.readline(1 << 20)
                continue
        except _BROKEN_GZIP as error:
            yield Malformed(path, number, f"broken gzip: {error}")
            return
        if not line:
            return
        if not line.isspace():
            try:
                yield _payload(line, signal)
            except BadData as error:
                yield Malformed(path, number, str(error))


def _payload(line: bytes, expected: Signal | None) -> Payload:
    value = parse(line)
    signals = [signal for key, signal in _KEYS.items() if isinstance(value, dict) and key in value]
    if len(signals) != 1:
        raise BadData(f"expected an object with one of {', '.join(_KEYS)}")
    if expected not in (None, signals[0]):
        raise BadData(f"expected {expected.value if expected else ''}, got {signals[0].value}")
    return Payload(signals[0], to_protobuf(signals[0], value))


_KEYS: Final = {signal.message.DESCRIPTOR.fields[0].json_name: signal for signal in Signal}


def _read_proto(file: IO[bytes], path: Path, signal: Signal | None) -> Iterator[Payload | Malformed]:
    signal = signal or _signal_named(path)
    if signal is None:
        raise ConfigError(str(path), "a name that tells the signal (*.logs.binpb, *.traces.binpb, *.metrics.binpb)")
    number = 0
    while True:
        number += 1
        try:
            header = file.read(4)
            size = int.from_bytes(header, "big")
            if not header:
                return
            if len(header) == 4 and size > LARGEST_REQUEST:  # noqa: PLR2004
                yield Malformed(path, number, f"a length of {size} bytes, over {LARGEST_REQUEST}")
                return
            data = file.read(size)
        except _BROKEN_GZIP as error:
            yield Malformed(path, number, f"broken gzip: {error}")
            return
        if len(header) + len(data) < 4 + size:
            yield Malformed(path, number, "the file ends within a request")
            return
        payload = Payload(signal, data)
        try:
            payload.resources()
        except BadData as error:
            yield Malformed(path, number, str(error))
        else:
            yield payload


def _open(path: Path, mode: str, *, compressed: bool) -> IO[bytes]:
    if compressed:
        return cast("IO[bytes]", igzip.open(path, mode))  # type: ignore[no-untyped-call]
    return cast("IO[bytes]", path.open(mode))


def _is_compressed(path: Path) -> bool:
    return path.suffix.lower() == ".gz"


def _suffixes(path: Path) -> list[str]:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    return suffixes[:-1] if _is_compressed(path) else suffixes


def _is_proto(path: Path) -> bool:
    form = "".join(_suffixes(path)[-1:])
    if form not in (".jsonl", ".json", ".binpb"):
        raise ConfigError(str(path), "a name that ends with .jsonl, .json or .binpb, and .gz if compressed")
    return form == ".binpb"


def _signal_named(path: Path) -> Signal | None:
    named = "".join(_suffixes(path)[-2:-1]).removeprefix(".")
    return next((signal for signal in Signal if signal.value == named), None)
