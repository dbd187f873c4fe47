"""`otel-insights demo`, as a person meets it: a process, its output, its exit code."""

import subprocess
import sys

import pytest


def demo(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "otel_insights", "demo", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"COLUMNS": "200", "PATH": ""},
    )


@pytest.mark.parametrize(
    ("name", "conditions", "remedy"),
    [
        ("numpy2_abi_pandas", ["package.numpy >= 2.0.0", "package.pandas < 2.2.3"], "package.pandas == 2.2.3"),
        ("werkzeug_url_quote", ["package.flask == 2.2.2", "package.werkzeug >= 3.0.0"], "package.flask == 2.3.3"),
    ],
)
def test_demo_shows_the_cluster_what_explains_it_the_remedy_and_the_stamped_span(name, conditions, remedy):
    result = demo("--incompatibility", name)
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stderr == ""
    assert "a group of exceptions" in result.stdout
    assert "what explains it (established)" in result.stdout
    for condition in conditions:
        assert condition in result.stdout
    assert remedy in result.stdout
    assert "otel_insights.exception.cluster.id = " in result.stdout
    assert "otel_insights.suggestion.created" in result.stdout


def test_unknown_incompatibility_names_those_that_there_are():
    result = demo("--incompatibility", "leftpad")
    assert result.returncode == 2
    assert "numpy2_abi_pandas" in result.stdout
