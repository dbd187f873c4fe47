"""The real Collector, and a stage for each test on which everything is ended afterwards."""

from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from e2e.collector import find_or_build
from e2e.go_build import NoGoError
from e2e.topology import Stage


@pytest.fixture(scope="session")
def otelcol() -> Path:
    try:
        return find_or_build()
    except NoGoError as reason:
        pytest.skip(str(reason))


ON_STAGE = pytest.StashKey[Stage]()


@pytest.fixture
def stage(request: pytest.FixtureRequest, otelcol: Path, tmp_path: Path) -> Iterator[Stage]:
    made = request.node.stash[ON_STAGE] = Stage(otelcol, tmp_path)
    yield made
    made.end()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what the processes of a failed test said."""
    report = yield
    if report.failed and ON_STAGE in item.stash:
        processes = item.stash[ON_STAGE].processes
        report.sections += [(f"{one.name}, last lines of its log", one.tail()) for one in processes]
    return report
