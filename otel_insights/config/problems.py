"""What pydantic finds wrong, in our words: the key's path, what was expected, what was found."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from otel_insights.config.text import Path, dotted
from otel_insights.endpoint import without_password
from otel_insights.errors import ConfigError

Schema: TypeAlias = Mapping[str, Any]
"""A JSON schema, or a part of one."""


class InvalidConfig(ConfigError):  # noqa: N818 - the names say what happened
    """A whole file's errors: its text has one a line, `errors` has them one by one."""

    def __init__(self, errors: Iterable[ConfigError]) -> None:
        self.errors = tuple(errors)
        super().__init__("", "\n".join(map(str, self.errors)))


def problems(
    model: type[BaseModel], data: object, base: Path, found: ValidationError
) -> list[tuple[Path, ConfigError]]:
    """Translate all that is wrong with `data`, which stands at `base` in the file: at most one error for each key."""
    schema = model.model_json_schema()
    result: dict[Path, ConfigError] = {}
    for detail in found.errors(include_url=False):
        path = _place(data, detail)
        result.setdefault((*base, *path), _problem(schema, base, path, detail))
    return list(result.items())


def one_of(names: Iterable[str], got: str = "") -> str:
    """List what would have been right, and name the one that was probably meant.

    >>> one_of(["otlp_grpc", "otlp_http"], "otlp_gprc")
    'otlp_grpc or otlp_http (did you mean otlp_grpc?)'
    """
    known = list(names)
    *most, last = known or ["nothing"]
    listed = f"{', '.join(most)} or {last}" if most else last
    close = difflib.get_close_matches(got, known, 1) if got and len(known) > 1 else []
    return f"{listed} (did you mean {close[0]}?)" if close else listed


def _problem(schema: Schema, base: Path, path: Path, detail: ErrorDetails) -> ConfigError:
    where = dotted((*base, *path))
    key, kind = str(path[-1]) if path else "", detail["type"]
    part = _part(schema, schema, path)
    if kind == "extra_forbidden":
        known = _resolved(schema, _part(schema, schema, path[:-1])).get("properties", {})
        some = f"one of the keys {one_of(known, key)}" if len(known) > 1 else f"the key {one_of(known, key)}"
        return ConfigError(where, f"expected {some}, got the unknown key {key!r}")
    if kind == "missing":
        return ConfigError(where, f"expected {expectation(schema, part)}, got nothing, and it has no default")
    shown = "a secret that is not shown" if _is_secret(schema, part, detail["input"]) else _shown(detail["input"])
    if kind in {"value_error", "assertion_error"}:
        text = without_password(str(detail.get("ctx", {}).get("error", detail["msg"])))
        text = text if text.startswith("expected") else f"expected that {text}"
        is_complete = "got " in text or isinstance(detail["input"], dict | list)
        return ConfigError(where, text if is_complete else f"{text}, got {shown}")
    wanted = expectation(schema, part, detail["input"]) or detail["msg"].removeprefix("Input should be ")
    return ConfigError(where, f"expected {wanted}, got {shown}")


def _place(data: Any, detail: ErrorDetails) -> Path:  # noqa: ANN401
    """Keep the steps of an error's location that exist in the data: the others name members of a union."""
    steps: list[str | int] = []
    for step in detail["loc"]:
        if _has(data, step):
            data = data[step]
        elif not (detail["type"] == "missing" and step == detail["loc"][-1]):
            continue
        steps.append(step)
    return tuple(steps)


def _has(data: Any, step: str | int) -> bool:  # noqa: ANN401
    return step in data if isinstance(data, dict) else isinstance(data, list) and step in range(len(data))


def _resolved(schema: Schema, part: Schema) -> Schema:
    while "$ref" in part:
        part = schema["$defs"][part["$ref"].rsplit("/", 1)[1]]
    return part


def _members(schema: Schema, part: Schema) -> list[Schema]:
    """Give the alternatives that a schema allows: itself, if it is none of them."""
    part = _resolved(schema, part)
    choices = part.get("anyOf") or part.get("oneOf") or part.get("allOf")
    if not choices:
        return [part]
    return [member for choice in choices for member in _members(schema, choice)]


def _part(schema: Schema, part: Schema, path: Path) -> Schema:
    """Find what a schema says about the value at a path; {} where it says nothing."""
    if not path:
        return part
    step, rest = path[0], path[1:]
    for member in _members(schema, part):
        inner = member.get("items") if isinstance(step, int) else member.get("properties", {}).get(step)
        if inner is None and not isinstance(step, int):
            inner = member.get("additionalProperties")
        if isinstance(inner, Mapping):
            return _part(schema, inner, rest)
    return {}


def _is_secret(schema: Schema, part: Schema, value: object) -> bool:
    """Tell whether a value may hold a secret, be it in the wrong form: text where a mapping of secrets was expected."""
    for member in _members(schema, part):
        inner = [member.get("additionalProperties"), member.get("items")]
        inner += list(member.get("properties", {}).values()) if isinstance(value, dict | list) else []
        if member.get("writeOnly") or any(_is_secret(schema, one, value) for one in inner if isinstance(one, Mapping)):
            return True
    return False


def _shown(value: object) -> str:
    return "nothing" if value is None else without_password(repr(value))


_TYPES = {
    "integer": "an integer",
    "number": "a number",
    "string": "a string",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
    "null": "nothing",
}
_LIMITS = {
    "minimum": "of at least {}",
    "exclusiveMinimum": "above {}",
    "maximum": "of at most {}",
    "exclusiveMaximum": "below {}",
    "minLength": "of at least {} characters",
    "maxLength": "of at most {} characters",
    "minItems": "of at least {} items",
    "maxItems": "of at most {} items",
    "pattern": "that matches {}",
}


def expectation(schema: Schema, part: Schema, got: object = None) -> str:
    """Say in words what a schema asks for; "" where it asks for nothing that we can tell.

    >>> expectation({}, {"type": "integer", "minimum": 2})
    'an integer of at least 2'
    >>> expectation({}, {"anyOf": [{"enum": ["grpc", "http"]}, {"type": "null"}]})
    'grpc or http, or nothing'
    """
    words = [_words(member, got) for member in _members(schema, part)]
    return ", or ".join(dict.fromkeys(word for word in words if word))


def _words(member: Schema, got: object) -> str:
    if "enum" in member:
        return one_of(map(str, member["enum"]), got if isinstance(got, str) else "")
    if "const" in member:
        return str(member["const"])
    limits = [text.format(_number(member[name])) for name, text in _LIMITS.items() if name in member]
    kind = member.get("type", "")
    return " ".join(filter(None, [_TYPES.get(kind, kind), " and ".join(limits)]))


def _number(value: object) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
