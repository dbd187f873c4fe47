"""instrument() and its way back: what is installed in a process, and everything that reports through it."""

from __future__ import annotations

import atexit
import os
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import TYPE_CHECKING

from otel_insights.client import plain
from otel_insights.client.endings import Termination, exit_hook
from otel_insights.client.futures import FUTURES, futures_hook
from otel_insights.client.guard import guarded, once, refused
from otel_insights.client.hooks import Place, standard
from otel_insights.client.late_hooks import (
    ASYNCIO,
    IPYTHON,
    MULTIPROCESSING,
    UVLOOP,
    Waiting,
    asyncio_hook,
    ipython_hook,
    multiprocessing_hook,
    uvloop_hook,
)
from otel_insights.client.qt import BINDINGS, Messages
from otel_insights.client.settings import Settings, opted_out, settings

if TYPE_CHECKING:
    from opentelemetry._logs import SeverityNumber
    from opentelemetry.trace import SpanContext

    from otel_insights.client.measurements import Measurements
    from otel_insights.client.pipeline import Pipeline
    from otel_insights.client.tracing import Tracing
    from otel_insights.redaction import Redactor

MECHANISM, HANDLED = "otel_insights.exception.mechanism", "otel_insights.exception.handled"
_RESERVED = frozenset({"hwid", "event_name", "app_version", "client_type"})
_NO_ERRORS = (KeyboardInterrupt, SystemExit, GeneratorExit)


@dataclass(slots=True)
class Installed:
    """What instrument() put into this process."""

    settings: Settings
    redactor: Redactor
    tracing: Tracing
    pipeline: Pipeline
    hooks: list[Place] = field(default_factory=list)
    waiting: list[Waiting] = field(default_factory=list)
    waited: bool = False
    """Whether the time that a dying process gives us is spent."""
    session: str | None = None
    """The id of the session that is open."""

    def emit(
        self,
        name: str,
        severity: SeverityNumber,
        attributes: Mapping[str, object],
        span: SpanContext | None = None,
        timestamp_ns: int | None = None,
    ) -> None:
        """Report an event, with the session that is open."""
        told = attributes if self.session is None else {"session.id": self.session, **attributes}
        self.pipeline.emit(plain.text(name), severity, plain.mapping(told), span, timestamp_ns)

    def measurements(self) -> Measurements:
        """Give what metrics are recorded by, made at the first call."""
        return self.pipeline.measuring.measurements()


_installed: Installed | None = None
_lock = threading.RLock()
_forks_watched = False


@guarded
def instrument(
    service_name: str | None = None,
    service_version: str | None = None,
    *,
    resource_attributes: Mapping[str, str] | None = None,
    endpoint: str | None = None,
    headers: Mapping[str, str] | None = None,
    stacktrace: str | None = None,
    environment_variables: Iterable[str] | None = None,
    packages: bool = True,
    local_variables: bool | None = None,
    hash_salt: str | None = None,
    rules: Iterable[str] | None = None,
    keep: Iterable[str] | None = None,
    hash: Iterable[str] | None = None,  # noqa: A002 - the setting's name
    patterns: Iterable[str] | None = None,
    flush_timeout: float = 2.0,
    spool: str | os.PathLike[str] | bool | None = None,
    sampling: Mapping[str, float] | None = None,
    level: str | None = None,
    installation_id: bool | None = None,
    process_metrics: bool | None = None,
) -> None:
    """Report every exception that nobody catches, with its environment, over OTLP/HTTP. A second call does nothing.

    Arguments win over OTEL_* and OTEL_INSIGHTS_* variables; OTEL_SDK_DISABLED, DO_NOT_TRACK and
    OTEL_INSIGHTS_ENABLED=false are obeyed whatever the arguments. Never raises. docs/instrument.md has each argument.
    """
    with _lock:
        if _installed is not None or opted_out():
            return
        try:
            chosen = settings(
                service_name,
                service_version,
                resource_attributes=resource_attributes,
                endpoint=endpoint,
                headers=headers,
                stacktrace=stacktrace,
                environment_variables=environment_variables,
                packages=packages,
                local_variables=local_variables,
                hash_salt=hash_salt,
                rules=rules,
                keep=keep,
                hash=hash,
                patterns=patterns,
                flush_timeout=flush_timeout,
                spool=spool,
                sampling=sampling,
                level=level,
                installation_id=installation_id,
                process_metrics=process_metrics,
            )
            redactor = chosen.redactor()
        except Exception as error:
            refused(error)
            return
        _install(chosen, redactor)


def _install(chosen: Settings, redactor: Redactor) -> None:
    global _installed  # noqa: PLW0603 - a process has one
    # the SDK is loaded by who uses it, not by who opted out
    from otel_insights.client.pipeline import build  # noqa: PLC0415
    from otel_insights.client.tracing import giving_way, join  # noqa: PLC0415

    tracing = join(chosen, redactor)
    hooks: list[Place] = [*standard(capture, die), exit_hook(leave), Termination(leave)]
    _installed = Installed(chosen, redactor, tracing, build(chosen, redactor, tracing), hooks)
    if tracing.own is not None and tracing.yields:
        _installed.hooks.append(giving_way(tracing.own))
    for hook in _installed.hooks:
        hook.install()
    _when_imported(ASYNCIO, lambda module: asyncio_hook(module, capture))
    _when_imported(UVLOOP, lambda module: uvloop_hook(module, capture))
    _when_imported(MULTIPROCESSING, lambda module: multiprocessing_hook(module, capture, die))
    _when_imported(IPYTHON, lambda module: ipython_hook(module, capture))
    _when_imported(FUTURES, lambda module: futures_hook(module, capture))
    for binding in BINDINGS:
        _when_imported(binding, lambda module: Messages(module, _report))
    atexit.register(shutdown)
    _watch_forks()


@guarded
def uninstrument() -> None:
    """Put every hook back and send what waits. Nothing if instrument() was not called."""
    global _installed
    with _lock:
        installed, _installed = _installed, None
    if installed is None:
        return
    for waiting in installed.waiting:
        if waiting in sys.meta_path:
            sys.meta_path.remove(waiting)
    for hook in reversed(installed.hooks):
        hook.restore()
    installed.tracing.stop()
    atexit.unregister(shutdown)
    installed.pipeline.courier.close(installed.settings.flush_timeout)


def installed() -> Installed | None:
    """Give what instrument() put into this process; None if nothing."""
    return _installed


@guarded
def capture(
    exception: BaseException,
    mechanism: str,
    *,
    fatal: bool = False,
    handled: bool = False,
    event_name: str = "exception",
    attributes: Mapping[str, object] | None = None,
) -> None:
    """Report an exception, unless it was reported or is no error."""
    if _installed is None or isinstance(exception, _NO_ERRORS):
        return
    from otel_insights.client.description import describe  # noqa: PLC0415 - as above
    from otel_insights.client.marks import claim, mark_of  # noqa: PLC0415
    from otel_insights.client.neighbours import reported_by_another  # noqa: PLC0415
    from otel_insights.client.pipeline import ERROR, FATAL  # noqa: PLC0415

    if claim(exception) and not reported_by_another(exception, mechanism):
        told = {**allowed(attributes), **describe(exception, _installed.settings)}
        told |= {MECHANISM: mechanism, HANDLED: handled}
        if _installed.settings.local_variables:
            told |= guarded(_variables)(exception, _installed.settings) or {}
        _installed.emit(event_name, FATAL if fatal else ERROR, told, mark_of(exception).span)


@guarded
def record_exception(
    exception: BaseException,
    *,
    event_name: str = "exception",
    attributes: Mapping[str, object] | None = None,
    handled: bool = True,
) -> None:
    """Report an exception that was caught. An exception object is reported once, however often it is seen."""
    capture(exception, "manual", handled=handled, event_name=event_name, attributes=attributes)


def flush(timeout: float | None = None) -> bool:
    """Wait until what was reported has been sent, or `timeout` seconds; whether it was sent or given up in time."""
    installed = _installed
    if installed is None:
        return True
    bound = installed.settings.flush_timeout if timeout is None else timeout
    return bool(guarded(installed.pipeline.courier.flush)(bound))


def shutdown(timeout: float | None = None) -> bool:
    """Send what waits and stop sending, within `timeout` seconds. Called when the process exits."""
    installed = _installed
    if installed is None:
        return True
    bound = installed.settings.flush_timeout if timeout is None else timeout
    return bool(guarded(installed.pipeline.courier.close)(0.0 if installed.waited else bound))


def die() -> None:
    """Wait for the last events, within the bound: once, however many hooks say that this is the end."""
    if _installed is not None and not _installed.waited:
        _installed.waited = not flush()
        if _installed.waited:
            # who dies without `atexit` comes nowhere else
            guarded(_installed.pipeline.courier.rescue)()


def _variables(exception: BaseException, settings: Settings) -> dict[str, object]:
    from otel_insights.client.local_variables import NAME, local_variables  # noqa: PLC0415 - most never ask for it

    return {NAME: local_variables(exception.__traceback__, settings.redactor().text)}


def leave() -> None:
    """As `die`, where most processes have nothing to say: only if something waits to be sent."""
    if _installed is not None and _installed.pipeline.waiting():
        die()


def _report(name: str, severity: str, attributes: Mapping[str, object]) -> None:
    if _installed is not None and (severity == "FATAL" or _installed.settings.tells(severity.lower())):
        from opentelemetry._logs import SeverityNumber  # noqa: PLC0415 - as above

        _installed.emit(name, SeverityNumber[severity], attributes)


def allowed(attributes: object) -> dict[str, object]:
    """Refuse the names that are ours, and make what OTLP cannot hold a text."""
    if not isinstance(attributes, Mapping):
        if attributes is not None:
            once(f"taking attributes, which were no mapping but {type(attributes).__name__},")
        return {}
    found: dict[str, object] = {}
    for key, value in plain.mapping(attributes).items():
        if key in _RESERVED or key.startswith("otel_insights."):
            once(f"an attribute with the reserved name {key}")
        else:
            found[key] = value
    return found


def _when_imported(name: str, make: Callable[[ModuleType], Place]) -> None:
    @guarded
    def imported(module: ModuleType) -> None:
        if _installed is not None:
            hook = make(module)
            hook.install()
            _installed.hooks.append(hook)

    if name in sys.modules:
        imported(sys.modules[name])
    elif _installed is not None:
        _installed.waiting.append(Waiting(name, imported))
        sys.meta_path.insert(0, _installed.waiting[-1])


def _watch_forks() -> None:
    """After the SDK's own, which write another service.instance.id: what is registered later runs later."""
    global _forks_watched  # noqa: PLW0603
    if not _forks_watched and hasattr(os, "register_at_fork"):
        _forks_watched = True
        os.register_at_fork(after_in_child=_after_fork)


@guarded
def _after_fork() -> None:
    """Begin anew: the child is another instance, and the parent sends what was waiting."""
    global _lock  # noqa: PLW0603
    _lock = threading.RLock()
    if _installed is not None:
        from otel_insights.client.pipeline import build  # noqa: PLC0415

        _installed.waited = False
        _installed.tracing.after_fork(_installed.settings)
        _installed.pipeline = build(_installed.settings, _installed.redactor, _installed.tracing)
