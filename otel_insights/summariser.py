"""Summaries by a language model: asked for by people alone, one at a time, within a budget, and kept."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from otel_insights.chat import Model, NoReply, NotAsked, Reply, ask
from otel_insights.config.sections import SummariserSection
from otel_insights.selfmetrics import SelfMetrics
from otel_insights.store import Store, redacted, written_summaries
from otel_insights.store.corrections import WrongCorrection
from otel_insights.store.templates import fold
from otel_insights.store.written_summaries import Written
from otel_insights.summary_requests import Draft, Subject, draft

_MOST_WAITING: Final = 20
_MOST_FAILURES: Final = 200
"""Of which the reason is remembered, until the process ends."""
_LONGEST: Final = 2000
"""Characters of a summary that are kept."""

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Summariser:
    """Asks the configured model. Nothing that telemetry passes calls it; where it fails, the plain summary stands."""

    settings: SummariserSection
    store: Callable[[], Store]
    now_ns: Callable[[], int]
    metrics: SelfMetrics
    _waiting: dict[Subject, asyncio.Task[None]] = field(default_factory=dict)
    _failures: dict[Subject, str] = field(default_factory=dict)
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        """Let the counters be there from the start."""
        self.metrics.begin(
            "otel_insights_summaries_written", "otel_insights_summaries_failed", "otel_insights_summary_tokens"
        )

    @property
    def model(self) -> str:
        """Name the model."""
        return self.settings.model

    def begin(self, subject: Subject) -> None:
        """Ask in the background, unless that is under way. Raises NoReply where too much is."""
        if subject in self._waiting:
            return
        if len(self._waiting) >= _MOST_WAITING:
            raise NoReply(f"{_MOST_WAITING} summaries are under way: ask again later")
        self._failures.pop(subject, None)
        task = asyncio.create_task(self._note(subject), name=f"summary of {subject}")
        self._waiting[subject] = task
        task.add_done_callback(lambda _: self._waiting.pop(subject, None))

    def state(self, subject: Subject) -> str:
        """Tell what became of the latest question: `under way`, why it failed, or "" for neither."""
        return "under way" if subject in self._waiting else self._failures.get(subject, "")

    async def stop(self) -> None:
        """Abandon what is under way; the endpoint may count it all the same, and so does the budget."""
        tasks = [*self._waiting.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _note(self, subject: Subject) -> None:
        """Write a summary, or remember why there is none."""
        try:
            await self.write(subject)
        except (NoReply, WrongCorrection) as error:
            self._fail(subject, str(error))
        except Exception:  # noqa: BLE001 - nobody waits for this task
            _log.exception("a summary could not be written")
            self._fail(subject, "an error of ours: our log says more")

    def _fail(self, subject: Subject, why: str) -> None:
        while len(self._failures) >= _MOST_FAILURES:
            self._failures.pop(next(iter(self._failures)))
        self._failures[subject] = why

    async def write(self, subject: Subject) -> Written:
        """Give the summary of what is known now: the one that is kept, else one that is asked for.

        Raises NoReply where there is none, also as the budget of the day is spent, and WrongCorrection for an unknown
        subject.
        """
        async with self._one_at_a_time:
            await self.store().write(fold)
            asked = await self.store().read(draft, subject)
            if asked is None:
                raise WrongCorrection(subject.unknown)
            key = asked.key(self.model)
            kept = await self.store().read(written_summaries.get, key)
            if kept is not None:
                return kept
            try:
                reply = await self._ask(asked)
            except NoReply:
                self.metrics.add("otel_insights_summaries_failed")
                raise
            clean = await self.store().read(redacted.redactor)
            text = clean.text(" ".join(reply.text.split()))[:_LONGEST]
            written = Written(key, str(asked.subject), self.model, text, self.now_ns())
            await self.store().write(written_summaries.put, written)
            self.metrics.add("otel_insights_summaries_written")
            return written

    async def _ask(self, asked: Draft) -> Reply:
        """Ask within the budget: what a question may cost at most is set aside before, and counted if in doubt."""
        settings, aside = self.settings, asked.most_tokens + self.settings.max_tokens
        day = await self.store().write(written_summaries.reserve, self.now_ns(), aside, settings.tokens_per_day)
        if day is None:
            raise NoReply(f"the budget of {settings.tokens_per_day:,} tokens a day leaves no room for it today")
        key = settings.api_key.get_secret_value() if settings.api_key else ""
        model = Model(
            settings.endpoint, settings.model, key, settings.timeout, settings.max_tokens, settings.max_tokens_name
        )
        try:
            reply = await ask(model, asked.messages)
        except NotAsked:
            await self.store().write(written_summaries.settle, day, -aside)
            raise
        spent = aside if reply.tokens is None else reply.tokens
        await self.store().write(written_summaries.settle, day, spent - aside)
        self.metrics.add("otel_insights_summary_tokens", spent)
        return reply
