"""A store as a large company fills it: a million occurrences, thousands of environments, templates and runs."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from benchmarks.failures import WORDS
from otel_insights import lives
from otel_insights.analysis.fingerprint import Fingerprint
from otel_insights.analysis.grouping import Grouping, NewCluster
from otel_insights.analysis.template import Kept
from otel_insights.analysis.tokens import tokens_of
from otel_insights.store import (
    anomalies,
    cluster_services,
    corrections,
    environments,
    hours,
    occurrences,
    runs,
    suggestions,
    templates,
)
from otel_insights.store.anomalies import Anomaly
from otel_insights.store.database import Store
from otel_insights.store.engine import Database
from otel_insights.store.environments import Announced, EnvironmentKey
from otel_insights.store.observation import Observation
from otel_insights.store.recent import Recent, index
from otel_insights.store.suggestions import Question, StoredSuggestion
from otel_insights.store.templates import Counted, Request

OCCURRENCES: Final = 1_000_000
ENVIRONMENTS: Final = 2_000
SERVICES: Final = 50
FINGERPRINTS: Final = 4_000
CLUSTERS: Final = 1_000
TEMPLATES: Final = 5_000
RUNS: Final = 5_000
ANOMALIES: Final = 2_000
NOW: Final = time.time_ns()
_HOUR: Final = 3600 * 10**9
_DAYS: Final = 14
_AT_ONCE: Final = 5_000
_GO_ON: Final = 20


async def fill(path: Path) -> None:
    """Make a store in a file; the same one each time, but for the time, which is now."""
    store = Store(path, lambda: NOW)
    try:
        for work in (_environments, _occurrences):
            await store.write(work)
        while await store.write(hours.tally, NOW):
            pass
        for work in (_clusters, cluster_services.add_up_all, _suggestions, _templates, _runs, _anomalies):
            await store.write(work)
        after: str | None = ""
        while after is not None:
            after = await store.write(lives.look, NOW, 0, after)
    finally:
        await store.close()


def service(number: int) -> str:
    """Name a service."""
    return f"{WORDS[number % len(WORDS)]}-{number}"


def _key(number: int) -> EnvironmentKey:
    return EnvironmentKey("shop", service(number % SERVICES), f"i-{number}")


def _environments(db: Database) -> None:
    dice = random.Random(1)
    told = [
        Announced(_key(number), {f"package.{word}": f"{dice.randrange(4)}.{dice.randrange(9)}" for word in WORDS}, NOW)
        for number in range(ENVIRONMENTS)
    ]
    environments.announce(db, told)
    environments.expose(db, {one.key: 1000.0 for one in told}, NOW)


def _fingerprint(number: int) -> Fingerprint:
    dice = random.Random(number)
    text = " ".join(dice.choices(WORDS, k=5))
    return Fingerprint(
        f"{number:016x}", "ValueError", "ValueError", f"ValueError: {text}", text, f"{number % CLUSTERS}",
        tuple(dice.choices(WORDS, k=2)), (), (), complete=True,
    )  # fmt: skip


def _occurrences(db: Database) -> None:
    dice, recent = random.Random(2), Recent()
    prints = [_fingerprint(number) for number in range(FINGERPRINTS)]

    def observed(key: int) -> Observation:
        # some failures are common and most are rare, each of one service
        number = int(FINGERPRINTS * dice.random() ** 2)
        whose = _key((number + number // CLUSTERS) % SERVICES + SERVICES * dice.randrange(ENVIRONMENTS // SERVICES))
        at = NOW - dice.randrange(_DAYS * 24) * _HOUR
        return Observation(key, whose, prints[number], "no", "at", dice.randbytes(16), dice.randbytes(8), at)

    for start in range(0, OCCURRENCES, _AT_ONCE):
        occurrences.record(db, [observed(key) for key in range(start, start + _AT_ONCE)], NOW, recent)
    index(db)


def _cluster(number: int) -> str:
    return f"{number:012x}"


def _clusters(db: Database) -> None:
    grouping = Grouping(
        {f"{number:016x}": (_cluster(number % CLUSTERS), 0.9) for number in range(FINGERPRINTS)},
        tuple(
            NewCluster(_cluster(number), f"{number:016x}", _fingerprint(number).title, "ValueError")
            for number in range(CLUSTERS)
        ),
        {},
    )
    lives.settle(db, "shop", grouping, corrections.revision(db), NOW)


def _suggestions(db: Database) -> None:
    for number in range(CLUSTERS):
        tier = "established" if number % 3 else "lead"
        conditions = [{"key": "package.numpy", "op": ">=", "value": "2.0"}]
        body: Mapping[str, object] = {
            "id": f"s-{number}", "cluster_id": _cluster(number), "namespace": "shop", "rank": 1, "tier": tier,
            "conditions": conditions, "aliases": [], "failing": [9, 9], "healthy": [0, 90], "risk_ratio": 99.0,
            "p_value": 0.001, "text": "all of those that fail have it", "remedy": None,
        }  # fmt: skip
        question = Question(_cluster(number), "shop", (), "")
        suggestions.save(
            db, question, [StoredSuggestion(f"s-{number}", _cluster(number), 1, tier, body)], None, [], [], NOW
        )


def _templates(db: Database) -> None:
    dice = random.Random(3)
    for number in range(TEMPLATES):
        text = f"{' '.join(dice.choices(WORDS, k=5))} took <*> of {number}"
        kept = Kept(f"{number:016x}", text, *tokens_of(text))
        whose = ("shop", service(number % SERVICES))
        level = dice.choice(("INFO", "WARN", "ERROR"))
        places = {(kept.id, level, NOW // _HOUR - hour): Counted(dice.randrange(1, 99), NOW, NOW) for hour in range(48)}
        templates.record(db, Request((), places, [(whose, kept)]), NOW)
    templates.fold(db)


def _runs(db: Database) -> None:
    dice = random.Random(4)
    runs.record(db, (one for number in range(RUNS) for one in _told(dice, number)), NOW)


def _told(dice: random.Random, number: int) -> Iterator[runs.Told]:
    agent, kind = f"agent-{number % 20}", f"job-{number % 7}"
    at = NOW - number * 10**9
    yield runs.Told(f"r-{number}", "start", {"agent_name": agent, "job_type": kind, "start_ns": at, "created_ns": at})
    ended = {"status": dice.choice(("success", "failed", "partial")), "end_ns": at + 10**9, "items_succeeded": 5}
    yield runs.Told(f"r-{number}", "end", ended)


def _anomalies(db: Database) -> None:
    anomalies.record(db, (_anomaly(number) for number in range(ANOMALIES)), [])


def _anomaly(number: int) -> Anomaly:
    at, whose = NOW - number * 10 * 60 * 10**9, _key(number)
    goes_on = number < _GO_ON
    return Anomaly(
        id=f"a-{number}",
        series=f"{number % 700:x}",
        namespace=whose.namespace,
        service=whose.service,
        instance=whose.instance,
        metric="queue.depth",
        part="",
        attributes="{}",
        resource="{}",
        opened_ns=at,
        closed_ns=None if goes_on else at + 60 * 10**9,
        ended="" if goes_on else "recovered",
        recorded_ns=at,
        score=1.5,
        threshold=2.0,
        observed=9.0,
        expected=1.0,
        lower=0.0,
        upper=3.0,
        direction="up",
        detector="robust-2",
    )
