"""What instrument() costs the application that it is a guest of, beside what the SDK costs alone."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import distributions
from pathlib import Path

from benchmarks.tables import Ratio, show, verdict
from otel_insights.client import surroundings

_ROUNDS = 7
_DEAD = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_INSIGHTS_SPOOL_DIR": "off"}

_IMPORT_OF_THE_SDK = """
import opentelemetry.sdk.trace, opentelemetry.sdk.trace.export, opentelemetry.sdk._logs
import opentelemetry.exporter.otlp.proto.http.trace_exporter, opentelemetry.exporter.otlp.proto.http._log_exporter
"""
_IMPORT_OF_OURS = (
    "import otel_insights.client.pipeline, otel_insights.client.tracing; from otel_insights import instrument"
)
_SET_UP_OF_THE_SDK = f"""
import time
{_IMPORT_OF_THE_SDK}
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
began = time.perf_counter()
provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
trace.set_tracer_provider(provider)
LoggerProvider().add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))
print([time.perf_counter() - began], flush=True)
import os; os._exit(0)
"""
_SET_UP_OF_OURS = f"""
import time
{_IMPORT_OF_THE_SDK}
import otel_insights.client.pipeline, otel_insights.client.tracing
from otel_insights import instrument
began = time.perf_counter()
instrument("shop")
print([time.perf_counter() - began], flush=True)
import os; os._exit(0)
"""
_EXCEPTIONS = """
import time
from opentelemetry import trace
import otel_insights
otel_insights.instrument("shop", packages=False)
def fail(depth):
    if depth: fail(depth - 1)
    raise ValueError("no such page")
def raised():
    try: fail(10)
    except ValueError as error: return error
tracer = trace.get_tracer("t")
theirs = ours = 0.0
for _ in range(300):
    error = raised()
    with tracer.start_as_current_span("s") as span:
        began = time.thread_time(); span.record_exception(error); theirs += time.thread_time() - began
    began = time.thread_time(); otel_insights.record_exception(error); ours += time.thread_time() - began
print([theirs / 300, ours / 300], flush=True)
import os; os._exit(0)
"""
_RUNS = """
import time
import otel_insights
otel_insights.instrument("shop")
took = [[], [], []]
for _ in range(300):
    at = [time.perf_counter()]
    id_ = otel_insights.start_run("crawler", "nightly"); at.append(time.perf_counter())
    otel_insights.log_event(id_, "page.read", {"pages": 3}); at.append(time.perf_counter())
    otel_insights.end_run(id_, items_succeeded=3); at.append(time.perf_counter())
    for number in range(3): took[number].append(at[number + 1] - at[number])
print([max(one) for one in took], flush=True)
import os; os._exit(0)
"""

_PACKAGES = 300


def guests() -> None:
    """Run each as a process of its own, in turn with its yardstick, with an endpoint where nobody listens."""
    bare, sdk, both = ([], [], [])
    for _ in range(_ROUNDS):
        bare.append(_cpu("pass"))
        sdk.append(_cpu(_IMPORT_OF_THE_SDK))
        both.append(_cpu(_IMPORT_OF_OURS))
    less = [[one - without for one, without in zip(taken, bare, strict=True)] for taken in (both, sdk)]
    imported = Ratio.of(*less)
    told = [_told(_EXCEPTIONS) for _ in range(_ROUNDS)]
    recorded = Ratio.of([ours for _, ours in told], [theirs for theirs, _ in told])
    # in processes of their own: who comes second finds caches warm
    apart = [_told(_SET_UP_OF_OURS)[0] - _told(_SET_UP_OF_THE_SDK)[0] for _ in range(_ROUNDS)]
    beyond = statistics.median(apart) * 1e3
    rows = [
        ["import, CPU", "the SDK's providers and OTLP/HTTP exporters", str(imported), verdict(imported.median, 1.3)],
        ["instrument()", "setting those up; the difference", f"{beyond:.1f} ms", verdict(beyond, 20)],
        ["record_exception", "span.record_exception", str(recorded), verdict(recorded.median, 1.3)],
    ]
    longest = [max(one) * 1e3 for one in zip(*(_told(_RUNS) for _ in range(_ROUNDS)), strict=True)]
    for name, took, goal in zip(("start_run", "log_event", "end_run"), longest, (10, 5, 50), strict=True):
        rows.append([name, "the longest of 2,100", f"{took:.2f} ms", verdict(took, goal)])
    rows.append(_enumerating())
    show("Guests", ("what", "beside", "it takes", "goal"), rows, f"Medians of {_ROUNDS} processes (lowest to highest).")


def _enumerating() -> list[str]:
    """List installed packages, 300 of them, as `importlib.metadata` does and as we do."""
    with tempfile.TemporaryDirectory() as folder:
        for number in range(_PACKAGES):
            info = Path(folder) / f"package_{number}-1.{number}.dist-info"
            info.mkdir()
            (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: package-{number}\nVersion: 1.{number}\n")
        theirs, ours = [], []
        for _ in range(_ROUNDS):
            began = time.perf_counter()
            found = {one.metadata["Name"]: one.version for one in distributions(path=[folder])}
            between = time.perf_counter()
            same = surroundings.packages([folder])
            ours.append(time.perf_counter() - between)
            theirs.append(between - began)
            if len(same) != len(found):
                raise RuntimeError(f"{len(same)} packages were found, importlib.metadata finds {len(found)}")
    took = statistics.median(ours) * 1e3
    ratio = Ratio.of(ours, theirs)
    return [f"{_PACKAGES} packages", f"importlib.metadata: {ratio} of it", f"{took:.2f} ms", verdict(took, 5)]


def _cpu(program: str) -> float:
    """CPU time of a process, in seconds."""
    before = os.times()
    subprocess.run([sys.executable, "-c", program], check=True, env=os.environ | _DEAD)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def _told(program: str) -> list[float]:
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, env=os.environ | _DEAD, capture_output=True, text=True
    )
    return [float(one) for one in json.loads(done.stdout)]
