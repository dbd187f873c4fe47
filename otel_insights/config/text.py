"""The text of a configuration file -> plain values: YAML, `${env:NAME}` filled in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeAlias

import yaml

from otel_insights.errors import ConfigError

Path: TypeAlias = tuple["str | int", ...]
"""Where a value stands: keys and positions from the top."""


def dotted(path: Path) -> str:
    """Write a path as our errors begin.

    >>> dotted(("service", "pipelines", "traces/2", "receivers", 0))
    'service.pipelines.traces/2.receivers[0]'
    """
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")


@dataclass(slots=True)
class Source:
    """What a file says, before anything is known of its meaning."""

    tree: dict[str, Any]
    expanded: dict[Path, str] = field(default_factory=dict)
    """Scalars that are one expansion and nothing else, as the environment spells them; `tree` has their YAML meaning.

    A password 1e6 is such a case: `tree` has a number, and where a string is expected, the spelling counts.
    """


def parse(text: str, environ: Mapping[str, str]) -> tuple[Source, list[ConfigError]]:
    """Read a file's text, with all that is wrong with it; an unreadable file gives an empty tree.

    Expansions happen inside scalars, after parsing, so a value of the environment cannot add keys. `$$` is a dollar.
    A variable that is not set and has no default (`${env:NAME:-default}`) is an error, where the Collector only warns.
    """
    try:
        tree = yaml.load(text, Loader=_StrictLoader)  # noqa: S506 - a SafeLoader
    except yaml.MarkedYAMLError as error:
        return Source({}), [_syntax_error(error)]
    except yaml.YAMLError as error:
        return Source({}), [ConfigError("", f"expected YAML, got this: {str(error).partition(chr(10))[0]}")]
    if tree is None:
        return Source({}), []
    if not isinstance(tree, dict):
        return Source({}), [ConfigError("", "a mapping with keys such as receivers and service", tree)]
    expansion = _Expansion(environ)
    try:
        return Source(expansion.of(tree, ()), expansion.spelt), expansion.errors
    except RecursionError:
        return Source({}), [ConfigError("", "expected values that end, got an alias inside of its own anchor")]


class _StrictLoader(yaml.SafeLoader):
    """Refuses a key that stands twice in one mapping, and keys that are no text.

    Plain scalars are typed as in YAML 1.2, which the Collector is near to: `no`, `0123`, `1:30` and dates are text.
    """

    yaml_implicit_resolvers: ClassVar[dict[str, list[tuple[str, re.Pattern[str]]]]] = {}  # type: ignore[misc]

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        self.flatten_mapping(node)
        seen: dict[Any, yaml.Node] = {}
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            line = key_node.start_mark.line + 1
            if not isinstance(key, str):
                raise _problem(f"expected a key that is text, got {key!r} (quote it)", key_node)
            if key in seen:
                first = seen[key].start_mark.line + 1
                raise _problem(
                    f"expected each key once, got {key!r} in line {first} and again in line {line}", key_node
                )
            seen[key] = key_node
        return super().construct_mapping(node, deep)


for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?(?:0|[1-9][0-9]*)|0x[0-9a-fA-F]+", list("-+0123456789")),
    ("float", r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", list("-+.0123456789")),
    ("float", r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)", list("-+.")),
    ("merge", r"<<", ["<"]),
):
    _StrictLoader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), _first)


def _problem(text: str, node: yaml.Node) -> yaml.MarkedYAMLError:
    return yaml.constructor.ConstructorError(None, None, text, node.start_mark)


def _syntax_error(error: yaml.MarkedYAMLError) -> ConfigError:
    mark = error.problem_mark or error.context_mark
    where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else ""
    problem = error.problem or str(error)
    return ConfigError(where, problem if problem.startswith("expected") else f"expected YAML, got this: {problem}")


_EXPANSION = re.compile(r"\$\$|\$\{(?P<inside>[^{}]*)\}|\$\{")
_NAME = re.compile(r"(?:env:)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>.*))?", re.DOTALL)


@dataclass(slots=True)
class _Expansion:
    environ: Mapping[str, str]
    spelt: dict[Path, str] = field(default_factory=dict)
    errors: list[ConfigError] = field(default_factory=list)

    def of(self, value: Any, path: Path) -> Any:  # noqa: ANN401 - what YAML gives
        if isinstance(value, dict):
            return {key: self.of(inner, (*path, key)) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.of(inner, (*path, position)) for position, inner in enumerate(value)]
        if isinstance(value, str) and "$" in value:
            return self._scalar(value, path)
        return value

    def _scalar(self, value: str, path: Path) -> Any:  # noqa: ANN401
        text = _EXPANSION.sub(lambda found: self._one(found, path), value)
        whole = _EXPANSION.fullmatch(value)
        if not whole or whole["inside"] is None:
            return text
        self.spelt[path] = text
        return _retyped(text)

    def _one(self, found: re.Match[str], path: Path) -> str:
        if found[0] == "$$":
            return "$"
        inside = _NAME.fullmatch(found["inside"] or "")
        if not inside:
            self.errors.append(
                ConfigError(dotted(path), "${env:NAME} or ${env:NAME:-default}, or $$ for a dollar", found[0])
            )
            return ""
        name, default = inside["name"], inside["default"]
        if name not in self.environ and default is None:
            self.errors.append(
                ConfigError(
                    dotted(path),
                    f"expected {name} in the environment, got none; ${{env:{name}:-default}} gives it a default",
                )
            )
        return self.environ.get(name, default or "")


def _retyped(text: str) -> Any:  # noqa: ANN401
    """Read a scalar as YAML would have, had it stood in the file: only a scalar, never a mapping or a list."""
    loader = _StrictLoader("")
    try:
        tag = loader.resolve(yaml.ScalarNode, text, (True, False))  # type: ignore[no-untyped-call]
        return loader.construct_object(yaml.ScalarNode(tag, text))
    except (yaml.YAMLError, ValueError):
        return text
    finally:
        loader.dispose()
