"""Where people want signatures to be, laid over what a clustering found."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pinned:
    """`labels` as people want them; `ids` are the cluster ids that some of the labels have, whatever was before."""

    labels: dict[str, int]
    ids: dict[int, str]


def lay(labels: Mapping[str, int], pins: Mapping[str, str], nearest: Callable[[str, Sequence[str]], str]) -> Pinned:
    """Bring labels (signature -> label) into line with pins (signature -> cluster id).

    What a clustering holds together with a pinned signature goes where that one goes; where people have split what the
    clustering would hold together, with the nearest pinned one: `nearest(signature, pinned)` picks it.

    >>> lay({"a": 0, "b": 1, "c": 1, "d": 2}, {"a": "A", "b": "A"}, lambda one, pinned: pinned[0])
    Pinned(labels={'a': 3, 'b': 3, 'c': 3, 'd': 2}, ids={3: 'A'})
    """
    pinned_in: dict[int, list[str]] = {}
    for name in sorted(pins.keys() & labels.keys()):
        pinned_in.setdefault(labels[name], []).append(name)
    first = max(labels.values(), default=-1) + 1
    number = {id_: first + at for at, id_ in enumerate(sorted({pins[name] for name in pins if name in labels}))}
    laid = dict(labels)
    for name, label in labels.items():
        if name in pins:
            laid[name] = number[pins[name]]
        elif held := pinned_in.get(label):
            one_place = len({pins[one] for one in held}) == 1
            laid[name] = number[pins[held[0] if one_place else nearest(name, held)]]
    return Pinned(laid, {at: id_ for id_, at in number.items()})
