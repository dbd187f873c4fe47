"""Areas that stand for numbers: rectangles that fill a surface, as near to squares as they can be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tile:
    """A rectangle, in units of its surface."""

    x: float
    y: float
    width: float
    height: float


def treemap(values: Sequence[float], width: float, height: float) -> list[Tile]:
    """Lay out values above zero, the largest first (Bruls, Huizing and van Wijk 2000, "Squarified treemaps").

    >>> [(tile.width, tile.height) for tile in treemap([2, 1, 1], 40, 20)]
    [(20.0, 20.0), (20.0, 10.0), (20.0, 10.0)]
    """
    whole = sum(values)
    areas = [value * width * height / whole for value in values] if whole else []
    tiles: list[Tile] = []
    x = y = 0.0
    while areas:
        short = min(width, height)
        row = areas[:1]
        while len(row) < len(areas) and _worst(areas[: len(row) + 1], short) <= _worst(row, short):
            row = areas[: len(row) + 1]
        deep = sum(row) / short
        along = 0.0
        for area in row:
            long = area / deep
            place = (x, y + along, deep, long) if height <= width else (x + along, y, long, deep)
            tiles.append(Tile(*(round(one, 2) for one in place)))
            along += long
        if height <= width:
            x, width = x + deep, width - deep
        else:
            y, height = y + deep, height - deep
        areas = areas[len(row) :]
        width, height = max(width, 1e-9), max(height, 1e-9)  # what rounding leaves of the last row's room
    return tiles


def _worst(row: Sequence[float], short: float) -> float:
    """Tell how far from a square the worst of a row is."""
    whole = sum(row)
    return max(short * short * max(row) / whole**2, whole**2 / (short * short * min(row)))
