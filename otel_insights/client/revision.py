"""Which revision of its source a process runs: told by the build, or found in a checkout. No other process is asked."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from otel_insights import semconv

_TOLD = ("GIT_COMMIT", "GITHUB_SHA", "CI_COMMIT_SHA", "SOURCE_COMMIT", "RENDER_GIT_COMMIT", "HEROKU_SLUG_COMMIT")
"""What builds and platforms call it."""
_HASH = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_REF = "ref: "
_HEADS = "refs/heads/"
_LONGEST = 1 << 20
"""Bytes that are read of a file."""
_DEEPEST = 32
"""Folders above that are looked into."""


def revision(start: Path | None = None) -> dict[str, str]:
    """Give `vcs.ref.head.revision`, and the branch where it is known; nothing where neither told nor found."""
    for name in _TOLD:
        told = os.environ.get(name, "").strip().lower()
        if _HASH.fullmatch(told):
            return {semconv.VCS_REVISION: told}
    try:
        return _found(start or Path.cwd())
    except OSError:
        return {}


def _found(start: Path) -> dict[str, str]:
    for folder in [start, *start.parents][:_DEEPEST]:
        git = folder / ".git"
        if git.is_file():  # a worktree or a submodule
            git = folder / _read(git).removeprefix("gitdir: ").strip()
        head = git / "HEAD"
        if head.is_file():
            return _of_head(_read(head).strip(), git)
    return {}


def _of_head(head: str, git: Path) -> dict[str, str]:
    if not head.startswith(_REF):
        return {semconv.VCS_REVISION: head} if _HASH.fullmatch(head) else {}
    ref = head.removeprefix(_REF)
    for commit in _commits(ref, git):
        if _HASH.fullmatch(commit):
            branch = {semconv.VCS_BRANCH: ref.removeprefix(_HEADS)} if ref.startswith(_HEADS) else {}
            return {semconv.VCS_REVISION: commit, **branch}
    return {}


def _commits(ref: str, git: Path) -> Iterator[str]:
    """Look where git does: beside HEAD, then with what worktrees share, loose before packed."""
    common = git / "commondir"
    shared = git / _read(common).strip() if common.is_file() else git
    for place in (git, shared):
        if ".." not in ref and (place / ref).is_file():
            yield _read(place / ref).strip()
    packed = shared / "packed-refs"
    if packed.is_file():
        for line in _read(packed).splitlines():
            commit, _, name = line.partition(" ")
            if name == ref:
                yield commit


def _read(file: Path) -> str:
    with file.open(encoding="utf-8", errors="replace") as opened:
        return opened.read(_LONGEST)
