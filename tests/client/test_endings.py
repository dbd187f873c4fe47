"""Ends without `atexit`: what waits arrives, and the exit status is what it would be."""

import asyncio
import signal
import subprocess
import sys

import pytest

from otel_insights.payload import Signal

EXIT = """
import os
SETUP
if "otel_insights" in globals():
    otel_insights.record_event("last")
os._exit(7)
"""
TERMINATED = """
import os, signal
SETUP
if "otel_insights" in globals():
    otel_insights.record_event("last")
os.kill(os.getpid(), signal.SIGTERM)
"""
WAITING = """
import sys, time
SETUP
if "otel_insights" in globals():
    otel_insights.record_event("last")
print("ready", flush=True)
time.sleep(60)
"""
HANDLED = """
import os, signal, sys
BEFORE
def leave(*_):
    print("the handler of the application")
    sys.exit(5)
signal.signal(signal.SIGTERM, leave)
AFTER
if "otel_insights" in globals():
    otel_insights.record_event("last")
os.kill(os.getpid(), signal.SIGTERM)
"""
CHILD = """
import multiprocessing, os, time
SETUP
def work(ready):
    if "otel_insights" in globals():
        otel_insights.record_event("last")
    ready.set()
    time.sleep(60)
if __name__ == "__main__":
    context = multiprocessing.get_context("fork")
    ready = context.Event()
    child = context.Process(target=work, args=(ready,))
    child.start()
    ready.wait(30)
    child.terminate()
    child.join()
    print(child.exitcode)
"""


THEIR_METRICS = """
import os
from opentelemetry import metrics
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
reader = PeriodicExportingMetricReader(OTLPMetricExporter(), export_interval_millis=3_600_000)
metrics.set_meter_provider(MeterProvider([reader]))
SETUP
otel_insights.record_metric("depth", 3)
END
"""
THEIR_LOGS = """
import os
from opentelemetry import _logs
from opentelemetry.sdk._logs import LoggerProvider, LogRecordProcessor
class Telling(LogRecordProcessor):
    def on_emit(self, log_record): pass
    def shutdown(self): pass
    def force_flush(self, timeout_millis=30000):
        os.write(1, b"flushed")
        return True
provider = LoggerProvider(shutdown_on_exit=False)
provider.add_log_record_processor(Telling())
_logs.set_logger_provider(provider)
SETUP
TELL
os._exit(7)
"""


def told(outcome):
    return [one.name for one in outcome.events if one.name != "package.info"]


@pytest.mark.parametrize(
    ("program", "code"),
    [(EXIT, 7), (TERMINATED, -signal.SIGTERM), (CHILD, 0)],
    ids=["os._exit", "SIGTERM", "terminated child"],
)
async def test_what_waits_leaves_before_the_end(world, program, code):
    outcome, _ = await world.both(program)
    assert outcome.code == code
    assert told(outcome) == ["last"]


@pytest.mark.parametrize("place", ["BEFORE", "AFTER"])
async def test_a_handler_of_the_application_runs_alone(world, place):
    other = {"BEFORE": "AFTER", "AFTER": "BEFORE"}[place]
    outcome, _ = await world.both(HANDLED.replace(place, "SETUP").replace(other, ""))
    assert (outcome.code, outcome.out) == (5, "the handler of the application\n")
    assert told(outcome) == ["last"]


async def test_a_process_that_waits_ends_at_once_when_it_is_terminated(world):
    file = world.folder / "waiting.py"
    file.write_text(WAITING.replace("SETUP", "import otel_insights; otel_insights.instrument()"))
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(file), stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=world.environment()
    )
    assert await process.stdout.readline() == b"ready\n"
    process.send_signal(signal.SIGTERM)
    out, err = await asyncio.wait_for(process.communicate(), 30)
    assert (process.returncode, out, err) == (-signal.SIGTERM, b"", b"")
    assert [one.name for one in world._events(0) if one.name != "package.info"] == ["last"]


async def test_every_place_is_given_back(world):
    outcome = await world.run(
        "import concurrent.futures, os, signal\nbefore = os._exit, signal.getsignal(signal.SIGTERM)\nSETUP\n"
        "assert (os._exit, signal.getsignal(signal.SIGTERM)) != before\n"
        "future = concurrent.futures.Future()\nfuture.set_exception(ValueError('kept'))\n"
        "otel_insights.uninstrument()\n"
        "assert (os._exit, signal.getsignal(signal.SIGTERM)) == before\n"
        "assert not hasattr(concurrent.futures.Future, '_exception')\nprint(future.exception())\n"
    )
    assert (outcome.code, outcome.out, outcome.err) == (0, "kept\n", "")


async def test_in_a_thread_no_handler_is_set_and_nothing_is_said(world):
    outcome = await world.run(
        "import signal, threading\n"
        "def begin():\n    import otel_insights; otel_insights.instrument()\n"
        "thread = threading.Thread(target=begin)\nthread.start()\nthread.join()\n"
        "print(signal.getsignal(signal.SIGTERM) is signal.SIG_DFL)\n"
    )
    assert (outcome.code, outcome.out, outcome.err) == (0, "True\n", "")


async def test_nobody_listening_delays_the_end_no_more_than_the_bound(world):
    setup = "import otel_insights; otel_insights.instrument(flush_timeout=0.2)"
    program = "import time\nbegun = time.monotonic()\n" + EXIT.replace(
        "os._exit(7)", "before = os._exit\nos._exit = None\nbefore(7 if time.monotonic() - begun < 20 else 8)"
    )
    outcome = await world.run(program, setup=setup, env={"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"})
    assert (outcome.code, outcome.err) == (7, "")


@pytest.mark.parametrize(
    ("end", "code"),
    [("os._exit(7)", 7), ("assert otel_insights.flush(20); os.kill(os.getpid(), 9)", -9)],
    ids=["os._exit", "flush"],
)
async def test_what_was_measured_leaves_by_the_meter_provider_of_the_application(world, end, code):
    outcome = await world.run(THEIR_METRICS.replace("END", end))
    assert (outcome.code, outcome.err) == (code, "")
    assert b"depth" in b"".join(one.data for one in world.sink.got if one.signal is Signal.METRICS)


@pytest.mark.parametrize(
    ("tell", "flushed"), [("pass", ""), ("otel_insights.record_event('last')", "flushed")], ids=["nothing", "an event"]
)
async def test_a_logger_provider_of_the_application_is_waited_for_only_where_it_was_told_something(
    world, tell, flushed
):
    outcome = await world.run(THEIR_LOGS.replace("TELL", tell))
    assert (outcome.code, outcome.out, outcome.err) == (7, flushed, "")
