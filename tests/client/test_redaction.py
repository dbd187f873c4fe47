"""Nothing of a corpus of secrets comes out, by any way; what tells failures apart does."""

import hashlib
import json
import re

import pytest
from secrets_corpus import SECRETS

from otel_insights.redaction import COUNT, REDACTED, Redactor

KEPT = (
    "No module named 'pandas.core.tokens'",
    "numpy.dtype size changed, may indicate binary incompatibility. Expected 96 from C header, got 88 from PyObject",
    "'NoneType' object has no attribute 'secret'",
    '  File "/usr/lib/python3.11/site-packages/urllib3/connectionpool.py", line 468, in _make_request',
    "connect to localhost:5432 and 127.0.0.1:8080 and ::1 failed",
    "unexpected token at line 3, column 7",
    "self.local.value = threading.local()",
    "torch==2.1.0+cu118 needs numpy>=1.26.4 at 2024-01-02T03:04:05Z",
    "commit 2fd4e1c67a2d28fced849ee1bb76e7391b93eb12 of job 3f2504e0-4f89-11d3-9a0c-0305e82c3301",
    "def login(self, password: str, token: str | None = None) -> None",
    "KeyError: 'order'",
    "AutoTokenizer(tokenizer=Bert, max_tokens=100), footprint: 12, robotpath=x",
    "invalid token:\n  the line",
    "sys.path.com_error(1.2.3)",
    "click-plugins==1.1.1.2 is installed, but click-plugins>=1.1.1.3 is needed",
    "took 1234567890123 ns of 17 at std::vector::push_back",
)


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_does_not_come_out_of_a_text(name):
    text, secret = SECRETS[name]
    assert secret in text
    redactor = Redactor()
    cleaned = redactor.text(text)
    assert secret not in cleaned
    assert redactor.count > 0


@pytest.mark.parametrize("text", KEPT)
def test_what_tells_failures_apart_stays(text):
    assert Redactor(hostname="localhost").text(text) == text


def test_what_is_clean_stays_clean():
    for text, _ in SECRETS.values():
        once = Redactor().text(text)
        assert Redactor().text(once) == once


def test_an_attribute_with_a_secrets_name_loses_its_value_at_any_depth_and_is_counted():
    cleaned = Redactor().attributes({"db.password": "x1", "user": {"api_key": "x2", "n": [{"token": 3}]}, "plain": 7})
    assert cleaned == {
        "db.password": REDACTED,
        "user": {"api_key": REDACTED, "n": [{"token": REDACTED}]},
        "plain": 7,
        COUNT: 3,
    }
    assert Redactor().attributes({"ann@shop.example": 1, "by": {"10.1.2.3": 2, "sk-abcdefghijklmnop1": 3}}) == {
        "[email]": 1,
        "by": {"[ip]": 2, "[redacted]": 3},
        COUNT: 3,
    }
    assert Redactor().attributes({"package.version": "1.1.1.2"}) == {"package.version": "1.1.1.2"}
    assert Redactor().attributes({"gen_ai.usage.input_tokens": 9}) == {"gen_ai.usage.input_tokens": 9}


def test_with_a_salt_equal_hosts_can_be_told_to_be_equal_and_not_what_they_are():
    hashed = [Redactor(salt="pepper").text(f"no route to {host}") for host in ("10.1.2.3", "10.1.2.3", "10.1.2.4")]
    assert hashed[0] == hashed[1] != hashed[2]
    assert re.fullmatch(r"no route to \[ip:[0-9a-f]{16}\]", hashed[0])
    assert Redactor(salt="other").text("no route to 10.1.2.3") != hashed[0]


def test_the_own_host_is_nobodys_business():
    assert Redactor(hostname="web-7f9c").text("lock held by web-7f9c:4711") == "lock held by [host]:4711"


@pytest.mark.parametrize(
    "text", ["a" * 200_000, "password" * 20_000, "a." * 100_000, "1:" * 100_000, "x://" * 50_000, "-" * 99_999]
)
def test_a_text_made_to_be_slow_is_not(text):
    """Linear: it would take hours otherwise; nothing is timed, a run that hangs fails by itself."""
    assert Redactor().text(text)


LEAKING = """
import os, sys
SETUP
texts = __import__("json").loads(os.environ["CORPUS"])
class Failed(Exception):
    pass
def connect(password):
    raise Failed("\\n".join(texts))
try:
    connect(password="hunter2-in-source")
except Failed as error:
    otel_insights.record_event("told", {f"text.{n}": text for n, text in enumerate(texts)})
    otel_insights.record_exception(error, attributes={"secret": "hunter3", "argv": sys.argv[1:]})
"""


@pytest.mark.parametrize("mode", ["full", "frames", "hash"])
async def test_no_secret_leaves_a_process_by_message_trace_attributes_environment_or_arguments(world, mode):
    texts = [text for text, _ in SECRETS.values()]
    setup = (
        "import otel_insights; otel_insights.instrument("
        f"stacktrace={mode!r}, packages=False, environment_variables=['CORPUS'])"
    )
    outcome = await world.run(LEAKING, setup=setup, env={"CORPUS": json.dumps(texts)}, args=texts)
    assert (outcome.code, outcome.err) == (0, "")
    assert [one.name for one in outcome.events] == ["told", "exception"]
    sent = b"".join(payload.data for payload in world.sink.got).decode("utf-8", "replace")
    secrets = [secret for _, secret in SECRETS.values()] + ["hunter2-in-source", "hunter3"]
    # some secrets are parts of words that may stay, alone
    assert [secret for secret in secrets if secret in sent and len(secret) > 4] == []
    event = outcome.exceptions[0]
    assert event.attributes[COUNT] > 40
    assert ("exception.stacktrace" in event.attributes) is (mode != "hash")
    assert ("connect(password=" in event.attributes.get("exception.stacktrace", "")) is (mode == "full")
    assert ("otel_insights.exception.stacktrace.hash" in event.attributes) is (mode == "hash")


BY_ANY_WAY = """
import json, os
SETUP
from otel_insights import *
from opentelemetry import trace
for text in json.loads(os.environ["CORPUS"]):
    start_session(text, {"told": text})
    record_metric("measured", 1, {"told": text})
    record_metric("told", text)
    record_event("told", {"list": [text, {"deep": text}], "by": {text: 1}, text: 1})
    with operation("operation " + text, told=text) as told:
        told.set(more=text)
    try:
        with track_run(text, text, product=text, platform=text, input_summary=text, git_repo=text) as run:
            run.log_event("told", {"told": text})
            run.set_metrics(cost=text)
            run.output_summary = text
            with operation("fails"):
                raise RuntimeError(text)
    except RuntimeError:
        pass
    associate_commit("run", "a" * 40, "manual", text)
    send_error_event(text, 'Traceback:\\n  File "x.py", line 1, in f\\nValueError: ' + text, extra={"told": text})
    with trace.get_tracer("theirs").start_as_current_span("span " + text, attributes={"told": text}) as span:
        span.add_event("event " + text, {"told": text})
        span.record_exception(ValueError(text))
        span.set_status(trace.Status(trace.StatusCode.ERROR, text))
    flush(20)
end_session({"told": text})
"""


async def test_no_secret_leaves_a_process_by_anything_that_it_tells(world):
    texts = [text for text, _ in SECRETS.values()]
    outcome = await world.run(BY_ANY_WAY, env={"CORPUS": json.dumps(texts)})
    assert (outcome.code, outcome.err) == (0, "")
    assert len(outcome.spans) == 4 * len(texts)
    sent = b"".join(payload.data for payload in world.sink.got).decode("utf-8", "replace")
    assert [secret for _, secret in SECRETS.values() if secret in sent and len(secret) > 4] == []


TOLD = """
import otel_insights
SETUP
told = {"user.id": "ann", "from": "10.1.2.3", "by": "ann@shop.example", "why": "order-AB12"}
otel_insights.record_event("told", told)
with otel_insights.track_run("crawler") as run:
    run.set_metrics(note="order-AB12")
"""


@pytest.mark.parametrize(
    ("setup", "env"),
    [
        (
            r"""otel_insights.instrument(
                rules=['ips', 'emails'], keep=['from'], hash=['user.id'], hash_salt='pepper',
                patterns=[r'order-\w{2,9}'],
            )""",
            {},
        ),
        (
            "otel_insights.instrument()",
            {
                "OTEL_INSIGHTS_REDACTION_RULES": "ips, emails",
                "OTEL_INSIGHTS_REDACTION_KEEP": "from",
                "OTEL_INSIGHTS_REDACTION_HASH": "user.id",
                "OTEL_INSIGHTS_HASH_SALT": "pepper",
                "OTEL_INSIGHTS_REDACTION_PATTERNS": "invoice-\\d+\norder-\\w{2,9}",
            },
        ),
    ],
    ids=["arguments", "variables"],
)
async def test_rules_kept_and_hashed_names_and_patterns_can_be_chosen_as_in_the_server(world, setup, env):
    outcome = await world.run(TOLD, setup=setup, env=env)
    told, _, ended = [one.attributes for one in outcome.events if one.name != "package.info"]
    assert told["user.id"] == hashlib.sha256(b"annpepper").hexdigest()[:16]
    assert told["from"] == "10.1.2.3"
    assert re.fullmatch(r"\[email:[0-9a-f]{16}\]", told["by"])
    assert told["why"] == ended["otel_insights.run.metric.note"] == "[redacted]"
