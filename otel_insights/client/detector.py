"""`otel_insights` as a name for OTEL_EXPERIMENTAL_RESOURCE_DETECTORS: where the process runs, on every signal."""

from __future__ import annotations

from opentelemetry.sdk.resources import Resource, ResourceDetector

from otel_insights.client import surroundings
from otel_insights.client.guard import guarded
from otel_insights.client.settings import settings


class Detector(ResourceDetector):
    """Finds what `instrument()` says of a process: Python, system, revision, allow-listed variables."""

    def detect(self) -> Resource:
        """Give the attributes; none where they cannot be found."""
        return guarded(_resource)() or Resource.get_empty()

    def is_process_dependent(self) -> bool:
        """Of a forked process, the id of the process is another one."""
        return True


def _resource() -> Resource:
    chosen = settings()
    return Resource(dict(surroundings.attributes(chosen.environment_variables, chosen.redactor())))
