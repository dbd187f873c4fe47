"""The parts of the picture: app -> Collector A -> otel-insights -> Collector B -> file, each a real process."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
import yaml
from e2e.processes import Process, eventually, free_port
from prometheus_client.parser import text_string_to_metric_families

REPOSITORY = Path(__file__).parents[2]
COLLECTOR_CONFIG = REPOSITORY / "otel-collector-config.yaml"
ITEMS = {"traces": "spans", "metrics": "metric_points", "logs": "log_records"}


class Collector:
    """A Collector made from otel-collector-config.yaml; which part it plays is a matter of who sends to it."""

    def __init__(self, binary: Path, name: str, home: Path, send_to: str, compression: str = "none") -> None:
        self.grpc, self.http, self.insights, self.insights_http, health, metrics = (free_port() for _ in range(6))
        self._health = f"http://127.0.0.1:{health}"
        self._metrics = f"http://127.0.0.1:{metrics}/metrics"
        data = home / name
        self.file = data / "telemetry.jsonl"
        environment = {
            "OTELCOL_DATA": str(data),
            "OTELCOL_GRPC_ENDPOINT": f"127.0.0.1:{self.grpc}",
            "OTELCOL_HTTP_ENDPOINT": f"127.0.0.1:{self.http}",
            "OTELCOL_INSIGHTS_ENDPOINT": f"127.0.0.1:{self.insights}",
            "OTELCOL_INSIGHTS_HTTP_ENDPOINT": f"127.0.0.1:{self.insights_http}",
            "OTELCOL_HEALTH_ENDPOINT": f"127.0.0.1:{health}",
            "OTELCOL_METRICS_PORT": str(metrics),
            "OTEL_INSIGHTS_ENDPOINT": send_to or f"127.0.0.1:{self.insights}",
            "OTEL_INSIGHTS_COMPRESSION": compression,
        }
        arguments = [str(binary), f"--config={COLLECTOR_CONFIG}"]
        self.process = Process(f"Collector {name}", arguments, home / f"{name}.log", environment)

    def start(self) -> None:
        self.process.start()
        eventually(lambda: self.process.alive() and _answers(self._health), f"{self.process.name} is ready")

    def metric(self, name: str, **labels: str) -> float:
        """Sum a metric of its own over the series that have these labels."""
        families = text_string_to_metric_families(httpx.get(self._metrics, timeout=5).text)
        return sum(
            sample.value
            for family in families
            for sample in family.samples
            if sample.name in (name, f"{name}_total") and labels.items() <= sample.labels.items()
        )

    def accepted(self, signal: str, receiver: str = "otlp") -> float:
        """Count what it took in from the apps, or by the receiver named."""
        return self.metric(f"otelcol_receiver_accepted_{ITEMS[signal]}", receiver=receiver)

    def waiting(self) -> float:
        """Count the bytes in its persistent queue; what is on its way but not acknowledged is among them."""
        return self.metric("otelcol_exporter_queue_size", exporter="otlp_grpc/insights")

    def dropped(self) -> list[str]:
        """Give the lines of its log in which it says that it gave something up."""
        return [line for line in self.process.log.read_text().splitlines() if "Dropping data" in line]

    def told_to_retry(self) -> int:
        """Count how often it was refused for the time being."""
        return self.process.log.read_text().count("Will retry the request")


class Insights:
    """`otel-insights run` with a configuration that names free ports."""

    def __init__(self, home: Path, send_to: str, protocol: str = "grpc") -> None:
        self.grpc, self.http, api = free_port(), free_port(), free_port()
        self.api = f"http://127.0.0.1:{api}"
        both, learn = ["otlp_grpc", "otlp_http"], ["memory_limiter", "environments", "exceptions", "suggestions"]
        of_logs = ["memory_limiter", "environments", "exceptions", "logs", "suggestions"]
        lines = {
            "traces": (both, learn),
            "logs": ([*both, "insights"], of_logs),
            "metrics": ([*both, "insights"], learn[:2]),
        }
        settings = {
            "receivers": {
                "otlp_grpc": {"endpoint": f"127.0.0.1:{self.grpc}"},
                "otlp_http": {"endpoint": f"127.0.0.1:{self.http}"},
                "insights": {"interval": "2s"},
            },
            "processors": dict.fromkeys(of_logs),
            "exporters": {"otlp": {"endpoint": send_to, "protocol": protocol}},
            "store": {"url": f"sqlite:///{home / 'insights.db'}"},
            "api": {"endpoint": f"127.0.0.1:{api}"},
            "analysis": {"interval": "2s"},
            "service": {
                "pipelines": {
                    signal: {"receivers": receivers, "processors": processors, "exporters": ["otlp"]}
                    for signal, (receivers, processors) in lines.items()
                }
            },
        }
        self._config = home / "insights.yaml"
        self._config.write_text(yaml.safe_dump(settings))
        command = Path(sys.executable).with_name("otel-insights")
        arguments = [str(command), "run", f"--config={self._config}"]
        self.process = Process("otel-insights", arguments, home / "insights.log")

    def behind_kafka(self, address: str, topics: Mapping[str, tuple[str, str]]) -> None:
        """Let it read and write topics instead of being called; `topics` names for each signal from where to where."""
        settings = yaml.safe_load(self._config.read_text())
        door = {"brokers": [address], "group_id": "insights", "initial_offset": "earliest", "session_timeout": "6s"}
        for signal, (source, _) in topics.items():
            door[signal] = {"topics": [source]}
        settings["receivers"] = {"kafka": door}
        out = {signal: {"topic": target} for signal, (_, target) in topics.items()}
        settings["exporters"] = {"kafka": {"brokers": [address], **out}}
        pipelines = settings["service"]["pipelines"]
        settings["service"]["pipelines"] = {
            signal: {**pipelines[signal], "receivers": ["kafka"], "exporters": ["kafka"]} for signal in topics
        }
        self._config.write_text(yaml.safe_dump(settings))

    def keep_to(self, signal: str) -> None:
        """Let it have the pipeline of one signal alone."""
        settings = yaml.safe_load(self._config.read_text())
        kept = settings["service"]["pipelines"][signal]
        settings["service"]["pipelines"] = {signal: kept}
        settings["receivers"] = {name: settings["receivers"][name] for name in kept["receivers"]}
        settings["processors"] = dict.fromkeys(kept["processors"])
        self._config.write_text(yaml.safe_dump(settings))

    def start(self) -> None:
        self.process.start()
        eventually(lambda: self.process.alive() and _answers(f"{self.api}/healthz"), "otel-insights is ready")

    def analyse(self) -> None:
        """Have everything that has arrived clustered, now."""
        httpx.post(f"{self.api}/api/v1/analysis", timeout=60).raise_for_status()

    def clusters(self) -> Iterator[dict[str, Any]]:
        """Give all clusters, page by page."""
        cursor: str | None = ""
        while cursor is not None:
            answer = httpx.get(f"{self.api}/api/v1/clusters", params={"cursor": cursor, "limit": 2}, timeout=30)
            page = answer.raise_for_status().json()
            yield from page["items"]
            cursor = page["next"]

    def counted(self) -> float:
        """Sum the occurrences of all clusters."""
        return sum(cluster["count"] for cluster in self.clusters())

    def logged(self) -> float:
        """Sum the log records of the app, as /metrics has them."""
        page = httpx.get(f"{self.api}/metrics", timeout=30).raise_for_status().text
        counts = re.findall(r'^otel_insights_log_records_total\{.*service_name="shop"\} (\S+)$', page, re.MULTILINE)
        return sum(map(float, counts))

    def memory(self) -> int:
        """Return its resident bytes."""
        return psutil.Process(self.process.pid).memory_info().rss


@dataclass
class App:
    """app.py as a process, and what its diary says."""

    process: Process
    diary: Path

    @property
    def rounds(self) -> list[dict[str, Any]]:
        text = self.diary.read_text() if self.diary.exists() else ""
        return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]

    def spans(self) -> set[str]:
        return {span for done in self.rounds for span in done["spans"]}

    def logs(self) -> set[str]:
        """Give the ids of the spans that have a log record; none has two."""
        return {span for done in self.rounds for span in done["logs"]}

    def exceptions(self) -> int:
        return sum(done["exceptions"] for done in self.rounds)


@dataclass
class Stage:
    """What one test has started; ends all of it."""

    binary: Path
    home: Path
    processes: list[Process] = field(default_factory=list)

    def collector(self, name: str, send_to: str = "", compression: str = "none") -> Collector:
        """Start a Collector. One that sends to nobody else sends to itself, and plays both parts without us."""
        made = Collector(self.binary, name, self.home, send_to, compression)
        self.processes.append(made.process)
        made.start()
        return made

    def insights(self, send_to: str, protocol: str = "grpc") -> Insights:
        made = Insights(self.home, send_to, protocol)
        self.processes.append(made.process)
        made.start()
        return made

    def app(self, *to: str, protocol: str = "grpc", rounds: int = 0) -> App:
        diary = self.home / "diary.jsonl"
        where = [f"--to={url}" for url in to]
        arguments = [sys.executable, str(Path(__file__).with_name("app.py")), *where, f"--diary={diary}"]
        arguments += [f"--protocol={protocol}", f"--rounds={rounds}"]
        made = App(Process("app", arguments, self.home / "app.log"), diary)
        self.processes.append(made.process)
        made.process.start()
        return made

    def end(self) -> None:
        """End everything that was started."""
        for process in reversed(self.processes):
            process.end()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2).is_success
    except httpx.TransportError:
        return False
