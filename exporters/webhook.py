"""webhook: tells people of findings, over HTTP, in the format of Slack, of Alertmanager, or in JSON of our own."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Literal

from google.protobuf.message import DecodeError
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from pydantic import Field, SecretStr, field_validator

from otel_insights import semconv
from otel_insights.component import Accepted, Exporter, Factory, Host, Kind, Settings
from otel_insights.errors import InsightsError, Refused
from otel_insights.exporters.otlp_answers import NotLetIn
from otel_insights.exporters.webhook_formats import FORMATS, check_template, told
from otel_insights.exporters.webhook_poster import Poster, check_url
from otel_insights.payload import Item, Payload, Signal
from otel_insights.store import deliveries
from otel_insights.store.deliveries import Alert, Due
from otel_insights.units import Duration

logger = logging.getLogger(__name__)

_ROOT: Final = f"{semconv.SCOPE}."
_EVENTS: Final = tuple(one.name.removeprefix(_ROOT) for one in semconv.EMITTED if one.kind == "event")
_NO_REASON_TO_WAKE: Final = (
    "anomaly.closed",
    "cluster.merged",
    "cluster.resolved",
    "log.template.vanished",
    "suggestion.withdrawn",
)
_LONGEST_RETRY_AFTER: Final = 3600.0
_POLL: Final = 10.0
"""In seconds: how soon what a person sends again is noticed."""
_KEPT_NS: Final = 30 * 86_400 * 10**9
"""How long it can be told what became of an alert."""


class WebhookSettings(Settings):
    """Where to tell, what, and in which words."""

    url: SecretStr
    """An http(s) URL. It often is a secret: masked when printed."""
    format: Literal["json", "slack", "alertmanager"] = "json"
    """For `alertmanager` the URL ends with /api/v2/alerts."""
    events: tuple[str, ...] = tuple(one for one in _EVENTS if one not in _NO_REASON_TO_WAKE)
    """Events without our root, such as `cluster.created`."""
    template: str = "$body"
    """What people read of a finding."""
    headers: dict[str, SecretStr] = Field(default_factory=dict)
    timeout: Duration = Field(default=10.0, gt=0)
    retry_intervals: tuple[Duration, ...] = (1.0, 2.0, 4.0)
    """Pauses before further tries; behind the last one an alert has failed, until somebody sends it again."""
    page: str = ""
    """The address of our page as others reach it, such as `https://insights.example.org`: alerts then link to it."""

    @field_validator("url")
    @classmethod
    def _url(cls, url: SecretStr) -> SecretStr:
        check_url(url.get_secret_value())
        return url

    @field_validator("events")
    @classmethod
    def _events(cls, events: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := [one for one in events if one not in _EVENTS]:
            raise ValueError(f"expected some of {', '.join(_EVENTS)}, got {', '.join(map(repr, unknown))}")
        return events

    @field_validator("template")
    @classmethod
    def _template(cls, template: str) -> str:
        return check_template(template)


@dataclass(slots=True)
class Webhook(Exporter):
    """Accepts findings once they are noted in the store, and delivers them from there: each at most once accepted.

    So a receiver that is down never holds up telemetry, and a restart forgets no alert. Everything that is not a
    finding of ours passes unheard: put it into a pipeline of its own behind the receiver `insights`.
    """

    settings: WebhookSettings
    _poster: Poster = field(init=False)
    _task: asyncio.Task[None] | None = field(default=None, init=False)
    _delivering: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)
    _news: asyncio.Event = field(default_factory=asyncio.Event, init=False)

    async def start(self, host: Host) -> None:
        """Begin to deliver what still waits. Raises ConfigError for a proxy that cannot be used."""
        await Exporter.start(self, host)
        headers = {name: value.get_secret_value() for name, value in self.settings.headers.items()}
        self._poster = Poster(self.settings.url.get_secret_value(), headers, self.settings.timeout)
        await self._poster.start()
        host.metrics.begin("otel_insights_alerts_delivered", "otel_insights_alerts_failed", exporter=str(self.id))
        self._task = asyncio.create_task(self._deliver())

    async def stop(self) -> None:
        """End; what was not delivered waits in the store."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            await self._poster.stop()

    async def export(self, payload: Payload) -> Accepted:
        """Note the findings among the records."""
        if alerts := list(self._alerts(payload)):
            await self.host.store.write(deliveries.put, str(self.id), alerts, self.host.now_ns())
            self._news.set()
        return Accepted()

    def _alerts(self, payload: Payload) -> Iterator[Alert]:
        wanted = {_ROOT + event for event in self.settings.events}
        for item in payload.search(semconv.FINDING_ID.encode()):
            record = _read(item)
            if record and record.event_name in wanted:
                finding = told(record)
                yield Alert(finding.id, finding.event, finding.cluster, item.data)

    async def _deliver(self) -> None:
        while True:
            self._news.clear()
            try:
                pause = await self.deliver_due()
            except Exception:
                logger.exception("exporters.%s: alerts wait in the store", self.id)
                pause = 60.0
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._news.wait(), pause)

    async def deliver_due(self) -> float:
        """Deliver what is due, many findings in one message; returns the seconds until more may be.

        One after the other, whoever calls: what is being sent is still due.
        """
        async with self._delivering:
            return await self._deliver_due()

    async def _deliver_due(self) -> float:
        store, now_ns, name = self.host.store, self.host.now_ns(), str(self.id)
        found = await store.read(deliveries.due, name, now_ns)
        if silenced := [one.id for one in found if one.silenced]:
            await store.write(deliveries.settle, silenced, "silenced", now_ns, "its cluster is archived")
        if loud := [one for one in found if not one.silenced]:
            await self._post(loud)
            await store.write(deliveries.forget_before, now_ns - _KEPT_NS)
        following = await store.read(deliveries.next_due, name)
        if following is None:
            return _POLL
        return min(max((following - self.host.now_ns()) / 1e9, 0.0), _POLL)

    async def _post(self, due: list[Due]) -> None:
        findings = [told(LogRecord.FromString(one.record), self.settings.page) for one in due]
        try:
            await self._poster.post(FORMATS[self.settings.format](findings, self.settings.template))
        except InsightsError as error:
            await self._failed(due, error)
        else:
            ids = [one.id for one in due]
            await self.host.store.write(deliveries.settle, ids, "delivered", self.host.now_ns())
            self.host.metrics.add("otel_insights_alerts_delivered", len(ids), exporter=str(self.id))

    async def _failed(self, due: list[Due], error: InsightsError) -> None:
        store, now_ns, pauses = self.host.store, self.host.now_ns(), self.settings.retry_intervals
        passing = isinstance(error, Refused) and not isinstance(error, NotLetIn)
        again = [one for one in due if passing and one.attempts < len(pauses)]
        asked = min(error.retry_after or 0.0, _LONGEST_RETRY_AFTER) if isinstance(error, Refused) else 0.0
        for one in again:
            pause = max(pauses[one.attempts], asked)
            await store.write(deliveries.postpone, [one.id], now_ns + int(pause * 1e9), str(error))
        if failed := [one.id for one in due if one not in again]:
            await store.write(deliveries.settle, failed, "failed", now_ns, str(error))
            self.host.metrics.add("otel_insights_alerts_failed", len(failed), exporter=str(self.id))
            logger.warning(
                "exporters.%s: %d alerts not delivered (`otel-insights alerts resend` tries again): %s",
                self.id, len(failed), error,
            )  # fmt: skip


def _read(item: Item) -> LogRecord | None:
    """Read a log record under our own scope; None for any other, and for what cannot be read."""
    try:
        if InstrumentationScope.FromString(item.scope).name == semconv.SCOPE:
            return LogRecord.FromString(item.data)
    except DecodeError:
        pass
    return None


FACTORY = Factory(Kind.EXPORTER, "webhook", WebhookSettings, Webhook, frozenset({Signal.LOGS.value}))
