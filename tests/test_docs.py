"""The documentation cannot lie: what there is stands in it, and what it links to is there."""

import re
from pathlib import Path

import pytest
import typer.main

from otel_insights import semconv
from otel_insights.cli import app
from otel_insights.component import Kind
from otel_insights.components import BUILT_IN, available

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *(ROOT / kind.value / "README.md" for kind in Kind)])


def text(*parts: str) -> str:
    return ROOT.joinpath(*parts).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", semconv.EMITTED, ids=str)
def test_every_name_that_we_emit_is_documented_with_its_meaning(name):
    assert f"| `{name.name}` | {name.unit} | {name.meaning} |" in text("docs", "names.md")


def commands(command, prefix: str = "") -> list[str]:
    found = []
    for name, sub in command.commands.items():
        found += commands(sub, f"{prefix}{name} ") if hasattr(sub, "commands") else [f"{prefix}{name}"]
    return found


def test_every_command_and_option_is_documented():
    page = text("docs", "commands.md")
    for command in commands(typer.main.get_command(app)):
        assert f"`{command}" in page, command


@pytest.mark.parametrize("built_in", BUILT_IN)
def test_every_setting_of_a_component_is_documented_below_its_heading(built_in):
    folder, type_ = built_in.split(".")
    page = text(folder, "README.md")
    assert f"\n## {type_}\n" in page
    section = page.split(f"\n## {type_}\n")[1].split("\n## ")[0]
    settings = available().find(Kind(folder), type_).settings
    for key in settings.model_fields:
        assert f"`{key}" in section, f"{type_}: {key}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_something(page):
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


def test_api_routes_are_documented():
    from otel_insights.api import clusters, health

    page = text("docs", "api.md")
    for module in (clusters, health):
        for path in re.findall(r"@router\.(?:get|post)\(\"([^\"]+)", Path(module.__file__).read_text()):
            assert f"`{path}`" in page or f"`/api/v1{path}`" in page, path
