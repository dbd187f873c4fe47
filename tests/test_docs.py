"""The documentation cannot lie: what there is stands in it, and what it links to is there."""

import inspect
import re
from functools import cache
from pathlib import Path

import pytest
import typer.main
import yaml
from sqlite_utils import Database

import otel_insights
from otel_insights import semconv
from otel_insights.cli import app
from otel_insights.client import variables
from otel_insights.component import Kind
from otel_insights.components import BUILT_IN, available
from otel_insights.config import read as read_configuration
from otel_insights.config.sections import File, Section
from otel_insights.selfmetrics import passed
from otel_insights.store.migrations import migrate

ROOT = Path(__file__).parent.parent
KINDS = [kind.value for kind in Kind]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *(ROOT / kind / "README.md" for kind in KINDS)])


def text(*parts: str) -> str:
    return ROOT.joinpath(*parts).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", semconv.EMITTED, ids=str)
def test_every_name_that_we_emit_is_documented_with_its_meaning(name):
    assert f"| `{name.name}` | {name.unit} | {name.meaning} |" in text("docs", "names.md")


def test_no_name_is_documented_that_we_do_not_emit():
    rows = re.findall(r"^\| `((?:otel_insights|run)\.[\w.<>]+)`", text("docs", "names.md"), re.MULTILINE)
    assert sorted(rows) == sorted(name.name for name in semconv.EMITTED)


def own_counters() -> set[str]:
    """Find the names under which the code counts, and those that the doors count under."""
    sources = [path.read_text() for top in ("otel_insights", *KINDS) for path in ROOT.joinpath(top).glob("*.py")]
    found = {
        re.sub(r"\{[^}]*\}", "<items>", name)
        for source in sources
        for name in re.findall(r"self\.(?:host\.)?metrics\.\w+\(\s*f?\"([^\"]+)\"", source)
    }
    doors = {Kind.RECEIVER: ("accepted", "refused"), Kind.EXPORTER: ("sent", "send_failed")}
    return found | {passed(kind, "<items>", outcome) for kind, outcomes in doors.items() for outcome in outcomes}


def test_every_counter_of_our_own_health_is_documented():
    page = text("docs", "names.md")
    assert len(own_counters()) > 8
    assert [name for name in sorted(own_counters()) if f"`{name}`" not in page] == []


def keys(section: type[Section], prefix: str = "") -> list[str]:
    """List the keys of a configuration file; of a section that has a schema, those below it."""
    found = []
    for name, field in section.model_fields.items():
        below = [part for part in (field.annotation, *getattr(field.annotation, "__args__", ())) if is_section(part)]
        found += keys(below[0], f"{prefix}{name}.") if below else [prefix + name]
    return found


def is_section(part: object) -> bool:
    return isinstance(part, type) and issubclass(part, Section)


@pytest.mark.parametrize("key", keys(File))
def test_every_key_of_the_configuration_is_documented(key):
    terms = [line for line in text("docs", "configuration.md").splitlines() if line.startswith("`")]
    assert any(f"`{key}`" in term or f"`{key}." in term for term in terms)


def test_the_readme_and_the_whole_configuration_of_a_collector_say_the_same():
    """What the README shows in short is in otel-collector-config.yaml, whose values may come from the environment."""
    (short,) = re.findall(r"```yaml\n(.*?)```", text("README.md"), re.DOTALL)
    whole = re.sub(r"\$\{env:\w+:-([^}]*)\}", r"\1", text("otel-collector-config.yaml"))
    assert missing(yaml.safe_load(short), yaml.safe_load(whole)) == []


def missing(part: object, whole: object, path: str = "") -> list[str]:
    if isinstance(part, dict) and isinstance(whole, dict):
        return [one for key in part for one in missing(part[key], whole.get(key), f"{path}.{key}")]
    if isinstance(part, list) and isinstance(whole, list):
        return [f"{path}: {one}" for one in part if one not in whole]
    return [] if part == whole else [f"{path}: {part!r} is {whole!r}"]


def commands(command, prefix: str = ""):
    for name, sub in command.commands.items():
        yield from commands(sub, f"{prefix}{name} ") if hasattr(sub, "commands") else [(prefix + name, sub)]


COMMANDS = dict(commands(typer.main.get_command(app)))


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_and_option_is_documented(command):
    row = re.search(rf"^\| `({command}\b[^`]*)`", text("docs", "commands.md"), re.MULTILINE)
    assert row
    options = {max(one.opts, key=len) for one in COMMANDS[command].params if one.opts[0].startswith("-")}
    assert set(re.findall(r"--[\w-]+", row[1])) == options


def test_every_command_tells_programs_what_it_tells_people():
    """But for those that run on, and those that write files whose form is asked for."""
    without = {
        name for name, one in COMMANDS.items() if "--json" not in {opt for each in one.params for opt in each.opts}
    }
    assert without == {"run", "demo", "analyze", "export"}


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


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_configurations_of_ours_on_a_page_are_right(page):
    for block in re.findall(
        r"^```yaml\n# otel-insights\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    ):
        assert not read_configuration(block, available(), {}).warnings


def test_every_table_of_the_store_is_documented():
    db = Database(memory=True)
    migrate(db)
    page = text("docs", "formats.md")
    tables = [one for one in db.table_names() if not one.startswith("sqlite_")]
    assert [one for one in tables if f"`{one}`" not in page] == []


def test_every_page_is_listed():
    listed = text("docs", "README.md")
    assert [
        page.name
        for page in (ROOT / "docs").glob("*.md")
        if page.name != "README.md" and f"]({page.name})" not in listed
    ] == []


def test_every_argument_of_instrument_and_each_of_our_variables_is_documented():
    page = text("docs", "instrument.md")
    table = page.partition("| argument | variable | meaning |")[2].partition("\n\n")[0]
    first = [row.split("|")[1] for row in table.splitlines() if row.startswith("|")]
    arguments = {name for column in first for name in re.findall(r"`(\w+)`", column)}
    assert arguments == set(inspect.signature(otel_insights.instrument).parameters)
    ours = {name for name in vars(variables) if name.startswith("OTEL_INSIGHTS_")}
    documented = set(re.findall(r"\bOTEL_INSIGHTS_\w+", page))
    # strictness is for tests, and no option of a command
    assert documented - {"OTEL_INSIGHTS_STRICT"} == ours


@cache
def api():
    from otel_insights.api import create_app
    from otel_insights.config import read
    from otel_insights.service import Service

    return create_app(Service(read("", available(), {}), available()))


def test_api_routes_are_documented():
    page = text("docs", "api.md")
    assert [path for path in api().openapi()["paths"] if f"`{path}`" not in page] == []


def paths(router, prefix: str = ""):
    """List the paths of a router and of those within it, pages too, which the schema leaves out."""
    for route in router.routes:
        inner = getattr(route, "original_router", None)
        if inner is None:
            yield prefix + route.path
        else:
            yield from paths(inner, prefix + route.include_context.prefix)


FEATURES = re.findall(r"^\| (\d+) \| (.+?) \| (.+?) \| (.*?) \|$", text("docs", "features.md"), re.MULTILINE)
SOURCES = "".join(
    path.read_text(encoding="utf-8")
    for path in (*(ROOT / "otel_insights").rglob("*.py"), *(ROOT / "processors").glob("*.py"), ROOT / "pyproject.toml")
)


@pytest.mark.parametrize("row", FEATURES, ids=lambda row: row[0])
def test_what_a_feature_names_is_there(row):
    """Paths are routes, commands are commands with these options, and any other name stands in the sources."""
    routes = set(paths(api()))
    for name in re.findall(r"`([^`]+)`", row[2]):
        words = name.removeprefix("otel-insights ").split()
        known = max((one for one in COMMANDS if words[: len(one.split())] == one.split()), key=len, default=None)
        if name.startswith("/"):
            assert name in routes
        elif words[0] == "make":
            assert f"\n{words[1]}:" in text("Makefile")
        elif known:
            options = {option for one in COMMANDS[known].params for option in one.opts}
            assert {word for word in words if word.startswith("--")} <= options
        else:
            # a header's value, a method's object and Prometheus' suffix are added by whoever uses it
            bare = name.partition(":")[0].removesuffix("()").removesuffix("_total").removeprefix("run.").lstrip(".")
            assert bare in SOURCES, name


def test_every_feature_has_its_row_and_a_test_that_is_there_or_says_what_is_missing():
    assert [int(row[0]) for row in FEATURES] == list(range(1, 154))
    for _, _, where, shown in FEATURES:
        path = re.fullmatch(r"\[(.+)\]\(\.\./\1\)", shown)
        assert path or "missing" in where
        assert not path or (ROOT / path[1]).is_file()
