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
_LEAST_IN_STRATUM = 10


@dataclass(frozen=True, slots=True)
class Strata:
    """Environments that may be compared with one another, and their chance to fail without any cause.

    `rows` holds the members of each stratum where some fail and some do not; the others tell nothing. `chance` sums to
    the number of failing environments in each of them.
    """

    rows: tuple[NDArray[np.intp], ...]
    chance: Floats


def build_strata(
    services: Sequence[str], deployments: Sequence[str], failing: NDArray[np.bool_], exposure: Floats
) -> Strata:
    """Return strata of one service and one deployment environment each, and chances that grow with exposure.

    A deployment environment with fewer than ten environments of a service stays with the service's remaining ones.
    """
    codes = _codes(services, deployments)
    rows = [np.flatnonzero(codes == code) for code in range(codes.max() + 1)]
    rows = [members for members in rows if 0 < failing[members].sum() < len(members)]
    return Strata(tuple(rows), _chances(rows, failing, exposure))


def _codes(services: Sequence[str], deployments: Sequence[str]) -> NDArray[np.intp]:
    whole = np.unique(services, return_inverse=True)[1]
    part_of = np.unique([f"{s}\0{d}" for s, d in zip(services, deployments, strict=True)], return_inverse=True)[1]
    sizes = np.bincount(part_of)
    codes = np.where(sizes[part_of] >= _LEAST_IN_STRATUM, part_of + whole.max() + 1, whole)
    return np.unique(codes, return_inverse=True)[1]


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
    weights = np.exp(np.array(likelihoods) - max(likelihoods))
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
