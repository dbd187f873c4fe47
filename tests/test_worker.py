"""The process for long work does not outlive the one that it works for."""

import subprocess
import sys

import psutil

STARTS_A_WORKER = """
import asyncio, os, time
from otel_insights.worker import Worker

async def main():
    print(await Worker().run(os.getpid), flush=True)
    time.sleep(60)

if __name__ == "__main__":
    asyncio.run(main())
"""


def test_the_worker_ends_when_its_parent_is_killed(tmp_path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(STARTS_A_WORKER)
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True) as parent:
        worker = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    gone, alive = psutil.wait_procs([worker], timeout=10)
    assert (gone, alive) == ([worker], [])
