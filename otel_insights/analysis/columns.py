"""The candidate conditions: which environments each selects, and how likely each is before looking at failures.

Nothing here sees which environments fail, so that a permutation test over the columns is valid.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from otel_insights.analysis.conditions import Condition
from otel_insights.analysis.versions import is_versioned, version_key

Conditions = tuple[Condition, ...]
"""Conditions joined by AND."""

_PLACEMENT = (
    "k8s.",
    "cloud.",
    "deployment.",
    "container.",
    "host.",
    "faas.",
    "aws.",
    "gcp.",
    "azure.",
    "app.installation.",
)
_NOT_PLACEMENT = ("host.arch", "host.cpu.", "container.runtime")
_IDENTITY = ("service.name", "service.namespace", "service.instance.id", "process.pid", "process.parent_pid")
_IDENTITY_SHARE = 0.6  # a key with more distinct values than this share of the environments names them
_SHARES = {"named package": 2.0, "rest": 0.5}  # of the prior probability; 1 for the kinds not here
_PLACE = 1 / 7  # how likely beforehand the place is to blame; among all kinds of keys it is one
_OWN_CODE = 3.0  # how much likelier a release is when the service's own code raised the error
_PRESENCE = -math.log(4)  # that a package is there or not is a rarer cause than its version
_LEAST = 2  # environments on either side of a condition


@dataclass(frozen=True, slots=True)
class Columns:
    """Distinct columns: `matrix[i, j]` tells whether environment i meets hypothesis j.

    `hypotheses[j]` are all conditions that select exactly these environments, likeliest first; `weights[j]` is the
    logarithm of their joint probability beforehand. `named[j]`: one of them is on a package that the stack names.
    """

    matrix: NDArray[np.bool_]
    hypotheses: tuple[tuple[tuple[float, Conditions], ...], ...]
    weights: NDArray[np.float64]
    named: NDArray[np.bool_]


def build_columns(
    services: Sequence[str],
    configurations: Sequence[Mapping[str, str]],
    packages: Sequence[str] = (),
    *,
    one_service: bool = False,
) -> Columns:
    """Return the distinct columns of all single conditions over these environments.

    Placement (host, cluster, region, deployment environment) and identity are no candidates: they tell where a
    program ran, not what it was made of. Prior probability is shared out evenly among kinds of keys (release,
    runtime, environment variables, packages that the stack trace names, other packages and the rest), within a kind
    among its keys, within a key among its columns. `packages` is the stack, outermost first. Unless the fleet is
    `one_service`, releases are told with their service.
    """
    found: dict[bytes, tuple[NDArray[np.bool_], list[tuple[str, Conditions]]]] = {}
    sizes: defaultdict[str, int] = defaultdict(int)
    for key in sorted({key for configuration in configurations for key in configuration}):
        if not is_candidate(key):
            continue
        own: set[bytes] = set()
        for column, conditions in _columns_of(key, services, configurations, one_service=one_service):
            if min(column.sum(), len(column) - column.sum()) < _LEAST:
                continue
            packed = np.packbits(column).tobytes()
            found.setdefault(packed, (column, []))[1].append((key, conditions))
            own.add(packed)
        if own:
            sizes[key] = len(own)
    prior = _priors(sizes, packages)
    matrix = np.array([column for column, _ in found.values()], dtype=bool).reshape(-1, len(configurations)).T
    hypotheses = tuple(_by_likelihood(conditions, prior) for _, conditions in found.values())
    weights = np.array([_log_sum({c[-1].key: w for w, c in reversed(h)}.values()) for h in hypotheses])
    stack = {"package." + name for name in packages}
    named = np.array([any(c[-1].key in stack for _, c in h) for h in hypotheses], dtype=bool)
    return Columns(matrix, hypotheses, weights, named)


def placement_columns(configurations: Sequence[Mapping[str, str]]) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Return the columns of where environments ran (one for each cluster, region, deployment environment, ...).

    With each, the logarithm of its probability beforehand: the place as a whole is one kind of cause among the others.
    """
    columns, sizes = [], []
    for key in sorted({key for configuration in configurations for key in configuration}):
        if not is_candidate(key) and key not in _IDENTITY:
            values = [configuration.get(key) for configuration in configurations]
            own = [column for column, _ in _scoped_columns(key, values, ()) if column.sum() >= _LEAST]
            columns += own
            sizes += [len(own)] * bool(own)
    matrix: NDArray[np.bool_] = np.array(columns, dtype=bool).reshape(-1, len(configurations)).T
    shares = [_PLACE / len(sizes) / size for size in sizes for _ in range(size)]
    return matrix, np.log(np.array(shares, dtype=np.float64))


def is_candidate(key: str) -> bool:
    """Tell whether a key can explain a failure: neither placement nor identity."""
    return key not in _IDENTITY and not (key.startswith(_PLACEMENT) and not key.startswith(_NOT_PLACEMENT))


def _columns_of(
    key: str, services: Sequence[str], configurations: Sequence[Mapping[str, str]], *, one_service: bool
) -> Iterator[tuple[NDArray[np.bool_], Conditions]]:
    values = [configuration.get(key) for configuration in configurations]
    if key != "service.version":
        yield from _scoped_columns(key, values, ())
        return
    for service in sorted(set(services)):  # releases of different services do not compare
        scope = (Condition("service.name", "==", service),) if not one_service else ()
        own = [value if of == service else None for value, of in zip(values, services, strict=True)]
        yield from _scoped_columns(key, own, scope)


def _scoped_columns(
    key: str, values: Sequence[str | None], scope: Conditions
) -> Iterator[tuple[NDArray[np.bool_], Conditions]]:
    versioned = is_versioned(key)
    distinct = sorted({v for v in values if v is not None}, key=lambda v: (version_key(v), v) if versioned else v)
    if not versioned and len(distinct) > max(2, _IDENTITY_SHARE * len(values)):
        return
    rank = {value: i for i, value in enumerate(distinct)}
    codes = np.array([-1 if value is None else rank[value] for value in values])
    present = codes >= 0
    if not present.all() and not scope and key.startswith(("package.", "process.environment_variable.")):
        yield present, (Condition(key, "present"),)
        yield ~present, (Condition(key, "absent"),)
    for i, value in enumerate(distinct):
        yield codes == i, (*scope, Condition(key, "==", value))
        if versioned and i:
            yield codes >= i, (*scope, Condition(key, ">=", value))
            yield present & (codes < i), (*scope, Condition(key, "<", value))


def _kind(key: str, named: set[str]) -> str:
    if key.startswith("package."):
        return "named package" if key[8:] in named else "rest"
    if key.startswith("process.environment_variable."):
        return "environment variable"
    if key == "service.version":
        return "release"
    return "platform" if key.startswith(("process.", "os.", "host.", "telemetry.")) else "rest"


def _priors(sizes: Mapping[str, int], stack: Sequence[str]) -> dict[str, float]:
    named = set(stack)
    kinds: defaultdict[str, int] = defaultdict(int)
    for key in sizes:
        kinds[_kind(key, named)] += 1
    shares = {kind: _SHARES.get(kind, 1.0) for kind in kinds}
    if stack:  # whose code raised it?
        shares["release"] = _OWN_CODE if stack[-1] == "<app>" else 1 / _OWN_CODE
    total = sum(shares[kind] for kind in kinds)
    out = {}
    for key, size in sizes.items():
        kind = _kind(key, named)
        out[key] = math.log(shares[kind] / total / kinds[kind] / size)
    return out


def _by_likelihood(
    conditions: Sequence[tuple[str, Conditions]], prior: Mapping[str, float]
) -> tuple[tuple[float, Conditions], ...]:
    """Order hypotheses with the same environments: likelier keys first, and plain equality before a range."""
    weighed = [(prior[k] + (_PRESENCE if _is_presence(c[-1]) else 0.0), c) for k, c in conditions]
    return tuple(sorted(weighed, key=lambda h: (-h[0], h[1][-1].op != "==", h[1][-1].key)))


def _is_presence(condition: Condition) -> bool:
    return condition.op in ("present", "absent") and condition.key.startswith("package.")


def _log_sum(values: Iterable[float]) -> float:
    return float(np.logaddexp.reduce(list(values)))
