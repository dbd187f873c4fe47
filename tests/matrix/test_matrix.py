"""Each way to die x place x exporter x Python: it arrives exactly once, and the process ends as it does without us.

OTEL_INSIGHTS_MATRIX tells how much of it runs: without it a handful; `some`, one cell in sixteen; `all`, every
one (`make matrix`). MATRIX_PYTHONS lists interpreters as PATH does.
"""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import zlib
from collections.abc import AsyncIterator
from functools import cache
from itertools import product
from pathlib import Path

import pytest
from client.conftest import Outcome, World
from matrix.programs import Program, programs
from matrix.pythons import OLDEST
from otlp_samples import Sink, build

from otel_insights.payload import Signal
from otel_insights.receivers import otlp_grpc, otlp_http

ROOT = Path(__file__).parents[2]
EXPORTERS = ("http", "grpc")
SETUP = "import otel_insights; otel_insights.instrument(service_name='shop'); tell = otel_insights.record_event"
WITHOUT = "tell = lambda name: None"
QUICK = {
    ("raises, main", "grpc"),
    ("raises a group, thread", "grpc"),
    ("recurses, async main", "http"),
    ("raises from, process pool", "grpc"),
    ("leaves at once, thread", "http"),
    ("is terminated, spawned", "grpc"),
}
_ONE_IN = 16


def cells() -> list[tuple[Program, str, str]]:
    """Choose programs with exporter and interpreter."""
    level = os.environ.get("OTEL_INSIGHTS_MATRIX", "")
    pythons = os.environ.get("MATRIX_PYTHONS", sys.executable).split(os.pathsep)
    found = [
        cell
        for cell in product(programs(), EXPORTERS, pythons)
        if version(cell[2]) >= (3, 11 if cell[0].needs_groups else 10)
    ]
    if level == "all":
        return found
    if level == "some":
        return [cell for cell in found if zlib.crc32(name(cell).encode()) % _ONE_IN == 0]
    return [cell for cell in found if (str(cell[0]), cell[1]) in QUICK]


@cache
def version(python: str) -> tuple[int, int]:
    code = "import sys; print(*sys.version_info[:2])"
    major, minor = subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    return int(major), int(minor)


def name(cell: tuple[Program, str, str]) -> str:
    return f"{cell[0]}, {cell[1]}, {'.'.join(map(str, version(cell[2])))}"


class Doors(World):
    """A receiver for each exporter."""

    grpc_address: str

    def variables(self, exporter: str) -> dict[str, str]:
        found = {"PYTHONPATH": str(ROOT)}
        if exporter == "grpc":
            found |= {
                "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
                "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{self.grpc_address}",
            }
        return found


@pytest.fixture
async def doors(host, tmp_path) -> AsyncIterator[Doors]:
    sink = Sink()
    made = [build(one.FACTORY, endpoint="127.0.0.1:0", drain="2s") for one in (otlp_http, otlp_grpc)]
    for receiver in made:
        await receiver.start(host)
        await receiver.serve(dict.fromkeys(Signal, sink))
    world = Doors(made[0].address, tmp_path, sink)
    world.grpc_address = made[1].address
    try:
        yield world
    finally:
        await asyncio.gather(*(receiver.stop() for receiver in made))


_ends: dict[tuple[str, str], Outcome] = {}
"""How a program ends without us."""


async def end_without_us(doors: Doors, program: Program, python: str) -> Outcome:
    key = (python, program.text)
    if key not in _ends:
        _ends[key] = await doors.run(program.text, setup=WITHOUT, python=python)
    return _ends[key]


def ended(outcome: Outcome) -> tuple[int, str, str]:
    """Give what must be alike, but for what comes with any thread and any hook, and is documented.

    CPython from 3.12 on warns of a fork where there is a thread, as the SDK has one; and how often a line is repeated
    until the stack is full depends on the frames below.
    """
    code, out, err = outcome.seen_from_outside
    return code, out, _DEEP.sub("repeated", _FORK.sub("", err))


_FORK = re.compile(r".*: DeprecationWarning: This process \(pid=\d+\) is multi-threaded, .*\n(?:  .*\n)?")
_DEEP = re.compile(r"repeated \d+")


def test_the_oldest_release_that_an_application_may_have_is_among_them():
    project = (ROOT / "pyproject.toml").read_text()
    assert f'"opentelemetry-sdk>={OLDEST.rpartition(".")[0]},<2"' in project


@pytest.mark.parametrize("cell", cells(), ids=name)
async def test_it_arrives_once_and_the_process_ends_as_without_us(doors, cell):
    program, exporter, python = cell
    ours, without = await asyncio.gather(
        doors.run(program.text, setup=SETUP, python=python, env=doors.variables(exporter)),
        end_without_us(doors, program, python),
    )
    assert ended(ours) == ended(without)
    told = [one.name for one in ours.events if one.name != "package.info"]
    assert sorted(told) == sorted(["told", *(["exception"] if program.kind else [])])
    for event in ours.exceptions:
        assert event.attributes["exception.type"].rpartition(".")[2] == program.kind.rpartition(".")[2]
        assert event.attributes["otel_insights.exception.mechanism"] == program.mechanism
