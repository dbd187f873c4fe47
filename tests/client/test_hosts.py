"""Programs that run people's code and catch what it raises: each error is reported once, and they do what they do."""

import importlib.util
import re
import sys

import pytest

PYTEST = """
SETUP
import threading
def test_fails():
    assert {} == {"left": 1}
def test_raises():
    raise LookupError("in a test")
def test_leaves_a_thread_that_fails():
    thread = threading.Thread(target=lambda: 1 / 0)
    thread.start()
    thread.join()
def test_passes():
    pass
"""
CELLS = """
SETUP
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell()
shell.colors = "nocolor"
for cell in ("order = {}", "order['price']", "print('on')", "1 +", "raise KeyboardInterrupt", "raise ValueError"):
    shell.run_cell(cell)
"""
TIME = re.compile(r"in \d+\.\d+s")


async def test_under_pytest_only_what_a_thread_dies_of_is_reported_and_the_report_stays_the_same(world):
    command = (
        sys.executable,
        "-c",
        "import sys, pytest; sys.exit(pytest.main([*sys.argv[2:], '-q', '-p', 'no:cacheprovider']))",
    )
    ours = await world.run(PYTEST, command=command)
    without = await world.run(PYTEST, setup="", command=command)
    reports = [TIME.sub("", re.sub(r"0x[0-9a-f]+|/tmp\S+", "", one.out)) for one in (ours, without)]
    assert reports[0] == reports[1]
    assert "2 failed, 2 passed, 1 warning" in reports[0]
    assert ours.code == without.code == 1
    assert ours.err == without.err
    found = [
        (one.attributes["exception.type"], one.attributes["otel_insights.exception.mechanism"])
        for one in ours.exceptions
    ]
    assert found == [("ZeroDivisionError", "threading")]


@pytest.mark.skipif(importlib.util.find_spec("IPython") is None, reason="IPython is not installed")
async def test_in_a_notebook_each_error_of_a_cell_is_reported_once_and_shown_as_without_us(world):
    ours, _ = await world.both(CELLS, env={"IPYTHONDIR": str(world.folder)})
    assert "on\n" in ours.out
    told = [
        (one.severity, one.attributes["exception.type"], one.attributes["otel_insights.exception.mechanism"])
        for one in ours.exceptions
    ]
    assert told == [("ERROR", "KeyError", "ipython"), ("ERROR", "ValueError", "ipython")]
