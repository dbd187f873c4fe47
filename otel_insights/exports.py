"""Tables for other programs: CSV, JSON and Excel workbooks of what was found, and of runs."""

from __future__ import annotations

import csv
import io
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

Row = Mapping[str, Any]
FORMATS: Final = ("csv", "json", "xlsx")
MEDIA_TYPES: Final = {
    "csv": "text/csv; charset=utf-8",
    "json": "application/json",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_LONGEST_CELL: Final = 32_767
"""Characters that a cell of a workbook holds."""
_CONTROL: Final = {code: " " for code in range(32) if chr(code) not in "\t\n\r"}


def chosen(rows: Sequence[Row], columns: Sequence[str]) -> Sequence[Row]:
    """Keep these columns, in this order; all where none is named. Raises ValueError for one that there is not."""
    known = list(rows[0]) if rows else list(columns)
    if unknown := [name for name in columns if name not in known]:
        raise ValueError(f"columns: expected some of {', '.join(known)}, got {', '.join(unknown)}")
    return [{name: row[name] for name in columns} for row in rows] if columns else rows


def as_csv(rows: Sequence[Row]) -> bytes:
    """Write CSV (RFC 4180) with a header; what a spreadsheet would take for a formula begins with an apostrophe."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    if rows:
        writer.writerow(rows[0])
        writer.writerows([_cell(value) for value in row.values()] for row in rows)
    return out.getvalue().encode()


def as_json(rows: Sequence[Row]) -> bytes:
    """Write a JSON array of objects."""
    return json.dumps(list(rows), indent=1, ensure_ascii=False).encode() + b"\n"


def as_workbook(sheets: Mapping[str, Sequence[Row]]) -> bytes:
    """Write an Excel workbook with these sheets."""
    from openpyxl import Workbook  # noqa: PLC0415 - half a second, and seldom needed
    from openpyxl.styles import Font  # noqa: PLC0415

    book = Workbook()
    book.remove(book.worksheets[0])
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        sheet.freeze_panes = "A2"
        if rows:
            sheet.append(list(rows[0]))
            for cell in sheet[1]:
                cell.font = Font(bold=True)
        for row in rows:
            sheet.append([_plain(value) for value in row.values()])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def write(rows: Sequence[Row], format_: str, sheets: Callable[[Sequence[Row]], Mapping[str, Sequence[Row]]]) -> bytes:
    """Write rows in one of `FORMATS`; `sheets` are a workbook's."""
    if format_ == "xlsx":
        return as_workbook(sheets(rows))
    return as_csv(rows) if format_ == "csv" else as_json(rows)


def sheets_of_runs(rows: Sequence[Row]) -> dict[str, Sequence[Row]]:
    """Give the sheets of a workbook of runs: all, by agent, by kind of job."""
    return {"Runs": rows, "By agent": _sums(rows, "agent_name"), "By job type": _sums(rows, "job_type")}


def _sums(rows: Iterable[Row], key: str) -> list[Row]:
    groups: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[str(row.get(key) or "")].append(row)
    return [{key: name, **_sum(group)} for name, group in sorted(groups.items())]


def _sum(rows: Sequence[Row]) -> dict[str, Any]:
    ended = [row for row in rows if row.get("status") not in (None, "running")]
    successes = sum(row["status"] == "success" for row in ended)
    times = [row["duration_ms"] for row in rows if row.get("duration_ms") is not None]
    items = {
        name: sum(row.get(name) or 0 for row in rows) for name in ("items_succeeded", "items_failed", "items_skipped")
    }
    return {
        "runs": len(rows),
        "ended": len(ended),
        "success_share": round(successes / len(ended), 4) if ended else None,
        "mean_duration_ms": round(sum(times) / len(times)) if times else None,
        **items,
    }


def _cell(value: object) -> object:
    plain = _plain(value)
    return f"'{plain}" if isinstance(plain, str) and plain.lstrip(" ").startswith(_FORMULA) else plain


def _plain(value: object) -> object:
    """Give what a cell can hold: lists and objects as JSON; in workbooks, strings are never formulas but by `=`."""
    if value is None or isinstance(value, (bool, int, float)):
        return value
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = text.translate(_CONTROL)[:_LONGEST_CELL]
    return f"'{text}" if text.startswith("=") else text
