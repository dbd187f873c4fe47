"""associate_commit: which commit a run brought about."""

from __future__ import annotations

import re
from typing import Literal, get_args

from otel_insights import semconv
from otel_insights.client import plain
from otel_insights.client.guard import guarded
from otel_insights.client.instrumentation import installed

CommitSource = Literal["manual", "llm", "ci"]
_HASH = re.compile(r"[0-9a-fA-F]{7,64}")
_LONGEST_AUTHOR = 256


def associate_commit(
    run_id: str, commit_hash: str, commit_source: CommitSource = "manual", commit_author: str | None = None
) -> tuple[bool, str]:
    """Tell which commit a run brought about, also after it has ended. Whether that was reported, and why not."""
    if not run_id:
        return False, "run_id: expected the id of a run, got nothing"
    commit_hash = plain.text(commit_hash)
    if not _HASH.fullmatch(commit_hash):
        return False, f"commit_hash: expected 7 to 64 hexadecimal digits, got {commit_hash!r}"
    if plain.text(commit_source) not in get_args(CommitSource):
        got = plain.plain(commit_source)
        return False, f"commit_source: expected one of {', '.join(get_args(CommitSource))}, got {got!r}"
    if installed() is None:
        return False, "instrument() was not called, or is switched off"
    if not guarded(_emit)(run_id, commit_hash, commit_source, commit_author):
        return False, "an error of otel_insights' own; the logger otel_insights.client has it"
    return True, f"commit {commit_hash} belongs to run {run_id}"


def _emit(run_id: str, commit_hash: str, commit_source: str, commit_author: str | None) -> bool:
    ours = installed()
    if ours is None:
        return False
    from otel_insights.client.pipeline import INFO  # noqa: PLC0415 - the SDK is loaded by who uses it

    told = {semconv.RUN_ID: run_id, semconv.VCS_REVISION: commit_hash, semconv.RUN_COMMIT_SOURCE: commit_source}
    if commit_author:
        told[semconv.RUN_COMMIT_AUTHOR] = plain.text(commit_author)[:_LONGEST_AUTHOR]
    ours.emit(semconv.RUN_COMMIT, INFO, told)
    return True
