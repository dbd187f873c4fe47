"""Log templates: what belongs together is one, what does not is not, and an id stays what it was."""

import json
import random

import pytest

from otel_insights.analysis.templates import Miner


def ids(miner: Miner, *lines: str, **known: str) -> list[str]:
    """Learn the lines, then tell where each is at last."""
    for line in lines:
        miner.learn(line, **known)
    return [miner.match(line, **known).template_id for line in lines]


def test_lines_that_differ_in_values_are_one_template():
    lines = [
        "order 17 of ann@example.com paid after 3.2 ms",
        "order 4021 of bob@example.org paid after 12 ms",
        "order 5 of c.d@example.com paid after 0.1 ms",
    ]
    miner = Miner()
    assert len(set(ids(miner, *lines))) == 1
    match = miner.match(lines[1])
    assert match.template == "order <*> of <*> paid after <*>"
    assert match.parameters == ("4021", "bob@example.org", "12 ms")


@pytest.mark.parametrize(
    "values",
    [
        ("f81d4fae-7dec-11d0-a765-00a0c91e6bf6", "0b2f0c1e-17b5-4f0c-9ed7-6a01a63c2a5e"),
        ("https://example.com/a?b=1", "ftp://files/"),
        ("10.0.0.7:5432", "192.168.1.1:80"),
        ("2026-01-01T00:00:00Z", "2025-12-31 23:59:59,123"),
        ("/var/lib/a.db", "/srv/b"),
        ("'a b'", "'c'"),
        ("Point(x=1, y=2)", "Point(x=-3, y=[1, 2])"),
        ("<Session object at 0x7f0cc510f110>", "<Session object at 0x1a>"),
        ("{'a': 1, 'b': [2, 3]}", "{'a': None}"),
        ("3 MB", "17.5 KiB"),
    ],
    ids=lambda values: values[0],
)
def test_what_looks_like_a_value_is_one(values):
    first, second = ids(Miner(), *(f"the cache gave {value} back" for value in values))
    assert first == second


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("worker 3 started", "worker 3 stopped"),
        ("login of ann succeeded", "login of ann failed"),
        ("cache enabled: yes", "cache enabled: no"),
        ("ready=true", "ready=false"),
        ("[ERROR] in handler", "[INFO] in handler"),
        ("link eth0 is up", "link eth0 is down"),
        ("state 'open' of 7", "state 'closed' of 7"),
        ("job 7 (state=running)", "job 8 (state=killed)"),
    ],
)
@pytest.mark.parametrize("site", ["", "app.py:run:17"])
def test_lines_that_differ_in_a_word_that_decides_are_two(one, other, site):
    lines = [line.replace("3", str(number)) for number in range(20) for line in (one, other)]
    found = ids(Miner(), *lines, site=site)
    assert len(set(found)) == 2
    assert found[0] != found[1]


def test_a_place_with_many_words_becomes_a_value_under_the_id_of_before():
    miner = Miner()
    names = ["ann", "bob", "cid", "dora", "eve", "fritz"]
    first = miner.learn("customer ann has paid at last")
    found = ids(miner, *(f"customer {name} has paid at last" for name in names))
    assert set(found) == {first.template_id}
    assert miner.match("customer ann has paid at last").template == "customer <*> has paid at last"


def test_what_goes_into_another_template_is_told_once():
    miner = Miner()
    seen = [miner.learn(f"customer {name} has paid at last").template_id for name in ("ann", "bob", "cid", "dora")]
    merged = [one for one in miner.take_changes() if one.into]
    assert {one.into for one in merged} == {seen[0]}
    assert {one.id for one in merged} > set(seen[1:3])
    assert seen[3] == seen[0]
    assert miner.take_changes() == []


def test_only_the_first_line_of_a_template_is_news():
    miner = Miner()
    assert [miner.learn(f"took {n} s").is_new for n in range(3)] == [True, False, False]


def test_ids_depend_on_the_key_and_the_text_and_on_no_process():
    assert Miner("shop").learn("took 3 s").template_id == Miner("shop").learn("took 99 s").template_id
    assert Miner("shop").learn("took 3 s").template_id != Miner("till").learn("took 3 s").template_id


def test_a_miner_goes_on_from_the_changes_of_another():
    lines = [f"customer {name} has paid {n} euros" for n, name in enumerate(["ann", "bob", "cid", "dora", "eve"])]
    lines += ["worker started", "worker stopped", "set 'a' to 3"]
    before = Miner("shop")
    kept = {}
    expected = []
    for line in lines:
        before.learn(line)
        kept |= {one.id: one for one in before.take_changes()}
    expected = [before.match(line).template_id for line in lines]
    expected += ids(before, "called back 3 times", "called back 4 times", site="a.py:1")
    kept |= {one.id: one for one in before.take_changes()}
    assert not before.has_changed
    after = Miner.recall("shop", list(kept.values()))
    assert [after.match(line).template_id for line in lines] + [
        after.match(f"called back {n} times", site="a.py:1").template_id for n in (3, 4)
    ] == expected
    assert after.learn("customer fred has paid 3 euros").template_id == expected[0]
    assert not after.learn("worker started").is_new
    assert not after.has_changed


def test_first_words_that_vary_become_one_template_and_no_search_without_end():
    words = [f"{one}{other}" for one in "abcdef" for other in "klmno"]
    miner = Miner()
    assert len(set(ids(miner, *(f"{word} works" for word in words)))) == 1
    assert miner.match("ak works").template == "<*> works"


def test_the_order_of_arrival_does_not_matter_in_the_end():
    lines = [f"user {name} bought {n} of {what}" for n, name in enumerate("abcdefgh") for what in ("tea", "jam")]
    lines += ["worker started", "worker stopped"] * 3
    groups = set()
    for seed in range(5):
        shuffled = random.Random(seed).sample(lines, len(lines))
        miner = Miner()
        for line in shuffled:
            miner.learn(line)
        by_id: dict[str, set[str]] = {}
        for line in lines:
            by_id.setdefault(miner.match(line).template_id, set()).add(line)
        groups.add(frozenset(map(frozenset, by_id.values())))
    assert len(groups) == 1


def test_the_least_recently_needed_templates_make_room_and_come_back_under_their_id():
    miner = Miner(most_templates=16)
    words = [f"{one}{other}" for one in "abcdefghij" for other in "klmnop"]
    first = miner.learn("the very first message of all")
    for word in words:
        miner.learn(f"{word} goes its own way")
        assert len(miner) <= 16
    assert miner.match("the very first message of all") is None
    again = miner.learn("the very first message of all")
    assert again.is_new
    assert again.template_id == first.template_id


def test_one_place_in_the_code_is_one_template_whatever_is_put_in():
    miner = Miner()
    lines = ["could not reach ann", "could not reach the far side", "could not reach a-b, giving way"]
    assert len(set(ids(miner, *lines, site="net.py:call:12"))) == 1
    assert len(set(ids(Miner(), *lines))) == 3


def test_one_place_that_serves_many_callers_is_told_apart_by_their_words():
    lines = ["cache is warm", "order 17 was paid", "the moon rises"]
    assert len(set(ids(Miner(), *lines, site="log.py:debug:3"))) == 3


def test_a_wrapper_with_very_many_callers_tells_nothing():
    miner = Miner()
    texts = [
        f"{a}{b} does {c}{d} thing"
        for a, b, c, d in zip("abcdefghijklmnopq", "rstuvwxyzabcdefgh", "q" * 17, "xyzxyzxyzxyzxyzxy", strict=True)
    ]
    ids(miner, *texts, site="log.py:debug:3")
    assert miner.learn("took 3 s", site="log.py:debug:3").template_id == miner.learn("took 4 s").template_id


def test_a_template_that_the_sender_names_is_taken_as_it_is():
    miner = Miner()
    first, second = ids(miner, "ann has paid", "bob has left", known="{who} has {what}")
    assert first == second
    assert miner.match("ann has paid", known="{who} has {what}").template == "{who} has {what}"


@pytest.mark.parametrize(
    ("body", "template"),
    [
        ('{"level": "info", "message": "took 3 s", "n": 1}', "took <*>"),
        ('ts=2026-01-01 level=info msg="took 3 s" n=1', "took <*>"),
        ("took 3 s\n  at line 1\n  at line 2", "took <*>"),
        ("\n\n  took 3 s\n", "took <*>"),
        ('{"b": 1, "a": 2}', "{a b}"),
        ('{"not json"', None),
        ("用户 17 登录", "用户 <*> 登录"),
        ("用户17登录", "用户<*>登录"),
        ("Пользователь 3 вошёл", "Пользователь <*> вошёл"),
        ("tok 3 sekund 🚀", "tok <*> sekund 🚀"),
    ],
)
def test_a_body_is_read_by_its_sentence(body, template):
    match = Miner().learn(body)
    if template is not None:
        assert match.template == template


@pytest.mark.parametrize("body", ["", "   ", "\n\t\n", "\x00\x01\x02"])
def test_a_body_without_text_has_no_template(body):
    assert Miner().learn(body) is None


@pytest.mark.parametrize(
    "body", ["x" * 1_000_000, "(" * 50_000, "a=" * 50_000, "'\"" * 5_000, "1.2." * 50_000, "\ud800 broken"]
)
def test_no_body_is_too_odd(body):
    miner = Miner()
    match = miner.learn(body)
    assert match is not None
    assert len(match.template) < 10_000
    assert miner.match(body).template_id == match.template_id
    json.dumps([one.tokens for one in miner.take_changes()]).encode()


@pytest.mark.parametrize("redacted", ["10.1.2.3", "[ip]", "[ip:1b78504f190e134d]"])
def test_an_address_that_was_redacted_is_a_value_as_it_was_before(redacted):
    found = Miner().learn(f"no route to {redacted} for shop")
    assert found is not None
    assert found.template == "no route to <*> for shop"
