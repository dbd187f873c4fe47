"""What of a next hop's trouble is logged."""

from otel_insights.exporters.trouble import QUIET, Trouble


def test_the_same_trouble_is_news_once():
    trouble = Trouble()
    assert [trouble.is_news("UNAVAILABLE", now) for now in (0, 1, 1000)] == [True, False, False]


def test_another_trouble_is_news_unless_something_was_told_just_now():
    trouble = Trouble()
    assert trouble.is_news("UNAVAILABLE", 0)
    assert not trouble.is_news("INTERNAL", QUIET / 2)
    assert trouble.is_news("INTERNAL", QUIET)


def test_only_trouble_that_was_told_can_be_over():
    trouble = Trouble()
    assert not trouble.is_over(0)
    assert trouble.is_news("UNAVAILABLE", 1)
    assert trouble.is_over(1 + QUIET)
    assert not trouble.is_over(1 + 2 * QUIET)


def test_a_next_hop_that_changes_its_mind_all_the_time_makes_a_line_every_quiet_time_at_most():
    trouble, lines = Trouble(), 0
    for tenth in range(1000):
        now = tenth / 10
        lines += trouble.is_news("UNAVAILABLE", now) if tenth % 2 else trouble.is_over(now)
    assert 2 <= lines <= 100 / QUIET
