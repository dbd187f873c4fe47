"""Who sent a piece of telemetry, with which configuration: an OTLP resource, read once, remembered by its bytes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from google.protobuf.json_format import MessageToJson
from google.protobuf.message import DecodeError
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from otel_insights import semconv
from otel_insights.store.environments import EnvironmentKey

_LONGEST_VALUE = 1024
_MOST_KEYS = 512
_IDENTITY = frozenset({semconv.SERVICE_NAMESPACE, semconv.SERVICE_NAME, semconv.SERVICE_INSTANCE_ID})
_VOLATILE = frozenset({"process.pid", "process.parent_pid"})
"""Other at every start, so that each restart would look like a change of the configuration."""

_OF_A_RELEASE = (
    semconv.SERVICE_VERSION,
    "telemetry.sdk.version",
    "telemetry.distro.version",
    "process.runtime.version",
    "process.runtime.description",
    "container.image.",
    "deployment.id",
    "vcs.ref.",
)
"""Beginnings of what is another value with each release."""


@dataclass(frozen=True, slots=True)
class Sender:
    """The environment that a resource stands for."""

    key: EnvironmentKey
    configuration: Mapping[str, str]
    """The resource's attributes but its identity, as text."""
    version: str
    """`service.version`, "" where none is told."""


@lru_cache(maxsize=16_384)
def read(resource: bytes) -> Sender | None:
    """Read a serialised Resource. None where it does not parse (a string that is no UTF-8).

    Where the resource names no instance, host and process stand for it (resource conventions, `service.instance.id`);
    where it has none of these either, the service as a whole is one environment.
    """
    try:
        attributes = text_of(Resource.FromString(resource).attributes)
    except DecodeError:
        return None
    instance = attributes.get(semconv.SERVICE_INSTANCE_ID) or "/".join(
        filter(None, (attributes.get(semconv.HOST_NAME), attributes.get(semconv.PROCESS_PID)))
    )
    key = EnvironmentKey(
        attributes.get(semconv.SERVICE_NAMESPACE, ""), attributes.get(semconv.SERVICE_NAME, ""), instance
    )
    kept = [item for item in attributes.items() if item[0] not in _IDENTITY and item[0] not in _VOLATILE]
    return Sender(key, dict(kept[:_MOST_KEYS]), attributes.get(semconv.SERVICE_VERSION, ""))


@lru_cache(maxsize=16_384)
def lasting(resource: bytes) -> bytes:
    """Give what of a serialised Resource goes on when the service is deployed anew, to tell series by.

    Two processes that differ in nothing else need a `service.instance.id` each, as the resource conventions ask for.
    """
    try:
        attributes = Resource.FromString(resource).attributes
    except DecodeError:
        return resource
    kept = (one.SerializeToString() for one in attributes if not one.key.startswith(_OF_A_RELEASE))
    return b"".join(sorted(kept))


def text_of(attributes: Iterable[KeyValue]) -> dict[str, str]:
    """Give attributes as text, long values cut.

    >>> text_of([KeyValue(key="k8s.pod.restarts", value=AnyValue(int_value=3))])
    {'k8s.pod.restarts': '3'}
    """
    return {one.key: _text(one.value)[:_LONGEST_VALUE] for one in attributes}


def _text(value: AnyValue) -> str:
    kind = value.WhichOneof("value")
    if kind in ("string_value", "int_value"):
        return str(getattr(value, kind))
    if kind == "bool_value":
        return "true" if value.bool_value else "false"
    if kind == "double_value":
        return repr(value.double_value)
    if kind == "bytes_value":
        return value.bytes_value.hex()
    return str(MessageToJson(value, indent=None)) if kind else ""
