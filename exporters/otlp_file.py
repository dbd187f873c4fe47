"""otlp_file: appends requests to a file, in the formats of the Collector's file exporter."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pydantic import field_validator

from otel_insights.component import Accepted, Exporter, Factory, Host, Kind, Settings
from otel_insights.errors import BadData, ConfigError, Refused
from otel_insights.otlp_lines import Writer
from otel_insights.payload import Payload, Signal
from otel_insights.selfmetrics import passed


class OtlpFileSettings(Settings):
    """Which file."""

    path: Path
    """Its name tells the format: `.jsonl` or `.json` is a JSON object a line, `.binpb` is length and protobuf; with
    `.gz` behind it, compressed. A `.binpb` file holds one signal: `x.binpb` stands for `x.traces.binpb` and so on."""
    append: bool = True
    """Keep what the file holds when we start; otherwise it is emptied then."""

    @field_validator("path")
    @classmethod
    def _format(cls, path: Path) -> Path:
        try:
            Writer(path, append=True)
        except ConfigError as error:
            raise ValueError(f"expected {error.expected}") from None
        return path

    def path_for(self, signal: Signal) -> Path:
        """Name the file of a signal; raises BadData where a `.binpb` is named after another one."""
        binary = _BINARY.fullmatch(self.path.name)
        if binary is None:
            return self.path
        if binary["signal"] is None:
            return self.path.with_name(f"{binary['stem']}.{signal.value}{binary['suffixes']}")
        if binary["signal"].lower() != signal.value:
            raise BadData(f"{self.path.name} is for {binary['signal'].lower()}, got {signal.value}")
        return self.path


_BINARY: Final = re.compile(
    r"(?P<stem>.+?)(?:\.(?P<signal>traces|logs|metrics))?(?P<suffixes>\.binpb(?:\.gz)?)", re.IGNORECASE
)


@dataclass(slots=True)
class OtlpFile(Exporter):
    """One thread writes, request by request. The file is opened for each, so it may be moved away at any time.

    The system has a request when `export` returns, but a failing machine (not: process) may still lose it. A compressed
    file gets a gzip member for each request, which readers take as one stream.
    """

    settings: OtlpFileSettings
    _thread: ThreadPoolExecutor | None = field(default=None, init=False)

    async def start(self, host: Host) -> None:
        """Open the file or files once, so that what is wrong is known now. Raises OSError."""
        await Exporter.start(self, host)
        for path in self._paths():
            with path.open("ab" if self.settings.append else "wb"):
                pass
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"exporters.{self.id}")

    async def stop(self) -> None:
        """End the thread."""
        if self._thread is not None:
            self._thread.shutdown()

    async def export(self, payload: Payload) -> Accepted:
        """Write one request. Raises Refused when the disk does not take it, BadData for what has no JSON."""
        own = Payload(payload.signal, payload.data)  # for another thread, while other exporters have this one
        try:
            path = self.settings.path_for(payload.signal)
            await asyncio.get_running_loop().run_in_executor(self._thread, _append, path, own)
        except OSError as error:
            self._tally("send_failed", payload)
            raise Refused(f"{self.settings.path}: {error.strerror or error}") from error
        except BadData:
            self._tally("send_failed", payload)
            raise
        self._tally("sent", payload)
        return Accepted()

    def _paths(self) -> set[Path]:
        paths = set()
        for signal in Signal:
            with contextlib.suppress(BadData):
                paths.add(self.settings.path_for(signal))
        return paths

    def _tally(self, outcome: str, payload: Payload) -> None:
        with contextlib.suppress(BadData):
            name = passed(Kind.EXPORTER, payload.signal.item, outcome)
            self.host.metrics.add(name, payload.count, exporter=str(self.id))


def _append(path: Path, payload: Payload) -> None:
    before = path.stat().st_size if path.exists() else 0
    try:
        with Writer(path, append=True) as writer:
            writer.write(payload)
    except OSError:
        with contextlib.suppress(OSError):  # half a request would spoil the next one
            os.truncate(path, before)
        raise


FACTORY = Factory(Kind.EXPORTER, "otlp_file", OtlpFileSettings, OtlpFile, frozenset(signal.value for signal in Signal))
