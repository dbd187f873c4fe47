"""suggestions: explains each cluster by the configuration that failing environments share and healthy ones do not."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from otel_insights import semconv
from otel_insights.analysis.evidence import explain_evidence
from otel_insights.analysis.explanation import Explanation, Suggestion
from otel_insights.component import Factory, Kind, Processor, Settings
from otel_insights.findings import finding
from otel_insights.store import clusters, feedback
from otel_insights.store import suggestions as memory
from otel_insights.store.evidence import gather
from otel_insights.store.outbox import Finding
from otel_insights.store.suggestions import Question, StoredSuggestion


class SuggestionsSettings(Settings):
    """Nothing to set: what counts as established is not a matter of taste."""


@dataclass(slots=True)
class Suggestions(Processor):
    """Asks again whenever the evidence on a cluster has changed. What passes is forwarded as it is."""

    settings: SuggestionsSettings

    async def analyse(self) -> None:
        """Explain every cluster whose evidence has changed, and commit each answer as it comes."""
        await self._let_go_of_orphans()
        for question in await self.host.store.read(memory.questions):
            evidence = await self.host.store.read(gather, question.cluster_id, question.namespace)
            rejected = await self.host.store.read(feedback.rejected, question.cluster_id)
            explanation = await self.host.worker.run(explain_evidence, evidence, question.packages, rejected)
            stored = [_stored(question, one) for one in explanation.suggestions]
            findings, told = await self._findings(question, explanation, stored)
            silence = (explanation.silence.reason, explanation.silence.text) if explanation.silence else None
            await self.host.store.write(memory.save, question, stored, silence, findings, told, self.host.now_ns())

    async def _let_go_of_orphans(self) -> None:
        """Withdraw what was said of clusters that went into others; there it is asked again."""
        gone = await self.host.store.read(memory.orphans)
        findings = [
            finding(
                semconv.SUGGESTION_WITHDRAWN,
                f"{one.suggestion.id} {one.told}",
                f"Asked again of {one.survivor or 'others'}, where its cluster went: {one.suggestion.body['text']}",
                {
                    semconv.CLUSTER_ID: one.suggestion.cluster_id,
                    semconv.SUBJECT_NAMESPACE: one.namespace,
                    semconv.SUGGESTION_ID: one.suggestion.id,
                    **({semconv.CLUSTER_SURVIVOR: one.survivor} if one.survivor else {}),
                },
                time_ns=self.host.now_ns(),
                severity="INFO",
            )
            for one in gone
            if one.suggestion.tier == "established"
        ]
        if gone:
            await self.host.store.write(memory.withdraw, gone, findings, self.host.now_ns())

    async def _findings(
        self, question: Question, explanation: Explanation, stored: Sequence[StoredSuggestion]
    ) -> tuple[list[Finding], list[str]]:
        """Report established suggestions that are new (their ids come second), and those that no longer hold."""
        before = {
            one.id: one
            for one in await self.host.store.read(memory.of_cluster, question.cluster_id)
            if one.tier == "established"
        }
        cluster = await self.host.store.read(clusters.get, question.cluster_id)
        times = await self.host.store.read(memory.times_told, question.cluster_id)
        shown = await self.host.store.read(clusters.examples, question.cluster_id, 1)
        trace_id, span_id = (bytes.fromhex(shown[0].trace_id), bytes.fromhex(shown[0].span_id)) if shown else (b"", b"")
        common = {
            semconv.CLUSTER_ID: question.cluster_id,
            semconv.CLUSTER_TITLE: cluster.title if cluster else "",
            semconv.SUBJECT_NAMESPACE: question.namespace,
        }
        now = {one.id: one for one in stored if one.tier == "established"}
        new = [one for one in now if one not in before]
        created = [
            finding(
                semconv.SUGGESTION_CREATED,
                f"{stored_one.id} {times.get(stored_one.id, 0) + 1}",
                one.text,
                common | _attributes(stored_one.id, one),
                time_ns=self.host.now_ns(),
                trace_id=trace_id,
                span_id=span_id,
            )
            for stored_one, one in zip(stored, explanation.suggestions, strict=True)
            if stored_one.id in new
        ]
        withdrawn = [
            finding(
                semconv.SUGGESTION_WITHDRAWN,
                f"{gone} {times[gone]}",
                f"No longer supported by the evidence: {before[gone].body['text']}",
                common | {semconv.SUGGESTION_ID: gone},
                time_ns=self.host.now_ns(),
                severity="INFO",
                trace_id=trace_id,
                span_id=span_id,
            )
            for gone in before.keys() - now.keys()
        ]
        return created + withdrawn, new


def _stored(question: Question, one: Suggestion) -> StoredSuggestion:
    conditions = [asdict(condition) for condition in one.conditions]
    what = "\0".join(f"{each['key']} {each['op']} {each['value']}" for each in conditions)
    id_ = hashlib.blake2b(f"{question.cluster_id}\0{what}".encode(), digest_size=6).hexdigest()
    body = {
        "id": id_,
        "cluster_id": question.cluster_id,
        "namespace": question.namespace,
        "rank": one.rank,
        "tier": one.tier,
        "conditions": conditions,
        "aliases": [[asdict(condition) for condition in alias] for alias in one.aliases],
        "failing": list(one.failing),
        "healthy": list(one.healthy),
        "risk_ratio": one.risk_ratio,
        "p_value": one.p_value,
        "text": one.text,
        "remedy": asdict(one.remedy) if one.remedy else None,
    }
    return StoredSuggestion(id_, question.cluster_id, one.rank, one.tier, body)


def _attributes(id_: str, one: Suggestion) -> dict[str, str | float | Sequence[str] | Sequence[int]]:
    remedy = one.remedy
    return {
        semconv.SUGGESTION_ID: id_,
        semconv.SUGGESTION_TIER: one.tier,
        semconv.SUGGESTION_CONDITIONS: [f"{each.key} {each.op} {each.value}".rstrip() for each in one.conditions],
        semconv.SUGGESTION_FAILING: list(one.failing),
        semconv.SUGGESTION_HEALTHY: list(one.healthy),
        semconv.SUGGESTION_RISK_RATIO: float(one.risk_ratio),
        semconv.SUGGESTION_P_VALUE: float(one.p_value),
        **({semconv.SUGGESTION_REMEDY: f"{remedy.key} {remedy.op} {remedy.value}"} if remedy else {}),
    }


FACTORY = Factory(
    Kind.PROCESSOR, "suggestions", SuggestionsSettings, Suggestions, frozenset({"traces", "logs", "metrics"})
)
