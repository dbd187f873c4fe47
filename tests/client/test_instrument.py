"""instrument(): what it listens to, what it leaves alone, and that it can be taken back."""

import asyncio
import subprocess
import sys

import pytest

import otel_insights
from otel_insights.client import instrumentation

FAIL = "SETUP\nraise ValueError('once')\n"


@pytest.mark.parametrize(
    "env", [{"OTEL_SDK_DISABLED": "true"}, {"DO_NOT_TRACK": "1"}, {"OTEL_INSIGHTS_ENABLED": "false"}], ids=str
)
async def test_who_opts_out_gets_no_hook_and_does_not_load_the_sdk(world, env):
    program = (
        "import sys, threading\nSETUP\n"
        "print(sys.excepthook is sys.__excepthook__, threading.excepthook is threading.__excepthook__)\n"
        "print('opentelemetry.sdk' in sys.modules)\nraise ValueError\n"
    )
    outcome, _ = await world.both(program, env=env)
    assert outcome.out == "True True\nFalse\n"
    assert outcome.events == []


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"rules": ["secret"]}, "rules: expected some of secrets, cards, emails, hosts, ips, homes, got secret"),
        ({"patterns": ["("]}, r"patterns: expected a regular expression, got '\('"),
        ({"patterns": ["a*"]}, "patterns: expected a regular expression that matches no empty text"),
        ({"hash": ["user.id"]}, "hash: expected a salt for what is to be hashed"),
        ({"stacktrace": "none"}, "stacktrace: 'none' is none of full, frames, hash"),
        ({"level": "loud"}, "level: 'loud' is none of debug, info, warn, error"),
        ({"sampling": {"ui.*": 7}}, "sampling: expected shares above 0 and at most 1, got 7 for 'ui"),
        ({"flush_timeout": "soon"}, "could not convert string to float: 'soon'"),
    ],
    ids=["rule", "no pattern", "empty pattern", "hash without salt", "stacktrace", "level", "share", "seconds"],
)
def test_a_choice_that_cannot_be_heeded_is_a_warning_where_it_was_made_and_nothing_leaves(chosen, message):
    with pytest.warns(RuntimeWarning, match=message) as warned:
        otel_insights.instrument(**chosen)
    assert warned[0].filename == __file__
    assert instrumentation.installed() is None
    # where warnings are errors, a guest raises none all the same
    otel_insights.instrument(**chosen)
    assert instrumentation.installed() is None


async def test_called_twice_it_does_nothing_more(world):
    setup = "import otel_insights; otel_insights.instrument(); otel_insights.instrument('other')"
    outcome, _ = await world.both(FAIL, setup=setup, env={"OTEL_SERVICE_NAME": "first"})
    (event,) = outcome.exceptions
    assert event.resource["service.name"] == "first"


TAKEN_BACK = """
import asyncio.base_events, concurrent.futures, multiprocessing.process, os, signal, sys, threading, traceback
from opentelemetry import trace
def hooks():
    return [
        sys.excepthook, threading.excepthook, sys.unraisablehook, list(sys.meta_path),
        asyncio.base_events.BaseEventLoop.call_exception_handler, multiprocessing.process.BaseProcess._bootstrap,
        vars(concurrent.futures.Future).get("_exception"), os._exit, signal.getsignal(signal.SIGTERM),
        trace.set_tracer_provider,
    ]
before, printing = hooks(), traceback.print_exc
SETUP
kept = [place for place, ours in enumerate(hooks()) if ours == before[place]]
assert not kept, kept
otel_insights.record_event("last")
otel_insights.uninstrument()
assert hooks() == before
assert traceback.print_exc is printing
otel_insights.uninstrument()
otel_insights.record_event("too late")
"""


async def test_uninstrument_puts_back_every_hook_and_sends_what_waits(world):
    outcome = await world.run(TAKEN_BACK)
    assert (outcome.code, outcome.err) == (0, "")
    assert [one.name for one in outcome.events if one.name != "package.info"] == ["last"]


async def test_a_hook_that_somebody_wrapped_is_left_to_them_and_does_nothing(world):
    outcome = await world.run(
        "import sys\nSETUP\nours = sys.excepthook\nsys.excepthook = lambda *args: ours(*args)\n"
        "otel_insights.uninstrument()\nraise ValueError('not ours')\n"
    )
    assert outcome.exceptions == []
    assert "ValueError: not ours" in outcome.err


async def test_it_may_be_installed_again(world):
    outcome, _ = await world.both(
        FAIL, setup="import otel_insights as o; o.instrument(); o.uninstrument(); o.instrument()"
    )
    assert len(outcome.exceptions) == 1


async def test_the_variables_of_opentelemetry_are_heeded_and_arguments_win(world):
    env = {
        "OTEL_SERVICE_NAME": "variable",
        "OTEL_RESOURCE_ATTRIBUTES": "service.namespace=team,deployment.environment.name=test",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9",
    }
    setup = (
        "import otel_insights; otel_insights.instrument('argument', '1.2', "
        f"endpoint='http://{world.address}', resource_attributes={{'deployment.environment.name': 'prod'}})"
    )
    (event,) = (await world.run(FAIL, setup=setup, env=env)).exceptions
    said = {key: event.resource[key] for key in ("service.name", "service.version", "service.namespace")}
    assert said == {"service.name": "argument", "service.version": "1.2", "service.namespace": "team"}
    assert event.resource["deployment.environment.name"] == "prod"


async def test_a_path_and_headers_for_logs_alone_are_heeded_and_headers_that_are_given_win(world):
    heard: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        heard.append(head)
        await reader.readexactly(int(head.partition("content-length:")[2].split()[0]))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        env = {
            "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/their/path",
            "OTEL_EXPORTER_OTLP_LOGS_HEADERS": "x-tenant=a,x-other=c",
        }
        setup = "import otel_insights; otel_insights.instrument(packages=False, headers={'x-tenant': 'b'})"
        await world.run(FAIL, setup=setup, env=env)
    (head,) = heard
    assert head.startswith("post /their/path http/1.1\r\n")
    assert ("x-tenant: b\r\n" in head, "x-other: c\r\n" in head) == (True, True)


async def test_a_logger_provider_that_exports_is_used_and_none_of_ours_beside_it(world):
    program = (
        "from opentelemetry import _logs\n"
        "from opentelemetry.sdk._logs import LoggerProvider\n"
        "from opentelemetry.sdk._logs.export import BatchLogRecordProcessor\n"
        "from opentelemetry.sdk.resources import Resource\n"
        "from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter\n"
        "provider = LoggerProvider(Resource.create({'service.name': 'theirs', 'service.instance.id': 'i'}))\n"
        "provider.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))\n"
        "_logs.set_logger_provider(provider)\nSETUP\n"
        "assert _logs.get_logger_provider() is provider\nraise ValueError('password=hunter2')\n"
    )
    outcome, _ = await world.both(program, setup="import otel_insights; otel_insights.instrument()")
    (event,) = outcome.exceptions
    assert (event.resource["service.name"], event.resource["service.instance.id"]) == ("theirs", "i")
    assert event.resource["process.runtime.name"] == "cpython"
    assert event.attributes["exception.message"] == "password=[redacted]"
    assert outcome.packages


TRACED = """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.resources import Resource
trace.set_tracer_provider(TracerProvider(resource=Resource.create({"service.name": "traced"})))
import otel_insights; otel_insights.instrument()
tracer = trace.get_tracer("test")
try:
    raise KeyError("handled within a span, and no business of anybody")
except KeyError:
    pass
with tracer.start_as_current_span("outer"), tracer.start_as_current_span("inner") as inner:
    print(format(inner.get_span_context().trace_id, "032x"), format(inner.get_span_context().span_id, "016x"))
    raise ValueError("in a span")
"""


async def test_an_exception_carries_the_innermost_span_that_saw_it(world):
    outcome = await world.run(TRACED)
    (event,) = outcome.exceptions
    assert f"{event.trace_id} {event.span_id}\n" == outcome.out
    assert event.resource["service.name"] == "traced"


async def test_errors_of_our_own_are_swallowed_and_nothing_is_said_where_nothing_logs(world):
    broken = "import otel_insights.client.pipeline as ours; ours.build = None; "
    setup = f"{broken}import otel_insights; otel_insights.instrument()"
    outcome, _ = await world.both(FAIL, setup=setup, env={"OTEL_INSIGHTS_STRICT": ""})
    assert outcome.events == []
    assert "'NoneType' object is not callable" in (await world.run(FAIL, setup=setup)).err


async def test_logging_stays_as_the_application_has_it(world):
    program = (
        "import logging\nSETUP\nlogging.basicConfig(level=logging.DEBUG)\n"
        "root = logging.getLogger()\nprint(root.level, len(root.handlers))\nraise ValueError\n"
    )
    outcome, _ = await world.both(program)
    assert outcome.out == "10 1\n"


async def test_an_interactive_session_records_each_error_once_and_goes_on(world):
    """`python -i` on a pipe reads statements as a terminal would give them."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-i", "-q", stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env=world.environment(),
    )  # fmt: skip
    text = b"import otel_insights; otel_insights.instrument()\n1/0\n{}['x']\nprint('on')\n"
    out, _ = await asyncio.wait_for(process.communicate(text), 60)
    assert out == b"on\n"
    errors = [(one.severity, one.attributes["exception.type"]) for one in world._events(0) if one.name == "exception"]
    assert errors == [("ERROR", "ZeroDivisionError"), ("ERROR", "KeyError")]


IMPORTED = "import sys; print(*sorted({name.partition('.')[0] for name in sys.modules}))"


def modules(code: str) -> set[str]:
    process = subprocess.run([sys.executable, "-c", f"{code}; {IMPORTED}"], capture_output=True, text=True, check=True)
    return set(process.stdout.split())


def test_a_process_with_us_loads_no_more_packages_than_the_sdk_and_its_exporter():
    """Sets are compared and not times: what is not loaded costs nothing on any machine."""
    sdk = modules(
        "from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter;"
        "import opentelemetry.sdk.trace;"
        "from opentelemetry.sdk._logs import LoggerProvider; LoggerProvider(); OTLPLogExporter()"
    )
    ours = modules("import otel_insights; otel_insights.instrument()")
    assert ours - sdk == {"otel_insights"}
    assert "opentelemetry" not in modules("import otel_insights")
