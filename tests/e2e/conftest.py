"""The real Collector, and a stage for each test on which everything is ended afterwards."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from e2e.collector import NoGoError, find_or_build
from e2e.topology import Stage


@pytest.fixture(scope="session")
def otelcol() -> Path:
    try:
        return find_or_build()
    except NoGoError as reason:
        pytest.skip(str(reason))


@pytest.fixture
def stage(otelcol: Path, tmp_path: Path) -> Iterator[Stage]:
    made = Stage(otelcol, tmp_path)
    yield made
    made.end()
