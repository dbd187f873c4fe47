"""/api/v1/events: events of applications and of parts of a system, turned into log events."""

from __future__ import annotations

import uuid
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import APIRouter, Body, Header
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from pydantic import ValidationError

from otel_insights import semconv
from otel_insights.api import telemetry
from otel_insights.api.entrance import Entrance
from otel_insights.api.problems import Problem
from otel_insights.api.requests import ClientEvent, SourceEvent
from otel_insights.api.shapes import EventReceived
from otel_insights.errors import Refused
from otel_insights.report import rfc3339
from otel_insights.service import Service

_ANY = {"sampling_rate": semconv.SAMPLING_RATE}
_EXCEPTION = {
    "exception_type": semconv.EXCEPTION_TYPE,
    "message": semconv.EXCEPTION_MESSAGE,
    "traceback": semconv.EXCEPTION_STACKTRACE,
}
_TOGGLED = "feature.toggled"
_FEATURE = {"feature_name": semconv.FEATURE_FLAG_KEY, "new_value": semconv.FEATURE_FLAG_VALUE}
_MOST_REMEMBERED = 100_000
_EVENTS = uuid.UUID("0d5c1f0e-5a0b-4b57-9a53-4c9d2f6ce7aa")
"""The name space of event ids that are made here (RFC 9562, version 5)."""
_EXAMPLE = {
    "hwid": "6f1c1f6e-2a52-4f57-9d3b-0d3f1f5f7a10",
    "event_name": "query.executed",
    "app_version": "1.4.0",
    "client_type": "vector-inspector",
    "metadata": {"db_type": "chroma", "result_count": 12},
}


@dataclass(slots=True)
class Answers:
    """What was answered to whom gave an id of its own, so that a repeat is answered likewise and counts no more."""

    _given: OrderedDict[str, EventReceived] = field(default_factory=OrderedDict)

    def of(self, id_: str) -> EventReceived | None:
        """Recall an answer; None where there was none, or long ago."""
        return self._given.get(id_) if id_ else None

    def keep(self, id_: str, answer: EventReceived) -> None:
        """Remember an answer."""
        if id_:
            self._given[id_] = answer
            if len(self._given) > _MOST_REMEMBERED:
                self._given.popitem(last=False)


def routes(service: Service) -> APIRouter:
    """Make the routes over a running service."""
    router = APIRouter(prefix="/api/v1", tags=["old contracts"])
    entrance, answers = Entrance(service), Answers()

    async def take(told: Mapping[str, Any], key: str) -> EventReceived:
        event = read(told)
        given = event.event_id or key
        if known := answers.of(given):
            return known
        time_ns = telemetry.nanoseconds(event.timestamp) if event.timestamp else service.now_ns()
        sender, name, attributes = parts(event)
        if any(one.value.string_value == semconv.SERVICE_NAME_OF_OURS for one in sender.attributes):
            raise _refusal(409, "LOOP_DETECTED", "expected no event of otel-insights itself", told)
        record = telemetry.record(time_ns, attributes, event=name, level=_level(attributes))
        id_ = given or str(uuid.uuid5(_EVENTS, (sender.SerializeToString() + record.SerializeToString()).hex()))
        try:
            await entrance.take(telemetry.logs(sender, [record]))
        except Refused as error:
            raise _refusal(503, "STORAGE_FAILURE", str(error), told) from error
        answer = EventReceived(status="success", event_id=id_, timestamp=rfc3339(time_ns))
        answers.keep(given, answer)
        return answer

    @router.post("/events", summary="Take an event, or several")
    async def events(
        body: Annotated[dict[str, Any] | list[dict[str, Any]], Body(examples=[_EXAMPLE])],
        idempotency_key: Annotated[str, Header(max_length=255, description="Counts as `event_id` does")] = "",
    ) -> EventReceived | list[EventReceived]:
        """Take `{hwid, event_name, app_version, client_type, metadata}` or `{event_type, source, data}`, or a list.

        With `timestamp`, `event_id` or the header Idempotency-Key, an event counts once however often it is sent.
        """
        if isinstance(body, list):
            keys = [f"{idempotency_key}/{at}" if idempotency_key else "" for at in range(len(body))]
            return [await take(one, key) for one, key in zip(body, keys, strict=True)]
        return await take(body, idempotency_key)

    return router


def read(told: Mapping[str, Any]) -> ClientEvent | SourceEvent:
    """Read an event of either form. Raises Problem, which names every member that is wrong."""
    form = SourceEvent if "event_type" in told else ClientEvent
    try:
        return form.model_validate(told)
    except ValidationError as error:
        wrong = [
            {"field": ".".join(map(str, one["loc"])), "message": one["msg"]}
            for one in error.errors(include_url=False, include_input=False, include_context=False)
        ]
        first = wrong[0]
        raise _refusal(422, "INVALID_EVENT", f"{first['field']}: {first['message']}", told, wrong) from error


def parts(event: ClientEvent | SourceEvent) -> tuple[Resource, str, dict[str, Any]]:
    """Give who sent an event, its name and its attributes; an exception and a switch by the names that make it one."""
    if isinstance(event, SourceEvent):
        return telemetry.resource({semconv.SERVICE_NAME: event.source}), event.event_type, event.data
    sender = telemetry.resource(
        {
            semconv.SERVICE_NAME: event.client_type,
            semconv.SERVICE_VERSION: event.app_version,
            semconv.SERVICE_INSTANCE_ID: event.hwid,
        }
    )
    told, name, renamed = event.metadata, event.event_name, _ANY
    if "exception_type" in told or "traceback" in told:
        renamed = _ANY | _EXCEPTION
    elif name == _TOGGLED and "feature_name" in told:
        name, renamed = semconv.FEATURE_FLAG_EVENT, _ANY | _FEATURE
    return sender, name, {renamed.get(key, key): value for key, value in told.items()}


def _level(attributes: Mapping[str, Any]) -> str:
    return "ERROR" if semconv.EXCEPTION_TYPE in attributes or semconv.EXCEPTION_STACKTRACE in attributes else "INFO"


def _refusal(
    status: int, code: str, message: str, told: Mapping[str, Any], wrong: list[dict[str, str]] | None = None
) -> Problem:
    """Answer as the old contract has it; `status` is then no number, which RFC 9457 has its readers pass over."""
    details = {"validation_errors": wrong or [], "received_event": told}
    return Problem(
        status, code, message, {"status": "error", "error": {"code": code, "message": message, "details": details}}
    )
