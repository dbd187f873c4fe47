"""Finding the template with values in several places that a line fits: a tree over the templates' tokens."""

from __future__ import annotations

from typing import Final

from otel_insights.analysis.deciding import decides_at
from otel_insights.analysis.masking import VALUE
from otel_insights.analysis.template import Template, live
from otel_insights.analysis.tokens import MARKS, Tokens

_MOST_STEPS: Final = 2_000
"""Of one search: a tree full of values must not hold up a line."""
_Node = dict[str | None, object]


class TemplateTree:
    """Templates that have a value somewhere, by their tokens; a word finds its own branch before that of a value."""

    __slots__ = ("_root",)

    def __init__(self) -> None:
        self._root: _Node = {}

    def add(self, template: Template) -> None:
        """Add a template under its present tokens."""
        node = self._root
        for token in template.tokens:
            following = node.setdefault(token, {})
            assert isinstance(following, dict)  # noqa: S101 - None alone leads to a template
            node = following
        node[None] = template

    def find(self, tokens: Tokens) -> Template | None:
        """Find the template that these tokens fit; a word that decides, and the first word, must be there itself."""
        todo: list[tuple[_Node, int]] = [(self._root, 0)]
        for _ in range(_MOST_STEPS):
            if not todo:
                return None
            node, at = todo.pop()
            if at == len(tokens):
                found = node.get(None)
                if isinstance(found, Template):
                    return live(found)
                continue
            token = tokens[at]
            if at and token != VALUE and token not in MARKS and not decides_at(tokens, at):
                _push(todo, node.get(VALUE), at)
            _push(todo, node.get(token), at)
        return None


def _push(todo: list[tuple[_Node, int]], node: object, at: int) -> None:
    if isinstance(node, dict):
        todo.append((node, at + 1))
