"""What instrument() is told: keyword arguments before environment variables before defaults."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from otel_insights.client.state import state_folder
from otel_insights.stack_reduction import Mode

if TYPE_CHECKING:
    from otel_insights.redaction import Redactor

ENVIRONMENT_VARIABLES = (
    "CUDA_VISIBLE_DEVICES",
    "LANG",
    "LC_ALL",
    "MALLOC_ARENA_MAX",
    "MKL_NUM_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "PYTHONHASHSEED",
    "PYTHONOPTIMIZE",
    "PYTHONUTF8",
    "PYTHONWARNINGS",
    "TZ",
)
"""Variables that leave the process by default: they change how code runs and hold no secrets."""

Level = Literal["debug", "info", "warn", "error"]
"""How much an event matters, as its severity tells."""
LONGEST_STACKTRACE = 32_768
_TRUE, _FALSE = frozenset({"1", "true", "yes", "on"}), frozenset({"0", "false", "no", "off"})


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be chosen."""

    resource: Mapping[str, str] = field(default_factory=dict)
    """Resource attributes given by keyword; they win over OTEL_RESOURCE_ATTRIBUTES."""
    endpoint: str | None = None
    """Base URL of OTLP/HTTP, without `/v1/logs`; None: as OTEL_EXPORTER_OTLP_* say."""
    headers: Mapping[str, str] | None = None
    stacktrace: Mode = "full"
    max_stacktrace: int = LONGEST_STACKTRACE
    """Characters; of a longer trace the tail is kept."""
    environment_variables: tuple[str, ...] = ENVIRONMENT_VARIABLES
    packages: bool = True
    local_variables: bool = False
    """Whether an exception is sent with the variables of the application's own frames."""
    hash_salt: str = ""
    """With a salt, what is redacted but may be compared (hosts, addresses) leaves as 16 hex digits."""
    rules: tuple[str, ...] | None = None
    """What is looked for; None: all that there are."""
    keep: tuple[str, ...] = ()
    """Attributes that stay as they are."""
    hash: tuple[str, ...] = ()
    """Attributes whose values leave as 16 hex digits; needs a salt."""
    patterns: tuple[str, ...] = ()
    """Regular expressions of what else is a secret."""
    flush_timeout: float = 2.0
    """Seconds that a dying process may wait for its last events to leave."""
    sampling: Mapping[str, float] = field(default_factory=dict)
    """Name of an event, or a pattern (`ui.*`) -> which share of it is kept; the first that fits. Errors always are."""
    process_metrics: bool = False
    """Whether what the process uses is sent as metrics."""
    installation_id: bool = False
    """Whether the resource carries the id of this user's installation."""
    level: Level = "info"
    """Events below it are not sent."""
    spool: Path | None = None
    """Folder for what cannot be sent; None: it is lost."""

    def tells(self, level: str) -> bool:
        """Whether an event that matters as much is to be sent. Raises ValueError at an unknown level."""
        order = get_args(Level)
        return order.index(level) >= order.index(self.level)

    def redactor(self) -> Redactor:
        """Make what cleans as was chosen. Raises ValueError at a rule or pattern that is none, a hash without salt."""
        # its patterns are compiled for who reports, not for who opted out
        from otel_insights.redaction import RULES, Redactor  # noqa: PLC0415

        return Redactor.of(
            salt=self.hash_salt,
            rules=RULES if self.rules is None else self.rules,
            keep=self.keep,
            hash=self.hash,
            patterns=self.patterns,
        )


def settings(
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
) -> Settings:
    """Join arguments and variables; with no argument, choose by variables alone.

    Raises ValueError at an unknown `stacktrace` or `level`, or a share that is none.
    """
    given = {"service.name": service_name, "service.version": service_version}
    return Settings(
        resource={**(resource_attributes or {}), **{key: value for key, value in given.items() if value}},
        endpoint=endpoint,
        headers=None if headers is None else dict(headers),
        stacktrace=_one_of(get_args(Mode), "stacktrace", stacktrace, "full"),  # type: ignore[arg-type]
        max_stacktrace=_shortest(),
        environment_variables=(*ENVIRONMENT_VARIABLES, *_names(environment_variables, "ENVIRONMENT_VARIABLES")),
        packages=packages,
        local_variables=_asked_for("LOCAL_VARIABLES", local_variables),
        process_metrics=_asked_for("PROCESS_METRICS", process_metrics),
        installation_id=_asked_for("INSTALLATION_ID", installation_id),
        hash_salt=hash_salt if hash_salt is not None else os.environ.get("OTEL_INSIGHTS_HASH_SALT", ""),
        rules=_names(rules, "REDACTION_RULES") or (None if rules is None else ()),
        keep=_names(keep, "REDACTION_KEEP"),
        hash=_names(hash, "REDACTION_HASH"),
        patterns=_names(patterns, "REDACTION_PATTERNS", separator="\n"),
        flush_timeout=float(flush_timeout),
        spool=_spool(spool),
        sampling=_sampling(sampling),
        level=_one_of(get_args(Level), "level", level, "info"),  # type: ignore[arg-type]
    )


def opted_out() -> bool:
    """Whether whoever runs the process wants none of this. No argument overrules it."""
    return (
        _says("OTEL_SDK_DISABLED", frozenset({"true"}))
        or _says("DO_NOT_TRACK", _TRUE)
        or _says("OTEL_INSIGHTS_ENABLED", _FALSE)
    )


def _one_of(words: tuple[str, ...], name: str, given: str | None, default: str) -> str:
    chosen = given or os.environ.get(f"OTEL_INSIGHTS_{name.upper()}", "").strip().lower() or default
    if chosen not in words:
        raise ValueError(f"{name}: {chosen!r} is none of {', '.join(words)}")
    return chosen


def _names(given: Iterable[str] | None, variable: str, separator: str = ",") -> tuple[str, ...]:
    if given is None:
        given = os.environ.get(f"OTEL_INSIGHTS_{variable}", "").split(separator)
    elif isinstance(given, str):
        given = (given,)
    return tuple(name for one in given if (name := one.strip()))


def _sampling(given: Mapping[str, float] | None) -> dict[str, float]:
    if given is None:
        pairs = [one.partition("=") for one in os.environ.get("OTEL_INSIGHTS_SAMPLING", "").split(",") if one.strip()]
        given = {name.strip(): float(rate) for name, _, rate in pairs}
    for name, rate in given.items():
        if not 0 < rate <= 1:
            raise ValueError(f"sampling: expected shares above 0 and at most 1, got {rate!r} for {name!r}")
    return dict(given)


def _spool(given: str | os.PathLike[str] | bool | None) -> Path | None:  # noqa: FBT001 - False switches it off
    named = os.environ.get("OTEL_INSIGHTS_SPOOL_DIR", "").strip()
    if given is False or (given is None and named.lower() in _FALSE):
        return None
    if given is not None and given is not True:
        return Path(given)
    try:
        return Path(named) if named and named.lower() not in _FALSE else state_folder() / "spool"
    except RuntimeError:  # a user without a home
        return None


def _asked_for(variable: str, given: bool | None) -> bool:  # noqa: FBT001 - as it was given
    return _says(f"OTEL_INSIGHTS_{variable}", _TRUE) if given is None else bool(given)


def _says(name: str, words: frozenset[str]) -> bool:
    return os.environ.get(name, "").strip().lower() in words


def _shortest() -> int:
    """Characters of a trace: the SDK's own limits would keep the head, so what they leave is cut here."""
    for name in ("OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT"):
        value = os.environ.get(name, "").strip()
        if value.isdigit():
            return min(LONGEST_STACKTRACE, int(value))
    return LONGEST_STACKTRACE


def number(name: str, default: int) -> int:
    """Read a positive whole number from a variable."""
    value = os.environ.get(name, "").strip()
    return int(value) if value.isdigit() and int(value) > 0 else default


def metric_interval() -> float:
    """Tell how many seconds are between two exports of metrics."""
    return number("OTEL_METRIC_EXPORT_INTERVAL", 60_000) / 1000
