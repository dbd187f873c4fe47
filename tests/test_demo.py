"""`otel-insights demo`, as a person meets it: a process, its output, its exit code."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from otel_insights.demo_fleet import incompatibilities
from otel_insights.otlp_lines import read

NO_PROXY_THERE = "http://127.0.0.1:1"


def demo(*arguments: str, tmp: Path) -> subprocess.CompletedProcess[str]:
    """Run it where whatever left the machine would fail; it has a minute."""
    environ = {
        "COLUMNS": "200",
        "PATH": "",
        "TMPDIR": str(tmp),
        "HTTP_PROXY": NO_PROXY_THERE,
        "http_proxy": NO_PROXY_THERE,
        "OTEL_EXPORTER_OTLP_ENDPOINT": NO_PROXY_THERE,
    }
    return subprocess.run(
        [sys.executable, "-m", "otel_insights", "demo", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=environ,
    )


@pytest.mark.parametrize(
    ("name", "title", "conditions", "failing", "healthy", "remedy"),
    [
        (
            "numpy2_abi_pandas",
            "ValueError: numpy.dtype size changed",
            {"package.numpy >= 2.0.0", "package.pandas < 2.2.3"},
            "12 of 12 failing",
            "0 of 15 healthy",
            "package.pandas == 2.2.3",
        ),
        (
            "werkzeug_url_quote",
            "ImportError: cannot import name 'url_quote'",
            {"package.flask == 2.2.2", "package.werkzeug >= 3.0.0"},
            "6 of 6 failing",
            "0 of 30 healthy",
            "package.flask == 2.3.3",
        ),
    ],
)
def test_it_shows_the_cluster_what_explains_it_the_remedy_and_what_the_back_end_got(
    name, title, conditions, failing, healthy, remedy, tmp_path
):
    result = demo("--incompatibility", name, tmp=tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stderr == ""
    group, explained, span, found, after = sections(result.stdout)
    assert title in group
    assert "(established)" in explained
    assert all(condition in explained for condition in conditions)
    assert failing in explained
    assert healthy in explained
    assert f"{remedy}: " in explained
    assert "otel_insights.exception.cluster.id = " in span
    assert "otel_insights.suggestion.created" in found
    assert f"otel_insights.suggestion.remedy = {remedy}" in found
    assert after.count("otel-insights ") == 3
    assert "stands for 3 instances here" in result.stdout
    assert list(tmp_path.iterdir()) == []


def sections(output: str) -> list[str]:
    """Cut the output before each panel, and before what is next."""
    marks = ["a group of exceptions", "what explains it", "the span, as", "the finding, as", "Next\n"]
    ends = [output.index(mark) for mark in marks]
    return [output[begin:end] for begin, end in zip(ends, [*ends[1:], None], strict=True)]


def test_the_readme_shows_what_it_finds(tmp_path):
    readme = Path(__file__).parent.parent.joinpath("README.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"```\n(ValueError: .*?)\n```", readme, re.DOTALL)
    printed = demo(tmp=tmp_path).stdout
    assert [line for line in shown.splitlines() if line not in printed] == []


def test_what_is_no_terminal_gets_no_colours_and_what_is_kept_can_be_analysed(tmp_path):
    result = demo("--keep", tmp=tmp_path)
    assert result.returncode == 0
    assert "\x1b" not in result.stdout
    (folder,) = tmp_path.iterdir()
    assert {file.name for file in folder.iterdir()} == {"insights.db", "telemetry.jsonl"}
    assert str(folder / "telemetry.jsonl") in result.stdout
    assert all(payload.count for payload in read(folder / "telemetry.jsonl", strict=True))


def test_an_unknown_incompatibility_names_those_that_there_are(tmp_path):
    result = demo("--incompatibility", "[/leftpad]", tmp=tmp_path)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("--incompatibility: expected one of ")
    assert result.stderr.endswith("got '[/leftpad]'\n")
    assert all(name in result.stderr for name in incompatibilities())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", incompatibilities())
def test_each_incompatibility_failed_in_some_environments_and_not_in_others(name):
    assert {built.exception is None for built in incompatibilities()[name]} == {True, False}
