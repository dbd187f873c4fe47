"""Each way to die: it arrives exactly once, and the process ends as it does without us."""

import importlib.util

import pytest

MAIN = """
SETUP
def charge(amount):
    raise ValueError(f"no card takes {amount}")
print("first line")
charge(3)
"""
THREAD = """
import threading
SETUP
def work():
    raise LookupError("in a thread")
thread = threading.Thread(target=work, name="worker")
thread.start()
thread.join()
"""
TASK = """
import asyncio, gc
SETUP
async def fail():
    raise RuntimeError("in a task")
async def main():
    task = asyncio.ensure_future(fail())
    await asyncio.wait([task])
    del task
    gc.collect()
asyncio.run(main())
"""
TASK_LATER = TASK.replace("import asyncio, gc\nSETUP", "SETUP\nimport asyncio, gc")
CALLBACK = """
import asyncio
SETUP
loop = asyncio.new_event_loop()
loop.call_soon(lambda: 1 / 0)
loop.call_soon(loop.stop)
loop.run_forever()
loop.close()
"""
ASYNC_MAIN = """
import asyncio
SETUP
async def main():
    raise OSError("out of main")
asyncio.run(main())
"""
IN_UVLOOP = """
SETUP
import asyncio, gc, uvloop
async def fail():
    raise RuntimeError("in a task")
async def main():
    task = asyncio.ensure_future(fail())
    await asyncio.wait([task])
    del task
    gc.collect()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, told: print("the handler of the application:", told["exception"]))
    loop.call_soon(lambda: 1 / 0)
    await asyncio.sleep(0)
loop = uvloop.new_event_loop()
loop.run_until_complete(main())
loop.close()
"""
DELETED = """
SETUP
class Held:
    def __del__(self):
        raise TypeError("while going")
held = Held()
del held
"""
GROUP = """
import sys
SETUP
if sys.version_info < (3, 11):
    raise ValueError("one")
raise ExceptionGroup("many", [ValueError("one"), KeyError("two")])
"""
UNPRINTABLE = """
SETUP
class Odd(Exception):
    def __str__(self):
        raise RuntimeError("no text")
raise Odd
"""
CAUSED = """
SETUP
try:
    {}["key"]
except KeyError as error:
    raise ConnectionError("cannot look up") from error
"""
CHILD = """
import multiprocessing, sys
SETUP
def work():
    raise ValueError("in a child")
if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    child = context.Process(target=work, name="child")
    child.start()
    child.join()
    print(child.exitcode)
"""
CHILD_LATER = CHILD.replace("import multiprocessing, sys\nSETUP", "SETUP\nimport multiprocessing, sys")
FORKED = """
import os, sys
SETUP
if (child := os.fork()) == 0:
    raise ValueError("in a fork")
os.waitpid(child, 0)
"""
OWN_HOOK = """
import sys
def hook(kind, exception, trace):
    print("the hook of the application", exception, file=sys.stderr)
sys.excepthook = hook
SETUP
raise ValueError("with a hook")
"""
HOOK_LATER = """
import sys
SETUP
before = sys.excepthook
def hook(kind, exception, trace):
    print("the hook of the application", exception, file=sys.stderr)
    before(kind, exception, trace)
sys.excepthook = hook
raise ValueError("with a hook")
"""
REPORTED_TWICE = """
import threading
SETUP
def work():
    global kept
    try:
        raise ValueError("kept")
    except ValueError as error:
        kept = error
        raise
thread = threading.Thread(target=work)
thread.start()
thread.join()
raise kept
"""
FUTURE = """
SETUP
from concurrent.futures import ThreadPoolExecutor
def work():
    raise LookupError("nobody asks")
with ThreadPoolExecutor() as pool:
    pool.submit(work)
"""
POOL = """
import concurrent.futures, multiprocessing
SETUP
def work():
    raise LookupError("nobody asks")
if __name__ == "__main__":
    with concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context("fork")) as pool:
        pool.submit(work)
"""
ASKED = """
import concurrent.futures
SETUP
def work():
    raise LookupError("asked")
with concurrent.futures.ThreadPoolExecutor() as pool:
    asked = pool.submit(work)
    print(repr(asked.exception()))
    del asked
    for fail in (lambda: pool.submit(work).result(), lambda: list(pool.map(lambda _: work(), [1]))):
        try: fail()
        except LookupError as error: print("caught", error)
    pool.submit(work).add_done_callback(lambda future: future.exception())
    pool.submit(work).result()
"""

DEATHS = {
    "future that nobody asks": (FUTURE, (), "concurrent.futures", "ERROR", "LookupError"),
    "future of another process": (POOL, (), "concurrent.futures", "ERROR", "LookupError"),
    "future that is asked": (ASKED, (), "sys.excepthook", "FATAL", "LookupError"),
    "main": (MAIN, (), "sys.excepthook", "FATAL", "ValueError"),
    "thread": (THREAD, (), "threading", "ERROR", "LookupError"),
    "task": (TASK, (), "asyncio", "ERROR", "RuntimeError"),
    "task of a loop imported later": (TASK_LATER, (), "asyncio", "ERROR", "RuntimeError"),
    "callback": (CALLBACK, (), "asyncio", "ERROR", "ZeroDivisionError"),
    "async main": (ASYNC_MAIN, (), "sys.excepthook", "FATAL", "OSError"),
    "deleted object": (DELETED, (), "unraisable", "ERROR", "TypeError"),
    "exception without text": (UNPRINTABLE, (), "sys.excepthook", "FATAL", "__main__.Odd"),
    "with a cause": (CAUSED, (), "sys.excepthook", "FATAL", "ConnectionError"),
    "forked child": (CHILD, ("fork",), "multiprocessing", "FATAL", "ValueError"),
    "spawned child": (CHILD, ("spawn",), "multiprocessing", "FATAL", "ValueError"),
    "child of a fork server": (CHILD, ("forkserver",), "multiprocessing", "FATAL", "ValueError"),
    "child, multiprocessing imported later": (CHILD_LATER, ("fork",), "multiprocessing", "FATAL", "ValueError"),
    "os.fork": (FORKED, (), "sys.excepthook", "FATAL", "ValueError"),
    "hook of the application": (OWN_HOOK, (), "sys.excepthook", "FATAL", "ValueError"),
    "hook set later": (HOOK_LATER, (), "sys.excepthook", "FATAL", "ValueError"),
    "one object in two places": (REPORTED_TWICE, (), "threading", "ERROR", "ValueError"),
}


@pytest.mark.parametrize("death", DEATHS)
async def test_an_exception_arrives_once_and_the_process_ends_as_without_us(world, death):
    program, args, mechanism, severity, kind = DEATHS[death]
    outcome, _ = await world.both(program, args=args)
    (event,) = outcome.exceptions
    assert event.severity == severity
    assert event.attributes["exception.type"] == kind
    assert event.attributes["otel_insights.exception.mechanism"] == mechanism
    assert event.attributes["otel_insights.exception.handled"] is False
    assert "Traceback (most recent call last):" in event.attributes["exception.stacktrace"]
    assert event.resource["service.name"] == "shop"


@pytest.mark.skipif(importlib.util.find_spec("uvloop") is None, reason="uvloop is not installed")
async def test_loops_of_uvloop_are_seen_too(world):
    outcome, _ = await world.both(IN_UVLOOP)
    told = [
        (one.attributes["exception.type"], one.attributes["otel_insights.exception.mechanism"])
        for one in outcome.exceptions
    ]
    assert told == [("RuntimeError", "asyncio"), ("ZeroDivisionError", "asyncio")]
    assert outcome.out == "the handler of the application: division by zero\n"


@pytest.mark.parametrize(
    "code", ["raise KeyboardInterrupt", "raise SystemExit(3)", "pass", "import sys; sys.exit('no')"]
)
async def test_leaving_is_no_error(world, code):
    program = f"SETUP\n{code}\n"
    outcome, _ = await world.both(program)
    assert outcome.exceptions == []


async def test_a_group_is_reported_with_all_its_members_in_one_trace(world):
    outcome = await world.run(GROUP)
    (event,) = outcome.exceptions
    assert "one" in event.attributes["exception.stacktrace"]
    assert event.attributes["exception.type"] in {"ExceptionGroup", "ValueError"}


async def test_a_forked_child_is_an_instance_of_its_own_and_the_parent_stays_what_it_was(world):
    outcome = await world.run(
        "import os\nSETUP\notel_insights.record_event('before')\n"
        "if (child := os.fork()) == 0:\n    otel_insights.record_event('child')\n    raise SystemExit\n"
        "os.waitpid(child, 0)\notel_insights.record_event('parent')\n"
    )
    events = [one for one in outcome.events if one.name != "package.info"]
    assert sorted(one.name for one in events) == ["before", "child", "parent"]
    of = {one.name: one.resource["service.instance.id"] for one in events}
    assert of["before"] == of["parent"] != of["child"]
    pids = {one.name: one.resource["process.pid"] for one in events}
    assert pids["before"] == pids["parent"] != pids["child"]


async def test_an_instance_id_that_the_user_gave_survives_a_fork(world):
    outcome = await world.run(FORKED, env={"OTEL_RESOURCE_ATTRIBUTES": "service.instance.id=mine"})
    assert {one.resource["service.instance.id"] for one in outcome.events} == {"mine"}


async def test_nobody_listening_costs_a_dying_process_no_more_than_the_bound(world):
    setup = "import otel_insights; otel_insights.instrument(flush_timeout=0.3)"
    ended = (
        "import atexit, time\nstarted = time.monotonic()\n"
        "atexit.register(lambda: print(time.monotonic() - started < 5))\n"
    )
    imports = "import opentelemetry.sdk._logs, opentelemetry.exporter.otlp.proto.http._log_exporter\n"
    dead = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}
    program = f"{imports}{ended}SETUP\nraise ValueError('unheard')\n"
    outcome, _ = await world.both(program, setup=setup, env=dead)
    assert outcome.out == "True\n"


async def test_of_a_long_trace_the_tail_is_kept(world):
    outcome = await world.run(
        "SETUP\nraise ValueError('x' * 100_000 + ' the end')\n", env={"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "500"}
    )
    trace = outcome.exceptions[0].attributes["exception.stacktrace"]
    assert len(trace) <= 500
    assert trace.endswith(" the end\n")
