"""What `explain` prints: sentences that a person can act on, and the table behind them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from otel_insights.analysis.comparison import MOST_RISK_RATIO
from otel_insights.analysis.conditions import Condition, joined
from otel_insights.explained import Explained, Shown

_COLUMNS = ("condition", "failing", "(95 %)", "healthy", "(95 %)", "risk ratio")
Say = Callable[..., None]


def print_shown(shown: Shown, console: Console) -> None:
    """Print a cluster and what explains it: in colours and with a ruled table on a terminal, else as plain text."""

    def say(text: str = "", style: str = "") -> None:
        console.print(Text(text, style), soft_wrap=True)

    _print_head(shown, say)
    if not shown.suggestions and shown.silence is None:
        say("\nNot explained yet: that is done with the next analysis.")
    for one in shown.suggestions:
        _print_suggestion(one, console, say)
    if shown.silence is not None:
        reason, text = shown.silence
        say(f"\nNothing is established ({reason.replace('_', ' ')})", "bold")
        say(text)
    if shown.exemplars:
        say("\nTraces to look at", "bold")
        for raised in shown.exemplars:
            say(f"  {raised.trace_id}  span {raised.span_id}  in {raised.environment}")


def _print_head(shown: Shown, say: Say) -> None:
    cluster = shown.cluster
    say(cluster.title, "bold")
    if shown.asked != cluster.id:
        say(f"Cluster {shown.asked} went into {cluster.id}, which is shown.")
    namespace = f", namespace {cluster.namespace}" if cluster.namespace else ""
    say(
        f"cluster {cluster.id}{namespace}: {cluster.count:g} occurrences in {cluster.environments} environments"
        f" of {', '.join(cluster.services) or 'an unnamed service'}"
    )


def _print_suggestion(one: Explained, console: Console, say: Say) -> None:
    body = one.body
    established = body["tier"] == "established"
    say(f"\n{body['rank']}. {'Established' if established else 'Lead, unproven'} ({body['id']})", "bold")
    say(body["text"], "green" if established else "yellow")
    rows = list(_rows(one))
    if console.is_terminal:
        console.print(_table(rows))
    else:
        for line in _plain([_COLUMNS, *rows]):
            say(f"  {line}")
    say(f"  p = {body['p_value']:.2g} (family-wise: over every condition that was tried)")
    for alias in one.aliases:
        say(f"  alias: {alias} selects the same environments, and may be the cause instead")
    for line in _remedy_lines(one):
        say(f"  {line}")
    for sentence in one.missing:
        say(f"  missing: {sentence}")


def _remedy_lines(one: Explained) -> Iterator[str]:
    remedy = one.body["remedy"]
    if remedy:
        change = joined([Condition(remedy["key"], remedy["op"], remedy["value"])])
        where = ", ".join(one.seen_healthy_in)
        rest = remedy["healthy_environments"] - len(one.seen_healthy_in)
        more = f" and {rest} more" if where and rest > 0 else ""
        yield f"remedy: {change}" + (f", seen healthy in {where}{more}" if where else "")
    else:
        yield "remedy: none was seen"
    for fix in one.body["fixed_by"]:
        yield f"reported to have fixed it: {_fix(fix)}, {_times(fix['reports'])}"


def _fix(fix: Mapping[str, Any]) -> str:
    return joined([Condition(fix["key"], "==", fix["value"])]) if fix["key"] else "what was suggested"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _rows(one: Explained) -> Iterator[tuple[str, ...]]:
    for number, row in enumerate(one.table):
        together = number == len(one.table) - 1 and len(one.table) > 1
        yield (
            "together" if together else joined(row.conditions),
            _of(row.failing),
            _interval(row.failing_interval),
            _of(row.healthy),
            _interval(row.healthy_interval),
            f"{row.risk_ratio:,.3g}" if row.risk_ratio < MOST_RISK_RATIO else "infinite",
        )


def _of(counts: tuple[int, int]) -> str:
    return f"{counts[0]} of {counts[1]}"


def _interval(bounds: tuple[float, float]) -> str:
    """Write an interval of shares in per cent.

    >>> _interval((0.8157, 1.0))
    '82-100 %'
    """
    return f"{bounds[0] * 100:.0f}-{bounds[1] * 100:.0f} %"


def _table(rows: Sequence[Sequence[str]]) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for number, column in enumerate(_COLUMNS):
        table.add_column(column, justify="right" if number else "left", style="" if number else "bold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    return table


def _plain(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    for row in rows:
        cells = [
            cell.rjust(width) if place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()
