"""Conditions mean what the report's contract says."""

import pytest

from otel_insights.analysis.conditions import Condition, joined, normalise_package
from otel_insights.analysis.versions import version_key

SETTING = {
    "package.numpy": "2.0.1",
    "process.runtime.version": "3.10.4",
    "service.version": "2.9.0",
    "process.environment_variable.WORKERS": "8",
    "os.type": "linux",
}


@pytest.mark.parametrize(
    ("key", "op", "value", "holds"),
    [
        ("package.numpy", "==", "2.0.1", True),
        ("package.numpy", "==", "2.0.1.0", True),
        ("package.numpy", ">=", "2.0.1rc1", True),
        ("package.numpy", "<", "2.0.1.post1", True),
        ("package.numpy", "<=", "1.26.4", False),
        ("package.numpy", "!=", "1.26.4", True),
        ("process.runtime.version", ">", "3.9.18", True),
        ("service.version", "<", "2.10.0", True),
        ("process.environment_variable.WORKERS", "<", "16", True),
        ("os.type", "<", "windows", True),
        ("os.type", "in", "darwin, linux", True),
        ("os.type", "in", "darwin,windows", False),
        ("os.type", "present", "", True),
        ("os.type", "absent", "", False),
    ],
)
def test_a_condition_compares_versions_as_versions_and_the_rest_as_numbers_or_text(key, op, value, holds):
    assert Condition(key, op, value).holds(SETTING) is holds


@pytest.mark.parametrize("op", ["==", "!=", "<", "<=", ">", ">=", "in", "present"])
def test_every_operator_but_absent_is_false_where_the_key_is_missing(op):
    assert not Condition("package.pandas", op, "1.0").holds(SETTING)
    assert Condition("package.pandas", "absent").holds(SETTING)


def test_package_names_are_normalised_in_conditions():
    assert Condition("package.Flask_SQLAlchemy", "present").key == "package.flask-sqlalchemy"
    assert normalise_package("ruamel.yaml") == "ruamel-yaml"


def test_an_unknown_operator_is_refused_with_the_known_ones_named():
    with pytest.raises(ValueError, match="'~=': expected one of ==, !="):
        Condition("package.numpy", "~=", "2.0")


def test_what_is_no_version_is_ordered_before_versions_and_by_its_numbers():
    texts = ["1.0", "nightly-10", "", "1.0rc1", "nightly-9", "v2", "main"]
    assert sorted(texts, key=version_key) == ["", "main", "nightly-9", "nightly-10", "1.0rc1", "1.0", "v2"]


def test_conditions_read_like_a_sentence():
    pair = [Condition("package.numpy", ">=", "2.0"), Condition("process.environment_variable.TZ", "absent")]
    assert joined(pair) == "numpy >= 2.0 with TZ not set"
