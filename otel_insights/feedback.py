"""What a person says of a suggestion, from the command line or the API into the store."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement

from otel_insights import semconv
from otel_insights.analysis.conditions import normalise_package
from otel_insights.analysis.wording import silence_text
from otel_insights.errors import ConfigError
from otel_insights.findings import finding
from otel_insights.store import Store, suggestions
from otel_insights.store import feedback as memory
from otel_insights.store.feedback import Feedback, Verdict, conditions_of
from otel_insights.store.outbox import Finding
from otel_insights.store.reading import reading
from otel_insights.store.suggestions import StoredSuggestion


class UnknownSuggestionError(ConfigError):
    """There never was a suggestion of this id."""

    def __init__(self, suggestion_id: str) -> None:
        super().__init__("suggestion", f"there is no suggestion {suggestion_id!r}")


async def give(url: str, suggestion_id: str, verdict: Verdict, version: str, now_ns: Callable[[], int]) -> str:
    """Do what `say` does on a store that exists; a service may be running on the same file.

    Raises ConfigError also for a store that cannot be opened.
    """
    with reading(url) as db:
        if suggestions.get(db, suggestion_id) is None:
            raise UnknownSuggestionError(suggestion_id)
    store = Store.open(url)
    try:
        return await say(store, suggestion_id, verdict, version, now_ns)
    finally:
        await store.close()


async def say(store: Store, suggestion_id: str, verdict: Verdict, version: str, now_ns: Callable[[], int]) -> str:
    """Remember a word on a suggestion and tell what becomes of it.

    `version` is `PACKAGE==V`, what fixed it; without one, that the remedy did. Raises UnknownSuggestionError for a
    suggestion that never was, ConfigError for a version of another form, or one of what is wrong.
    """
    fixed = parse_version(version) if version else None
    if fixed and verdict == "wrong":
        raise ConfigError("version", "expected with fixed-it only")
    found = await store.read(suggestions.get, suggestion_id)
    if found is None:
        raise UnknownSuggestionError(suggestion_id)
    suggestion, holds = found
    times = await store.read(suggestions.times_told, suggestion.cluster_id)
    body: Any = suggestion.body
    key, value = (fixed or _remedy(body)) if verdict == "fixed-it" else ("", "")
    told = holds and suggestion.tier == "established" and verdict == "wrong"
    findings = [_withdrawn(suggestion, times[suggestion.id], now_ns())] if told else []
    said = Feedback(suggestion.id, suggestion.cluster_id, conditions_of(body["conditions"]), verdict, key, value)
    silence = ("called_wrong", silence_text("called_wrong", body["failing"][1], body["healthy"][1]))
    await store.write(memory.give, said, silence, findings, now_ns())
    if verdict == "wrong":
        return f"noted: {suggestion_id} is withdrawn, and is not said again of cluster {suggestion.cluster_id}"
    return f"noted: {f'{key} {value}' if key else 'what was suggested'} fixed it; `explain` shows it with the remedy"


def parse_version(text: str) -> tuple[str, str]:
    """Read `PACKAGE==V`; `python` is the runtime. Raises ConfigError.

    >>> parse_version("Flask_Login==0.6.3"), parse_version("python==3.12.1")
    (('package.flask-login', '0.6.3'), ('process.runtime.version', '3.12.1'))
    """
    try:
        one = Requirement(text)
        (exact,) = one.specifier
    except (InvalidRequirement, ValueError):
        raise ConfigError("version", "PACKAGE==VERSION", text) from None
    if exact.operator != "==" or exact.version.endswith(".*") or one.marker or one.extras:
        raise ConfigError("version", "PACKAGE==VERSION", text)
    name = normalise_package(one.name)
    return ("process.runtime.version" if name == "python" else f"package.{name}"), exact.version


def _remedy(body: Any) -> tuple[str, str]:  # noqa: ANN401 - as stored
    remedy = body["remedy"]
    return (remedy["key"], remedy["value"]) if remedy and remedy["op"] == "==" else ("", "")


def _withdrawn(suggestion: StoredSuggestion, told: int, time_ns: int) -> Finding:
    return finding(
        semconv.SUGGESTION_WITHDRAWN,
        f"{suggestion.id} {told}",
        f"Called wrong by feedback: {suggestion.body['text']}",
        {
            semconv.CLUSTER_ID: suggestion.cluster_id,
            semconv.SUBJECT_NAMESPACE: str(suggestion.body["namespace"]),
            semconv.SUGGESTION_ID: suggestion.id,
        },
        time_ns=time_ns,
        severity="INFO",
    )
