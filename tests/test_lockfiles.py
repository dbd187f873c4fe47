"""Lock files: what a plain installation takes of each format, and what is named as not understood."""

import sys
from pathlib import Path

import pytest

from otel_insights.lockfiles import UnreadableLockError, read_packages

POETRY = """
[[package]]
name = "Flask"
version = "2.2.5"
optional = false

[[package]]
name = "pytest"
version = "8.0"
optional = false
groups = ["dev"]

[[package]]
name = "gunicorn"
version = "21.0"
optional = true

[[package]]
name = "colorama"
version = "0.4.6"
optional = false
groups = ["main"]
markers = "python_version < '3'"

[metadata]
lock-version = "2.1"
"""
UV = """
version = 1
requires-python = ">=3.10"

[[package]]
name = "shop"
version = "0.1.0"
source = { editable = "." }
dependencies = [
    { name = "flask" },
    { name = "numpy", version = "1.26.4", source = { registry = "r" }, marker = "python_version < '3'" },
    { name = "numpy", version = "2.1.0", source = { registry = "r" }, marker = "python_version >= '3'" },
    { name = "requests", extra = ["socks"] },
]

[package.optional-dependencies]
plot = [{ name = "matplotlib" }]

[package.dev-dependencies]
dev = [{ name = "pytest" }]

[[package]]
name = "flask"
version = "2.2.5"
source = { registry = "r" }
dependencies = [{ name = "werkzeug" }]

[[package]]
name = "werkzeug"
version = "3.0.1"
source = { registry = "r" }
dependencies = [{ name = "flask" }]

[[package]]
name = "numpy"
version = "1.26.4"
source = { registry = "r" }
resolution-markers = ["python_version < '3'"]

[[package]]
name = "numpy"
version = "2.1.0"
source = { registry = "r" }
resolution-markers = ["python_version >= '3'"]

[[package]]
name = "requests"
version = "2.31.0"
source = { registry = "r" }

[package.optional-dependencies]
socks = [{ name = "pysocks" }]

[[package]]
name = "pysocks"
version = "1.7.1"
source = { registry = "r" }

[[package]]
name = "matplotlib"
version = "3.9.0"
source = { registry = "r" }

[[package]]
name = "pytest"
version = "8.0"
source = { registry = "r" }
"""
PYLOCK = """
lock-version = "1.0"
created-by = "somebody"
default-groups = ["web"]

[[packages]]
name = "flask"
version = "2.2.5"

[[packages]]
name = "gunicorn"
version = "21.0"
marker = "'web' in dependency_groups"

[[packages]]
name = "pytest"
version = "8.0"
marker = "'dev' in dependency_groups"

[[packages]]
name = "plotter"
version = "1.0"
marker = "'plot' in extras"

[[packages]]
name = "ours"
vcs = { type = "git", url = "u", commit-id = "c" }
"""
REQUIREMENTS = """
# pinned by hand
numpy==2.1.0 \\
    --hash=sha256:aa \\
    --hash=sha256:bb
Flask_Login[extra]==0.6 ; python_version >= "3"  # why
old==1.0; python_version < "3"
--index-url https://example.org
-r more.txt
pandas>=2
scipy==1.*
./local
git+https://example.org/x.git
"""


def read(folder: Path, name: str, text: str):
    (folder / name).write_text(text)
    return read_packages(str(folder / name))


def test_requirements_are_read_with_what_they_include_and_the_rest_is_named(tmp_path):
    (tmp_path / "more.txt").write_text("requests==2.31\n-r requirements.txt\n")
    found = read(tmp_path, "requirements.txt", REQUIREMENTS)
    assert found.versions == {"numpy": "2.1.0", "flask-login": "0.6", "requests": "2.31"}
    assert found.unpinned == {"pandas", "scipy"}
    assert found.skipped == [
        "requirements.txt:10: pandas>=2 (names no one version)",
        "requirements.txt:11: scipy==1.* (names no one version)",
        "requirements.txt:12: ./local",
        "requirements.txt:13: git+https://example.org/x.git",
    ]
    assert not found.complete, "what it does not name may come with something that it names"


def test_poetry_leaves_out_development_groups_extras_and_what_markers_exclude(tmp_path):
    found = read(tmp_path, "poetry.lock", POETRY)
    assert (found.versions, found.complete) == ({"flask": "2.2.5"}, True)


def test_uv_is_followed_from_the_project_on_with_the_extras_that_are_asked_for(tmp_path):
    assert read(tmp_path, "uv.lock", UV).versions == {
        "flask": "2.2.5", "werkzeug": "3.0.1", "numpy": "2.1.0", "requests": "2.31.0", "pysocks": "1.7.1",
    }  # fmt: skip


def test_pylock_takes_the_default_groups_and_names_what_has_no_version(tmp_path):
    found = read(tmp_path, "pylock.toml", PYLOCK)
    assert found.versions == {"flask": "2.2.5", "gunicorn": "21.0"}
    assert found.skipped == ["ours (has no version)"]


def test_the_running_environment_tells_its_runtime_and_variables_as_well(monkeypatch):
    monkeypatch.setenv("SOME_SWITCH", "on")
    found = read_packages("environment")
    assert found.versions["numpy"]
    assert found.others["process.runtime.version"].startswith(f"{sys.version_info.major}.{sys.version_info.minor}.")
    assert found.others["process.environment_variable.SOME_SWITCH"] == "on"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("poetry.lock", "package = ["),
        ("poetry.lock", "[[package]]\nversion = '1'\n[metadata]\nlock-version = '2'\n"),
        ("pyproject.toml", "[project]\nname = 'shop'\n"),
        ("requirements.txt", "numpy>=2\n"),
        ("requirements.txt", ""),
        ("requirements.txt", "-r nowhere.txt\n"),
    ],
)
def test_what_is_no_lock_file_is_refused_by_name(tmp_path, name, text):
    with pytest.raises(UnreadableLockError, match=name):
        read(tmp_path, name, text)


def test_what_is_no_text_is_refused(tmp_path):
    (tmp_path / "requirements.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UnreadableLockError, match="requirements"):
        read_packages(str(tmp_path / "requirements.txt"))
