"""Sessions of a user (semantic conventions, session): their start, their end, and their id on every event between."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from otel_insights.client.guard import guarded
from otel_insights.client.instrumentation import allowed, installed

SESSION_ID, SESSION_PREVIOUS = "session.id", "session.previous_id"


def start_session(session_id: str | None = None, attributes: Mapping[str, object] | None = None) -> str:
    """Begin a session, in place of the one that is open, and give its id: every event carries it until it ends."""
    id_ = session_id or str(uuid.uuid4())
    guarded(_start)(id_, attributes)
    return id_


def _start(id_: str, attributes: Mapping[str, object] | None) -> None:
    ours = installed()
    if ours is not None:
        previous = {} if ours.session is None else {SESSION_PREVIOUS: ours.session}
        ours.session = id_
        _tell("session.start", {**allowed(attributes), **previous})


@guarded
def end_session(attributes: Mapping[str, object] | None = None) -> None:
    """End the session that is open; nothing if none is."""
    ours = installed()
    if ours is not None and ours.session is not None:
        _tell("session.end", allowed(attributes))
        ours.session = None


def _tell(name: str, attributes: Mapping[str, object]) -> None:
    ours = installed()
    if ours is not None:
        from otel_insights.client.pipeline import INFO  # noqa: PLC0415 - the SDK is loaded by who uses it

        ours.emit(name, INFO, attributes)
