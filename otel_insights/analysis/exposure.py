"""How likely each environment was to fail, had configuration nothing to do with it: more so the more it did.

The model is P(fail) = 1 - exp(-rate of the stratum x exposure ^ b). With b = 0 work does not matter (a program that
cannot start fails whatever it is asked to do); with b = 1 every request is as risky as the next. The data weigh b.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_EXPONENTS = (0.0, 0.25, 0.5, 0.75, 1.0)
_BEFOREHAND = (0.4, 0.15, 0.15, 0.15, 0.15)  # how likely each is: many failures ask for no work at all
_LEAST_IN_STRATUM = 20
_LEVEL = 1.5  # in log odds: services that differ by less in how often they fail are counted together


@dataclass(frozen=True, slots=True)
class Strata:
    """Environments whose labels may be exchanged, and their chance to fail without any cause.

    `rows` holds the members of each stratum where some fail and some do not; in the others labels cannot change.
    `chance` sums to the number of failing environments in each of them.
    """

    rows: tuple[NDArray[np.intp], ...]
    chance: Floats


@dataclass(frozen=True, slots=True)
class Level:
    """Environments of services that fail about as often, and their chance to fail without any cause."""

    members: NDArray[np.intp]
    chance: Floats
    failing: int


def build_strata(
    services: NDArray[np.str_],
    deployments: NDArray[np.str_],
    failing: NDArray[np.bool_],
    exposure: Floats,
) -> Strata:
    """Return strata of one service and one deployment environment each, and chances that grow with exposure.

    A deployment environment with fewer than twenty environments of a service stays with the service's remaining ones.
    """
    codes = _codes(services, deployments)
    rows = [np.flatnonzero(codes == code) for code in np.unique(codes)]
    rows = [members for members in rows if 0 < failing[members].sum() < len(members)]
    return Strata(tuple(rows), _chances(rows, failing, exposure))


def build_levels(services: NDArray[np.str_], failing: NDArray[np.bool_], exposure: Floats) -> tuple[Level, ...]:
    """Return the environments in groups of services that fail about as often, seldom failing ones first.

    Services where all fail are in it: what those have in common tells which of several conditions it is, though no
    relabelling can change it.
    """
    rows = [np.flatnonzero(services == service) for service in np.unique(services)]
    chance = _chances(rows, failing, exposure)
    odds = [np.log((failing[r].sum() + 0.5) / ((~failing[r]).sum() + 0.5)) for r in rows]
    groups: list[list[NDArray[np.intp]]] = []
    start = -np.inf
    for i in np.argsort(odds, kind="stable"):
        if odds[i] - start >= _LEVEL:
            start = odds[i]
            groups.append([])
        groups[-1].append(rows[i])
    levels = [np.sort(np.concatenate(group)) for group in groups]
    return tuple(Level(members, chance, int(failing[members].sum())) for members in levels)


def _codes(services: NDArray[np.str_], deployments: NDArray[np.str_]) -> NDArray[np.intp]:
    whole = np.unique(services, return_inverse=True)[1]
    pairs = np.stack([whole, np.unique(deployments, return_inverse=True)[1]])
    finer, sizes = np.unique(pairs, axis=1, return_inverse=True, return_counts=True)[1:]
    finer = finer.reshape(-1)
    return np.where(sizes[finer] >= _LEAST_IN_STRATUM, finer + len(services), whole)


def _chances(rows: Sequence[NDArray[np.intp]], failing: NDArray[np.bool_], exposure: Floats) -> Floats:
    """Average the model over its exponents, each weighed by how well it predicts who failed."""
    fits, likelihoods = [], []
    for exponent in _EXPONENTS:
        chance = np.zeros(len(failing))
        for members in rows:
            work = np.maximum(exposure[members], 1.0)
            chance[members] = _fit((work / np.median(work)) ** exponent, int(failing[members].sum()))
        used = np.concatenate(rows) if rows else np.zeros(0, dtype=np.intp)
        likelihoods.append(np.log(np.where(failing, chance, 1 - chance)[used]).sum())
        fits.append(chance)
    weights = np.array(_BEFOREHAND) * np.exp(np.array(likelihoods) - max(likelihoods))
    return np.asarray(np.average(fits, axis=0, weights=weights))


def _fit(work: Floats, failing: int) -> Floats:
    """Return chances 1 - exp(-rate x work) that sum to `failing`, by bisection on the logarithm of the rate."""
    low, high = -40.0, 40.0
    for _ in range(60):
        middle = (low + high) / 2
        enough = -np.expm1(-np.exp(middle) * work).sum() >= failing
        low, high = (low, middle) if enough else (middle, high)
    chance: Floats = np.clip(-np.expm1(-np.exp(high) * work), 1e-9, 1 - 1e-9)
    return chance
