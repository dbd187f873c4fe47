"""The Collector accepts the configurations that we hand to people."""

import subprocess
from pathlib import Path

import pytest
from e2e.topology import COLLECTOR_CONFIG, REPOSITORY

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize("over", [[], [REPOSITORY / "examples/compose/otel-collector.yaml"]], ids=["alone", "compose"])
def test_the_collector_accepts_its_configuration(otelcol: Path, over: list[Path]) -> None:
    files = [f"--config={file}" for file in [COLLECTOR_CONFIG, *over]]
    done = subprocess.run([otelcol, "validate", *files], capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stderr) == (0, "")
