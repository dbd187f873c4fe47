"""Nobody listens: what a process could not send is on disk, and arrives exactly once when somebody does."""

import asyncio
import socket
import stat
import sys
import threading
from contextlib import closing, contextmanager

import pytest
from otlp_samples import Sink, build, passing
from typer.testing import CliRunner

from otel_insights.cli import app
from otel_insights.client.lines import request
from otel_insights.payload import Payload, Signal
from otel_insights.processors.exceptions import FACTORY
from otel_insights.report import all_clusters

BRIEF = "import otel_insights; otel_insights.instrument('shop', flush_timeout=0.3)"
DEAD = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}
DIE = "SETUP\nraise ValueError('unheard, password=hunter2')\n"
CHILD = """
import multiprocessing
SETUP
def work():
    raise ValueError("unheard")
if __name__ == "__main__":
    child = multiprocessing.get_context("fork").Process(target=work, name="child")
    child.start()
    child.join()
"""
CAUGHT = """
SETUP
try:
    {}["x"]
except KeyError as error:
    otel_insights.record_exception(error)
"""


def on_disk(world) -> list:
    return sorted((world.folder / "spool").rglob("events_*.jsonl"))


def lines_of(world) -> list[bytes]:
    return [line for path in on_disk(world) for line in path.read_bytes().splitlines() if not line.isspace()]


def recover(world, *args: str, endpoint: str = ""):
    command = ["recover", str(world.folder / "spool"), "--endpoint", endpoint or f"http://{world.address}", *args]
    return asyncio.to_thread(CliRunner().invoke, app, command)


@contextmanager
def hanging():
    """A server that takes connections and says nothing."""
    with closing(socket.create_server(("127.0.0.1", 0), backlog=64)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize("program", [DIE, CHILD], ids=["main", "child"])
async def test_an_exception_that_nobody_heard_is_recovered_exactly_once(world, program):
    outcome, _ = await world.both(program, setup=BRIEF, env=DEAD)
    assert outcome.events == []
    before = lines_of(world)
    assert len(before) >= 1
    assert b"hunter2" not in b"".join(before)

    first, second = await recover(world), await recover(world)
    assert (first.exit_code, second.exit_code) == (0, 0)
    assert "sent: 0 records in 0 requests" in second.output
    (event,) = [one for one in world._events(0) if one.name == "exception"]
    assert event.resource["service.name"] == "shop"
    assert [one.attributes["package.name"] for one in world._events(0) if one.name == "package.info"]
    assert on_disk(world) == []


async def test_a_server_that_says_nothing_costs_no_more_than_the_bound_and_loses_nothing(world):
    timed = (
        "import atexit, time\nstarted = time.monotonic()\natexit.register(lambda: print(time.monotonic()-started<5))"
    )
    imports = "import opentelemetry.sdk._logs, opentelemetry.exporter.otlp.proto.http._log_exporter"
    with hanging() as endpoint:
        env = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}
        outcome, _ = await world.both(f"{imports}\n{timed}\n{DIE}", setup=BRIEF, env=env)
    assert outcome.out == "True\n"
    assert (await recover(world)).exit_code == 0
    assert [one.name for one in world._events(0)].count("exception") == 1


@pytest.mark.skipif(sys.platform == "win32", reason="has no such modes")
async def test_what_is_on_disk_is_the_owners_alone(world):
    await world.run(CAUGHT, setup=BRIEF, env=DEAD)
    assert {stat.S_IMODE(one.stat().st_mode) for one in on_disk(world)} == {0o600}


async def test_the_next_process_sends_what_an_earlier_one_could_not(world):
    """The destination is the same address: dead at first, and alive then."""
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        host, port = taken.getsockname()
    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{host}:{port}"}
    await world.run(CAUGHT, setup=BRIEF, env=env)
    assert lines_of(world)

    wait = (
        "import os, time, pathlib\nSETUP\nspool = pathlib.Path(os.environ['OTEL_INSIGHTS_SPOOL_DIR'])\n"
        "until = time.monotonic() + 30\n"
        "while list(spool.rglob('events_*')) and time.monotonic() < until: time.sleep(0.01)\n"
    )
    async with await asyncio.start_server(forwarding(world.address), host, port):
        outcome = await world.run(wait, setup=BRIEF, env=env)
        assert (outcome.code, outcome.err) == (0, "")
        again = await world.run(wait, setup=BRIEF, env=env)
    assert [one.attributes["exception.type"] for one in outcome.exceptions] == ["KeyError"]
    assert again.exceptions == []
    assert on_disk(world) == []


def forwarding(address: str):
    """Pass connections on to the receiver."""

    async def pump(source, target):
        while data := await source.read(65536):
            target.write(data)
        target.close()

    async def serve(reader, writer):
        their_reader, their_writer = await asyncio.open_connection(*address.split(":"))
        await asyncio.gather(pump(reader, their_writer), pump(their_reader, writer))

    return serve


async def test_what_arrived_and_is_recovered_as_well_counts_once(world, host):
    """A server that takes a request and does not answer: the process cannot know."""
    got = []

    def take(server):
        connection, _ = server.accept()
        with connection, connection.makefile("rb") as stream:
            length = 0
            while (header := stream.readline().strip()) != b"":
                if header.lower().startswith(b"content-length:"):
                    length = int(header.split(b":")[1])
            got.append(stream.read(length))
            stream.read()

    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        thread = threading.Thread(target=take, args=(server,))
        thread.start()
        setup = "import otel_insights; otel_insights.instrument('shop', flush_timeout=0.3, packages=False)"
        endpoint = f"http://127.0.0.1:{server.getsockname()[1]}"
        await world.run(DIE, setup=setup, env={"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint})
        await asyncio.to_thread(thread.join)
    (kept,) = lines_of(world)
    assert request(kept) == ("logs", got[0])

    exceptions = build(FACTORY)
    await exceptions.start(host)
    for data in (got[0], request(kept)[1]):
        await passing([exceptions], Payload(Signal.LOGS, data), Sink())
    await exceptions.analyse()
    assert sum(cluster.count for cluster in await all_clusters(host.store)) == 1


async def test_spans_are_kept_apart_from_events_and_recovered(world):
    program = (
        "SETUP\nfrom opentelemetry import trace\n"
        "with trace.get_tracer('t').start_as_current_span('password=hunter2') as span:\n"
        "    print(format(span.get_span_context().span_id, '016x'))\n"
    )
    outcome = await world.run(program, setup=BRIEF, env=DEAD)
    assert [path.parent.name for path in on_disk(world)] == ["traces"]
    assert (await recover(world)).exit_code == 0
    (span,) = world.sink.spans()
    assert (span.span_id.hex(), span.name) == (outcome.out.strip(), "password=[redacted]")


async def test_a_process_with_nothing_to_tell_leaves_nothing_on_disk(world):
    await world.run("SETUP\n", setup=BRIEF, env=DEAD)
    assert on_disk(world) == []


@pytest.mark.parametrize(
    ("setup", "env"),
    [(BRIEF, {"OTEL_INSIGHTS_SPOOL_DIR": "off"}), (BRIEF.replace("0.3)", "0.3, spool=False)"), {})],
    ids=["variable", "argument"],
)
async def test_the_spool_can_be_switched_off(world, setup, env):
    outcome = await world.run(CAUGHT, setup=setup, env=DEAD | env)
    assert (outcome.code, outcome.err) == (0, "")
    assert on_disk(world) == []


async def test_one_destination_does_not_get_what_was_meant_for_another(world):
    await world.run(CAUGHT, setup=BRIEF, env=DEAD)
    await world.run(CAUGHT, setup=BRIEF, env=DEAD | {"OTEL_EXPORTER_OTLP_HEADERS": "x-tenant=b"})
    assert len({path.parent for path in on_disk(world)}) == 2


async def test_recover_leaves_what_nobody_takes_and_drops_what_is_nonsense(world):
    await world.run(CAUGHT, setup=BRIEF, env=DEAD)
    (path,) = on_disk(world)
    path.write_bytes(b"nonsense\n" + path.read_bytes())
    nobody = await recover(world, endpoint="http://127.0.0.1:9")
    assert nobody.exit_code == 1
    assert "dropped: 1 requests" in nobody.output
    assert "left: " in nobody.output
    assert (await recover(world)).exit_code == 0


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["nowhere"], "DIR: expected a folder that exists, got 'nowhere'"),
        ([".", "--endpoint", "collector:4318"], "--endpoint: expected a URL that begins with http:// or https://"),
        ([".", "--header", "token"], "--header: expected NAME=VALUE, got 'token'"),
    ],
    ids=str,
)
def test_recover_says_what_is_wrong_with_its_arguments(args, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["recover", *args])
    assert result.exit_code == 2
    assert said in result.output
