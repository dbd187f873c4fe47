"""otlp_file: reads files of OTLP once, from beginning to end, as if their requests came over the wire."""

from __future__ import annotations

import asyncio
import contextlib
import glob
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pydantic import Field

from otel_insights.component import Consume, Factory, Host, Kind, Receiver, Settings
from otel_insights.errors import BadData, ConfigError
from otel_insights.otlp_lines import Malformed, Writer, read
from otel_insights.payload import Payload, Signal
from otel_insights.receivers.offering import Outcome, Pauses, offer
from otel_insights.selfmetrics import passed
from otel_insights.units import Duration

REMEMBERED: Final = 1000
"""So many details of what was malformed are kept; all are counted."""
_DRAIN: Final = 5.0


class OtlpFileSettings(Settings):
    """Which files."""

    path: str | list[str]
    """A file, a pattern such as `in/*.jsonl.gz`, or a list of these, read in that order; a pattern's files by name."""
    retry_interval: Duration = Field(default=0.5, gt=0)
    """The first pause after a refusal; each further one is twice as long."""
    max_retry_interval: Duration = Field(default=30.0, gt=0)


@dataclass(slots=True)
class OtlpFile(Receiver):
    """Hands on request after request, each once the one before was accepted. What is malformed is counted and skipped.

    A request that is refused is offered again until it is taken, or we stop.
    """

    settings: OtlpFileSettings
    files: list[Path] = field(default_factory=list, init=False)
    """What is read, known after `start`."""
    requests: int = field(default=0, init=False)
    """How many have been read and dealt with so far."""
    malformed: list[Malformed] = field(default_factory=list, init=False)
    """The first REMEMBERED lines and requests that could not be read, and files, as line 0."""
    malformed_count: int = field(default=0, init=False)
    _task: asyncio.Task[None] | None = field(default=None, init=False)
    _stopping: asyncio.Event = field(default_factory=asyncio.Event, init=False)

    async def start(self, host: Host) -> None:
        """Find the files. Raises ConfigError where there is none, or where a name does not tell a format."""
        await Receiver.start(self, host)
        patterns = [self.settings.path] if isinstance(self.settings.path, str) else self.settings.path
        self.files = [path for pattern in patterns for path in _matching(pattern, f"{Kind.RECEIVER.value}.{self.id}")]

    async def serve(self, consumers: Mapping[Signal, Consume]) -> None:
        """Begin to read."""
        self._task = asyncio.create_task(self._read_all(consumers), name=f"receivers.{self.id}")

    async def done(self) -> None:
        """Wait until all files are read and all that they hold is accepted, or until `stop`."""
        if self._task is not None:
            await asyncio.wait([self._task])

    async def stop(self) -> None:
        """Let the request under way end, and read no further."""
        self._stopping.set()
        if self._task is not None:
            _, late = await asyncio.wait([self._task], timeout=_DRAIN)
            for task in late:
                task.cancel()

    async def _read_all(self, consumers: Mapping[Signal, Consume]) -> None:
        for path in self.files:
            try:
                await self._read_file(path, consumers)
            except (OSError, ConfigError) as error:
                self._spoilt(Malformed(path, 0, str(error)))
            if self._stopping.is_set():
                return

    async def _read_file(self, path: Path, consumers: Mapping[Signal, Consume]) -> None:
        found = read(path)
        while not self._stopping.is_set():
            one = await asyncio.to_thread(next, found, None)  # a large line takes a while
            if one is None:
                return
            if isinstance(one, Malformed):
                self._spoilt(one)
            elif await self._offer(one, consumers):
                self.requests += 1

    async def _offer(self, payload: Payload, consumers: Mapping[Signal, Consume]) -> bool:
        """Hand on one request, and tell whether it was dealt with: not if we stop before."""
        consume = consumers.get(payload.signal)
        if consume is None:
            self._tally(Outcome.REFUSED, payload)
            return True
        pauses = Pauses(self.settings.retry_interval, self.settings.max_retry_interval)
        outcome, _ = await offer(payload, consume, pauses, self._stopped_within, f"receivers.{self.id}")
        if outcome is not Outcome.ABANDONED:
            self._tally(outcome, payload)
        return outcome is not Outcome.ABANDONED

    async def _stopped_within(self, seconds: float) -> bool:
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)
        return self._stopping.is_set()

    def _spoilt(self, one: Malformed) -> None:
        self.malformed_count += 1
        self.host.metrics.add("otel_insights_malformed_lines", receiver=str(self.id))
        if len(self.malformed) < REMEMBERED:
            self.malformed.append(one)

    def _tally(self, outcome: Outcome, payload: Payload) -> None:
        with contextlib.suppress(BadData):
            name = passed(Kind.RECEIVER, payload.signal.item, outcome.value)
            self.host.metrics.add(name, payload.count, receiver=str(self.id))


def _matching(pattern: str, where: str) -> list[Path]:
    paths = sorted(map(Path, glob.glob(pattern, recursive=True))) or [Path(pattern)]  # noqa: PTH207 - may be absolute
    for path in paths:
        if not path.is_file():
            raise ConfigError(f"{where}.path", "a file, or a pattern that some file matches", pattern)
        try:
            Writer(path)  # opens nothing, and knows the formats
        except ConfigError as error:
            raise ConfigError(f"{where}.path", error.expected, str(path)) from None
    return paths


FACTORY = Factory(Kind.RECEIVER, "otlp_file", OtlpFileSettings, OtlpFile, frozenset(signal.value for signal in Signal))
