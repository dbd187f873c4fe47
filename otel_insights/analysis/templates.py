"""Log templates: ten thousand lines become forty sentences.

A line is masked (numbers, addresses, quoted text, printed objects become values), cut into tokens, and found again by
them: equal tokens are one template. Tokens that differ in one place only go together once enough different words have
been seen there (`holes`); then lines find them through a tree that knows values (`template_tree`). All of that is only
done for a line that is new but for its digits; the others cost one look into a dictionary.

The idea of a tree is Drain's (He et al., ICWS 2017), that of places with many values Brain's (Yu et al., TSC 2023).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from otel_insights.analysis.bodies import LONGEST, sentence_of
from otel_insights.analysis.call_sites import CallSite, common
from otel_insights.analysis.holes import Holes
from otel_insights.analysis.masking import VALUE
from otel_insights.analysis.template import Match, Template, id_of, live, merged
from otel_insights.analysis.template_tree import TemplateTree
from otel_insights.analysis.tokens import Gaps, Tokens, text_of, tokens_of

_ZEROS: Final = {ord(digit): "0" for digit in "123456789"}
_NUMBER: Final = re.compile(r"(?<![0-9A-Za-z])[a-f]*[0-9](?:[0-9a-f.:/-]*[0-9a-f])?|[0-9]+")
"""What holds a digit is a value, however long it is."""
_AT_HAND: Final = 10_000
_VERSION: Final = 1
_Place = tuple[str, str, str]
"""A call site, the template that the sender names, and a text."""


@dataclass(frozen=True, slots=True)
class Merger:
    """A template went into another one, under whose id its lines count from now on."""

    old: str
    into: str


class Miner:
    """Learns the templates of one source of lines, such as a service. Not for several threads at once.

    An id is a hash of the first text of its template and of `key`: it stays when the template becomes more general, and
    is the same in every process that meets that text first. At most `most_templates` are kept: beyond, the eighth that
    was needed least recently is forgotten, and comes back under the same id when the same text does. What was merged is
    told by `mergers` until `clear_mergers`.
    """

    def __init__(self, key: str = "", *, most_templates: int = 10_000, most_remembered: int = 50_000) -> None:
        self.key = key
        self.most_templates = most_templates
        self.most_remembered = most_remembered
        self.mergers: list[Merger] = []
        self._by_id: dict[str, Template] = {}
        self._by_tokens: dict[Tokens, Template] = {}
        self._sites: dict[str, CallSite] = {}
        self._holes = Holes()
        self._tree = TemplateTree()
        self._memo: dict[_Place, Template] = {}
        self._at_hand: dict[_Place, Template] = {}
        self._clock = 0
        self._created = 0

    def __len__(self) -> int:
        return len(self._by_id)

    def learn(self, line: str, *, site: str = "", known: str = "", hits: int = 1) -> Match | None:
        """Tell which template a body is of, and remember what is new in it. None for a body without any text.

        `site` names the place in the code that logged it, `known` is the template that the sender names; both are
        heeded before anything is guessed. `hits` is how many lines it stands for.
        """
        template, is_new, text = self._find(line, site, known, learn=True)
        if template is None:
            return None
        template.hits += hits
        return Match(template.id, template.text, is_new=is_new, line=text)

    def match(self, line: str, *, site: str = "", known: str = "") -> Match | None:
        """Tell which template a body is of, learning nothing. None for one that fits none."""
        template, _, text = self._find(line, site, known, learn=False)
        return Match(template.id, template.text, line=text) if template else None

    def clear_mergers(self) -> list[Merger]:
        """Give the mergers since the last call."""
        mergers, self.mergers = self.mergers, []
        return mergers

    def _find(self, line: str, site: str, known: str, *, learn: bool) -> tuple[Template | None, bool, str]:
        head = line if len(line) <= LONGEST else line[:LONGEST]
        place = (site, known, head.translate(_ZEROS))
        template = self._at_hand.get(place)
        if template is None:
            return self._find_anew(place, line, learn=learn)
        if template.into is not None:
            template = self._at_hand[place] = live(template)
        template.used = self._clock
        return template, False, line

    def _find_anew(self, place: _Place, line: str, *, learn: bool) -> tuple[Template | None, bool, str]:
        """Look for a line whose digits, letter for letter, none had: by its sentence, first in the memo."""
        text = sentence_of(line)
        memo = (*place[:2], _NUMBER.sub("0", text))
        template = self._memo.get(memo)
        created = self._created
        self._clock += 1
        if template is None:
            template = self._of_text(text, *place[:2], learn=learn)
            if template is None:
                return None, False, text
            if len(self._memo) >= self.most_remembered:
                self._memo.clear()
            self._memo[memo] = template
        template = live(template)
        template.used = self._clock
        if len(self._at_hand) >= _AT_HAND:
            self._at_hand.clear()
        self._at_hand[place] = template
        return template, self._created > created and template.hits == 0, text

    def _of_text(self, text: str, site: str, known: str, *, learn: bool) -> Template | None:
        if known:
            return self._of_known(known, learn=learn)
        tokens, gaps = tokens_of(text)
        if not tokens:
            return None
        if site:
            here = self._sites.get(site)
            if here is None:
                here = CallSite()
                if learn:
                    self._sites[site] = here
            if not here.is_wrapper:
                return self._of_site(here, tokens, gaps, learn=learn)
        return self._of_tokens(tokens, gaps, learn=learn)

    def _of_known(self, known: str, *, learn: bool) -> Template | None:
        text = known[:LONGEST]
        found = self._by_id.get(id_of(self.key, text))
        if found is None and learn:
            found = self._create((text,), (False,), text)
        return found

    def _of_site(self, here: CallSite, tokens: Tokens, gaps: Gaps, *, learn: bool) -> Template | None:
        found = here.find(tokens)
        if found is None and learn:
            found = self._by_id.get(id_of(self.key, text_of(tokens, gaps))) or self._create(tokens, gaps)
            here.templates.append(found)
        elif found is not None and learn and found.tokens != tokens:
            found.generalise(*common(found.tokens, found.gaps, tokens))
        return found

    def _of_tokens(self, tokens: Tokens, gaps: Gaps, *, learn: bool) -> Template | None:
        found = self._by_tokens.get(tokens) or self._tree.find(tokens)
        if found is None and learn:
            found = self._by_id.get(id_of(self.key, text_of(tokens, gaps)))
            if found is None:
                found = self._create(tokens, gaps)
                self._by_tokens[tokens] = found
                self._enter(found)
        if found is not None and learn:
            self._by_tokens[tokens] = found
        return found

    def _create(self, tokens: Tokens, gaps: Gaps, text: str = "") -> Template:
        if len(self._by_id) >= self.most_templates:
            self._forget()
        text = text or text_of(tokens, gaps)
        self._created += 1
        made = Template(id_of(self.key, text), tokens, gaps, text, self._created)
        self._by_id[made.id] = made
        return made

    def _enter(self, template: Template) -> None:
        """Let a template be found by what is like it, and merge those that have become alike."""
        todo = [template]
        while todo:
            one = todo.pop()
            if one.into is not None:
                continue
            if VALUE in one.tokens:
                self._tree.add(one)
            for at, fellows in self._holes.add(one):
                survivor = self._merge(fellows, at)
                if survivor is not None:
                    todo.append(survivor)
                    break

    def _merge(self, fellows: list[Template], at: int) -> Template | None:
        """Make one of templates that differ in one place; the one with most lines goes on."""
        fellows = [one for one in fellows if one.into is None]
        survivor = max(fellows, key=lambda one: (one.hits, -one.number))
        tokens, gaps = merged(survivor.tokens, survivor.gaps, at)
        twin = self._by_tokens.get(tokens)
        if twin is not None and twin.into is None and twin not in fellows:
            fellows.append(twin)
        for one in fellows:
            if one is not survivor:
                self._redirect(one, survivor)
        survivor.opens = survivor.opens or at == 0
        survivor.generalise(tokens, gaps)
        self._by_tokens[tokens] = survivor
        return survivor

    def _redirect(self, old: Template, survivor: Template) -> None:
        old.into = survivor
        survivor.hits += old.hits
        survivor.opens = survivor.opens or old.opens
        self._by_id[old.id] = survivor
        self.mergers.append(Merger(old.id, survivor.id))

    def _forget(self) -> None:
        """Let go of the eighth of templates that was needed least recently, and of what led to them."""
        alive = sorted({id(one): one for one in self._by_id.values()}.values(), key=lambda one: (one.used, one.number))
        self._rebuild(alive[max(1, len(alive) // 8) :])

    def _rebuild(self, templates: list[Template]) -> None:
        """Keep these templates and no others."""
        kept = {one.number for one in templates}
        self._by_id = {id_: one for id_, one in self._by_id.items() if live(one).number in kept}
        for one in templates:
            self._by_id[one.id] = one
        self._by_tokens = {tokens: one for tokens, one in self._by_tokens.items() if live(one).number in kept}
        self._tree = TemplateTree()
        for tokens, one in self._by_tokens.items():
            if VALUE in tokens and tokens == one.tokens:
                self._tree.add(one)
        for name, here in list(self._sites.items()):
            here.templates = [one for one in here.templates if live(one).number in kept]
            if not here.templates:
                del self._sites[name]
        self._memo.clear()
        self._at_hand.clear()
        self._holes.forget_dead(kept)

    def to_state(self) -> dict[str, Any]:
        """Give all that is needed to go on, as plain JSON."""
        alive = sorted({id(one): one for one in self._by_id.values()}.values(), key=lambda one: one.number)
        index = {one.number: place for place, one in enumerate(alive)}
        mined = {one.number for one in self._by_tokens.values() if one.into is None}
        return {
            "version": _VERSION,
            "key": self.key,
            "templates": [
                [
                    one.id,
                    one.tokens,
                    [*map(int, one.gaps)],
                    one.text,
                    one.hits,
                    int(one.opens),
                    int(one.number in mined),
                ]
                for one in alive
            ],
            "redirects": {id_: index[live(one).number] for id_, one in self._by_id.items() if id_ != live(one).id},
            "sites": {
                name: [index[live(one).number] for one in here.templates if live(one).number in index]
                for name, here in self._sites.items()
            },
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any], **limits: int) -> Miner:
        """Go on where `to_state` was called. Raises ValueError for a state of another version."""
        if state.get("version") != _VERSION:
            raise ValueError(f"expected a state of version {_VERSION}, got {state.get('version')!r}")
        miner = cls(state["key"], **limits)
        made: list[Template] = []
        for id_, tokens, gaps, text, hits, opens, mined in state["templates"]:
            miner._created += 1
            one = Template(id_, tuple(tokens), tuple(map(bool, gaps)), text, miner._created, hits, 0, bool(opens))
            made.append(one)
            miner._by_id[id_] = one
            if mined:
                miner._by_tokens[one.tokens] = one
        miner._by_id.update({old: made[place] for old, place in state["redirects"].items()})
        miner._sites = {name: CallSite([made[place] for place in places]) for name, places in state["sites"].items()}
        for one in list(miner._by_tokens.values()):
            miner._enter(one)
        return miner
