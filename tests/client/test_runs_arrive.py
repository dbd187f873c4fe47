"""A run on its whole way: an application, `otel-insights run`, the API and the command line."""

import contextlib
import json
import os
import subprocess
import sys

import httpx
from e2e.processes import eventually, free_port

PROGRAM = """
import otel_insights
otel_insights.instrument(service_name="shop")
with otel_insights.track_run("crawler", "nightly", product="pages") as run:
    run.set_metrics(items_succeeded=4)
otel_insights.associate_commit(run.id, "0c9e4a1b", "ci")
print(run.id)
"""


def test_a_run_that_an_application_tells_of_is_shown_with_its_commit(tmp_path):
    receiver, api, store = free_port(), free_port(), f"sqlite:///{tmp_path}/insights.db"
    config = tmp_path / "config.yaml"
    config.write_text(
        f"receivers: {{otlp_http: {{endpoint: '127.0.0.1:{receiver}'}}}}\n"
        "processors: {runs: }\n"
        "service: {pipelines: {logs: {receivers: [otlp_http], processors: [runs]}}}\n"
        f"store: {{url: '{store}'}}\napi: {{endpoint: '127.0.0.1:{api}'}}\n"
    )
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "DO_NOT"))}
    with (tmp_path / "log").open("wb") as log:
        command = [sys.executable, "-m", "otel_insights", "run", "--config", str(config)]
        server = subprocess.Popen(command, env=clean, stdout=log, stderr=log)
    try:
        eventually(lambda: answered(f"http://127.0.0.1:{api}/health"), "the API answers")
        told = clean | {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{receiver}",
            "OTEL_TRACES_EXPORTER": "none",
            "OTEL_INSIGHTS_SPOOL_DIR": "off",
        }
        id_ = subprocess.check_output([sys.executable, "-c", PROGRAM], env=told, text=True, timeout=30).strip()
        shown = eventually(lambda: answered(f"http://127.0.0.1:{api}/api/v1/runs/{id_}"), "the run is there").json()
        listed = subprocess.check_output(
            [sys.executable, "-m", "otel_insights", "runs", "list", "--json", "--store", store],
            env=clean,
            text=True,
            timeout=30,
        )
    finally:
        server.terminate()
        assert server.wait(30) == 0, (tmp_path / "log").read_text()
    (row,) = json.loads(listed)
    for one in (shown, row):
        assert (one["event_id"], one["agent_name"], one["status"]) == (id_, "crawler", "success")
        assert (one["items_succeeded"], one["git_commit_hash"]) == (4, "0c9e4a1b")


def answered(url: str) -> httpx.Response | None:
    with contextlib.suppress(httpx.TransportError):
        response = httpx.get(url)
        return response if response.is_success else None
    return None
