"""Send what applications left in their spools: `otel-insights recover`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from otel_insights.client.destination import Destination
from otel_insights.client.lines import records
from otel_insights.client.spool import Answer, Spool
from otel_insights.client.state import state_folder
from otel_insights.errors import ConfigError

DONE, LEFT = 0, 1


@dataclass(slots=True)
class Recovery:
    """What was sent so far."""

    requests: int = 0
    records: int = 0
    refused: int = 0
    """Requests that the endpoint will never take, or that are no telemetry: they are dropped."""
    left: int = 0
    """Bytes, of what is still there at the end: the endpoint does not answer, or somebody else is at it."""
    trouble: list[str] = field(default_factory=list)


def recover(
    folder: Path | None,
    endpoint: str | None,
    headers: Mapping[str, str],
    progress: Callable[[int], None] = lambda _: None,
) -> Recovery:
    """Send every line below `folder` to one endpoint, and forget what was taken.

    `progress` is told the bytes of each line that is done. Raises ConfigError if the folder is none.
    """
    done = Recovery()
    to = Destination(endpoint, headers)

    def send(line: bytes) -> Answer:
        answer = to.post(line)
        if answer is Answer.TAKEN:
            done.requests += 1
            done.records += records(line)
        done.refused += answer is Answer.NEVER
        if answer is not Answer.LATER:
            progress(len(line))
        return answer

    for spool in spools(folder):
        try:
            spool.replay(send)
        except OSError as error:
            done.trouble.append(f"{spool.folder}: {error.strerror or error}")
        done.left += spool.size()
    return done


def check_endpoint(url: str) -> None:
    """Raise ConfigError for what cannot be sent to."""
    if not url.startswith(("http://", "https://")):
        raise ConfigError("--endpoint", "a URL that begins with http:// or https://", url)


def spools(folder: Path | None) -> list[Spool]:
    """Find the spools in a folder and below it; of this user's programs, if none is named. Raises ConfigError."""
    if folder is None:
        try:
            folder = state_folder() / "spool"
        except RuntimeError as error:
            raise ConfigError("DIR", f"a folder, since there is no home: {error}") from error
        if not folder.exists():
            return []
    if not folder.is_dir():
        raise ConfigError("DIR", "a folder that exists", str(folder))
    found = [Spool(one) for one in (folder, *sorted(folder.rglob("*"))) if one.is_dir()]
    return [one for one in found if one.files()]
