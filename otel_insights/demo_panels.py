"""What `demo` shows, as panels: a cluster, what explains it, the stamped span, the finding."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from otel_insights import semconv
from otel_insights.environment import text_of
from otel_insights.store.clusters import Cluster

_MOST_TOLD = 10_000.0
"""Where a risk ratio ends (`Suggestion.risk_ratio`)."""


def cluster_panel(cluster: Cluster, silence: str | None) -> Panel:
    """Show a group of exceptions; `silence` says why nothing explains it, where nothing does."""
    rows = [
        ("cluster", cluster.id),
        ("what", cluster.title),
        ("occurrences", f"{cluster.count:g}"),
        ("environments", str(cluster.environments)),
        ("services", ", ".join(cluster.services)),
    ]
    if silence:
        rows.append(("explanation", silence))
    return Panel(_table(rows, {"what": "bold"}), title="a group of exceptions", title_align="left", border_style="red")


def suggestion_panel(body: Mapping[str, Any]) -> Panel:
    """Show a suggestion as it is stored (the shape of REPORT.json)."""
    remedy = body["remedy"]
    rows = [
        ("conditions", " and ".join(map(_words, body["conditions"]))),
        ("failing", f"{body['failing'][0]} of {body['failing'][1]} failing environments meet them"),
        ("healthy", f"{body['healthy'][0]} of {body['healthy'][1]} healthy environments do"),
        ("risk ratio", _risk_ratio(body["risk_ratio"])),
        ("p (family-wise)", f"{body['p_value']:.2g}, over every condition that was tried"),
    ]
    if remedy:
        seen = f"{remedy['healthy_environments']} environments were seen healthy with it"
        rows.append(("remedy", f"{_words(remedy)}: {seen}"))
    content = Table.grid()
    content.add_row(_table(rows, dict.fromkeys(("conditions", "remedy"), "bold green")))
    content.add_row(Text(f"\n{body['text']}", "italic"))
    return Panel(content, title=f"what explains it ({body['tier']})", title_align="left", border_style="green")


def _words(condition: Mapping[str, Any]) -> str:
    return f"{condition['key']} {condition['op']} {condition['value']}".rstrip()


def _risk_ratio(ratio: float) -> str:
    return f"{ratio:,.4g}" if ratio < _MOST_TOLD else "infinite: none failed without them"


def span_panel(span: Span) -> Panel:
    """Show a span with an exception, our attributes lit up."""
    lines = Text.assemble((span.name, "bold"), f"  trace {span.trace_id.hex()}\n")
    lines.append_text(_attributes(span.attributes, "  "))
    lines.append(f"  event {semconv.EXCEPTION_EVENT}\n")
    lines.append_text(_attributes(span.events[0].attributes, "    "))
    lines.rstrip()
    return Panel(lines, title="the span, as the back end sees it", title_align="left", border_style="yellow")


def finding_panel(record: LogRecord) -> Panel:
    """Show a finding: a log event of ours."""
    lines = Text.assemble((record.event_name, "bold"), f"  {record.severity_text}\n")
    lines.append(f"  {record.body.string_value}\n")
    lines.append(f"  trace {record.trace_id.hex()}\n", "dim")
    lines.append_text(_attributes(record.attributes, "  "))
    lines.rstrip()
    return Panel(lines, title="the finding, as an OTLP log record in the back end", title_align="left")


def _attributes(attributes: Iterable[KeyValue], indent: str) -> Text:
    lines = Text()
    for one in attributes:
        first, *more = _text(one.value).splitlines() or [""]
        shown = f"{first} ... ({len(more)} more lines)" if more else first
        lines.append(f"{indent}{one.key} = {shown}\n", "bold yellow" if one.key.startswith("otel_insights.") else "dim")
    return lines


def _text(value: AnyValue) -> str:
    if value.HasField("array_value"):
        return f"[{', '.join(map(_text, value.array_value.values))}]"
    return text_of([KeyValue(value=value)])[""]


def _table(rows: Iterable[tuple[str, str]], styles: Mapping[str, str]) -> Table:
    table = Table.grid(padding=(0, 2))
    for key, value in rows:
        table.add_row(Text(key, "dim"), Text(value, styles.get(key, "")))
    return table
