"""The one change that was seen to help: a value with which otherwise alike environments are healthy."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from otel_insights.analysis.conditions import Condition
from otel_insights.analysis.explanation import Remedy
from otel_insights.analysis.versions import version_key

Configurations = Sequence[Mapping[str, str]]

_IMMUTABLE = ("service.name", "host.arch")  # nobody changes these to be rid of an error
_MOST_FAILING = 0.05  # share of the environments with the new value that may fail all the same
_MOST_UNWELL = 0.5  # share of those that do not which may fail otherwise, and more than is usual


def find_remedy(
    conditions: Sequence[Condition],
    failing: Configurations,
    healthy: Configurations,
    companions: Sequence[str] = (),
    unwell: Configurations = (),
) -> Remedy | None:
    """Return the change of one condition's key that most failing environments can rely on, or None.

    A change counts for a failing environment when a healthy one has the new value beside the same `companions`
    (keys whose values go together, such as the other packages that the stack trace names). Ties go to the value seen
    healthy in more environments, then to the newer version. `unwell` environments fail often, but with other errors:
    they prove nothing, and a value with which most fail otherwise only trades one error for another.
    """
    options: list[tuple[float, int, int, Remedy]] = []
    for place, changed in enumerate(conditions):
        if changed.key in _IMMUTABLE:
            continue
        others = [c for i, c in enumerate(conditions) if i != place]
        beside = [key for key in companions if key != changed.key]
        options += _options(changed, others, (failing, healthy, unwell), beside)
    if not options:
        return None
    return max(options, key=lambda o: (*o[:3], version_key(o[3].value), o[3].key))[3]


def _options(
    changed: Condition,
    others: Sequence[Condition],
    sides: tuple[Configurations, ...],
    beside: Sequence[str],
) -> list[tuple[float, int, int, Remedy]]:
    def alike(c: Mapping[str, str]) -> bool:
        return all(o.holds(c) for o in others)

    bad, good, unwell = (_by_value(changed, [c for c in side if alike(c)]) for side in sides)
    sick = [_setting(c, beside) for c in sides[0] if alike(c) and changed.holds(c)]
    out = []
    for value, configurations in good.items():
        if len(bad[value]) > _MOST_FAILING * (len(configurations) + len(bad[value])):
            continue
        if len(unwell[value]) > _MOST_UNWELL * (len(configurations) + len(unwell[value])):
            continue
        settings = {_setting(c, beside) for c in configurations}
        covered = sum(s in settings for s in sick) / max(len(sick), 1)
        op = "absent" if value is None else "=="
        remedy = Remedy(changed.key, op, value or "", len(configurations))
        out.append((round(covered, 1), int(value is not None), len(configurations), remedy))
    return out


def _by_value(changed: Condition, configurations: Configurations) -> defaultdict[str | None, list[Mapping[str, str]]]:
    out: defaultdict[str | None, list[Mapping[str, str]]] = defaultdict(list)
    for configuration in configurations:
        if not changed.holds(configuration):
            out[configuration.get(changed.key)].append(configuration)
    return out


def _setting(configuration: Mapping[str, str], keys: Sequence[str]) -> tuple[str | None, ...]:
    return tuple(configuration.get(key) for key in keys)
