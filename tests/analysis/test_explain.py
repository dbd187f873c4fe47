"""What explain() says, what it keeps to itself, and why."""

import json
import math
from dataclasses import asdict, replace

import numpy as np
import pytest

from otel_insights.analysis.conditions import Condition
from otel_insights.analysis.explain import Environment, explain

VERSIONS = {"numpy": ["1.26.4", "2.0.1", "2.1.0"], "pandas": ["2.1.4", "2.2.3"]}


def fleet(count, fails, *, seed=0, services=("api",), packages=30, exposure=None, **more):
    """Environments with random versions; `fails(configuration, rng)` tells which of them fail."""
    rng = np.random.default_rng(seed)
    out = []
    for i in range(count):
        configuration = {f"package.{name}": str(rng.choice(versions)) for name, versions in VERSIONS.items()}
        configuration |= {f"package.filler-{j}": f"1.{rng.integers(4)}" for j in range(packages)}
        configuration |= {
            "process.runtime.version": str(rng.choice(["3.10.4", "3.11.7", "3.12.1"])),
            "host.arch": str(rng.choice(["amd64", "arm64"])),
            "host.name": f"host-{i}",
            "k8s.cluster.name": str(rng.choice(["red", "blue"])),
            "deployment.environment.name": str(rng.choice(["production", "staging"])),
        }
        configuration |= {key: values(i, rng) for key, values in more.items()}
        work = exposure(configuration, rng) if exposure else 100.0
        failures = 5.0 if fails(configuration | {"work": work}, rng) else 0.0
        out.append(Environment(i, services[i % len(services)], configuration, work, failures))
    return out


def keys(suggestion):
    return {c.key for c in suggestion.conditions}


def old_pandas_new_numpy(c, rng):
    return c["package.pandas"] == "2.1.4" and c["package.numpy"] != "1.26.4"


def test_one_bad_version_is_established():
    answer = explain(fleet(60, lambda c, rng: c["package.pandas"] == "2.1.4"))
    best = answer.suggestions[0]
    assert (best.tier, best.rank) == ("established", 1)
    assert best.conditions == (Condition("package.pandas", "==", "2.1.4"),)
    assert best.failing[0] == best.failing[1]
    assert best.healthy[0] == 0
    assert best.p_value <= 0.05
    assert answer.silence is None


def test_two_packages_that_only_fail_together_are_named_together():
    best = explain(fleet(120, old_pandas_new_numpy), packages=["<app>", "pandas"]).suggestions[0]
    assert keys(best) == {"package.pandas", "package.numpy"}
    assert all(condition.holds({"package.pandas": "2.1.4", "package.numpy": "2.0.5"}) for condition in best.conditions)


def test_the_remedy_is_a_change_that_was_seen_healthy():
    best = explain(fleet(120, old_pandas_new_numpy), packages=["<app>", "pandas"]).suggestions[0]
    assert best.remedy is not None
    assert (best.remedy.key, best.remedy.value) in {("package.pandas", "2.2.3"), ("package.numpy", "1.26.4")}
    assert best.remedy.healthy_environments > 0
    assert "try that" in best.text


def test_an_environment_that_fails_in_another_way_is_no_proof_of_a_remedy():
    environments = fleet(120, lambda c, rng: c["package.numpy"] == "2.1.0", packages=5)
    traded = [replace(e, other_failures=20.0 * (e.configuration["package.numpy"] == "2.0.1")) for e in environments]
    before, after = (explain(each).suggestions[0] for each in (environments, traded))
    assert before.remedy is not None
    assert after.remedy is not None
    assert after.remedy.value == "1.26.4"
    assert after.remedy.healthy_environments == sum(e.configuration["package.numpy"] == "1.26.4" for e in environments)
    nowhere = explain([replace(e, other_failures=20.0 * (e.failures == 0)) for e in environments]).suggestions[0]
    assert nowhere.remedy is None
    assert (nowhere.failing, nowhere.healthy) == (before.failing, before.healthy)


def test_an_error_of_no_concern_does_not_spoil_a_remedy():
    environments = fleet(60, lambda c, rng: c["package.pandas"] == "2.1.4", packages=5)
    seldom = explain([replace(e, other_failures=2.0) for e in environments]).suggestions[0]
    everywhere = explain([replace(e, other_failures=30.0) for e in environments]).suggestions[0]
    assert seldom.remedy == everywhere.remedy == explain(environments).suggestions[0].remedy


def test_conditions_with_the_same_environments_become_aliases_and_the_stack_decides_which_comes_first():
    def twin(i, rng):
        return ""

    environments = fleet(60, lambda c, rng: c["package.pandas"] == "2.1.4", **{"package.twin": twin})
    environments = [
        Environment(
            e.id, e.service, e.configuration | {"package.twin": e.configuration["package.pandas"]}, 100, e.failures
        )
        for e in environments
    ]
    best = explain(environments, packages=["twin", "<app>"]).suggestions[0]
    assert keys(best) == {"package.twin"}
    assert [{c.key for c in alias} for alias in best.aliases] == [{"package.pandas"}]
    assert "1 other condition selects the same environments" in best.text


def test_releases_are_compared_within_their_service_only():
    environments = fleet(
        80,
        lambda c, rng: c["service.version"] in ("2.0.0", "2.1.0"),
        services=("api", "web"),
        **{"service.version": lambda i, rng: str(rng.choice(["1.8.0", "1.9.0", "2.0.0", "2.1.0"])) if i % 2 else "7.0"},
    )
    best = explain(environments).suggestions[0]
    assert best.conditions == (
        Condition("service.name", "==", "web"),
        Condition("service.version", ">=", "2.0.0"),
    ) or (best.conditions == (Condition("service.version", ">=", "2.0.0"),))


@pytest.mark.parametrize("seed", range(3))
def test_failures_at_random_are_met_with_silence(seed):
    answer = explain(fleet(80, lambda c, rng: rng.random() < 0.2, seed=seed), packages=["numpy"])
    assert answer.silence is not None
    assert answer.silence.reason == "no_difference"
    assert all(s.tier == "lead" and s.text.startswith("Unproven:") for s in answer.suggestions)


def test_random_failures_are_seldom_called_established():
    spoken = sum(
        explain(fleet(40, lambda c, rng: rng.random() < 0.25, seed=100 + seed, packages=10), permutations=99).silence
        is None
        for seed in range(60)
    )
    assert spoken <= 7  # 5 % of 60 are 3; more than 7 happens once in a hundred times


def test_placement_is_no_explanation():
    answer = explain(fleet(80, lambda c, rng: c["k8s.cluster.name"] == "red"))
    assert not any(key.startswith(("k8s.", "host.name")) for s in answer.suggestions for key in keys(s))
    assert answer.silence is not None


def test_a_bad_cluster_does_not_make_the_architecture_that_is_common_there_guilty():
    environments = fleet(
        150,
        lambda c, rng: c["k8s.cluster.name"] == "red" and rng.random() < 0.9,
        **{"k8s.cluster.name": lambda i, rng: "red" if i % 3 == 0 else "blue"},
    )
    mostly_arm = [
        Environment(
            e.id,
            e.service,
            e.configuration | {"host.arch": "arm64" if (i % 3 == 0) != (i % 17 == 0) else "amd64"},
            e.exposure,
            e.failures,
        )
        for i, e in enumerate(environments)
    ]
    answer = explain(mostly_arm)
    assert answer.silence is not None
    assert all(s.tier == "lead" for s in answer.suggestions)


def test_busy_environments_that_run_another_version_do_not_make_the_version_guilty():
    def work(c, rng):
        return float(rng.integers(2000, 9000) if c["package.pandas"] == "2.2.3" else rng.integers(1, 40))

    def by_traffic(c, rng):
        return rng.random() < 1 - math.exp(-c["work"] / 4000)

    guilty = 0
    for seed in range(5):
        answer = explain(fleet(100, by_traffic, seed=seed, exposure=work))
        guilty += any(s.tier == "established" and "package.pandas" in keys(s) for s in answer.suggestions)
    assert guilty == 0


def test_one_noisy_host_explains_nothing():
    environments = fleet(50, lambda c, rng: c["host.name"] == "host-7")
    noisy = [Environment(e.id, e.service, e.configuration, e.exposure, e.failures * 5000) for e in environments]
    answer = explain(noisy)
    assert answer.silence is not None
    assert answer.silence.reason == "not_enough_environments"
    assert answer.suggestions == ()


def test_a_service_that_fails_everywhere_is_said_to_fail_everywhere():
    answer = explain(fleet(60, lambda c, rng: rng.random() < 0.9))
    assert answer.silence is not None
    assert answer.silence.reason == "service_wide"


def test_without_a_healthy_side_there_is_nothing_to_compare_with():
    answer = explain(fleet(10, lambda c, rng: True))
    assert answer.silence is not None
    assert answer.silence.reason == "no_healthy_side"


def test_a_service_where_nearly_all_have_the_cause_does_not_drown_what_another_shows():
    rng = np.random.default_rng(5)
    environments = []
    for i in range(400):
        first = i % 2 == 0
        driver = "1.0" if (first and i > 20) or (not first and rng.random() < 0.2) else "2.0"
        configuration = {"package.driver": driver, **{f"package.filler-{j}": f"1.{rng.integers(4)}" for j in range(30)}}
        if not first:
            configuration["package.companion"] = driver if rng.random() < 0.97 else "1.0"
        failures = float(rng.random() < (0.9 if driver == "1.0" else 0.05))
        environments.append(Environment(i, "first" if first else "second", configuration, 100.0, failures))
    best = explain(environments, packages=["companion", "driver"]).suggestions[0]
    assert best.conditions == (Condition("package.driver", "==", "1.0"),)


def small(service, failing, configuration, count):
    return [Environment(0, service, configuration, 100.0, float(failing)) for _ in range(count)]


def test_three_of_three_against_four_is_enough():
    bad, good = {"package.pandas": "2.1.4"}, {"package.pandas": "2.2.3"}
    answer = explain(small("api", True, bad, 3) + small("api", False, good, 4))
    assert answer.suggestions[0].tier == "established"
    assert answer.suggestions[0].p_value == pytest.approx(1 / 35)  # of 35 ways to choose three of seven, one is as good


def test_what_all_failing_environments_of_another_service_run_decides_between_conditions_that_look_alike_here():
    old, newer = {"package.driver": "1.0", "package.a": "1"}, {"package.driver": "2.0", "package.a": "2"}
    there = {"package.driver": "1.1", "package.a": "2"}
    environments = small("api", True, old, 5) + small("api", False, newer, 15) + small("web", True, there, 12)
    best = explain(environments).suggestions[0]
    assert best.conditions == (Condition("package.driver", "<", "2.0"),)
    assert best.failing == (17, 17)


def test_a_service_that_does_not_run_what_fails_says_little_against_its_cause():
    environments = fleet(60, lambda c, rng: c["package.pandas"] == "2.1.4" and rng.random() < 0.8)
    others = fleet(300, lambda c, rng: c["host.name"] == "host-9", seed=1, services=("web",))
    best = explain(environments + others).suggestions[0]
    assert best.conditions == (Condition("package.pandas", "==", "2.1.4"),)


def test_fewer_than_three_failing_environments_are_a_lead_whatever_they_share():
    answer = explain(small("api", True, {"package.a": "1"}, 2) + small("api", False, {"package.a": "2"}, 40))
    assert [(s.tier, s.p_value) for s in answer.suggestions] == [("lead", 1.0)]


def test_healthy_environments_of_other_services_are_no_evidence():
    failing = fleet(10, lambda c, rng: True)
    others = [Environment(100 + e.id, "web", {}, 100, 0) for e in failing]
    answer = explain(failing + others)
    assert answer.silence is not None
    assert answer.silence.reason == "no_healthy_side"


def test_an_environment_that_did_nothing_is_not_healthy():
    failing = fleet(10, lambda c, rng: True)
    idle = [Environment(100 + e.id, e.service, e.configuration, 0.0, 0.0) for e in failing]
    answer = explain(failing + idle)
    assert answer.silence is not None
    assert answer.silence.reason == "no_healthy_side"


@pytest.mark.parametrize("environments", [[], fleet(5, lambda c, rng: False)])
def test_without_failures_there_is_silence(environments):
    answer = explain(environments)
    assert answer.silence is not None
    assert answer.silence.reason == "not_enough_environments"


def test_a_large_fleet_is_sampled_says_so_and_counts_all():
    answer = explain(fleet(3000, lambda c, rng: c["package.pandas"] == "2.1.4", packages=3), max_environments=400)
    assert answer.sampled
    assert answer.environments == 400
    best = answer.suggestions[0]
    assert best.failing[1] + best.healthy[1] == 3000
    assert keys(best) == {"package.pandas"}


def test_the_same_question_gets_the_same_answer():
    environments = fleet(60, lambda c, rng: rng.random() < 0.3 or c["host.arch"] == "arm64")
    assert explain(environments, seed=3) == explain(environments, seed=3)


def test_an_answer_is_json_with_finite_numbers():
    answer = explain(fleet(60, lambda c, rng: c["package.pandas"] == "2.1.4"))
    assert json.loads(json.dumps(asdict(answer), allow_nan=False))["suggestions"][0]["risk_ratio"] == 10_000.0


def test_a_module_is_known_by_its_package():
    configured = fleet(
        60,
        lambda c, rng: c["package.pyyaml"] == "6.0",
        **{"package.pyyaml": lambda i, rng: str(rng.choice(["5.4", "6.0"]))},
    )
    twins = [
        Environment(
            e.id, e.service, e.configuration | {"package.aaa": e.configuration["package.pyyaml"]}, 1, e.failures
        )
        for e in configured
    ]
    assert keys(explain(twins, packages=["yaml"]).suggestions[0]) == {"package.pyyaml"}
