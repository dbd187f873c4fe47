"""What makes two exceptions the same, and what does not."""

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_insights.analysis.fingerprint import Fingerprint, fingerprint

LIBRARY = """Traceback (most recent call last):
  File "/app/shop/web.py", line 7, in checkout
    return total(cart)
  File "/app/shop/cart.py", line 12, in total
    return client.get(item)
  File "/usr/lib/python3.11/site-packages/redis/client.py", line 621, in execute_command
    conn = pool.get_connection()
redis.exceptions.ConnectionError: Error 111 connecting to 10.0.0.9:6379. Connection refused.
"""
OWN = """Traceback (most recent call last):
  File "/app/shop/web.py", line 7, in checkout
    return total(cart)
  File "/app/shop/cart.py", line 12, in total
    return prices[item]
KeyError: 'A-17'
"""
CONTEXT = "\nDuring handling of the above exception, another exception occurred:\n\n"


def of(stack: str, **settings: object) -> Fingerprint:
    kind, _, message = stack.rstrip().rsplit("\n", 1)[-1].partition(": ")
    return fingerprint(kind, message, stack, **settings)


def test_values_lines_hosts_and_call_paths_do_not_matter():
    other = LIBRARY.replace("10.0.0.9:6379", "cache-3:7000").replace("line 12", "line 99")
    other = other.replace('"/app/shop/web.py", line 7, in checkout', '"/app/shop/jobs.py", line 1, in nightly')
    assert of(other).id == of(LIBRARY).id


@pytest.mark.parametrize(
    "root", ["/srv/shop/current", "/srv/deploy/releases/20250321T002120", "/home/svc/app/src", "/var/task"]
)
def test_where_it_is_deployed_does_not_matter(root):
    assert of(LIBRARY.replace("/app", root)).id == of(LIBRARY).id


def test_libraries_beside_the_application_are_libraries():
    beside = LIBRARY.replace("/app", "/var/task").replace("/usr/lib/python3.11/site-packages", "/var/task")
    assert of(beside).id == of(LIBRARY).id


def test_marks_under_lines_do_not_matter():
    assert of(OWN.replace("prices[item]\n", "prices[item]\n           ~~~~~~^^^^^^\n")).id == of(OWN).id


def test_own_lines_tell_failures_apart_and_values_do_not():
    assert of(OWN.replace("A-17", "B-2")).id == of(OWN).id
    assert of(OWN.replace("prices[item]", "taxes[country]")).id != of(OWN).id


def test_messages_of_libraries_tell_failures_apart():
    assert of(LIBRARY.replace("Connection refused", "Name or service not known")).id != of(LIBRARY).id


def test_functions_and_types_tell_failures_apart():
    assert of(LIBRARY.replace("in total", "in stock")).id != of(LIBRARY).id
    assert of(LIBRARY.replace("exceptions.ConnectionError", "exceptions.TimeoutError")).id != of(LIBRARY).id


def test_the_root_cause_decides_and_the_wrapper_stays_visible():
    wrapped = LIBRARY + CONTEXT + OWN.replace("KeyError: 'A-17'", "shop.Unavailable: try again")
    one = of(wrapped)
    assert one.id == of(LIBRARY).id
    assert (one.exception_type, one.root_type) == ("shop.Unavailable", "redis.exceptions.ConnectionError")
    assert one.title.endswith("in shop.cart.total (as Unavailable)")


def test_a_failure_that_only_a_message_tells_of_is_the_root():
    later = of(LIBRARY.splitlines()[0] + "\n" + "\n".join(LIBRARY.splitlines()[1:-1]) + (
        "\nsqlalchemy.exc.PendingRollbackError: rolled back. "
        "Original exception was: (sqlite3.IntegrityError) UNIQUE failed"
    ))  # fmt: skip
    assert later.root_type == "sqlite3.IntegrityError"


def test_a_bare_type_from_a_logger_is_the_same_as_a_qualified_one():
    assert fingerprint("ConnectionError", "111", LIBRARY).id == of(LIBRARY).id


def test_frames_that_only_pass_a_call_on_are_skipped():
    wrapper = '  File "/app/shop/retry.py", line 5, in wrapper\n    return fn(*args, **kwargs)\n'
    lines = LIBRARY.splitlines(keepends=True)
    assert of("".join([*lines[:5], wrapper, *lines[5:]])).id == of(LIBRARY).id


def test_a_line_that_raises_what_it_was_given_is_told_by_its_message():
    one = OWN.replace("return prices[item]", "raise error").replace("KeyError: 'A-17'", "shop.Bad: no stock")
    assert of(one).id != of(one.replace("no stock", "no price")).id


ABI = """Traceback (most recent call last):
  File "/srv/app/main.py", line 3, in load
    import pandas
  File "/usr/lib/python3.11/site-packages/pandas/__init__.py", line 46, in <module>
    from pandas.core.api import (
  File "interval.pyx", line 1, in init pandas._libs.interval
ValueError: numpy.dtype size changed, may indicate binary incompatibility. Expected 96 from C header, got 88
"""


def test_compiled_modules_are_their_packages_and_the_one_they_were_not_built_for_is_named():
    assert of(ABI).packages == ("<app>", "pandas", "numpy")
    failed = ABI.replace("numpy.dtype size changed, may", "numpy.core.multiarray failed to import; may")
    assert of(failed).packages == ("<app>", "pandas", "numpy")
    assert of(ABI.replace("numpy.dtype size", "The size")).packages == ("<app>", "pandas")


def test_packages_are_named_from_the_outside_in():
    assert of(LIBRARY).packages == ("<app>", "redis")
    missing = OWN.replace("KeyError: 'A-17'", "ModuleNotFoundError: No module named 'pandas.core'")
    assert of(missing).packages == ("<app>", "pandas")
    assert of(missing.replace("pandas.core", "distutils.core").replace("distutils", "json")).packages == ("<app>",)


def test_configuration_says_what_is_in_app():
    assert "redis" not in of(LIBRARY, own=["redis"]).packages
    assert of(LIBRARY, own=["redis"]).title.endswith("in redis.client.execute_command")
    assert of(LIBRARY, library=["shop.cart"]).title.endswith("in shop.web.checkout")


def test_it_can_say_why():
    reasons = " ".join(of(LIBRARY).reasons)
    assert "shop.cart.total is the application's deepest function" in reasons
    assert "Error <n> connecting to <addr>. Connection refused." in reasons


def test_titles_and_texts_hold_no_values():
    one = of(LIBRARY)
    assert "10.0.0.9" not in one.title + one.text + " ".join(one.reasons)


def test_without_a_stack_type_and_message_decide():
    one = fingerprint("KeyError", "'a'", "")
    assert one.id == fingerprint("KeyError", "'b'", "").id
    assert not one.complete
    assert one.title == "KeyError: <q>"


def test_nothing_at_all_has_a_fingerprint_too():
    assert fingerprint("", "", "").title == "Exception"


def test_a_cut_stack_is_filled_in_from_the_attributes():
    cut = fingerprint("redis.exceptions.ConnectionError", "Error 111 connecting to x:1.", LIBRARY[:150])
    assert not cut.complete
    assert cut.root_type == "redis.exceptions.ConnectionError"
    assert any("cut" in reason for reason in cut.reasons)


def test_culprits_named_by_the_message_share_a_block_wherever_they_are_met():
    here = OWN.replace("KeyError: 'A-17'", "AttributeError: 'Cart' object has no attribute 'total'")
    there = here.replace("in total", "in stock").replace("return prices[item]", "cart.total")
    assert of(here).id != of(there).id
    assert of(here).block == of(there).block
    anything = here.replace("'Cart'", "'NoneType'")
    assert of(anything).block != of(anything.replace("in total", "in stock")).block


def test_other_runtimes_have_fingerprints_by_function():
    java = "java.lang.IllegalStateException: no connection to {}\n\tat org.apache.Pool.get(Pool.java:7)\n"
    java += "\tat com.shop.Db.open(Db.java:{})\n"
    one = fingerprint("java.lang.IllegalStateException", "", java.format("h1:100", 7))
    two = fingerprint("java.lang.IllegalStateException", "", java.format("h2:100", 9))
    assert one.id == two.id
    assert "com.shop.Db.open" in one.title


def test_ids_are_the_same_in_another_process():
    code = f"from otel_insights.analysis.fingerprint import fingerprint; print(fingerprint('E', 'm', {OWN!r}).id)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == fingerprint("E", "m", OWN).id


def test_huge_input_is_cut_and_keeps_both_ends():
    huge = OWN.replace("KeyError", '  File "/app/shop/x.py", line 1, in f\n    g()\n' * 20_000 + "KeyError")
    one = of(huge)
    assert one.root_type == "KeyError"
    assert one.complete


anything = st.text(max_size=80) | st.sampled_from([LIBRARY, OWN, LIBRARY + CONTEXT + OWN, "a" * 70_000, "\ud800"])


@settings(max_examples=300, deadline=None)
@given(anything, anything, st.lists(anything, max_size=4).map("".join))
def test_nothing_that_arrives_raises(kind, message, stack):
    one = fingerprint(kind, message, stack)
    assert len(one.id) == 16
    assert one.id == fingerprint(kind, message, stack).id
    assert one.raise_keys
    assert one.reasons
    assert "\n" not in one.title
