"""The house: what the wheel holds, what an import costs, which way imports run, and that no list forgets anything."""

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import grimp
import pytest

from otel_insights.component import Kind
from otel_insights.components import BUILT_IN, available

ROOT = Path(__file__).parent.parent
FOLDERS = [kind.value for kind in Kind]
HEAVY = {"numpy", "sklearn", "scipy", "hdbscan", "grpc", "fastapi", "pydantic", "uvicorn", "aiohttp", "yaml", "typer"}


def python(code: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], cwd=cwd, capture_output=True, text=True, timeout=60, check=False
    )


def components(folder: str) -> list[str]:
    """Modules that make a component; the others are parts of theirs."""
    return sorted(
        file.stem for file in (ROOT / folder).glob("*.py") if re.search(r"^FACTORY\b", file.read_text(), re.MULTILINE)
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Build a wheel from a copy, since building writes into the tree; its files' names."""
    copy, out = tmp_path_factory.mktemp("copy"), tmp_path_factory.mktemp("out")
    skipped = shutil.ignore_patterns("__pycache__", "node_modules")
    for name in ["otel_insights", *FOLDERS]:
        shutil.copytree(ROOT / name, copy / name, symlinks=True, ignore=skipped)
    for name in ["pyproject.toml", "README.md", "LICENSE"]:
        shutil.copy(ROOT / name, copy / name)
    built = python(f"from setuptools import build_meta; build_meta.build_wheel({str(out)!r})", copy)
    assert built.returncode == 0, built.stderr
    (file,) = out.glob("*.whl")
    return zipfile.ZipFile(file).namelist()


def test_the_wheel_holds_otel_insights_and_nothing_else(wheel: list[str]) -> None:
    """A generic name such as `receivers` in somebody's site-packages would break their own."""
    tops = {name.split("/")[0] for name in wheel}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"otel_insights"}


def test_the_wheel_holds_every_module(wheel: list[str]) -> None:
    files = [file for name in ["otel_insights", *FOLDERS] for file in (ROOT / name).rglob("*.py")]
    expected = {file.relative_to(ROOT).as_posix() for file in files}
    expected = {name if name.startswith("otel_insights/") else f"otel_insights/{name}" for name in expected}
    assert expected - set(wheel) == set()
    assert "otel_insights/py.typed" in wheel
    assert "otel_insights/demo_data/incompatibilities.jsonl.gz" in wheel


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_folder_at_the_top_refuses_to_be_imported_under_its_bare_name(folder: str) -> None:
    result = python(f"import {folder}")
    assert result.returncode == 1
    assert f"ImportError: import otel_insights.{folder}, not {folder}" in result.stderr


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_folder_at_the_top_is_imported_below_the_package(folder: str) -> None:
    assert python(f"import otel_insights.{folder}").returncode == 0


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_links_that_serve_the_tools_are_relative(folder: str) -> None:
    link = ROOT / "otel_insights" / folder
    assert link.is_symlink()
    assert str(link.readlink()) == f"../{folder}"


@pytest.mark.parametrize("module", ["otel_insights", "otel_insights.client"])
def test_importing_us_into_an_application_loads_nothing_heavy(module: str) -> None:
    result = python(f"import {module}, sys; print(*{{name.partition('.')[0] for name in sys.modules}})")
    assert result.returncode == 0, result.stderr
    assert HEAVY & set(result.stdout.split()) == set()


def test_help_loads_nothing_heavy() -> None:
    code = "import otel_insights.cli, sys; print(*{name.partition('.')[0] for name in sys.modules})"
    assert (HEAVY - {"typer"}) & set(python(code).stdout.split()) == set()


def test_no_component_knows_another() -> None:
    graph = grimp.build_graph("otel_insights", exclude_type_checking_imports=True, cache_dir=None)
    made = [f"otel_insights.{folder}.{name}" for folder in FOLDERS for name in components(folder)]
    chains = [graph.find_shortest_chain(one, other) for one in made for other in made if one != other]
    assert [chain for chain in chains if chain] == []


def test_imports_run_one_way_and_every_module_has_its_place() -> None:
    """In a process of its own, since the linter silences every logger of the one that it runs in."""
    linted = python("from importlinter.cli import lint_imports; raise SystemExit(lint_imports(no_cache=True))")
    assert linted.returncode == 0, linted.stdout


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_component_is_in_the_list(folder: str) -> None:
    listed = sorted(name.partition(".")[2] for name in BUILT_IN if name.startswith(f"{folder}."))
    assert listed == components(folder)


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_component_and_each_of_its_settings_is_in_its_folders_readme(name: str) -> None:
    folder, _, type_ = name.partition(".")
    readme = (ROOT / folder / "README.md").read_text()
    heading = re.search(rf"^## `?{type_}`?$(?P<text>.*?)(?=^## |\Z)", readme, re.MULTILINE | re.DOTALL)
    assert heading, f"{folder}/README.md has no heading `## {type_}`"
    settings = available().find(Kind(folder), type_).settings
    assert [key for key in settings.model_fields if f"`{key}" not in heading["text"]] == []
