"""From signatures to clusters with ids that last: embed, cluster, match to the clusters of before."""

from __future__ import annotations

import hashlib
import itertools
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Signature:
    """A fingerprint as clustering sees it: its normalised text, how often it was seen, and where it has been."""

    fingerprint: str
    exception_type: str
    title: str
    text: str
    block: str
    complete: bool
    occurrences: float
    cluster_id: str | None


@dataclass(frozen=True, slots=True)
class NewCluster:
    """A cluster that has just come into being, described by its most frequent fingerprint."""

    id: str
    fingerprint: str
    title: str
    exception_type: str


@dataclass(frozen=True, slots=True)
class Grouping:
    """The clusters of a namespace, whole."""

    members: Mapping[str, tuple[str, float]]
    """Fingerprint -> cluster id and probability."""
    created: tuple[NewCluster, ...]
    merged: Mapping[str, str]
    """Ids that end here -> the ids that go on for them."""


def group(namespace: str, signatures: Sequence[Signature], min_cluster_size: int = 4) -> Grouping:
    """Cluster all signatures of a namespace. Needs seconds for tens of thousands: not for the data path."""
    # scikit-learn is loaded where this runs, and not by everybody who knows of it
    from otel_insights.analysis.clustering import adopted_blocks, cluster, match  # noqa: PLC0415
    from otel_insights.analysis.embedding import embed  # noqa: PLC0415

    signatures = sorted(signatures, key=lambda one: one.fingerprint)
    if not signatures:
        return Grouping({}, (), {})
    texts = [one.text for one in signatures]
    found = cluster(
        embed(texts),
        [max(1, round(one.occurrences)) for one in signatures],
        blocks=adopted_blocks(texts, [one.block for one in signatures], [bool(one.complete) for one in signatures]),
        min_cluster_size=min_cluster_size,
    )
    labels = {one.fingerprint: int(label) for one, label in zip(signatures, found.labels, strict=True)}
    before = {one.fingerprint: one.cluster_id for one in signatures if one.cluster_id}
    matched = match(before, labels, _placeholders())
    lasting = _lasting_ids(namespace, signatures, matched.assignment, matched.created, set(before.values()))
    ids = {one: lasting.get(id_, id_) for one, id_ in matched.assignment.items()}
    return Grouping(
        {
            one.fingerprint: (ids[one.fingerprint], round(float(probability), 4))
            for one, probability in zip(signatures, found.probabilities, strict=True)
        },
        tuple(_describe(signatures, ids, id_) for id_ in sorted(lasting.values())),
        {old: lasting.get(new, new) for old, new in matched.merged.items()},
    )


def _placeholders() -> Callable[[], str]:
    numbers = itertools.count()
    return lambda: f"new-{next(numbers)}"


def _lasting_ids(
    namespace: str,
    signatures: Sequence[Signature],
    assignment: Mapping[str, str],
    created: Sequence[str],
    taken: set[str],
) -> dict[str, str]:
    """Name new clusters after their first fingerprint, so that every store that saw the same gives the same ids."""
    members: defaultdict[str, list[str]] = defaultdict(list)
    for one in signatures:
        members[assignment[one.fingerprint]].append(one.fingerprint)
    ids: dict[str, str] = {}
    for placeholder in created:
        attempt = 0
        while (id_ := _hash(namespace, min(members[placeholder]), attempt)) in taken:
            attempt += 1
        taken.add(id_)
        ids[placeholder] = id_
    return ids


def _hash(namespace: str, founder: str, attempt: int) -> str:
    return hashlib.blake2b(f"{namespace}\0{founder}\0{attempt}".encode(), digest_size=6).hexdigest()


def _describe(signatures: Sequence[Signature], ids: Mapping[str, str], id_: str) -> NewCluster:
    members = [one for one in signatures if ids[one.fingerprint] == id_]
    top = max(members, key=lambda one: (one.occurrences, one.fingerprint))
    return NewCluster(id_, top.fingerprint, top.title, top.exception_type)
