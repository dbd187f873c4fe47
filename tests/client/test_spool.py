"""The spool: bounded, the owner's alone, whole through deaths, and for many processes at once."""

import os
import stat
import subprocess
import sys

import pytest
from otlp_samples import log, logs, resource, span, spans

from otel_insights import otlp_json
from otel_insights.client.lines import line, records, request
from otel_insights.client.replay import Replay
from otel_insights.client.spool import Answer, Spool
from otel_insights.payload import Signal

DAY = 86_400.0


class Clock:
    now = 1_764_072_000.0

    def __call__(self):
        return self.now


def all_of(spool: Spool) -> list[bytes]:
    """Replay everything into a list."""
    got: list[bytes] = []
    assert spool.replay(lambda one: got.append(one) or Answer.TAKEN)
    return got


def test_what_is_kept_comes_back_in_order_and_once(tmp_path):
    spool = Spool(tmp_path / "spool")
    assert all(spool.keep(text) for text in (b"one", b"two", b"three"))
    assert all_of(spool) == [b"one", b"two", b"three"]
    assert (all_of(spool), spool.files(), spool.dropped) == ([], [], 0)


@pytest.mark.skipif(sys.platform == "win32", reason="has no such modes")
def test_files_are_the_owners_alone(tmp_path):
    spool = Spool(tmp_path / "a" / "spool")
    spool.keep(b"secret")
    assert {stat.S_IMODE(one.stat().st_mode) for one in (tmp_path / "a" / "spool").iterdir()} == {0o600}
    assert stat.S_IMODE(spool.folder.stat().st_mode) == 0o700


def test_there_is_a_file_for_each_day(tmp_path):
    clock = Clock()
    spool = Spool(tmp_path, clock=clock)
    spool.keep(b"today")
    clock.now += DAY
    spool.keep(b"tomorrow")
    assert [path.name for path in spool.files()] == ["events_20251125.jsonl", "events_20251126.jsonl"]


def test_beyond_the_bound_the_oldest_are_dropped_and_counted(tmp_path):
    spool = Spool(tmp_path, max_bytes=1000)
    for number in range(100):
        assert spool.keep(b"%03d" % number + b"." * 46)
    assert spool.size() <= 1000
    kept = all_of(spool)
    assert kept[-1].startswith(b"099")
    assert kept == sorted(kept)
    assert len(kept) + spool.dropped == 100
    assert not spool.keep(b"." * 1001)
    assert spool.dropped == 100 - len(kept) + 1


def test_what_is_too_old_is_dropped_and_counted(tmp_path):
    clock = Clock()
    spool = Spool(tmp_path, clock=clock)
    spool.keep(b"old")
    (old,) = spool.files()
    os.utime(old, (clock.now, clock.now))
    clock.now += 8 * DAY
    spool.keep(b"new")
    assert (all_of(spool), spool.dropped) == ([b"new"], 1)


def test_a_line_that_somebody_died_in_spoils_no_other(tmp_path):
    spool = Spool(tmp_path)
    spool.keep(b"one")
    with spool.files()[0].open("ab") as file:
        file.write(b"half a li")
    spool.keep(b"two")
    assert all_of(spool) == [b"one", b"half a li", b"two"]


def test_what_will_never_be_taken_is_dropped_and_what_comes_later_is_kept(tmp_path):
    spool = Spool(tmp_path)
    for text in (b"never", b"taken", b"later", b"behind"):
        spool.keep(text)
    answers = {b"never": Answer.NEVER, b"taken": Answer.TAKEN, b"later": Answer.LATER}
    assert not spool.replay(answers.__getitem__)
    assert spool.dropped == 1
    spool.keep(b"newer")
    assert all_of(spool) == [b"later", b"behind", b"newer"]


def test_a_replay_that_dies_repeats_one_line_at_most(tmp_path):
    spool = Spool(tmp_path)
    for text in (b"one", b"two", b"three"):
        spool.keep(text)
    got = []

    def send(text: bytes) -> Answer:
        got.append(text)
        if text == b"two":
            raise KeyboardInterrupt
        return Answer.TAKEN

    with pytest.raises(KeyboardInterrupt):
        spool.replay(send)
    assert all_of(spool) == [b"two", b"three"]


def test_a_folder_that_cannot_be_made_drops_and_counts(tmp_path):
    (tmp_path / "file").write_text("")
    spool = Spool(tmp_path / "file" / "spool")
    assert not spool.keep(b"one")
    assert spool.dropped == 1


WRITER = """
import sys
from pathlib import Path
from otel_insights.client.spool import Spool
spool = Spool(Path(sys.argv[1]))
print(sum(spool.keep(b'%s-%03d' % (sys.argv[2].encode(), number)) for number in range(200)))
"""
READER = """
import select, sys
from pathlib import Path
from otel_insights.client.spool import Answer, Spool
spool = Spool(Path(sys.argv[1]))
while not select.select([sys.stdin], [], [], 0.001)[0]:
    spool.replay(lambda line: print(line.decode()) or Answer.TAKEN)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="select is for sockets there")
def test_many_processes_may_write_and_replay_at_once_and_every_line_comes_once(tmp_path):
    def start(program, *args):
        return subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path / "spool"), *args], stdin=-1, stdout=-1, text=True
        )

    readers = [start(READER), start(READER)]
    writers = [start(WRITER, name) for name in "abc"]
    assert [one.communicate(timeout=60)[0] for one in writers] == ["200\n"] * 3
    got = [text for one in readers for text in one.communicate(timeout=60)[0].split()]
    got += [text.decode() for text in all_of(Spool(tmp_path / "spool"))]
    assert sorted(got) == [f"{name}-{number:03}" for name in "abc" for number in range(200)]


def test_the_replay_waits_longer_after_each_failure_and_begins_anew_after_success(tmp_path):
    clock = Clock()
    spool = Spool(tmp_path)
    spool.keep(b"one")
    asked, answer = [], Answer.LATER

    def send(_: bytes) -> Answer:
        asked.append(clock.now)
        return answer

    replay = Replay(spool, send, clock=clock, jitter=lambda _, most: most)
    began = clock.now
    for _ in range(1000):
        replay()
        clock.now += 1.0
    assert [one - began for one in asked] == [0, 1, 3, 7, 15, 31, 63, 127, 255, 511, 811]
    answer = Answer.TAKEN
    clock.now += 300
    replay()
    assert spool.files() == []


def test_a_replay_gives_way(tmp_path):
    spool = Spool(tmp_path)
    spool.keep(b"one")
    spool.keep(b"two")
    got = []
    replay = Replay(spool, lambda text: got.append(text) or Answer.TAKEN)
    replay(lambda: bool(got))
    assert got == [b"one"]
    replay()
    assert got == [b"one", b"two"]


def test_a_line_serialises_to_the_bytes_that_were_sent_here_and_in_the_server():
    nested = log("body", {"text": 'ä\u2028\n"', "empty": "", "n": -3}, event="exception", trace_id=b"\1" * 16)
    for key, value in (
        ("double_value", 0.1),
        ("bool_value", False),
        ("bytes_value", b"\0\xff"),
        ("double_value", -0.0),
    ):
        setattr(nested.attributes.add(key=key).value, key, value)
    nested.attributes.add(key="nothing").value.SetInParent()
    nested.attributes.add(key="list").value.array_value.values.add(string_value="one")
    nested.attributes.add(key="map").value.kvlist_value.values.add(key="traceId").value.string_value = "no id"
    for signal, payload in (
        (Signal.LOGS, logs(nested, log("other"), of=resource("i", "shop", "team", host__arch="amd64"))),
        (Signal.TRACES, spans(span(1, {"exception.type": "E"}, parent=7), span(2))),
    ):
        text = line(payload.message())
        assert b"\n" not in text
        assert request(text) == (signal.value, payload.data)
        assert otlp_json.to_protobuf(signal, text) == payload.data
        assert records(text) == 2


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"{}", b'{"resourceLogs": 3}', b'{"resourceSpans": [{"x": 1'])
def test_what_is_no_request_is_told(text):
    with pytest.raises(ValueError):  # noqa: PT011 - json says what is wrong with it
        request(text)
    assert records(text) == 0


def test_a_spool_that_is_not_there_holds_nothing(tmp_path):
    assert Spool(tmp_path / "none").files() == []
    assert Spool(tmp_path / "none").replay(lambda _: Answer.TAKEN)
