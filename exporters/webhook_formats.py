"""What a webhook sends: findings as JSON of our own, as a Slack message, or as Alertmanager's alerts."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from string import Template
from typing import Any, Final
from urllib.parse import quote

from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from otel_insights import semconv

_ROOT: Final = f"{semconv.SCOPE}."
_OPEN_FOR: Final = timedelta(hours=1)
"""How long Alertmanager shows what nothing of ours will close."""
PLACEHOLDERS: Final = ("body", "cluster", "event", "service", "severity", "time", "url")


@dataclass(frozen=True, slots=True)
class Told:
    """A finding, read from its log record; `event` is without our root, such as `cluster.created`."""

    id: str
    event: str
    body: str
    severity: str
    time_ns: int
    trace_id: str
    span_id: str
    attributes: Mapping[str, Any]
    url: str = ""
    """Where our API shows it."""

    @property
    def about(self) -> str:
        """The id of what it is about: a cluster, an anomaly, a log template."""
        return next((str(self.attributes[key]) for key in _ROUTES if self.attributes.get(key)), "")

    @property
    def cluster(self) -> str:
        """The cluster that it is about."""
        return str(self.attributes.get(semconv.CLUSTER_ID, ""))

    @property
    def service(self) -> str:
        """The service that it is about."""
        return str(self.attributes.get(semconv.SUBJECT_NAME, ""))

    @property
    def time(self) -> datetime:
        """When it happened."""
        return datetime.fromtimestamp(self.time_ns / 1e9, timezone.utc)

    def fill(self, template: str) -> str:
        """Put its values into a text with `$body` and the other PLACEHOLDERS."""
        return Template(template).substitute(
            body=self.body,
            cluster=self.cluster,
            event=self.event,
            service=self.service,
            severity=self.severity,
            time=_written(self.time),
            url=self.url,
        )


def told(record: LogRecord, page: str = "") -> Told:
    """Read a finding. `page` is the address of our page."""
    attributes = {one.key: _value(one.value) for one in record.attributes}
    return Told(
        id=str(attributes.pop(semconv.FINDING_ID, "")),
        event=record.event_name.removeprefix(_ROOT),
        body=record.body.string_value,
        severity=record.severity_text,
        time_ns=record.time_unix_nano,
        trace_id=record.trace_id.hex(),
        span_id=record.span_id.hex(),
        attributes=attributes,
        url=_address(page, attributes),
    )


def _address(page: str, attributes: Mapping[str, Any]) -> str:
    for key, route in _ROUTES.items():
        if page and (id_ := attributes.get(key)):
            return f"{page.rstrip('/')}/{route}/{quote(str(id_), safe='')}"
    return ""


_ROUTES: Final = {
    semconv.CLUSTER_ID: "clusters",
    semconv.ANOMALY_ID: "anomalies",
    semconv.LOG_TEMPLATE_ID: "api/v1/templates",
}
"""What a finding is about -> where our page, or else our API, tells of it."""


def _value(value: AnyValue) -> Any:  # noqa: ANN401 - whatever an attribute holds
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(one) for one in value.array_value.values]
    return getattr(value, kind) if kind in ("string_value", "bool_value", "int_value", "double_value") else None


def check_template(template: str) -> str:
    """Give the template back. Raises ValueError for a placeholder that there is none of."""
    try:
        Template(template).substitute(dict.fromkeys(PLACEHOLDERS, ""))
    except (KeyError, ValueError) as error:
        known = ", ".join(f"${one}" for one in PLACEHOLDERS)
        raise ValueError(f"expected a text with {known} ($$ for a dollar sign): {error}") from None
    return template


def as_json(findings: Sequence[Told], template: str) -> bytes:
    """Write the format `json`: what happened, in `text` for people, with everything that is known of it."""
    alerts = [
        {
            "id": one.id,
            "event": one.event,
            "text": one.fill(template),
            "severity": one.severity,
            "time": _written(one.time),
            "trace_id": one.trace_id,
            "span_id": one.span_id,
            "url": one.url,
            "attributes": dict(one.attributes),
        }
        for one in findings
    ]
    return _dumped({"version": "1", "alerts": alerts})


def as_slack(findings: Sequence[Told], template: str) -> bytes:
    """Write a message for Slack's incoming webhooks, and for what understands them (Mattermost, Discord's /slack)."""
    lines = []
    for one in findings:
        text = _slack_escaped(one.fill(template))
        lines.append(f"*{one.event}*  {text}" + (f"  <{one.url}|{_slack_escaped(one.about)}>" if one.url else ""))
    return _dumped({"text": "\n".join(lines)})


def _slack_escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def as_alertmanager(findings: Sequence[Told], template: str) -> bytes:
    """Write the body of Alertmanager's POST /api/v2/alerts.

    By its rule labels alone tell alerts apart, so what opens and what closes carry the same ones, and one ends the
    other; where a cluster's services have changed in between, the alert ends an hour after it began.
    """
    return _dumped([_alertmanager(one, template) for one in findings])


def _alertmanager(one: Told, template: str) -> dict[str, Any]:
    subject, _, what = one.event.rpartition(".")
    closes = what in ("resolved", "withdrawn", "closed")
    labels = {
        "alertname": "OtelInsights" + subject.title().replace(".", ""),
        "service_name": one.service,
        "cluster_id": one.cluster,
        f"{subject.replace('.', '_')}_id": str(one.attributes.get(f"{_ROOT}{subject}.id", one.cluster)),
    }
    return {
        "labels": {key: value for key, value in labels.items() if value},
        "annotations": {"summary": one.fill(template), "event": one.event, "severity": one.severity.lower()},
        "endsAt": _written(one.time if closes else one.time + _OPEN_FOR),
        **({} if closes else {"startsAt": _written(one.time)}),
        **({"generatorURL": one.url} if one.url else {}),
    }


def _written(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _dumped(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


FORMATS: Final[Mapping[str, Callable[[Sequence[Told], str], bytes]]] = {
    "json": as_json,
    "slack": as_slack,
    "alertmanager": as_alertmanager,
}
