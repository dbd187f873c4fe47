"""Grafana's panels and alert rules: asked of a real Prometheus, which watches a real otel-insights."""

import json
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
import yaml
from otlp_samples import charge, gauge, log, logs, raised, resource, span, spans

ROOT = Path(__file__).parents[1]
GRAFANA = ROOT / "examples" / "compose" / "grafana"
RULES = yaml.safe_load((GRAFANA / "provisioning" / "alerting" / "rules.yaml").read_text())
DASHBOARDS = sorted((GRAFANA / "dashboards").glob("*.json"))

OF_OTHERS = """
# TYPE otelcol_exporter_queue_size gauge
otelcol_exporter_queue_size{exporter="otlp_grpc/insights"} 0
# TYPE target_info gauge
target_info{job="shop",instance="i-1"} 1
# TYPE otel_insights_anomaly_score gauge
otel_insights_anomaly_score{job="shop",otel_insights_anomaly_metric="queue.depth"} 0.4
# TYPE process_uptime_seconds gauge
process_uptime_seconds{job="shop"} 12
# TYPE http_server_request_duration_seconds histogram
"""
"""What a Collector and an application tell: not ours, and asked for all the same."""
REQUESTS = (
    'http_server_request_duration_seconds_bucket{{{0},le="0.1"}} {1}\n'
    'http_server_request_duration_seconds_bucket{{{0},le="+Inf"}} {1}\n'
    "http_server_request_duration_seconds_count{{{0}}} {1}\nhttp_server_request_duration_seconds_sum{{{0}}} {1}\n"
)


class Others(BaseHTTPRequestHandler):
    scrapes = 0

    def do_GET(self) -> None:
        Others.scrapes += 1
        labels = (f'job="shop",http_response_status_code="{status}"' for status in (200, 404, 500))
        body = OF_OTHERS + "".join(REQUESTS.format(one, Others.scrapes) for one in labels)
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        pass


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]


def until(what: str, check, seconds: float = 30.0):
    """Ask again until the answer is something; what goes wrong meanwhile may be better the next time."""
    end, last = time.monotonic() + seconds, None
    while time.monotonic() < end:
        try:
            if answer := check():
                return answer
        except httpx.HTTPError as error:
            last = error
        threading.Event().wait(0.05)
    raise AssertionError(f"expected {what} within {seconds:g} s ({last})")


@pytest.fixture(scope="module")
def others() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Others)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def insights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder, otlp, api = tmp_path_factory.mktemp("insights"), free_port(), free_port()
    both = {"receivers": ["otlp_http"], "processors": ["environments", "exceptions", "suggestions"]}
    config = {
        "receivers": {"otlp_http": {"endpoint": f"127.0.0.1:{otlp}"}, "insights": None},
        "processors": dict.fromkeys([*both["processors"], "logs", "anomalies", "runs"]),
        "exporters": {
            "debug": None,
            "otlp": {"endpoint": f"http://127.0.0.1:{otlp}", "protocol": "http"},
            "webhook": {"url": f"http://127.0.0.1:{api}/"},
        },
        "store": {"url": f"sqlite:///{folder}/store.db"},
        "api": {"endpoint": f"127.0.0.1:{api}"},
        "service": {
            "pipelines": {
                "traces": both | {"exporters": ["debug"]},
                "logs": both | {"processors": [*both["processors"], "logs", "runs"], "exporters": ["debug"]},
                "metrics": {"receivers": ["otlp_http"], "processors": ["anomalies"], "exporters": ["debug"]},
                "logs/findings": {"receivers": ["insights"], "exporters": ["otlp", "webhook"]},
            }
        },
    }
    file = folder / "config.yaml"
    file.write_text(yaml.safe_dump(config))
    with subprocess.Popen([sys.executable, "-m", "otel_insights", "run", "--config", str(file)]) as process:
        url = f"http://127.0.0.1:{api}"
        try:
            until("a service that is up", lambda: httpx.get(f"{url}/healthz").is_success)
            feed(f"http://127.0.0.1:{otlp}")
            ended = [{"agent_name": "crawler", "job_type": "nightly", "status": status, "items_failed": 1}
                     for status in ("success", "failed")]  # fmt: skip
            httpx.post(f"{url}/api/v1/runs/batch", json=ended).raise_for_status()
            httpx.post(f"{url}/api/v1/analysis", timeout=60).raise_for_status()
            yield url
        finally:
            process.terminate()


def feed(otlp: str) -> None:
    for number in range(40):
        bad = number % 2 == 0
        of = resource(f"i-{number}", process__runtime__version="3.12" if bad else "3.11")
        served = logs(log("served", {"log_count": 100}), of=of)
        failed = spans(span(number + 1, *([raised(charge, number)] if bad else [])), of=of)
        minutes = range(11 * number, 11 * number + 11)  # of which one is far from usual
        depth = gauge({minute: 900.0 if minute == 400 else 100.0 + minute % 7 for minute in minutes})
        for payload in (served, failed, depth):
            headers = {"content-type": "application/x-protobuf"}
            path = payload.signal.http_path
            httpx.post(otlp + path, content=payload.data, headers=headers).raise_for_status()


@pytest.fixture(scope="module")
def prometheus(insights: str, others: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    binary = shutil.which("prometheus")
    if binary is None:
        pytest.skip("no prometheus on the PATH (Debian: apt-get install prometheus)")
    folder, port = tmp_path_factory.mktemp("prometheus"), free_port()
    jobs = {"otel-insights": insights.removeprefix("http://"), "others": others}
    config = {
        "global": {"scrape_interval": "200ms", "scrape_timeout": "200ms"},
        "scrape_configs": [
            {"job_name": job, "honor_labels": True, "static_configs": [{"targets": [target]}]}
            for job, target in jobs.items()
        ],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    command = [
        binary, f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
        f"--web.listen-address=127.0.0.1:{port}", "--log.level=error",
    ]  # fmt: skip
    with subprocess.Popen(command) as process, httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        try:
            until("a Prometheus that is up", lambda: client.get("/-/ready").is_success)
            yield client
        finally:
            process.terminate()


def panels() -> Iterator[tuple[str, str]]:
    for file in DASHBOARDS:
        for panel in json.loads(file.read_text())["panels"]:
            if panel["datasource"]["type"] == "prometheus":
                for target in panel["targets"]:
                    yield f"{file.stem}: {panel['title']}", target["expr"]


def rules() -> Iterator[tuple[str, str]]:
    for group in RULES["groups"]:
        for rule in group["rules"]:
            yield f"rule: {rule['title']}", rule["data"][0]["model"]["expr"]


@pytest.mark.parametrize(("panel", "query"), [pytest.param(*one, id=one[0]) for one in (*panels(), *rules())])
def test_a_panel_or_an_alert_rule_has_data(prometheus: httpx.Client, panel: str, query: str) -> None:
    concrete = re.sub(r"\$__(rate_interval|range|interval)", "1m", query)

    def ask() -> list[object]:
        answer = prometheus.get("/api/v1/query", params={"query": concrete}).json()
        assert answer["status"] == "success", answer
        return answer["data"]["result"]

    until(f"data for {panel}: {concrete}", ask)


def test_an_id_and_a_title_are_given_once() -> None:
    dashboards = [json.loads(file.read_text()) for file in DASHBOARDS]
    assert len({one["uid"] for one in dashboards}) == len({one["title"] for one in dashboards}) == len(dashboards)
    for one in dashboards:
        ids = [panel["id"] for panel in one["panels"]]
        assert len(set(ids)) == len(ids)


def test_a_rule_compares_what_it_has_asked_for() -> None:
    rules = [rule for group in RULES["groups"] for rule in group["rules"]]
    assert len({rule["uid"] for rule in rules}) == len(rules)
    for rule in rules:
        asked, compared = rule["data"]
        assert rule["condition"] == compared["refId"]
        assert compared["model"]["expression"] == asked["refId"]
        assert rule["annotations"]["summary"]
