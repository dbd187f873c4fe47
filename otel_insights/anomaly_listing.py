"""Anomalies as the command line shows them, and what a person says of one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from otel_insights.analysis.lines import ABSENCE, DETECTOR
from otel_insights.anomaly_news import sentence
from otel_insights.companions import templates_with_anomaly
from otel_insights.report import anomaly_row
from otel_insights.store import anomalies as memory
from otel_insights.store import templates
from otel_insights.store.anomalies import Anomaly, UnknownAnomaly, Verdict
from otel_insights.store.corrections import WrongCorrection
from otel_insights.store.engine import Database


def row(one: Anomaly) -> dict[str, Any]:
    """Write an anomaly as the API and the command line show it."""
    return anomaly_row(one) | {"text": sentence(one), "threshold": one.threshold}


def listed(
    db: Database, service: str | None, metric: str | None, since_ns: int, *, only_open: bool, limit: int
) -> list[dict[str, Any]]:
    """Read anomalies that went on after a time, the latest first."""
    found = memory.page(
        db, limit=limit, service=service, metric=metric, since_ns=since_ns, is_open=True if only_open else None
    )
    return [row(one) for one in found]


def line(one: Mapping[str, Any]) -> str:
    """Write an anomaly in one line: id, beginning, end, score, and what the series did."""
    end = one["end"][11:16] if one["end"] else "open"
    said = " (called no anomaly)" if one["verdict"] == "not_anomaly" else ""
    return f"{one['id']}  {_minute(one['start'])} - {end:5}  {one['peak_score']:6.2f}  {one['text']}{said}"


def portrait(db: Database, id_: str) -> dict[str, Any]:
    """Write one anomaly with the log lines that rose with it. Raises UnknownAnomaly."""
    one = memory.get(db, id_)
    return row(one) | {"rose_with_templates": templates_with_anomaly(db, one)}


def shown(db: Database, id_: str) -> dict[str, Any]:
    """Read one anomaly. Raises WrongCorrection for an unknown one."""
    templates.fold(db)
    return portrait(db, _known(db, id_).id)


def lines(one: Mapping[str, Any]) -> Iterator[str]:
    """Write an anomaly for a person."""
    yield f"{one['id']}  {one['text']}"
    ended = f"until {one['end']} ({one['ended']})" if one["end"] else "and goes on"
    yield f"from {one['start']} {ended}"
    yield f"score {one['peak_score']:.2f} where 1 is the threshold ({one['threshold']:.2f} of {one['detector']})"
    if one["expected"] is not None:
        band = f", usual {one['lower']:.4g} to {one['upper']:.4g}" if one["lower"] is not None else ""
        yield f"observed {one['observed']:.4g}, expected {one['expected']:.4g}{band}"
    yield f"service {one['service'] or 'unnamed'}, instance {one['instance'] or 'unnamed'}"
    for key, value in sorted(one["attributes"].items()):
        yield f"  {key} = {value}"
    if one["trace_id"]:
        yield f"trace {one['trace_id']} span {one['span_id'] or '-'}"
    for each in one["rose_with_templates"]:
        yield f"rose with log template {each['id']}  {each['template']} ({each['count']:g}, usual {each['usual']:g})"
    if one["verdict"]:
        yield f"a person says: {one['verdict'].replace('_', ' ')}"


def judge(db: Database, id_: str, verdict: Verdict) -> str:
    """Remember what a person says of an anomaly, and tell what becomes of it. Raises WrongCorrection."""
    before = _known(db, id_)
    if before.detector == DETECTOR:
        raise WrongCorrection(f"{id_} was found by a threshold of the configuration: that is to be changed there")
    if before.detector == ABSENCE:
        raise WrongCorrection(f"{id_} is a silence by the configuration: `silences` are to be changed there")
    one = memory.judge(db, id_, verdict)
    if before.verdict == verdict:
        return f"noted before: {id_} is {verdict.replace('_', ' ')}"
    factor = memory.factors(db).get(one.series, 1.0)
    return f"noted: the threshold of this series is {factor:.2g} times what it would be, from the next analysis on"


def _known(db: Database, id_: str) -> Anomaly:
    try:
        return memory.get(db, id_)
    except UnknownAnomaly as error:
        raise WrongCorrection(str(error)) from error


def _minute(time: str) -> str:
    return time[:16].replace("T", " ")
