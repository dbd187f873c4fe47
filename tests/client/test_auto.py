"""`opentelemetry-instrument`: we are found by entry points, set the SDK up, and report as ever."""

import os
import shutil
import sys
from pathlib import Path

import pytest

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    import tomli as tomllib

RUN = "from opentelemetry.instrumentation.auto_instrumentation import run; run()"
COMMAND = (sys.executable, "-c", RUN)
TRACED = """
from opentelemetry import trace
with trace.get_tracer("test").start_as_current_span("work"):
    raise ValueError("no password=hunter2")
"""


@pytest.fixture
def installed(tmp_path):
    """As if this tree were installed: its entry points stand first on the path."""
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    folder = tmp_path / "site" / "otel_insights-9.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: otel-insights\nVersion: 9\n")
    groups = project["entry-points"].items()
    text = "".join(f"[{group}]\n" + "".join(f"{k} = {v}\n" for k, v in names.items()) for group, names in groups)
    (folder / "entry_points.txt").write_text(text)
    path = os.pathsep.join([str(folder.parent), *filter(None, [os.environ.get("PYTHONPATH")])])
    yield {"PYTHONPATH": path, "OTEL_PYTHON_DISTRO": "otel_insights", "OTEL_PYTHON_CONFIGURATOR": "otel_insights"}
    shutil.rmtree(folder)


async def test_a_program_that_knows_nothing_of_us_reports_how_it_died_once(world, installed):
    env = installed | {"OTEL_SERVICE_NAME": "auto", "OTEL_EXPERIMENTAL_RESOURCE_DETECTORS": "otel_insights"}
    outcome = await world.run(TRACED, setup="", env=env, command=COMMAND)
    assert outcome.code == 1
    assert outcome.err.startswith("Traceback (most recent call last):\n")
    (event,), (span,) = outcome.exceptions, outcome.spans
    assert (event.trace_id, event.span_id) == (span.trace_id, span.span_id)
    assert event.resource == span.resource
    assert event.resource["service.name"] == "auto"
    assert event.resource["telemetry.auto.version"]
    assert event.resource["process.runtime.name"] == "cpython"
    assert "hunter2" not in str((event, span))


async def test_options_of_the_command_are_our_variables(world, installed):
    command = (*COMMAND, "--insights_stacktrace", "hash", "--service_name", "told")
    outcome = await world.run(TRACED, setup="", env=installed, command=command)
    (event,), (span,) = outcome.exceptions, outcome.spans
    assert event.resource["service.name"] == "told"
    names = ("exception.stacktrace", "otel_insights.exception.stacktrace.hash")
    assert [name in event.attributes for name in names] == [name in span.events[0] for name in names] == [False, True]


async def test_who_opts_out_has_the_sdk_and_not_us(world, installed):
    outcome = await world.run(TRACED, setup="", env=installed | {"DO_NOT_TRACK": "1"}, command=COMMAND)
    assert outcome.events == []


BESIDE = """
import sys, threading
SETUP
from opentelemetry.instrumentation.exceptions import UnhandledExceptionInstrumentor
UnhandledExceptionInstrumentor().instrument()
def work():
    raise LookupError("in a thread")
thread = threading.Thread(target=work)
thread.start()
thread.join()
otel_insights.record_exception(KeyError("caught"))
raise ValueError("in main")
"""
EXPORTING = """
from opentelemetry import _logs
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
provider = LoggerProvider()
provider.add_log_record_processor(SimpleLogRecordProcessor(OTLPLogExporter()))
_logs.set_logger_provider(provider)
"""


@pytest.mark.parametrize("exporting", [True, False])
async def test_beside_the_instrumentation_of_exceptions_each_is_reported_once(world, exporting):
    pytest.importorskip("opentelemetry.instrumentation.exceptions")
    outcome = await world.run((EXPORTING if exporting else "") + BESIDE)
    types = [one.attributes["exception.type"] for one in outcome.events if "exception.type" in one.attributes]
    assert sorted(types) == ["KeyError", "LookupError", "ValueError"]
