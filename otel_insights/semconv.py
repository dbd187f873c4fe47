"""Every attribute, event and metric name that we emit or look for, with unit and meaning.

Names of our own stand under `otel_insights`; everything else is OpenTelemetry's (semantic conventions 1.37).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

SCOPE: Final = "otel_insights"
"""Our instrumentation scope; with `service.instance.id` it marks telemetry of our own."""
SERVICE_NAME_OF_OURS: Final = "otel-insights"

# OpenTelemetry's
SERVICE_NAMESPACE: Final = "service.namespace"
SERVICE_NAME: Final = "service.name"
SERVICE_INSTANCE_ID: Final = "service.instance.id"
SERVICE_VERSION: Final = "service.version"
HOST_NAME: Final = "host.name"
PROCESS_PID: Final = "process.pid"
EXCEPTION_EVENT: Final = "exception"
EXCEPTION_TYPE: Final = "exception.type"
EXCEPTION_MESSAGE: Final = "exception.message"
EXCEPTION_STACKTRACE: Final = "exception.stacktrace"
PACKAGE_INFO_EVENT: Final = "package.info"
PACKAGE_NAME: Final = "package.name"
PACKAGE_VERSION: Final = "package.version"
FEATURE_FLAG_EVENT: Final = "feature_flag.evaluation"
FEATURE_FLAG_KEY: Final = "feature_flag.key"
FEATURE_FLAG_VALUE: Final = "feature_flag.result.value"
FEATURE_FLAG_VARIANT: Final = "feature_flag.result.variant"
ERROR_TYPE: Final = "error.type"
VCS_REPOSITORY: Final = "vcs.repository.url.full"
VCS_BRANCH: Final = "vcs.ref.head.name"
VCS_REVISION: Final = "vcs.ref.head.revision"
LOG_COUNT: Final = "log_count"
"""How many equal records one stands for, as the Collector's log_dedup processor writes it."""
SAMPLING_RATE: Final = "sampling.rate"
"""Which share of such records was kept."""


@dataclass(frozen=True, slots=True)
class Name:
    """A name that we emit."""

    name: str
    kind: str
    """attribute, event or metric."""
    unit: str
    meaning: str

    def __str__(self) -> str:
        return self.name


LOG_RECORD_TEMPLATE: Final = "log.record.template"
"""What a log line has in common with others, as the Collector's drain processor names it."""
LOG_RECORD_TEMPLATE_PARAMETER: Final = "log.record.template.parameter"
"""What stands in the places of a template, with a number behind: likewise."""
LOG_TEMPLATE_ID: Final = "otel_insights.log.template.id"
LOG_TEMPLATE_SEVERITY: Final = "otel_insights.log.template.severity"
LOG_TEMPLATE_EXAMPLES: Final = "otel_insights.log.template.examples"
LOG_TEMPLATE_HOUR_COUNT: Final = "otel_insights.log.template.hour.records"
LOG_TEMPLATE_HOUR_EXPECTED: Final = "otel_insights.log.template.hour.expected"
LOG_TEMPLATE_CREATED: Final = "otel_insights.log.template.created"
LOG_TEMPLATE_SURGING: Final = "otel_insights.log.template.surging"
LOG_TEMPLATE_VANISHED: Final = "otel_insights.log.template.vanished"

FINGERPRINT: Final = "otel_insights.exception.fingerprint"
CLUSTER_ID: Final = "otel_insights.exception.cluster.id"
CLUSTER_PROBABILITY: Final = "otel_insights.exception.cluster.probability"
MECHANISM: Final = "otel_insights.exception.mechanism"
HANDLED: Final = "otel_insights.exception.handled"
STACKTRACE_HASH: Final = "otel_insights.exception.stacktrace.hash"
LOCALS: Final = "otel_insights.exception.locals"
QT_MESSAGE: Final = "otel_insights.qt.message"
QT_CATEGORY: Final = "otel_insights.qt.category"
REDACTIONS: Final = "otel_insights.redactions"
RUN_ID: Final = "otel_insights.run.id"
RUN_AGENT: Final = "otel_insights.run.agent"
RUN_JOB_TYPE: Final = "otel_insights.run.job_type"
RUN_STATUS: Final = "otel_insights.run.status"
RUN_DURATION: Final = "otel_insights.run.duration"
RUN_MAX_DURATION: Final = "otel_insights.run.max_duration"
RUN_PRODUCT: Final = "otel_insights.run.product"
RUN_PLATFORM: Final = "otel_insights.run.platform"
RUN_INSIGHT_ID: Final = "otel_insights.run.insight_id"
RUN_INPUT_SUMMARY: Final = "otel_insights.run.input_summary"
RUN_OUTPUT_SUMMARY: Final = "otel_insights.run.output_summary"
RUN_ERROR_SUMMARY: Final = "otel_insights.run.error_summary"
RUN_ERROR_DETAILS: Final = "otel_insights.run.error_details"
RUN_ITEMS: Final = "otel_insights.run.items"
RUN_METRIC: Final = "otel_insights.run.metric"
RUN_COMMIT_SOURCE: Final = "otel_insights.run.commit.source"
RUN_COMMIT_AUTHOR: Final = "otel_insights.run.commit.author"
CLUSTER_TITLE: Final = "otel_insights.cluster.title"
CLUSTER_SURVIVOR: Final = "otel_insights.cluster.merged_into"
CLUSTER_SPLIT_FROM: Final = "otel_insights.cluster.split_from"
CLUSTER_DECIDED_BY: Final = "otel_insights.cluster.decided_by"
CLUSTER_HOUR_COUNT: Final = "otel_insights.cluster.hour.occurrences"
CLUSTER_HOUR_EXPECTED: Final = "otel_insights.cluster.hour.expected"
ANOMALY_ID: Final = "otel_insights.anomaly.id"
ANOMALY_METRIC: Final = "otel_insights.anomaly.metric"
ANOMALY_PART: Final = "otel_insights.anomaly.part"
ANOMALY_SCORE: Final = "otel_insights.anomaly.score"
ANOMALY_EXPECTED: Final = "otel_insights.anomaly.expected"
ANOMALY_LOWER: Final = "otel_insights.anomaly.lower"
ANOMALY_UPPER: Final = "otel_insights.anomaly.upper"
ANOMALY_THRESHOLD: Final = "otel_insights.anomaly.threshold"
ANOMALY_OBSERVED: Final = "otel_insights.anomaly.observed"
ANOMALY_DIRECTION: Final = "otel_insights.anomaly.direction"
ANOMALY_DETECTOR: Final = "otel_insights.anomaly.detector"
ANOMALY_DURATION: Final = "otel_insights.anomaly.duration"
ANOMALY_ENDED: Final = "otel_insights.anomaly.ended"
ANOMALY_OPENED: Final = "otel_insights.anomaly.opened"
ANOMALY_CLOSED: Final = "otel_insights.anomaly.closed"
ANOMALIES: Final = "otel_insights.anomalies"
SPAN_CALLS: Final = "traces.span.metrics.calls"
SPAN_DURATION: Final = "traces.span.metrics.duration"
METRIC_CHANGED: Final = "otel_insights.metric.changed"
METRIC_BEFORE: Final = "otel_insights.metric.before"
METRIC_AFTER: Final = "otel_insights.metric.after"
SUBJECT_INSTANCE: Final = "otel_insights.subject.service.instance.id"
SUBJECT_NAMESPACE: Final = "otel_insights.subject.service.namespace"
SUBJECT_NAME: Final = "otel_insights.subject.service.name"
SUBJECT_VERSION: Final = "otel_insights.subject.service.version"
FINDING_ID: Final = "otel_insights.finding.id"
SUGGESTION_ID: Final = "otel_insights.suggestion.id"
SUGGESTION_TIER: Final = "otel_insights.suggestion.tier"
SUGGESTION_CONDITIONS: Final = "otel_insights.suggestion.conditions"
SUGGESTION_FAILING: Final = "otel_insights.suggestion.failing"
SUGGESTION_HEALTHY: Final = "otel_insights.suggestion.healthy"
SUGGESTION_RISK_RATIO: Final = "otel_insights.suggestion.risk_ratio"
SUGGESTION_P_VALUE: Final = "otel_insights.suggestion.p_value"
SUGGESTION_REMEDY: Final = "otel_insights.suggestion.remedy"

RUN_START: Final = "run.start"
RUN_END: Final = "run.end"
RUN_COMMIT: Final = "run.commit"
RUN_STALE: Final = "otel_insights.run.stale"
CLUSTER_CREATED: Final = "otel_insights.cluster.created"
CLUSTER_MERGED: Final = "otel_insights.cluster.merged"
CLUSTER_SPIKING: Final = "otel_insights.cluster.spiking"
CLUSTER_REGRESSED: Final = "otel_insights.cluster.regressed"
CLUSTER_RESOLVED: Final = "otel_insights.cluster.resolved"
SUGGESTION_CREATED: Final = "otel_insights.suggestion.created"
SUGGESTION_WITHDRAWN: Final = "otel_insights.suggestion.withdrawn"

OCCURRENCES: Final = "otel_insights.exception.occurrences"
CLUSTER_COUNT: Final = "otel_insights.cluster.count"
CLUSTER_SIZE: Final = "otel_insights.cluster.size"
CLUSTERING_DURATION: Final = "otel_insights.clustering.duration"
SUGGESTIONS: Final = "otel_insights.suggestions"
LOG_RECORDS: Final = "otel_insights.log.records"
METRIC_OVERFLOW: Final = "otel.metric.overflow"
"""On the point that stands for all that a cap has left out, as SDKs write it (metrics SDK, cardinality limits)."""
RUNS: Final = "otel_insights.runs"
OPERATION_NAME: Final = "otel_insights.operation.name"
OPERATION_DURATION: Final = "otel_insights.operation.duration"
FINDINGS_DROPPED: Final = "otel_insights.findings.dropped"
RUN_ITEM_COUNT: Final = "otel_insights.run.item.count"
RUN_ITEM_RESULT: Final = "otel_insights.run.item.result"

EMITTED: Final = (
    Name(FINGERPRINT, "attribute", "", "Hash of the exception's normalised chain: the same fault has the same one"),
    Name(CLUSTER_ID, "attribute", "", "The cluster of exceptions; an id never changes its meaning"),
    Name(CLUSTER_PROBABILITY, "attribute", "1", "How sure the clustering is of the membership, 0 to 1"),
    Name(
        MECHANISM,
        "attribute",
        "",
        "Where an application saw the exception: `sys.excepthook`, `threading`, `asyncio`, ...",
    ),
    Name(HANDLED, "attribute", "", "Whether the application caught and reported it itself"),
    Name(STACKTRACE_HASH, "attribute", "", "Hash of a trace's functions and types, where the trace may not leave"),
    Name(LOCALS, "attribute", "", "Local variables of the application's own frames, where it asked for them"),
    Name(QT_MESSAGE, "attribute", "", "What Qt said"),
    Name(QT_CATEGORY, "attribute", "", "The logging category in which Qt said it"),
    Name(REDACTIONS, "attribute", "{value}", "How many values were replaced in what bears it"),
    Name(CLUSTER_TITLE, "attribute", "", "What a person reads: the type and the message without its values"),
    Name(CLUSTER_SURVIVOR, "attribute", "", "On a merge: the cluster whose id goes on"),
    Name(CLUSTER_SPLIT_FROM, "attribute", "", "On a new cluster: the one of which it was a part"),
    Name(CLUSTER_DECIDED_BY, "attribute", "", "Who merged or resolved: `person`, `clustering`, or `quiet` (not seen)"),
    Name(CLUSTER_HOUR_COUNT, "attribute", "{occurrence}", "On a spike: occurrences within the hour so far"),
    Name(CLUSTER_HOUR_EXPECTED, "attribute", "{occurrence}", "On a spike: how many an hour of the past week had"),
    Name(SUBJECT_INSTANCE, "attribute", "", "The `service.instance.id` that an anomaly is about"),
    Name(ANOMALY_ID, "attribute", "", "An anomaly; on its opening and its end"),
    Name(ANOMALY_METRIC, "attribute", "", "The metric whose series is anomalous, or whose point a score is of"),
    Name(
        ANOMALY_PART,
        "attribute",
        "",
        "Of a histogram or summary: `count` (a second), `p50`, `p95`, `p99`, or a quantile",
    ),
    Name(ANOMALY_THRESHOLD, "attribute", "", "The detector's own score that is 1 for this series at that time"),
    Name(ANOMALY_OBSERVED, "attribute", "", "The value with the highest score; of sums what came a second"),
    Name(ANOMALY_DIRECTION, "attribute", "", "`up` or `down`"),
    Name(ANOMALY_DETECTOR, "attribute", "", "Name and version of the model"),
    Name(ANOMALY_DURATION, "attribute", "s", "How long an anomaly was open"),
    Name(
        ANOMALY_ENDED,
        "attribute",
        "",
        "Why it is closed: `recovered`, `new_level` (it stays there), `no_data`, `forgotten`, `restarted`",
    ),
    Name(METRIC_BEFORE, "attribute", "", "Type and unit that a metric had: `histogram s`"),
    Name(METRIC_AFTER, "attribute", "", "Type and unit that it has now"),
    Name(SUBJECT_NAMESPACE, "attribute", "", "The `service.namespace` that a finding is about"),
    Name(SUBJECT_NAME, "attribute", "", "The `service.name` that a finding is about"),
    Name(SUBJECT_VERSION, "attribute", "", "On a regression: the newest `service.version` that brought it back"),
    Name(FINDING_ID, "attribute", "", "The same at every repeat of a finding"),
    Name(SUGGESTION_ID, "attribute", "", "The suggestion"),
    Name(SUGGESTION_TIER, "attribute", "", "`established` (family-wise error at most 5 %) or `lead` (unproven)"),
    Name(SUGGESTION_CONDITIONS, "attribute", "", "The conditions, joined by AND, as `key op value`"),
    Name(SUGGESTION_FAILING, "attribute", "{environment}", "Failing environments that meet the conditions, and all"),
    Name(SUGGESTION_HEALTHY, "attribute", "{environment}", "Healthy environments that meet the conditions, and all"),
    Name(SUGGESTION_RISK_RATIO, "attribute", "1", "How many times the risk under the conditions is the one without"),
    Name(SUGGESTION_P_VALUE, "attribute", "1", "Family-wise, over all conditions tried for the cluster"),
    Name(SUGGESTION_REMEDY, "attribute", "", "The one changed value with which environments were seen healthy"),
    Name(LOG_TEMPLATE_ID, "attribute", "", "The template of a log line; an id never changes its meaning"),
    Name(
        LOG_TEMPLATE_SEVERITY, "attribute", "", "The severity of log records; on a new template: the most frequent one"
    ),
    Name(LOG_TEMPLATE_EXAMPLES, "attribute", "", "On a new template: the first lines of it, as they came"),
    Name(LOG_TEMPLATE_HOUR_COUNT, "attribute", "{record}", "On a surge: log records within the hour so far"),
    Name(LOG_TEMPLATE_HOUR_EXPECTED, "attribute", "{record}", "On a surge: how many an hour of the past week had"),
    Name(OPERATION_NAME, "attribute", "", "Which operation; on the metric of durations"),
    Name(RUN_ID, "attribute", "", "A run of a job or an agent; on its span, its events and its commit"),
    Name(RUN_AGENT, "attribute", "", "Who runs"),
    Name(RUN_JOB_TYPE, "attribute", "", "What kind of job it is"),
    Name(RUN_STATUS, "attribute", "", "How a run ended: `success`, `failed`, `partial`, `timeout`, `cancelled`"),
    Name(RUN_DURATION, "attribute", "s", "How long a run took"),
    Name(RUN_MAX_DURATION, "attribute", "s", "How long a run may take; then it counts as stale"),
    Name(RUN_PRODUCT, "attribute", "", "What a run works on"),
    Name(RUN_PLATFORM, "attribute", "", "Where a run works, as its owner calls it"),
    Name(RUN_INSIGHT_ID, "attribute", "", "The finding that caused a run (its `otel_insights.finding.id`)"),
    Name(RUN_INPUT_SUMMARY, "attribute", "", "What a run was given, in at most 1,000 characters"),
    Name(RUN_OUTPUT_SUMMARY, "attribute", "", "What a run made, in at most 1,000 characters"),
    Name(RUN_ERROR_SUMMARY, "attribute", "", "Why a run failed, in at most 500 characters"),
    Name(RUN_ERROR_DETAILS, "attribute", "", "More of that: the last 5,000 characters of the stack trace"),
    Name(f"{RUN_ITEMS}.<result>", "attribute", "{item}", "Items `discovered`, `succeeded`, `failed`, `skipped`"),
    Name(RUN_ITEM_RESULT, "attribute", "", "On that metric: `discovered`, `succeeded`, `failed`, `skipped`"),
    Name(f"{RUN_METRIC}.<name>", "attribute", "", "Numbers and texts that a run tells of itself"),
    Name(RUN_COMMIT_SOURCE, "attribute", "", "Who made the commit of a run: `manual`, `llm`, `ci`"),
    Name(RUN_COMMIT_AUTHOR, "attribute", "", "Its author, without the address"),
    Name(RUN_START, "event", "", "A run began; with the ids of its root span"),
    Name(RUN_END, "event", "", "A run ended: ERROR if it failed or took too long, else INFO"),
    Name(RUN_STALE, "event", "", "A run had not ended when it should have; it counts as cancelled"),
    Name(RUN_COMMIT, "event", "", "Which commit (`vcs.ref.head.revision`) a run brought about"),
    Name(CLUSTER_CREATED, "event", "", "A cluster came into being"),
    Name(CLUSTER_MERGED, "event", "", "A cluster went into another one; its id redirects there"),
    Name(ANOMALY_OPENED, "event", "", "A metric series does what is not expected of it"),
    Name(ANOMALY_CLOSED, "event", "", "It does so no longer, or nothing is heard of it"),
    Name(METRIC_CHANGED, "event", "", "A metric came with another type or unit than before: its series begin anew"),
    Name(CLUSTER_SPIKING, "event", "", "A cluster has far more occurrences than its own past makes likely"),
    Name(CLUSTER_REGRESSED, "event", "", "A cluster was seen again after it had been resolved"),
    Name(CLUSTER_RESOLVED, "event", "", "A person resolved a cluster, or it was not seen for long"),
    Name(SUGGESTION_CREATED, "event", "", "A configuration was found that the failing share and the healthy do not"),
    Name(SUGGESTION_WITHDRAWN, "event", "", "A suggestion no longer holds, by new evidence, feedback or a merge"),
    Name(LOG_TEMPLATE_CREATED, "event", "", "A service logged a line of a kind that it never had logged"),
    Name(LOG_TEMPLATE_SURGING, "event", "", "A service logs far more lines of a kind than its own past makes likely"),
    Name(LOG_TEMPLATE_VANISHED, "event", "", "A service has logged no more lines of a kind for unlikely long"),
    Name(QT_MESSAGE, "event", "", "Qt warned of something, or worse"),
    Name(OCCURRENCES, "metric", "{occurrence}", "Occurrences by service.name, exception.type and cluster (sum)"),
    Name(
        ANOMALY_SCORE, "metric", "1", "Of a point: 0 to 1 is normal, above 1 anomalous; on findings the highest (gauge)"
    ),
    Name(ANOMALY_EXPECTED, "metric", "", "What was expected of a point, in its unit; on findings too (gauge)"),
    Name(ANOMALY_LOWER, "metric", "", "Below it a point would be unusual; on findings too (gauge)"),
    Name(ANOMALY_UPPER, "metric", "", "Above it a point would be unusual; on findings too (gauge)"),
    Name(ANOMALIES, "metric", "{anomaly}", "Anomalies by service.name and `otel_insights.anomaly.metric` (sum)"),
    Name(OPERATION_DURATION, "metric", "s", "How long operations took, by name and `error.type` (histogram)"),
    Name(CLUSTER_COUNT, "metric", "{cluster}", "Clusters that there are (gauge)"),
    Name(CLUSTER_SIZE, "metric", "{fingerprint}", "Fingerprints in a cluster (gauge)"),
    Name(CLUSTERING_DURATION, "metric", "s", "How long the last clustering took (gauge)"),
    Name(LOG_RECORDS, "metric", "{record}", "Log records by service.name, template and severity (sum, capped)"),
    Name(SUGGESTIONS, "metric", "{suggestion}", "Suggestions that hold, by tier (gauge)"),
    Name(RUNS, "metric", "{run}", "Runs that are kept, by agent, job type and status (gauge)"),
    Name(RUN_ITEM_COUNT, "metric", "{item}", "Items of these, by agent, job type and result (gauge)"),
    Name(FINDINGS_DROPPED, "metric", "{finding}", "Findings that made room before the next hop had taken them (sum)"),
)
"""The catalogue: docs/names.md is checked against it."""
