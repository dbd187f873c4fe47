"""An incompatibility that anyone can reproduce: built with pip, run, and explained by what matters."""

import subprocess
import sys

import pytest
from e2e.topology import REPOSITORY

pytestmark = pytest.mark.e2e

CANNOT_INSTALL = 3


def test_werkzeug_3_below_an_older_flask_is_explained_by_the_pair_with_what_was_seen_to_work() -> None:
    script = REPOSITORY / "examples" / "incompatibilities" / "run.py"
    done = subprocess.run(
        [sys.executable, script, "werkzeug_flask"], capture_output=True, text=True, timeout=120, check=False
    )
    if done.returncode == CANNOT_INSTALL:
        pytest.skip(done.stdout.splitlines()[-1])
    assert done.returncode == 0, done.stdout + done.stderr
    assert "fails  flask==2.2.3  werkzeug==3.0.6" in done.stdout
    assert "works  flask==2.2.5  werkzeug==3.0.6" in done.stdout
    assert "1. Established" in done.stdout
    assert "6 of the 6 failing environments run flask < 2.2.5 with werkzeug 3.0.6; none of the 18" in done.stdout
    assert "6 environments are healthy with flask < 2.2.5 and with werkzeug 2.3.8: try that." in done.stdout
