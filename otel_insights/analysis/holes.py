"""Which templates differ in one place only: there a word that takes many values is a value."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from otel_insights.analysis.deciding import decides_at
from otel_insights.analysis.masking import VALUE
from otel_insights.analysis.template import Template, live
from otel_insights.analysis.tokens import MARKS, Tokens, is_word

_ENOUGH: Final = 4
"""Words in one place that make it a value."""
_ENOUGH_AFTER_NAME: Final = 3
"""Likewise after `=`, or after a word that names what follows."""
_ENOUGH_AT_FIRST: Final = 20
"""Likewise for the first word, which mostly says what the line is about."""
_NAMING: Final = (
    "user host node port service process pid uid id by name group session file path dir device server client address"
    " for task job topic queue table key module thread worker component class method"
)
_NAMES: Final = frozenset(_NAMING.split())


@dataclass(slots=True)
class Holes:
    """For each template and each of its places, what stands there in templates that are equal but for it.

    Places are kept as numbers, not as what surrounds them: a hundred bytes instead of some thousands.
    """

    _known: dict[int, Template | list[Template]] = field(default_factory=dict)

    def add(self, template: Template) -> list[tuple[int, list[Template]]]:
        """Note a template; gives the places at which there is now enough to call it a value, with those that agree."""
        tokens = template.tokens
        found: list[tuple[int, list[Template]]] = []
        for at, key in _places(tokens):
            known = self._known.get(key)
            if known is None:
                self._known[key] = template
                continue
            fellows = self._fellows(known, tokens, at)
            fellows.append(template)
            self._known[key] = fellows
            if self._is_enough(tokens, at, fellows):
                found.append((at, fellows))
        return found

    @staticmethod
    def _fellows(known: Template | list[Template], tokens: Tokens, at: int) -> list[Template]:
        """Give those that still are equal to these tokens but for the place: what was merged or forgotten is not."""
        candidates = known if isinstance(known, list) else [known]
        before, after = tokens[:at], tokens[at + 1 :]
        return [
            one
            for one in candidates
            if one.into is None
            and len(one.tokens) == len(tokens)
            and one.tokens[:at] == before
            and one.tokens[at + 1 :] == after
            and one.tokens[at] != tokens[at]
        ]

    @staticmethod
    def _is_enough(tokens: Tokens, at: int, fellows: list[Template]) -> bool:
        if len(fellows) == 1:  # all that was like it has gone into it
            return False
        values = {one.tokens[at] for one in fellows if not decides_at(one.tokens, at)}
        if at == 0:
            return len(values) >= _ENOUGH_AT_FIRST or any(one.opens and one.tokens[0] == VALUE for one in fellows)
        if VALUE in values:
            return len(values) > 1
        named = tokens[at - 1] == "=" or tokens[at - 1].lower() in _NAMES
        return len(values) >= (_ENOUGH_AFTER_NAME if named else _ENOUGH)

    def forget_dead(self, alive: set[int]) -> None:
        """Let go of templates other than those with these numbers."""
        kept: dict[int, Template | list[Template]] = {}
        for key, known in self._known.items():
            candidates = known if isinstance(known, list) else [known]
            left = [one for one in candidates if one.into is None and live(one).number in alive]
            if left:
                kept[key] = left if len(left) > 1 else left[0]
        self._known = kept


def _places(tokens: Tokens) -> Iterator[tuple[int, int]]:
    """Give the places that may be a value, each with a number for all that surrounds it.

    Not where a word decides, and not where no other word would be left to tell what the line says.
    """
    words = sum(one != VALUE and is_word(one) for one in tokens)
    tails = [0] * (len(tokens) + 1)
    for at in range(len(tokens) - 1, -1, -1):
        tails[at] = hash((tokens[at], tails[at + 1]))
    head = 0
    for at, token in enumerate(tokens):
        left = words - (token != VALUE and is_word(token))
        if token not in MARKS and left and not decides_at(tokens, at):
            yield at, hash((at, head, tails[at + 1]))
        head = hash((head, token))
