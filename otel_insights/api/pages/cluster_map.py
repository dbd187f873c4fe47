"""/map: clusters as circles, the more alike the nearer; and the same as a table."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response

from otel_insights.analysis.layout import lay_out
from otel_insights.api.pages.rendering import page, pages
from otel_insights.service import Service
from otel_insights.store import cluster_lists
from otel_insights.store.cluster_lists import Listed, Wanted
from otel_insights.store.engine import Database

_MOST: Final = 150
"""Clusters drawn: the most frequent ones. More are a smear, and take a second to place."""
_WIDTH, _HEIGHT = 900, 560
_SMALLEST, _LARGEST = 6.0, 26.0
_LETTER, _LINE = 7.0, 13.0
"""About how wide a letter is, and how high a line."""


@dataclass(frozen=True, slots=True)
class Circle:
    """A cluster on the map, in units of its surface."""

    cluster: Listed
    x: float
    y: float
    radius: float


@dataclass(frozen=True, slots=True)
class Label:
    """A name below a circle: the middle of its base line."""

    x: float
    y: float
    text: str


@dataclass(frozen=True, slots=True)
class Line:
    """A line between two clusters that are possibly the same."""

    x1: float
    y1: float
    x2: float
    y2: float


@dataclass(frozen=True, slots=True)
class Pair:
    """Two clusters that are possibly the same."""

    one: Listed
    other: Listed
    similarity: float


@dataclass(frozen=True, slots=True)
class Map:
    """What the map shows."""

    circles: Sequence[Circle]
    labels: Sequence[Label]
    lines: Sequence[Line]
    pairs: Sequence[Pair]
    width: int = _WIDTH
    height: int = _HEIGHT


@dataclass(frozen=True, slots=True)
class _Known:
    clusters: Sequence[Listed]
    texts: Mapping[str, str]
    alike: Sequence[tuple[str, str, float]]
    namespaces: Sequence[str]


def routes(service: Service) -> APIRouter:
    """Make the route over a running service."""
    router = pages()

    @router.get("/map")
    async def cluster_map(request: Request, namespace: Annotated[str, Query(max_length=255)] = "") -> Response:
        known = await service.store.read(_read, namespace)
        drawn = await asyncio.to_thread(_draw, known)
        return page(
            request,
            "map.html",
            {"map": drawn, "namespace": namespace, "namespaces": known.namespaces, "most": _MOST},
        )

    return router


def _read(db: Database, namespace: str) -> _Known:
    found = cluster_lists.listed(db, Wanted(namespace=namespace or None, order="count"), limit=_MOST)
    ids = [one.id for one in found]
    namespaces = [one for one in cluster_lists.where_things_failed(db)[0] if one]
    return _Known(found, cluster_lists.texts(db, ids), cluster_lists.alike(db, ids), namespaces)


def _draw(known: _Known) -> Map:
    most = max((one.count for one in known.clusters), default=1.0)
    crowd = min(1.0, math.sqrt(40 / max(1, len(known.clusters))))
    radii = [crowd * (_SMALLEST + (_LARGEST - _SMALLEST) * _share(one.count, most)) for one in known.clusters]
    places = lay_out([known.texts.get(one.id, "") for one in known.clusters], [radius / _HEIGHT for radius in radii])
    circles = [
        Circle(one, round(x * _WIDTH, 1), round(y * _HEIGHT, 1), round(radius, 1))
        for one, (x, y), radius in zip(known.clusters, places.tolist(), radii, strict=True)
    ]
    at = {one.cluster.id: one for one in circles}
    lines = [Line(at[a].x, at[a].y, at[b].x, at[b].y) for a, b, _ in known.alike]
    pairs = [Pair(at[a].cluster, at[b].cluster, how) for a, b, how in known.alike]
    return Map(circles, _labels(circles), lines, pairs)


def _share(count: float, most: float) -> float:
    return math.log1p(count) / math.log1p(most) if most > 0 else 0.0


def _labels(circles: Sequence[Circle]) -> list[Label]:
    """Name circles, the largest first, where the name meets no other circle and no other name."""
    found: list[Label] = []
    for one in sorted(circles, key=lambda circle: -circle.radius):
        text = one.cluster.exception_type.rpartition(".")[2][:30]
        half = _LETTER * len(text) / 2
        label = Label(round(min(max(one.x, half), _WIDTH - half), 1), round(one.y + one.radius + _LINE, 1), text)
        room = label.y < _HEIGHT and not any(_meets(label, other) for other in circles if other is not one)
        apart = all(
            abs(each.y - label.y) > _LINE or abs(each.x - label.x) > half + _LETTER * len(each.text) / 2
            for each in found
        )
        if text and room and apart:
            found.append(label)
    return found


def _meets(label: Label, circle: Circle) -> bool:
    """Tell whether a label's box touches a circle's."""
    half = _LETTER * len(label.text) / 2
    wide = abs(circle.x - label.x) < circle.radius + half
    return wide and label.y - _LINE - circle.radius < circle.y < label.y + circle.radius
