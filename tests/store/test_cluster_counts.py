"""Counts by cluster are bounded: those of the newest, and one for all others, which only grows."""

import sqlite3

from otlp_samples import T0
from sqlite_utils import Database

from otel_insights import lives, own_metrics, semconv
from otel_insights.analysis.fingerprint import fingerprint
from otel_insights.analysis.grouping import Grouping, NewCluster
from otel_insights.store import cluster_services, clusters, corrections, hours, occurrences
from otel_insights.store.clusters import Count
from otel_insights.store.environments import EnvironmentKey
from otel_insights.store.migrations import migrate
from otel_insights.store.observation import Observation
from otel_insights.store.recent import Recent

ENVIRONMENT = EnvironmentKey("", "shop", "i-1")


def fail(db: Database, number: int, times: int) -> None:
    """Let a failure happen, and be a cluster of its own that is newer than those before."""
    stack = f'Traceback (most recent call last):\n  File "/srv/f{number}.py", line 3, in f{number}\nE: no'
    print_ = fingerprint("E", "no", stack)
    seen = [Observation(1000 * number + n, ENVIRONMENT, print_, "no", stack, b"", b"", T0) for n in range(times)]
    occurrences.record(db, seen, T0, Recent())
    hours.tally(db, T0)
    new = NewCluster(f"c-{number}", print_.id, "E: no", "E")
    lives.settle(db, "", Grouping({print_.id: (new.id, 1.0)}, (new,), {}), corrections.revision(db), T0 + number)
    cluster_services.add_up_all(db)


def test_clusters_beyond_the_newest_are_counted_together():
    db = Database(sqlite3.connect(":memory:", isolation_level=None))
    migrate(db)
    for number in range(1, 5):
        fail(db, number, times=number)
    newest = [Count("c-3", "shop", "E", 3.0), Count("c-4", "shop", "E", 4.0)]
    assert clusters.counts(db, most=2) == [Count("", "", "", 3.0), *newest]
    fail(db, 5, times=1)
    assert clusters.counts(db, most=2) == [Count("", "", "", 6.0), newest[1], Count("c-5", "shop", "E", 1.0)]


def test_a_point_for_all_others_says_so():
    db = Database(sqlite3.connect(":memory:", isolation_level=None))
    migrate(db)
    fail(db, 1, times=2)
    whole, others = Count("c-1", "shop", "E", 2.0), Count("", "", "", 9.0)
    assert own_metrics.labels_of(whole)[semconv.CLUSTER_ID] == "c-1"
    assert own_metrics.labels_of(others) == {semconv.METRIC_OVERFLOW: "true"}
    found = {one.name: one.points for one in own_metrics.found(db)}
    assert found[semconv.OCCURRENCES] == [(own_metrics.labels_of(whole), 2.0)]
    assert found[semconv.CLUSTER_SIZE] == [({semconv.CLUSTER_ID: "c-1"}, 1)]


def test_failures_of_one_cluster_that_grow_together_are_added_up_once():
    """One statement that changes several rows must not be stopped by a cluster that has been noted already."""
    db = Database(sqlite3.connect(":memory:", isolation_level=None))
    migrate(db)
    for number in (1, 2):
        fail(db, number, times=1)
    db.execute("UPDATE fingerprint SET cluster_id = 'c-1'")
    cluster_services.add_up_all(db)
    for more in (1, 2):
        for number in (1, 2):
            stack = f'Traceback (most recent call last):\n  File "/srv/f{number}.py", line 3, in f{number}\nE: no'
            again = Observation(
                9000 + 10 * more + number, ENVIRONMENT, fingerprint("E", "no", stack), "", stack, b"", b"", T0
            )
            occurrences.record(db, [again], T0, Recent())
        hours.tally(db, T0)
    cluster_services.add_up_all(db)
    assert clusters.counts(db) == [Count("c-1", "shop", "E", 6.0)]
