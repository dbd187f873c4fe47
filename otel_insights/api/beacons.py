"""/env and /beacon: environments and errors as scripts of old tell of them, turned into log events.

An environment is `service.instance.id` = env_hash of the service `scripts`; the script's name stands on the record
(`process.command`), for on the resource it would be a part of the configuration that only failing environments have.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from fastapi import APIRouter
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from packaging.requirements import InvalidRequirement, Requirement

from otel_insights import semconv
from otel_insights.api import telemetry
from otel_insights.api.entrance import Entrance
from otel_insights.api.problems import Problem
from otel_insights.api.requests import Beacon, EnvironmentUpload
from otel_insights.api.shapes import Received
from otel_insights.redaction import REDACTED, Redactor
from otel_insights.service import Service
from otel_insights.store import environments
from otel_insights.store.environments import EnvironmentKey

SCRIPTS: Final = "scripts"
"""`service.name` of what comes this way: environments are compared within one service."""
_SYSTEMS = {"linux": "linux", "darwin": "darwin", "macos": "darwin", "windows": "windows", "freebsd": "freebsd"}
_SIGNATURE = re.compile(r"(?P<type>[A-Za-z_][\w.]*)\s*:\s*(?P<message>.*)", re.DOTALL)


def routes(service: Service) -> APIRouter:
    """Make the routes over a running service."""
    router = APIRouter(tags=["old contracts"])
    entrance = Entrance(service)

    @router.post("/env", summary="Tell what is installed in an environment")
    async def upload(body: EnvironmentUpload) -> Received:
        """Remember an environment. Saying the same again changes nothing."""
        key = EnvironmentKey("", SCRIPTS, body.env_hash)
        known = await service.store.read(environments.number_of, key) is not None
        configuration, dropped = configuration_of(body)
        if dropped:
            service.metrics.add("otel_insights_redactions", dropped, place="api")
        sender = _sender(body.env_hash, configuration)
        now = service.now_ns()
        records = [telemetry.package(*one, now) for one in packages_of(body)]
        if not known:  # that it ran is one unit of work, once
            records.append(telemetry.record(now, {}, body="environment uploaded", level="INFO"))
        await entrance.take(telemetry.logs(sender, records))
        return Received(status="success", id=body.env_hash)

    @router.post("/beacon", summary="Tell of an error")
    async def beacon(body: Beacon) -> Received:
        """Count an error. The same beacon sent again counts once."""
        await entrance.take(telemetry.logs(_sender(body.env_hash, {}), [record_of(body)]))
        return Received(status="success", id=body.env_hash)

    return router


def _sender(env_hash: str, configuration: Mapping[str, str]) -> Resource:
    identity = {semconv.SERVICE_NAME: SCRIPTS, semconv.SERVICE_INSTANCE_ID: env_hash}
    return telemetry.resource({**identity, **configuration})


def configuration_of(body: EnvironmentUpload) -> tuple[dict[str, str], int]:
    """Give an environment's attributes but for the packages, and how many variables were left out for their names."""
    found = {
        "host.arch": body.machine_arch or "",
        "process.runtime.version": body.python_ver or "",
        "os.description": body.os_info or "",
        "os.type": _SYSTEMS.get(re.split(r"[\W\d]", (body.os_info or "").lower(), maxsplit=1)[0], ""),
    }
    variables = {f"process.environment_variable.{name}": str(value) for name, value in body.env_vars.items() if name}
    redactor = Redactor()
    cleaned = redactor.attributes(variables)
    kept = {key: str(cleaned[key]) for key in variables if cleaned[key] != REDACTED}
    return {key: value for key, value in found.items() if value} | kept, redactor.count


def packages_of(body: EnvironmentUpload) -> Iterator[tuple[str, str]]:
    """List packages with their versions; one that a requirement does not pin has none. Raises Problem."""
    if isinstance(body.packages, dict):
        yield from ((name, version or "") for name, version in body.packages.items() if name)
        return
    for position, text in enumerate(body.packages):
        try:
            one = Requirement(text)
        except InvalidRequirement as error:
            told = f"packages.{position}: expected a requirement such as numpy==1.24.0, got {text[:200]!r}"
            raise Problem(422, "INVALID_REQUEST", told) from error
        pins = [each.version for each in one.specifier if each.operator == "==" and not each.version.endswith(".*")]
        yield one.name, pins[0] if pins else ""


def record_of(body: Beacon) -> LogRecord:
    """Write a beacon as a log event: of an error as an exception, of anything else under its kind."""
    time_ns = telemetry.nanoseconds(body.ts)
    where = {"process.command": body.script_id} if body.script_id else {}
    if body.kind != "error":
        return telemetry.record(time_ns, where, body=body.error_sig, event=body.kind, level="INFO")
    type_, message = signature(body.error_sig or body.trace.strip().rpartition("\n")[2])
    exception = {
        semconv.EXCEPTION_TYPE: type_,
        semconv.EXCEPTION_MESSAGE: message,
        semconv.EXCEPTION_STACKTRACE: body.trace or None,
    }
    return telemetry.record(
        time_ns, {**exception, **where}, body=body.error_sig, event=semconv.EXCEPTION_EVENT, level="ERROR"
    )


def signature(text: str) -> tuple[str, str]:
    """Split what an error says of itself into type and message.

    >>> signature("ImportError: numpy.core.multiarray failed to import")
    ('ImportError', 'numpy.core.multiarray failed to import')
    >>> signature("segmentation fault")
    ('Error', 'segmentation fault')
    """
    found = _SIGNATURE.fullmatch(text.strip())
    return (found["type"], found["message"].strip()) if found else ("Error", text.strip())
