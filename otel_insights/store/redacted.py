"""What the store keeps of people's telemetry holds no secrets, whatever processors stand before it."""

from __future__ import annotations

import json
import secrets
from typing import Final

from otel_insights.redaction import COUNT, Redactor
from otel_insights.store import settings
from otel_insights.store.engine import Database

IDENTITY: Final = frozenset(
    {"service.name", "service.namespace", "service.instance.id", "service.version", "host.name"}
)
"""Attributes that tell environments apart: without them two would be one."""
_SALT: Final = "redaction_salt"


def redactor(db: Database) -> Redactor:
    """Give what cleans texts for this store: equal hosts and addresses stay equal, by a salt of its own.

    For attributes of telemetry; a store that is only read has a salt since it was first written.
    """
    return Redactor(salt=settings.get(db, _SALT) or "", kept=IDENTITY)


def season(db: Database) -> None:
    """Give a new store its salt."""
    settings.ensure(db, _SALT, secrets.token_hex(16))


def object_text(clean: Redactor, text: str) -> str:
    """Clean a JSON object by its names and by what is in it; numbers stay numbers."""
    told = {key: value for key, value in clean.attributes(json.loads(text)).items() if key != COUNT}
    return json.dumps(told, sort_keys=True, ensure_ascii=False)
