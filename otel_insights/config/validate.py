"""Plain values -> a pydantic model, or what is wrong with them in our words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from otel_insights.config.problems import problems
from otel_insights.config.text import Path, Source
from otel_insights.errors import ConfigError

M = TypeVar("M", bound=BaseModel)


def validate(model: type[M], data: Any, base: Path, source: Source) -> tuple[M | None, list[ConfigError]]:  # noqa: ANN401
    """Check the values that stand at `base` in a file; a model, or the errors.

    Where an expansion's YAML meaning does not fit, its spelling is tried: a password `1e6` is no number.
    """
    try:
        return model.model_validate(data), []
    except ValidationError as error:
        found = problems(model, data, base, error)
    spelt = {path: source.expanded[path] for path, _ in found if path in source.expanded}
    if not spelt:
        return None, [problem for _, problem in found]
    for path, text in spelt.items():
        data = _with(data, path[len(base) :], text)
    try:
        return model.model_validate(data), []
    except ValidationError as error:
        return None, [problem for _, problem in problems(model, data, base, error)]


def _with(data: Any, path: Path, value: str) -> Any:  # noqa: ANN401
    """Copy data but for the value at a path."""
    if not path:
        return value
    step, rest = path[0], path[1:]
    if isinstance(data, Mapping):
        return {**data, step: _with(data[str(step)], rest, value)}
    return [_with(inner, rest, value) if position == step else inner for position, inner in enumerate(data)]
