"""Incidents: what began together, and what began about then."""

from otel_insights.analysis.incidents import Change, Trouble, about, incidents

MINUTE = 60 * 10**9
T0 = 1_700_000_000_000_000_000


def trouble(id_: str, minute: float, service: str = "shop", namespace: str = "", ended: float | None = None) -> Trouble:
    end = None if ended is None else T0 + int(ended * MINUTE)
    return Trouble(id_, namespace, service, T0 + int(minute * MINUTE), end)


def grouped(*troubles: Trouble) -> list[list[str]]:
    return [[one.id for one in each.troubles] for each in incidents(troubles)]


def test_anomalies_of_one_service_within_half_an_hour_are_one_incident_and_later_ones_another():
    assert grouped(trouble("a", 0), trouble("b", 30), trouble("c", 61)) == [["a", "b"], ["c"]]


def test_anomalies_of_two_services_have_to_begin_within_two_minutes():
    assert grouped(trouble("a", 0), trouble("b", 2, "cart"), trouble("c", 5, "pay")) == [["a", "b"], ["c"]]


def test_namespaces_are_kept_apart():
    assert grouped(trouble("a", 0, namespace="eu"), trouble("b", 0, namespace="us")) == [["a"], ["b"]]


def test_anomaly_that_goes_on_for_days_does_not_draw_in_what_comes_meanwhile():
    assert grouped(trouble("a", 0), trouble("b", 3000), trouble("c", 6000)) == [["a"], ["b"], ["c"]]


def test_order_of_arrival_does_not_matter_and_the_first_to_begin_gives_the_id():
    given = [trouble("b", 10), trouble("a", 0), trouble("c", 1, "cart")]
    assert grouped(*given) == grouped(*reversed(given)) == [["a", "c", "b"]]
    assert incidents(given)[0].id == "a"


def test_incident_ends_when_all_of_it_has_ended():
    (open_one,) = incidents([trouble("a", 0, ended=5), trouble("b", 1)])
    (ended,) = incidents([trouble("a", 0, ended=5), trouble("b", 1, ended=3)])
    assert (open_one.ended_ns, ended.ended_ns) == (None, T0 + 5 * MINUTE)
    assert ended.services == ("shop",)


def test_changes_within_half_an_hour_before_are_about_an_incident_and_others_are_not():
    (one,) = incidents([trouble("a", 0), trouble("b", 4)])
    changes = [
        Change("just before", "", "shop", T0 - 2 * MINUTE),
        Change("long before", "", "shop", T0 - 31 * MINUTE),
        Change("meanwhile", "", "shop", T0 + 5 * MINUTE),
        Change("afterwards", "", "shop", T0 + 9 * MINUTE),
        Change("of another service", "", "cart", T0),
        Change("of another namespace", "eu", "shop", T0),
    ]
    assert [each.id for each in about(one, changes)] == ["just before", "meanwhile"]
