"""uv.lock holds what any platform, extra or group may need: what of it a plain installation takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]


def reachable(rows: Sequence[Row], applies: Callable[[str], bool]) -> list[Row]:
    """Follow dependencies from the project's own packages on, and give the packages that are not the project's.

    Development groups, and extras that nobody asks for, are not followed. Without a project in the file, all packages
    count whose `resolution-markers` apply.
    """
    roots = [row for row in rows if _is_own(row)]
    if not roots:
        return [row for row in rows if _is_resolved(row, applies)]
    by_name: dict[str, list[Row]] = {}
    for row in rows:
        by_name.setdefault(row["name"], []).append(row)
    found: dict[tuple[str, str], Row] = {}
    followed: set[tuple[str, str, str]] = set()
    waiting = [(row, "") for row in roots]
    while waiting:
        row, extra = waiting.pop()
        version = str(row.get("version", ""))
        if (row["name"], version, extra) in followed:
            continue
        followed.add((row["name"], version, extra))
        found[row["name"], version] = row
        wanted = row.get("optional-dependencies", {}).get(extra, []) if extra else row.get("dependencies", [])
        for one in wanted:
            if applies(one.get("marker", "")):
                there = _find(by_name.get(one["name"], []), one, applies)
                waiting += [(row, extra) for row in there for extra in ("", *one.get("extra", ()))]
    return [row for row in found.values() if not _is_own(row)]


def _is_own(row: Row) -> bool:
    return bool({"virtual", "editable", "directory"} & set(row["source"]))


def _is_resolved(row: Row, applies: Callable[[str], bool]) -> bool:
    return any(map(applies, row.get("resolution-markers", [""])))


def _find(candidates: Sequence[Row], wanted: Row, applies: Callable[[str], bool]) -> list[Row]:
    if "version" in wanted:
        return [row for row in candidates if row.get("version") == wanted["version"]]
    return [row for row in candidates if _is_resolved(row, applies)]
