"""Lives of clusters: what a clustering or a look at them has changed, committed with the findings that report it."""

from __future__ import annotations

from collections.abc import Iterator

from otel_insights import semconv
from otel_insights.analysis.grouping import Grouping
from otel_insights.analysis.lifecycle import Life, Step, step
from otel_insights.findings import Value, finding
from otel_insights.store import clusters, corrections, lives, outbox, sightings
from otel_insights.store.engine import Database
from otel_insights.store.lives import Change, Subject
from otel_insights.store.outbox import Finding

CLUSTERING = "clustering"
ANALYSIS = "analysis"
"""What a state follows from, unless a person or silence decides."""


def settle(db: Database, namespace: str, grouping: Grouping, revision: int, now_ns: int) -> bool:
    """Swap in a clustering. False, and nothing is changed, if people have corrected something since its snapshot."""
    if corrections.revision(db) != revision:
        return False
    clusters.save(db, namespace, grouping, now_ns)
    for old, surviving in sorted(grouping.merged.items()):
        corrections.redirect(db, old, surviving, now_ns, CLUSTERING)
    split_from = {part: old for old, parts in grouping.split.items() for part in parts}
    for part, old in sorted(split_from.items()):
        lives.note(db, Change(now_ns, old, "split", part, CLUSTERING))
    outbox.put(db, [created(db, new.id, new.fingerprint, split_from.get(new.id, "")) for new in grouping.created])
    outbox.put(db, [merged(old, new, CLUSTERING, now_ns) for old, new in sorted(grouping.merged.items())])
    return True


def look(db: Database, now_ns: int, quiet_ns: int, after: str = "") -> str | None:
    """Bring the lives of clusters up to date, some at a time: returns what to give as `after` next, None at the end."""
    subjects = lives.subjects(db, now_ns, quiet_ns, after)
    for subject in subjects:
        before, taken = subject.life, step(subject.life, subject.seen, now_ns, quiet_ns)
        if lives.get(db, subject.id) != taken.life:
            lives.put(db, subject.id, taken.life)
        if taken.life.state != before.state:
            lives.note(db, Change(now_ns, subject.id, taken.life.state, "", _by(taken.life)))
            outbox.put(db, _told(db, subject, taken, now_ns))
    if len(subjects) == lives.MOST_AT_ONCE:
        return subjects[-1].id
    sightings.forget_oldest(db)
    lives.looked(db)
    return None


def _by(life: Life) -> str:
    return life.resolved_by if life.state == "resolved" else ANALYSIS


def _told(db: Database, subject: Subject, after: Step, now_ns: int) -> Iterator[Finding]:
    if after.life.state == "escalating" and after.spike:
        yield _spiking(db, subject, after, now_ns)
    elif after.life.state == "regressed":
        yield _regressed(db, subject, now_ns)
    elif after.life.state == "resolved":
        yield resolved(db, subject.id, after.life)


def created(db: Database, cluster_id: str, fingerprint: str, split_from: str = "") -> Finding:
    """Tell of a new cluster, with an exemplar of its most frequent fingerprint."""
    namespace, title, exception_type = clusters.heading(db, cluster_id)
    seen = clusters.exemplar(db, namespace, fingerprint)
    return finding(
        semconv.CLUSTER_CREATED,
        cluster_id,
        f"New in {seen.service or 'an unnamed service'}: {title}",
        {
            semconv.CLUSTER_ID: cluster_id,
            semconv.CLUSTER_TITLE: title,
            semconv.EXCEPTION_TYPE: exception_type,
            semconv.FINGERPRINT: fingerprint,
            semconv.SUBJECT_NAMESPACE: namespace,
            semconv.SUBJECT_NAME: seen.service,
            **({semconv.CLUSTER_SPLIT_FROM: split_from} if split_from else {}),
        },
        time_ns=seen.time_ns,
        severity="ERROR",
        trace_id=seen.trace_id,
        span_id=seen.span_id,
    )


def merged(old: str, surviving: str, decided_by: str, now_ns: int) -> Finding:
    """Tell that a cluster went into another one."""
    return finding(
        semconv.CLUSTER_MERGED,
        f"{old} {surviving}",
        f"Cluster {old} turned out to be part of {surviving}",
        {
            semconv.CLUSTER_ID: old,
            semconv.CLUSTER_SURVIVOR: surviving,
            semconv.CLUSTER_DECIDED_BY: decided_by,
        },
        time_ns=now_ns,
        severity="INFO",
    )


def resolved(db: Database, cluster_id: str, life: Life) -> Finding:
    """Tell that a person has resolved a cluster, or that it was silent for long."""
    why = "a person says so" if life.resolved_by == corrections.PERSON else "it was not seen for long"
    body, attributes = f"Resolved, for {why}", {semconv.CLUSTER_DECIDED_BY: life.resolved_by}
    return _about(db, cluster_id, semconv.CLUSTER_RESOLVED, body, attributes, life.since_ns, "INFO", life.since_ns)


def _spiking(db: Database, subject: Subject, after: Step, now_ns: int) -> Finding:
    assert after.spike is not None  # noqa: S101 - asked before
    count, expected = after.spike.count, after.spike.expected
    return _about(
        db,
        subject.id,
        semconv.CLUSTER_SPIKING,
        f"Far more than usual: {count:g} within an hour where about {expected:g} are",
        {semconv.CLUSTER_HOUR_COUNT: count, semconv.CLUSTER_HOUR_EXPECTED: expected},
        now_ns,
        "ERROR",
        after.spike.hour,
    )


def _regressed(db: Database, subject: Subject, now_ns: int) -> Finding:
    version = brought_back_by(db, subject.id, subject.life.since_ns)
    body = f"Back in {version}" if version else "Back"
    attributes = {
        semconv.CLUSTER_DECIDED_BY: subject.life.resolved_by,
        **({semconv.SUBJECT_VERSION: version} if version else {}),
    }
    at = min(subject.seen.last_ns, now_ns)
    return _about(db, subject.id, semconv.CLUSTER_REGRESSED, body, attributes, at, "ERROR", subject.seen.last_ns)


def brought_back_by(db: Database, cluster_id: str, resolved_ns: int) -> str:
    """Name the newest version in which a cluster was seen after it was resolved; "" where none is known."""
    known = sightings.versions(db, cluster_id)
    after = [one for one in known if one.last_seen_ns > resolved_ns] or known
    return max(after, key=lambda one: (one.first_seen_ns, one.last_seen_ns)).version if after else ""


def _about(
    db: Database,
    cluster_id: str,
    event: str,
    body: str,
    attributes: dict[str, Value] | dict[str, str] | dict[str, float],
    time_ns: int,
    severity: str,
    *subject: object,
) -> Finding:
    namespace, title, exception_type = clusters.heading(db, cluster_id)
    seen = lives.example(db, cluster_id)
    return finding(
        event,
        " ".join(map(str, (cluster_id, *subject))),
        f"{body}: {title}",
        {
            semconv.CLUSTER_ID: cluster_id,
            semconv.CLUSTER_TITLE: title,
            semconv.EXCEPTION_TYPE: exception_type,
            semconv.SUBJECT_NAMESPACE: namespace,
            semconv.SUBJECT_NAME: seen.service,
            **attributes,
        },
        time_ns=time_ns,
        severity=severity,
        trace_id=seen.trace_id,
        span_id=seen.span_id,
    )
