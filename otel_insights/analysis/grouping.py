"""From signatures to clusters with ids that last: embed, cluster, match to the clusters of before."""

from __future__ import annotations

import hashlib
import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from otel_insights.analysis.pins import lay

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


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
    pinned_to: str | None = None
    """The cluster where people want it."""
    by_rule: bool = False
    """Whether a rule says so: then what resembles it does not follow it."""


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
    split: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Ids that go on -> those that took over a part of them."""
    similar: Mapping[str, tuple[tuple[str, float], ...]] = field(default_factory=dict)
    """Clusters that are possibly the same, with their similarity (0..1), best first."""


def group(
    namespace: str, signatures: Sequence[Signature], min_cluster_size: int = 4, taken: Collection[str] = ()
) -> Grouping:
    """Cluster all signatures of a namespace. Needs seconds for tens of thousands: not for the data path.

    `taken` are ids of clusters that none of the signatures is in: no new cluster gets one of them.
    """
    # scikit-learn is loaded where this runs, and not by everybody who knows of it
    from otel_insights.analysis.clustering import adopted_blocks, cluster  # noqa: PLC0415
    from otel_insights.analysis.embedding import embed  # noqa: PLC0415
    from otel_insights.analysis.similar import similar  # noqa: PLC0415

    signatures = sorted(signatures, key=lambda one: one.fingerprint)
    if not signatures:
        return Grouping({}, (), {})
    texts = [one.text for one in signatures]
    rows = embed(texts)
    found = cluster(
        rows,
        [max(1, round(one.occurrences)) for one in signatures],
        blocks=adopted_blocks(texts, [one.block for one in signatures], [bool(one.complete) for one in signatures]),
        min_cluster_size=min_cluster_size,
    )
    named = _named(namespace, signatures, found.labels.tolist(), rows, taken)
    return Grouping(
        {
            one.fingerprint: (named.ids[one.fingerprint], 1.0 if one.pinned_to else round(float(probability), 4))
            for one, probability in zip(signatures, found.probabilities, strict=True)
        },
        tuple(_described(signatures, named.ids, named.created)),
        named.merged,
        named.split,
        similar(
            rows,
            [named.ids[one.fingerprint] for one in signatures],
            [text.partition(":")[0] for text in texts],
            [one.occurrences for one in signatures],
        ),
    )


@dataclass(frozen=True, slots=True)
class _Named:
    ids: dict[str, str]
    created: Collection[str]
    merged: dict[str, str]
    split: dict[str, tuple[str, ...]]


def _named(
    namespace: str,
    signatures: Sequence[Signature],
    labels: Sequence[int],
    rows: NDArray[np.float32],
    taken: Collection[str],
) -> _Named:
    """Give labels the ids of the clusters of before, where people have not decided otherwise."""
    from otel_insights.analysis.clustering import match  # noqa: PLC0415 - as above

    at = {one.fingerprint: position for position, one in enumerate(signatures)}

    def nearest(name: str, others: Sequence[str]) -> str:
        return others[int((rows[[at[one] for one in others]] @ rows[at[name]]).argmax())]

    by_rule = {one.fingerprint: one.pinned_to for one in signatures if one.pinned_to and one.by_rule}
    free = [one for one in signatures if one.fingerprint not in by_rule]
    pinned = lay(
        {one.fingerprint: labels[at[one.fingerprint]] for one in free},
        {one.fingerprint: one.pinned_to for one in free if one.pinned_to},
        nearest,
    )
    before = {one.fingerprint: one.cluster_id for one in signatures if one.cluster_id}
    matched = match(
        {name: id_ for name, id_ in before.items() if name not in by_rule}, pinned.labels, _placeholders(), pinned.ids
    )
    known = {*before.values(), *pinned.ids.values(), *by_rule.values(), *taken}
    lasting = _lasting_ids(namespace, free, matched.assignment, matched.created, known)
    ids = {name: lasting.get(id_, id_) for name, id_ in matched.assignment.items()} | by_rule
    merged = {old: lasting.get(new, new) for old, new in matched.merged.items()}
    split = {old: tuple(lasting.get(new, new) for new in parts) for old, parts in matched.split.items()}
    return _Named(ids, lasting.values(), merged | _moved(before, ids, merged), split)


def _moved(before: Mapping[str, str], ids: Mapping[str, str], merged: Mapping[str, str]) -> dict[str, str]:
    """Find the clusters that rules have emptied, and where most of each went."""
    gone = set(before.values()) - set(ids.values()) - merged.keys()
    went = Counter((before[name], ids[name]) for name in sorted(before) if before[name] in gone)
    moved: dict[str, str] = {}
    for (old, new), _ in went.most_common():
        moved.setdefault(old, new)
    return moved


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


def _described(signatures: Sequence[Signature], ids: Mapping[str, str], created: Collection[str]) -> list[NewCluster]:
    wanted = set(created)
    most_frequent: dict[str, Signature] = {}
    for one in sorted(signatures, key=lambda one: (one.occurrences, one.fingerprint)):
        if (id_ := ids[one.fingerprint]) in wanted:
            most_frequent[id_] = one
    return [
        NewCluster(id_, top.fingerprint, top.title, top.exception_type) for id_, top in sorted(most_frequent.items())
    ]
