"""Missing data as a state of its own: which series, or metrics of a service, have fallen silent."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Final

import orjson

from otel_insights import anomaly_news
from otel_insights.analysis.lines import ABSENCE
from otel_insights.analysis.streams import SeriesKey
from otel_insights.processors.anomaly_rules import Silence
from otel_insights.scoring import series_id
from otel_insights.store.anomalies import Anomaly, SavedPart

_VERSION: Final = f"{ABSENCE} 1"
_WHOLE: Final = ("", "count")
"""Parts that a series has whenever it is heard of; percentiles need something to have come."""


@dataclass(slots=True)
class _Heard:
    """Something that is to be heard of."""

    pattern: Anomaly
    """What its anomaly will be, but for times and values."""
    for_ns: int
    heard_ns: int
    """When it last arrived, by our clock: what senders call the time says nothing of that."""
    open: Anomaly | None = None


@dataclass(slots=True)
class Silences:
    """Owns what is known of silence. A silence begins with something that was heard; what never came is not missed."""

    rules: Sequence[Silence]
    most: int
    """Things to be heard of that are known; beyond that, what was not heard of for longest makes room."""
    describe: Callable[[SeriesKey], Anomaly]
    """Makes the pattern of a series' anomalies, without secrets."""
    _known: dict[str, _Heard] = field(default_factory=dict)
    _names: dict[SeriesKey, str] = field(default_factory=dict)
    """What a series speaks for; "" for nothing that is to be heard of."""
    _changed: list[Anomaly] = field(default_factory=list)

    def heard(self, keys: Iterable[SeriesKey], now_ns: int) -> None:
        """Note that series were heard of; silences that end with it are among the next changes."""
        for key in keys:
            name = self._names.get(key)
            known = self._known.get(name) if name is not None else None
            if known is None and name != "":
                known = self._get_to_know(key, now_ns)
            if known is not None:
                known.heard_ns = max(known.heard_ns, now_ns)
                if known.open is not None:
                    self._changed.append(_over(known.open, now_ns, "recovered"))
                    known.open = None

    def changes(self, now_ns: int) -> list[Anomaly]:
        """Give the silences that began or ended since the last call."""
        for one in self._known.values():
            if one.open is None and now_ns - one.heard_ns >= one.for_ns:
                one.open = _begun(one, now_ns)
                self._changed.append(one.open)
        changed, self._changed = self._changed, []
        return changed

    def forget_before(self, time_ns: int, now_ns: int) -> None:
        """Miss no longer what was not heard of since."""
        for name in [name for name, one in self._known.items() if one.heard_ns < time_ns]:
            self._let_go(name, now_ns)

    def saved(self) -> SavedPart:
        """Give what is to survive a restart."""
        return SavedPart(_VERSION, orjson.dumps([asdict(one.pattern) for one in self._known.values()]), b"")

    def restore(self, parts: Iterable[SavedPart], opened: Iterable[Anomaly], now_ns: int) -> set[str]:
        """Take up what was saved and the silences that go on; gives the ids of those.

        Our own absence is nobody's silence: all is heard of anew from now on. What no setting names any more is left.
        """
        patterns = [Anomaly(**one) for part in parts if part.detector == _VERSION for one in orjson.loads(part.keys)]
        silent = {one.series: one for one in opened if one.detector == ABSENCE}
        for pattern in (*patterns, *silent.values()):
            rule = self._rule(pattern.service, pattern.metric)
            if rule is not None and len(self._known) < self.most:
                known = _Heard(pattern, int(rule.for_ * 1e9), now_ns, silent.get(pattern.series))
                self._known.setdefault(pattern.series, known)
        return {one.open.id for one in self._known.values() if one.open is not None}

    def _get_to_know(self, key: SeriesKey, now_ns: int) -> _Heard | None:
        if len(self._names) > 2 * self.most:
            self._names.clear()
        self._names[key] = ""
        pattern = self.describe(key) if key[4] in _WHOLE else None
        rule = self._rule(pattern.service, pattern.metric) if pattern else None
        if pattern is None or rule is None:
            return None
        pattern = _of_service(pattern) if rule.by == "service" else replace(pattern, series=series_id(key))
        name = self._names[key] = pattern.series
        if name not in self._known:
            if len(self._known) >= self.most:
                self._let_go(min(self._known, key=lambda each: self._known[each].heard_ns), now_ns)
            self._known[name] = _Heard(pattern, int(rule.for_ * 1e9), now_ns)
        return self._known[name]

    def _rule(self, service: str, metric: str) -> Silence | None:
        return next((rule for rule in self.rules if rule.fits(service, metric)), None)

    def _let_go(self, name: str, now_ns: int) -> None:
        gone = self._known.pop(name)
        if gone.open is not None:
            self._changed.append(_over(gone.open, now_ns, "forgotten"))


def _of_service(pattern: Anomaly) -> Anomaly:
    """Speak for all series of a metric of a service."""
    whose = f"service\0{pattern.namespace}\0{pattern.service}\0{pattern.metric}"
    series = hashlib.blake2b(whose.encode(), digest_size=8).hexdigest()
    return replace(pattern, series=series, instance="", attributes="{}", resource="{}")


def _begun(one: _Heard, now_ns: int) -> Anomaly:
    began = one.heard_ns + one.for_ns
    return replace(
        one.pattern,
        id=f"S-{one.pattern.series[:8]}-{began // 10**9:x}",
        opened_ns=began,
        recorded_ns=now_ns,
        threshold=one.for_ns / 1e9,
        observed=(now_ns - one.heard_ns) / 1e9,
        score=(now_ns - one.heard_ns) / one.for_ns,
    )


def _over(silence: Anomaly, now_ns: int, why: str) -> Anomaly:
    silent = silence.threshold + (now_ns - silence.opened_ns) / 1e9
    return anomaly_news.closed(replace(silence, observed=silent, score=silent / silence.threshold), now_ns, why)
