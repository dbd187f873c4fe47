"""One condition on an environment's configuration, and what it means."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from operator import ge, gt, le, lt

from otel_insights.analysis.versions import is_versioned, normalise_package, version_key

__all__ = ["OPERATORS", "Condition", "claim", "joined", "normalise_package", "people_name"]

_ORDERS: dict[str, Callable[[object, object], bool]] = {"<": lt, "<=": le, ">": gt, ">=": ge}  # type: ignore[dict-item]
OPERATORS = ("==", "!=", "<", "<=", ">", ">=", "in", "absent", "present")


@dataclass(frozen=True, slots=True)
class Condition:
    """`key op value`: one of OPERATORS against one configuration key.

    Package names in the key are normalised (PEP 503). `in` takes its values joined by commas; `absent` and `present`
    ignore the value. Raises ValueError for an operator that does not exist.
    """

    key: str
    op: str
    value: str = ""

    def __post_init__(self) -> None:
        if self.op not in OPERATORS:
            raise ValueError(f"{self.op!r}: expected one of {', '.join(OPERATORS)}")
        if self.key.startswith("package."):
            object.__setattr__(self, "key", "package." + normalise_package(self.key[8:]))

    def holds(self, configuration: Mapping[str, str]) -> bool:
        """Tell whether an environment with this configuration meets the condition.

        Every operator but `absent` is false where the key is missing. Versions (of packages, the runtime and the
        service) compare as PEP 440 versions; other values as numbers where both are, else as text. Package names in
        the configuration are expected in normalised form.

        >>> Condition("package.numpy", ">=", "2.0").holds({"package.numpy": "2.0.1"})
        True
        >>> Condition("package.numpy", "!=", "2.0").holds({})
        False
        """
        have = configuration.get(self.key)
        if have is None or self.op in ("absent", "present"):
            return (self.op == "absent") == (have is None)
        if self.op in _ORDERS:
            return _ORDERS[self.op](*_comparable(self.key, have, self.value))
        if self.op == "in":
            return any(_equal(self.key, have, value.strip()) for value in self.value.split(","))
        return _equal(self.key, have, self.value) == (self.op == "==")

    def text(self) -> str:
        """Return the condition as people say it.

        >>> Condition("package.numpy", ">=", "2.0").text()
        'numpy >= 2.0'
        >>> Condition("process.environment_variable.TZ", "absent").text()
        'TZ is not set'
        """
        name = people_name(self.key)
        if self.op in ("absent", "present"):
            state = "set" if _is_variable(self.key) else "there"
            state = "installed" if self.key.startswith("package.") else state
            return f"{name} is {'not ' if self.op == 'absent' else ''}{state}"
        op = {"==": "", "in": "in "}.get(self.op, self.op + " ")
        return f"{name} {op}{self.value}" if is_versioned(self.key) else f"{name} {self.op} {self.value}"

    def phrase(self) -> str:
        """Return the condition as it stands after `with` or `run`, within a sentence.

        >>> Condition("package.sniffio", "absent").phrase(), Condition("package.sniffio", "present").phrase()
        ('no sniffio', 'sniffio in any version')
        >>> Condition("process.environment_variable.TZ", "present").phrase()
        'TZ set'
        >>> Condition("package.numpy", "<", "2.0").phrase()
        'numpy < 2.0'
        """
        if self.op not in ("absent", "present"):
            return self.text()
        name, absent = people_name(self.key), self.op == "absent"
        if self.key.startswith("package."):
            return f"no {name}" if absent else f"{name} in any version"
        state = "set" if _is_variable(self.key) else "there"
        return f"{name} {'not ' if absent else ''}{state}"


_VARIABLE = "process.environment_variable."


def _is_variable(key: str) -> bool:
    return key.startswith(_VARIABLE)


def people_name(key: str) -> str:
    """Return the name by which people know a configuration key."""
    known = {"process.runtime.version": "Python", "service.version": "release", "service.name": "service"}
    for prefix in ("package.", _VARIABLE):
        if key.startswith(prefix):
            return key[len(prefix) :]
    return known.get(key, key)


def joined(conditions: Iterable[Condition]) -> str:
    """Return several conditions, all of which must hold, as they stand after `with` or `run`.

    What is missing comes last: a sentence does not begin with it.

    >>> joined([Condition("package.sniffio", "absent"), Condition("package.starlette", "<", "0.37.2")])
    'starlette < 0.37.2 with no sniffio'
    """
    return " with ".join(c.phrase() for c in sorted(conditions, key=lambda c: c.op == "absent"))


def claim(conditions: Iterable[Condition]) -> frozenset[tuple[str, str, str]]:
    """Return what conditions claim to be the cause: of versions, which package's, not which ones.

    Where a range begins and ends moves with the evidence, and an only version becomes a range when another one fails.

    >>> claim([Condition("package.numpy", "==", "2.0")]) == claim([Condition("package.numpy", ">=", "2.0")])
    True
    >>> claim([Condition("package.numpy", "==", "2.0")]) == claim([Condition("package.numpy", "absent")])
    False
    """
    return frozenset(
        (c.key, "version", "") if is_versioned(c.key) and c.op not in ("absent", "present") else (c.key, c.op, c.value)
        for c in conditions
    )


def _equal(key: str, have: str, value: str) -> bool:
    if have == value:
        return True
    a, b = _comparable(key, have, value)
    return a == b


def _comparable(key: str, have: str, value: str) -> tuple[object, object]:
    if is_versioned(key):
        return version_key(have), version_key(value)
    try:
        return float(have), float(value)
    except ValueError:
        return have, value
