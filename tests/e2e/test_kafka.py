"""A real Kafka on both sides, and the Collector's own Kafka components: app -> Collector -> Kafka -> us and back."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from e2e.arrived import read, span_ids
from e2e.kafka_broker import Kafka, NoJavaError
from e2e.processes import Process, eventually, free_port
from e2e.topology import Insights, Stage

pytestmark = pytest.mark.e2e

TOPICS = {"traces": ("otlp_spans", "stamped_spans"), "logs": ("otlp_logs", "stamped_logs")}
KILLS = 2
WITHIN = 120.0


@pytest.fixture
def kafka(stage: Stage, tmp_path: Path) -> Iterator[Kafka]:
    try:
        made = Kafka(tmp_path)
    except NoJavaError as reason:
        pytest.skip(str(reason))
    stage.processes.append(made.process)
    made.start()
    return made


class KafkaCollector:
    """A Collector that writes to Kafka what an app sends, and to a file what comes back."""

    def __init__(self, stage: Stage, kafka: Kafka) -> None:
        self.port = free_port()
        self.file = stage.home / "back.jsonl"
        brokers = {"brokers": [kafka.address]}
        settings = {
            "receivers": {
                "otlp": {"protocols": {"grpc": {"endpoint": f"127.0.0.1:{self.port}"}}},
                "kafka": {
                    **brokers,
                    "group_id": "back",
                    "initial_offset": "earliest",
                    **{signal: {"topics": [target]} for signal, (_, target) in TOPICS.items()},
                },
            },
            "exporters": {
                "kafka": {**brokers, **{signal: {"topic": source} for signal, (source, _) in TOPICS.items()}},
                "file": {"path": str(self.file), "flush_interval": "100ms"},
                "debug": {},
            },
            "service": {
                "telemetry": {"metrics": {"level": "none"}},
                "pipelines": {
                    **{f"{signal}/out": {"receivers": ["otlp"], "exporters": ["kafka"]} for signal in TOPICS},
                    **{f"{signal}/back": {"receivers": ["kafka"], "exporters": ["file"]} for signal in TOPICS},
                    "metrics": {"receivers": ["otlp"], "exporters": ["debug"]},
                },
            },
        }
        config = stage.home / "collector.yaml"
        config.write_text(yaml.safe_dump(settings))
        log = stage.home / "collector.log"
        self.process = Process("Collector", [str(stage.binary), f"--config={config}"], log)
        stage.processes.append(self.process)
        self.process.start()
        eventually(lambda: "Everything is ready" in log.read_text(), "the Collector is ready")


def test_what_the_collector_writes_is_read_stamped_and_written_back_also_when_killed(
    stage: Stage, kafka: Kafka
) -> None:
    collector = KafkaCollector(stage, kafka)
    insights = Insights(stage.home, "http://127.0.0.1:1")
    insights.behind_kafka(kafka.address, TOPICS)
    stage.processes.append(insights.process)
    insights.start()
    app = stage.app(f"http://127.0.0.1:{collector.port}")
    for _ in range(KILLS):
        come = len(span_ids(collector.file))
        eventually(lambda come=come: len(span_ids(collector.file)) > come + 500, "telemetry comes back", WITHIN)
        insights.process.kill()
        insights.start()
    assert app.process.stop() == 0
    spans, logs = app.spans(), app.logs()
    eventually(lambda: spans <= span_ids(collector.file).keys(), "every span comes back", WITHIN)
    eventually(lambda: logs <= span_ids(collector.file, "logRecords").keys(), "every log record comes back", WITHIN)
    insights.analyse()
    assert insights.counted() == app.exceptions()
    stamps = {name for one in read(collector.file) for name in one.stamps()}
    assert "otel_insights.exception.fingerprint" in stamps
    assert insights.process.stop() == 0
