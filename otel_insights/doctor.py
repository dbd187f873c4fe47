"""`otel-insights doctor`: what is well, what is not, and one line of advice for each thing that is not."""

from __future__ import annotations

import asyncio
import http.client
import json
import re
import socket
import sqlite3
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from otel_insights.component import Kind
from otel_insights.components import Registry
from otel_insights.config import Config, InvalidConfig, load
from otel_insights.endpoint import host_and_port
from otel_insights.errors import ConfigError
from otel_insights.next_hop import reach
from otel_insights.store.health import Health, examine
from otel_insights.store.location import is_postgres, path_of


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at: `state` is ok, warn (it runs, but less comes of it than could) or fail."""

    name: str
    state: str
    found: str
    advice: str = ""


def diagnose(path: Path | None, registry: Registry, now: Callable[[], float] = time.time) -> list[Check]:
    """Look at everything that a configuration names, whether a service runs with it or not."""
    try:
        config = load(path, registry)
    except InvalidConfig as error:
        advice = "correct the file; docs/configuration.md has the keys"
        return [Check("configuration", "fail", str(one), advice) for one in error.errors]
    running = _ask(config, "/healthz") is not None
    store, health = _store(config)
    return [
        Check("configuration", "ok", str(path or "the defaults")),
        *(Check("configuration", "warn", text, "name it in a pipeline, or take it out") for text in config.warnings),
        *_ports(config, running=running),
        *store,
        *asyncio.run(_next_hops(config, registry)),
        _telemetry(_ask(config, "/metrics") if running else None, health, now()),
        *_environments(health),
        _clock(config, health, now()),
    ]


def as_json(checks: list[Check]) -> str:
    """Write the checks for a program to read."""
    return json.dumps([asdict(check) for check in checks], indent=2)


def _ask(config: Config, path: str) -> str | None:
    """Ask the API of a service that may be running; None where nothing of ours answers."""
    if config.api is None:
        return None
    host, port = host_and_port(config.api.endpoint)
    connection = http.client.HTTPConnection(host, port, timeout=2)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.read().decode(errors="replace") if answer.status == http.client.OK else None
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def _ports(config: Config, *, running: bool) -> list[Check]:
    doors = [
        (f"{Kind.RECEIVER.value}.{id_}.endpoint", endpoint)
        for id_ in config.used(Kind.RECEIVER)
        if (endpoint := getattr(config.components[Kind.RECEIVER][id_], "endpoint", None))
    ]
    if config.api:
        doors.append(("api.endpoint", config.api.endpoint))
    return [_port(path, endpoint, running=running) for path, endpoint in doors]


def _port(path: str, endpoint: str, *, running: bool) -> Check:
    host, port = host_and_port(endpoint)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        if running:
            return Check("port", "ok", f"{path}: {endpoint} is taken, and the otel-insights that runs answers /healthz")
        advice = "stop what listens there, or choose another endpoint"
        return Check("port", "fail", f"{path}: {endpoint}: {error.strerror or error}", advice)
    if running:
        advice = "is the service that runs started with another configuration?"
        return Check("port", "fail", f"{path}: nobody listens at {endpoint}, though a service runs", advice)
    return Check("port", "ok", f"{path}: {endpoint} is free (nothing of ours runs)")


def _store(config: Config) -> tuple[list[Check], Health | None]:
    url = config.store.url
    path: Path | str | None = config.store_shown() if is_postgres(url) else path_of(url)
    if path is None:
        return [Check("store", "warn", "it is in memory", "set store.url to a file, to keep what is learnt")], None
    try:
        health = examine(url)
    except FileNotFoundError:
        return [Check("store", "ok", f"{path} is not there yet; `otel-insights run` makes it")], None
    except ConfigError as error:
        advice = "is the server there, and may you use the database? `otel-insights db migrate` makes the schema"
        return [Check("store", "fail", str(error), advice)], None
    except (OSError, sqlite3.Error) as error:
        return [Check("store", "fail", f"{path}: {error}", "is it a file of ours, and may you read it?")], None
    checks = [
        Check("store", "ok", f"{path}: integrity ok")
        if health.integrity == "ok"
        else Check(
            "store",
            "fail",
            f"{path}: {health.integrity}",
            "`otel-insights db check` tells more; go back to a backup, or `sqlite3 FILE .recover`",
        )
    ]
    if health.journal_mode != "wal":
        advice = "start the service once; on a network file system WAL is not possible: move the store"
        checks.append(Check("store", "fail", f"journal_mode is {health.journal_mode}, not wal", advice))
    return checks, health


async def _next_hops(config: Config, registry: Registry) -> list[Check]:
    ids = config.used(Kind.EXPORTER)
    if not ids:
        advice = "add an exporter, or set OTEL_EXPORTER_OTLP_ENDPOINT and use no file"
        return [
            Check("next hop", "warn", "there is no exporter: insights are kept and shown, nothing is sent on", advice)
        ]
    ours = {getattr(config.components[Kind.RECEIVER][id_], "endpoint", None) for id_ in config.used(Kind.RECEIVER)}
    checks = []
    for id_ in ids:
        endpoint = getattr(config.components[Kind.EXPORTER][id_], "endpoint", None)
        name = f"exporters.{id_}"
        if endpoint is None and hasattr(config.components[Kind.EXPORTER][id_], "url"):
            checks.append(Check("next hop", "ok", f"{name} is not tried: whatever is posted there is an alert"))
        elif endpoint is None:
            checks.append(Check("next hop", "ok", f"{name} has no address to reach"))
        elif str(endpoint).rpartition("//")[2].rstrip("/") in ours:
            checks.append(Check("next hop", "fail", f"{name}: {endpoint} is our own door", "name the next hop instead"))
        elif problem := await reach(config, registry, id_):
            advice = "does it run, is that its OTLP endpoint, and does it speak this protocol?"
            checks.append(Check("next hop", "fail", f"{name}: {endpoint}: {problem}", advice))
        else:
            checks.append(Check("next hop", "ok", f"{name}: {endpoint} took an empty request"))
    return checks


_ACCEPTED = re.compile(r"^otelcol_receiver_accepted_\w+_total\{[^}]*\} ([0-9.e+]+)$", re.MULTILINE)


def _telemetry(metrics: str | None, health: Health | None, now: float) -> Check:
    advice = "point the Collector's exporter at our receivers (otel-collector-config.yaml shows how)"
    if metrics is not None:
        accepted = sum(float(count) for count in _ACCEPTED.findall(metrics))
        if accepted:
            return Check("telemetry", "ok", f"{accepted:.0f} records have arrived since the start")
        return Check("telemetry", "warn", "nothing has arrived since the start", advice)
    if health and health.census.last_seen_ns:
        age = _age(now - health.census.last_seen_ns / 1e9)
        return Check("telemetry", "ok", f"the last arrived {age} ago (the service does not run now)")
    return Check("telemetry", "warn", "nothing has ever arrived", advice)


def _age(seconds: float) -> str:
    """Say a time in the unit that a person would.

    >>> _age(5400), _age(300_000)
    ('90 minutes', '3 days')
    """
    unit, size = next(((name, size) for name, size in _UNITS if seconds >= 2 * size), ("seconds", 1))
    return f"{seconds / size:.0f} {unit}"


_UNITS = (("days", 86_400), ("hours", 3600), ("minutes", 60))


def _environments(health: Health | None) -> list[Check]:
    census = health.census if health else None
    if census is None or not census.environments:
        advice = "comes with the first telemetry"
        return [Check("packages", "warn", "no environment is known yet", advice)]
    total, healthy = census.environments, census.environments - census.failing
    checks = [
        Check("packages", "ok", f"{census.with_packages} of {total} environments told their packages")
        if census.with_packages
        else Check(
            "packages",
            "warn",
            f"none of {total} environments told its packages",
            "call otel_insights.instrument() in the applications: versions explain most failures",
        )
    ]
    if not census.failing:
        return [*checks, Check("healthy side", "ok", f"none of {total} environments has failed")]
    if not healthy:
        advice = "let environments that work send telemetry too: without them no failure can be explained"
        return [*checks, Check("healthy side", "warn", f"all of {total} environments have failed", advice)]
    return [*checks, Check("healthy side", "ok", f"{healthy} of {total} environments have not failed")]


_SLACK_SECONDS = 60.0
_EPOCH_OF_THIS_PROJECT = 1_767_225_600.0
"""2026-01-01: a clock before that was never set."""


def _clock(config: Config, health: Health | None, now: float) -> Check:
    """Compare the clock with what it said before; whether it is right, only another clock could tell."""
    seen = [health.census.last_seen_ns / 1e9] if health and health.census.last_seen_ns else []
    try:
        path = None if is_postgres(config.store.url) else path_of(config.store.url)
        seen += [path.stat().st_mtime] if path else []
    except OSError:
        pass
    latest = max([_EPOCH_OF_THIS_PROJECT, *seen])
    if now < latest - _SLACK_SECONDS:
        text = f"the clock is {latest - now:.0f} s behind what the store remembers"
        return Check("clock", "fail", text, "set the clock (NTP): ages and orders are wrong until then")
    return Check("clock", "ok", "not behind what was seen before")
