"""Log templates: ten thousand lines become forty sentences.

A line is masked (numbers, addresses, quoted text, printed objects become values), cut into tokens, and found again by
them: equal tokens are one template. Tokens that differ in one place only go together once enough different words have
been seen there (`holes`); then lines find them through a tree that knows values (`template_tree`). All of that is only
done for a line that is new but for its digits; the others cost one look into a dictionary.

The idea of a tree is Drain's (He et al., ICWS 2017), that of places with many values Brain's (Yu et al., TSC 2023).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from otel_insights.analysis.bodies import LONGEST, sentence_of
from otel_insights.analysis.call_sites import CallSite, common
from otel_insights.analysis.holes import Holes
from otel_insights.analysis.line_patterns import LinePattern
from otel_insights.analysis.masking import VALUE
from otel_insights.analysis.template import Kept, Match, Template, id_of, live, merged
from otel_insights.analysis.template_tree import TemplateTree
from otel_insights.analysis.tokens import Gaps, Tokens, text_of, tokens_of

_ZEROS: Final = {ord(digit): "0" for digit in "123456789"}
_NUMBER: Final = re.compile(r"(?<![0-9A-Za-z])[a-f]*[0-9](?:[0-9a-f.:/-]*[0-9a-f])?|[0-9]+")
"""What holds a digit is a value, however long it is."""
_AT_HAND: Final = 10_000
_MOST_SITES: Final = 20_000
_MOST_SITES_KEPT: Final = 64
_Place = tuple[str, str, str]
"""A call site, the template that the sender names, and a text."""


class Miner:
    """Learns the templates of one source of lines, such as a service. Not for several threads at once.

    An id is a hash of the first text of its template and of `key`: it stays when the template becomes more general, and
    is the same in every process that meets that text first. At most `most_templates` are kept: beyond, the eighth that
    was needed least recently is forgotten, and comes back under the same id when the same text does. What has changed
    is told by `take_changes`, so that it can be remembered, and `recall`ed by another miner.
    """

    def __init__(
        self,
        key: str = "",
        *,
        patterns: Sequence[LinePattern] = (),
        most_templates: int = 10_000,
        most_remembered: int = 50_000,
    ) -> None:
        self.key = key
        self.patterns = patterns
        self.most_templates = most_templates
        self.most_remembered = most_remembered
        self._by_id: dict[str, Template] = {}
        self._by_tokens: dict[Tokens, Template] = {}
        self._sites: dict[str, CallSite] = {}
        self._holes = Holes()
        self._tree = TemplateTree()
        self._memo: dict[_Place, Template] = {}
        self._at_hand: dict[_Place, Template] = {}
        self._clock = 0
        self._created = 0
        self._changed: dict[int, Template] = {}

    def __len__(self) -> int:
        return len(self._by_id)

    def learn(self, line: str, *, site: str = "", known: str = "", hits: int = 1) -> Match | None:
        """Tell which template a body is of, and remember what is new in it. None for a body without any text.

        `site` names the place in the code that logged it, `known` is the template that the sender names; both are
        heeded before anything is guessed. `hits` is how many lines it stands for.
        """
        created = self._created
        template = self.template_of(line, site, known)
        if template is None:
            return None
        template.hits += hits
        is_new = self._created > created and template.hits == hits
        return Match(template.id, template.text, is_new=is_new, line=sentence_of(line))

    def match(self, line: str, *, site: str = "", known: str = "") -> Match | None:
        """Tell which template a body is of, learning nothing. None for one that fits none."""
        template = self.template_of(line, site, known, learn=False)
        return Match(template.id, template.text, line=sentence_of(line)) if template else None

    def take_changes(self) -> list[Kept]:
        """Give the templates that are new, have become more general or have gone into others, since the last call."""
        changed, self._changed = self._changed, {}
        return [
            Kept(
                one.id,
                one.text,
                one.tokens,
                one.gaps,
                one.opens,
                one.mined,
                tuple(one.sites[:_MOST_SITES_KEPT]),
                one.hits,
                live(one).id if one.into is not None else "",
            )
            for one in changed.values()
        ]

    @property
    def at_hand(self) -> int:
        """Tell how many lines are at hand that need no work."""
        return len(self._memo) + len(self._at_hand)

    def let_go_of_lines(self) -> None:
        """Forget the lines at hand, and no template: the next ones take a little longer."""
        self._memo.clear()
        self._at_hand.clear()

    @property
    def has_changed(self) -> bool:
        """Tell whether `take_changes` has something to give."""
        return bool(self._changed)

    def template_of(self, line: str, site: str = "", known: str = "", *, learn: bool = True) -> Template | None:
        """Find the template of a body, as `learn` does, or as `match`: for whoever has very many lines."""
        place = (site, known, (line if len(line) <= LONGEST else line[:LONGEST]).translate(_ZEROS))
        template = self._at_hand.get(place)
        if template is None:
            return self._find_anew(place, line, learn=learn)
        if template.into is not None:
            template = self._at_hand[place] = live(template)
        template.used = self._clock
        return template

    def _find_anew(self, place: _Place, line: str, *, learn: bool) -> Template | None:
        """Look for a line whose digits, letter for letter, none had: by its sentence, first in the memo."""
        text = sentence_of(line)
        memo = (*place[:2], _NUMBER.sub("0", text))
        template = self._memo.get(memo)
        self._clock += 1
        if template is None:
            template = self._of_text(text, *place[:2], learn=learn)
            if template is None:
                return None
            if len(self._memo) >= self.most_remembered:
                self._memo.clear()
            self._memo[memo] = template
        template = live(template)
        template.used = self._clock
        if len(self._at_hand) >= _AT_HAND:
            self._at_hand.clear()
        self._at_hand[place] = template
        return template

    def _of_text(self, text: str, site: str, known: str, *, learn: bool) -> Template | None:
        for pattern in self.patterns:
            if pattern.matches(text):
                return self._of_known(pattern.template, learn=learn)
        if known:
            return self._of_known(known, learn=learn)
        tokens, gaps = tokens_of(text)
        if not tokens:
            return None
        if site:
            here = self._sites.get(site)
            if here is None:
                here = CallSite(site)
                if learn and len(self._sites) < _MOST_SITES:
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
            if len(found.sites) < _MOST_SITES_KEPT:
                found.sites.append(here.name)
                self._changed[found.number] = found
        elif found is not None and learn and found.tokens != tokens:
            wider = common(found.tokens, found.gaps, tokens)
            if wider[0] != found.tokens:
                found.generalise(*wider)
                self._changed[found.number] = found
        return found

    def _of_tokens(self, tokens: Tokens, gaps: Gaps, *, learn: bool) -> Template | None:
        found = self._by_tokens.get(tokens) or self._tree.find(tokens)
        if found is None and learn:
            found = self._by_id.get(id_of(self.key, text_of(tokens, gaps)))
            if found is None:
                found = self._create(tokens, gaps)
                found.mined = True
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
        self._changed[made.number] = made
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
        survivor.mined = True
        self._by_tokens[tokens] = survivor
        self._changed[survivor.number] = survivor
        return survivor

    def _redirect(self, old: Template, survivor: Template) -> None:
        old.into = survivor
        survivor.hits += old.hits
        survivor.opens = survivor.opens or old.opens
        self._by_id[old.id] = survivor
        self._changed[old.number] = old

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

    @classmethod
    def recall(
        cls, key: str, templates: Sequence[Kept], *, patterns: Sequence[LinePattern] = (), most_templates: int = 10_000
    ) -> Miner:
        """Go on with what `take_changes` gave: of each id the last, in the order in which they were made."""
        miner = cls(key, patterns=patterns, most_templates=most_templates)
        made: dict[str, Template] = {}
        for one in templates:
            miner._created += 1
            made[one.id] = miner._recalled(one)
        for one in templates:
            if one.into and (into := made.get(one.into)):
                made[one.id].into = into
        for found in made.values():
            miner._by_id[found.id] = live(found)
            if found.mined:
                miner._by_tokens.setdefault(found.tokens, found)
        for found in made.values():
            if found.mined and found.into is None:
                miner._enter(found)
            elif found.mined and VALUE in found.tokens:
                miner._tree.add(found)
        return miner

    def _recalled(self, one: Kept) -> Template:
        made = Template(one.id, one.tokens, one.gaps, one.text, self._created, one.hits, opens=one.opens)
        made.mined, made.sites = one.mined, [*one.sites]
        for site in one.sites:
            self._sites.setdefault(site, CallSite(site)).templates.append(made)
        return made
