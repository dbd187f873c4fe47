"""Incidents page by page are those of the whole list, though each page reads no more anomalies than it needs."""

import random
import sqlite3

import pytest
from otlp_samples import T0
from sqlite_utils import Database

from otel_insights.incident_portrait import latest
from otel_insights.store import anomalies
from otel_insights.store.anomalies import Anomaly
from otel_insights.store.migrations import migrate

MINUTE = 60 * 10**9


def anomaly(number: int, dice: random.Random) -> Anomaly:
    at = T0 + number * 7 * MINUTE + dice.randrange(5 * MINUTE)
    return Anomaly(
        id=f"a-{number}",
        series=f"{number % 9}",
        namespace=dice.choice(("", "demo")),
        service=dice.choice(("shop", "cart", "mail", "ship")),
        instance="i-1",
        metric="queue.depth",
        part="",
        attributes="{}",
        resource="{}",
        opened_ns=at,
        closed_ns=at + MINUTE,
        ended="recovered",
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


@pytest.fixture(scope="module")
def db() -> Database:
    made, dice = Database(sqlite3.connect(":memory:", isolation_level=None)), random.Random(3)
    migrate(made)
    anomalies.record(made, [anomaly(number, dice) for number in range(1200)], [])
    return made


@pytest.mark.parametrize("filters", [{}, {"service": "shop"}, {"namespace": "demo"}, {"since_ns": T0 + 3000 * MINUTE}])
def test_pages_put_together_are_the_whole_list(db, filters):
    whole = latest(db, limit=10_000, **filters)
    paged = latest(db, limit=40, **filters)
    while more := latest(db, limit=40, after=paged[-1]["id"], **filters):
        paged += more
    assert len(whole) > 100
    assert paged == whole


def test_behind_an_incident_that_is_none_there_is_nothing(db):
    assert latest(db, after="I-none") == []
