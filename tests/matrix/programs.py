"""Small programs: each way to die, in each place where code runs. What of them has to arrive."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

_HEAD = """
import os, signal, sys, threading, time
SETUP
class Odd(Exception):
    def __str__(self):
        raise RuntimeError("no text")
def deeper():
    return deeper()
def die():
    tell("told")
    {death}
"""
RAISING = {
    "raises": ('raise ValueError("no card takes 3")', "ValueError"),
    "raises from": ('try: {}["key"]\n    except KeyError as error: raise OSError("no") from error', "OSError"),
    "cannot be printed": ("raise Odd", "__main__.Odd"),
    "recurses": ("deeper()", "RecursionError"),
    "raises a group": ('raise ExceptionGroup("many", [ValueError("one"), KeyError("two")])', "ExceptionGroup"),
}
"""Ways to fail: the last statement, and the type that is told."""
LEAVING = {
    "leaves": "sys.exit(3)",
    "leaves at once": "os._exit(7)",
    "is interrupted": "raise KeyboardInterrupt",
    "is terminated": "os.kill(os.getpid(), signal.SIGTERM); time.sleep(0.2)",
}
"""Ways to end that are no error: what was told before has to arrive all the same."""

_PROCESS = """
    import multiprocessing
    child = multiprocessing.get_context("{method}").Process(target=die, name="child")
    child.start()
    child.join()
    print(child.exitcode)
"""
_POOL = """
    import concurrent.futures, multiprocessing
    with concurrent.futures.{pool} as pool:
        pool.submit(die)
"""
_TASK = """
    import asyncio, gc
    async def fail():
        die()
    async def main():
        task = asyncio.ensure_future(fail())
        await asyncio.wait([task])
        del task
        gc.collect()
    asyncio.run(main())
"""
PLACES = {
    "main": ("\n    die()\n", "sys.excepthook"),
    "thread": (
        "\n    thread = threading.Thread(target=die, name='worker')\n    thread.start()\n    thread.join()\n",
        "threading",
    ),
    "task": (
        _TASK,
        "asyncio",
    ),
    "async main": (
        "\n    import asyncio\n    async def main():\n        die()\n    asyncio.run(main())\n",
        "sys.excepthook",
    ),
    "forked": (_PROCESS.format(method="fork"), "multiprocessing"),
    "spawned": (_PROCESS.format(method="spawn"), "multiprocessing"),
    "fork server": (_PROCESS.format(method="forkserver"), "multiprocessing"),
    "os.fork": (
        "\n    if (child := os.fork()) == 0:\n        die()\n    else:\n        print(os.waitpid(child, 0)[1])\n",
        "sys.excepthook",
    ),
    "thread pool": (_POOL.format(pool="ThreadPoolExecutor(1)"), "concurrent.futures"),
    "process pool": (
        _POOL.format(pool='ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))'),
        "concurrent.futures",
    ),
}
"""Where code runs, and by which hook a failure there is seen."""
_NOT_LEFT = {"thread pool", "process pool"}
"""A pool keeps whatever its work raises, and has no process of its own to leave, or one that must not be left."""


@dataclass(frozen=True, slots=True)
class Program:
    """One program, and what it has to tell."""

    death: str
    place: str
    text: str
    kind: str = ""
    """Of the exception; "" where none is told."""
    mechanism: str = ""

    def __str__(self) -> str:
        return f"{self.death}, {self.place}"

    @property
    def needs_groups(self) -> bool:
        """Whether Python 3.11 is needed."""
        return "Group" in self.kind


def programs() -> list[Program]:
    """Make every program there is."""
    found = []
    for (death, (code, kind)), (place, (body, mechanism)) in product(RAISING.items(), PLACES.items()):
        found.append(Program(death, place, _text(code, body), kind, mechanism))
    for (death, code), (place, (body, _)) in product(LEAVING.items(), PLACES.items()):
        if place not in _NOT_LEFT:
            found.append(Program(death, place, _text(code, body)))
    return found


def _text(death: str, body: str) -> str:
    return f'{_HEAD.replace("{death}", death)}if __name__ == "__main__":{body}'
