"""Who a process says that it is: the resource of its telemetry."""

from __future__ import annotations

import os

from opentelemetry.sdk import resources
from opentelemetry.sdk.resources import Resource

from otel_insights.client import plain, surroundings
from otel_insights.client.guard import guarded
from otel_insights.client.installation import INSTALLATION_ID, installation_id
from otel_insights.client.settings import Settings
from otel_insights.redaction import Redactor

INSTANCE_ID, PID = "service.instance.id", "process.pid"


def complete(base: Resource, settings: Settings, redactor: Redactor) -> Resource:
    """Add to what the application says of itself, never against it; keyword arguments win."""
    own = surroundings.attributes(settings.environment_variables, redactor)
    said = {**own, **base.attributes, PID: os.getpid(), **settings.resource}
    said.setdefault(INSTANCE_ID, instance_id())
    if settings.installation_id and INSTALLATION_ID not in said:
        service = f"{said.get('service.namespace', '')}/{said.get('service.name', '')}"
        said |= guarded(_installation)(service) or {}
    return Resource(plain.mapping(said), base.schema_url)


def _installation(service: str) -> dict[str, str]:
    return {INSTALLATION_ID: installation_id(service)}


def instance_id() -> str:
    """Name this process: as the SDK does where it does."""
    return _of_the_sdk() or surroundings.instance_id()


def given_instance_id(resource: Resource) -> str | None:
    """Give the name that the user chose for this instance; None if it was made up."""
    found = resource.attributes.get(INSTANCE_ID)
    return None if found is None or found == _of_the_sdk() else str(found)


def _of_the_sdk() -> str | None:
    """Give the name that the SDK made up for this process; the same at every call, another one after a fork."""
    detector = getattr(resources, "ServiceInstanceIdResourceDetector", None)
    return None if detector is None else str(detector().detect().attributes[INSTANCE_ID])
