"""The table behind a suggestion: each condition alone, and all together, over environments that can be compared."""

from otel_insights.analysis.comparison import MOST_RISK_RATIO, Fleet, comparable, wilson
from otel_insights.analysis.conditions import Condition
from otel_insights.analysis.explanation import Environment

NUMPY, PANDAS = Condition("package.numpy", ">=", "2.0"), Condition("package.pandas", "<", "2.2.3")


def environment(number: int, numpy: str, pandas: str, *, fails: bool, service: str = "shop", work: float = 10):
    configuration = {"package.numpy": numpy, "package.pandas": pandas}
    return Environment(number, service, configuration, work, float(fails))


FLEET = [environment(n, "2.1", "2.1", fails=True) for n in range(4)] + [
    environment(4, "2.1", "2.2.3", fails=False),
    environment(5, "1.26", "2.1", fails=False),
]


def test_each_condition_stands_alone_and_all_together_at_the_end():
    rows = Fleet.of(FLEET).table([NUMPY, PANDAS])
    assert [(row.failing, row.healthy) for row in rows] == [((4, 4), (1, 2)), ((4, 4), (1, 2)), ((4, 4), (0, 2))]
    assert rows[-1].conditions == (NUMPY, PANDAS)
    assert rows[-1].risk_ratio == MOST_RISK_RATIO
    assert rows[-1].healthy_interval == wilson(0, 2)


def test_one_condition_has_one_row():
    assert len(Fleet.of(FLEET).table([NUMPY])) == 1


def test_environments_that_did_nothing_and_services_where_nothing_fails_are_not_compared():
    idle = environment(6, "1.26", "2.1", fails=False, work=0)
    elsewhere = environment(7, "1.26", "2.1", fails=False, service="other")
    assert comparable([*FLEET, idle, elsewhere]) == FLEET


def test_an_interval_holds_the_share_and_narrows_with_more():
    few, many = wilson(3, 4), wilson(300, 400)
    assert few[0] < many[0] < 0.75 < many[1] < few[1]
    assert wilson(0, 0) == (0.0, 1.0)
