"""What differs between two configurations: the keys that one of them alone has, and those whose values are others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, get_args

Group = Literal["packages", "environment variables", "runtime, host and the rest"]
GROUPS: Final[tuple[Group, ...]] = get_args(Group)


@dataclass(frozen=True, slots=True)
class Difference:
    """A key whose values are not the same; None: it is not there."""

    key: str
    one: str | None
    other: str | None

    @property
    def group(self) -> Group:
        """Tell what kind of thing it is."""
        return group_of(self.key)


def group_of(key: str) -> Group:
    """Tell what kind of thing a configuration key is.

    >>> group_of("package.numpy"), group_of("process.environment_variable.TZ")
    ('packages', 'environment variables')
    """
    if key.startswith("package."):
        return "packages"
    return "environment variables" if key.startswith("process.environment_variable.") else "runtime, host and the rest"


def differences(one: Mapping[str, str], other: Mapping[str, str]) -> list[Difference]:
    """List what differs, in order of the keys.

    >>> [(d.key, d.one, d.other) for d in differences({"a": "1", "b": "2", "c": "3"}, {"a": "1", "b": "4", "d": "5"})]
    [('b', '2', '4'), ('c', '3', None), ('d', None, '5')]
    """
    keys = sorted(one.keys() | other.keys())
    return [Difference(key, one.get(key), other.get(key)) for key in keys if one.get(key) != other.get(key)]
