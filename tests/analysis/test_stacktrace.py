"""Stack traces as they really arrive."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_insights.analysis.frames import Frame, Raised
from otel_insights.analysis.stacktrace import parse

SIMPLE = """Traceback (most recent call last):
  File "/app/shop/web.py", line 7, in checkout
    return total(cart)
           ^^^^^^^^^^^
  File "/app/shop/cart.py", line 12, in total
    return prices[item]
           ~~~~~~^^^^^^
KeyError: 'id'
"""
CAUSE = "\nThe above exception was the direct cause of the following exception:\n\n"
CONTEXT = "\nDuring handling of the above exception, another exception occurred:\n\n"


def shape(text: str) -> list[tuple[str, str, list[str], str | None]]:
    return [(e.type, e.message, [f.function for f in e.frames], e.link) for e in parse(text)]


def test_frames_run_from_the_outermost_to_the_one_that_raised():
    (raised,) = parse(SIMPLE)
    assert raised == Raised(
        "KeyError",
        "'id'",
        (
            Frame("/app/shop/web.py", "checkout", 7, "return total(cart)"),
            Frame("/app/shop/cart.py", "total", 12, "return prices[item]"),
        ),
        None,
    )


def test_the_root_cause_comes_first_and_the_reported_exception_last():
    text = (
        SIMPLE
        + CAUSE
        + SIMPLE.replace("KeyError: 'id'", "shop.Bad: no")
        + CONTEXT
        + SIMPLE.replace("KeyError", "OSError")
    )
    assert [(e.type, e.link) for e in parse(text)] == [
        ("KeyError", None),
        ("shop.Bad", "cause"),
        ("OSError", "context"),
    ]


def test_carriage_returns_and_colours_do_not_matter():
    assert parse(SIMPLE.replace("\n", "\r\n")) == parse(SIMPLE)
    assert parse(SIMPLE.replace("KeyError", "\x1b[1;35mKeyError\x1b[0m")) == parse(SIMPLE)


def test_text_that_was_escaped_once_too_often_is_read():
    assert parse(SIMPLE.replace('"', '\\"').replace("\n", "\\n")) == parse(SIMPLE)


def test_messages_may_have_many_lines_and_notes():
    (raised,) = parse(SIMPLE + "second line\n\nlast: line\n")
    assert raised.message == "'id'\nsecond line\n\nlast: line"


def test_exceptions_without_message_and_with_local_types():
    assert parse(SIMPLE.replace("KeyError: 'id'", "TimeoutError"))[0].type == "TimeoutError"
    assert parse(SIMPLE.replace("KeyError: 'id'", "shop.f.<locals>.Bad: x"))[0].type == "shop.f.<locals>.Bad"


def test_repeated_lines_are_no_frames_and_no_code():
    text = SIMPLE.replace("KeyError", "  [Previous line repeated 974 more times]\nRecursionError")
    assert shape(text) == [("RecursionError", "'id'", ["checkout", "total"], None)]


def test_syntax_errors_tell_where():
    text = 'Traceback (most recent call last):\n  File "run.py", line 1, in <module>\n    import bad\n'
    text += "  File \"bad.py\", line 3\n    f(\n     ^\nSyntaxError: '(' was never closed\n"
    (raised,) = parse(text)
    assert raised.type == "SyntaxError"
    assert raised.frames[-1] == Frame("bad.py", "<module>", 3, "f(")


GROUP = """  + Exception Group Traceback (most recent call last):
  |   File "/app/a.py", line 9, in main
  |     async with TaskGroup() as group:
  | ExceptionGroup: unhandled errors in a TaskGroup (2 sub-exceptions)
  +-+---------------- 1 ----------------
    | Traceback (most recent call last):
    |   File "/app/a.py", line 3, in one
    |     1 / 0
    | ZeroDivisionError: division by zero
    +---------------- 2 ----------------
    | Traceback (most recent call last):
    |   File "/app/a.py", line 6, in two
    |     {}["k"]
    | KeyError: 'k'
    +------------------------------------
"""


def test_members_of_a_group_come_before_the_group():
    assert shape(GROUP) == [
        ("ZeroDivisionError", "division by zero", ["one"], None),
        ("KeyError", "'k'", ["two"], None),
        ("ExceptionGroup", "unhandled errors in a TaskGroup (2 sub-exceptions)", ["main"], "group"),
    ]


def test_a_traceback_inside_a_message_is_the_cause():
    remote = 'multiprocessing.pool.RemoteTraceback: \n"""\n' + SIMPLE + '"""\n' + CAUSE + SIMPLE
    types = [e.type for e in parse(remote)]
    assert types == ["KeyError", "multiprocessing.pool.RemoteTraceback", "KeyError"]


def test_a_cut_tail_leaves_the_type_empty():
    (raised,) = parse(SIMPLE[: SIMPLE.index("    return prices")])
    assert (raised.type, [f.function for f in raised.frames]) == ("", ["checkout", "total"])


def test_a_cut_head_still_gives_frames():
    (raised,) = parse(SIMPLE[SIMPLE.index("  File", 60) :])
    assert (raised.type, [f.function for f in raised.frames]) == ("KeyError", ["total"])


def test_diffs_and_tables_in_messages_are_not_taken_for_groups():
    message = "AssertionError: no\n+---+---+\n| a | b |\n+ File: x\n"
    (raised,) = parse(SIMPLE.replace("KeyError: 'id'\n", message))
    assert raised.message.endswith("+ File: x")


JAVA = """java.lang.RuntimeException: cannot start
\tat com.shop.Main.start(Main.java:20)
\tat com.shop.Main.main(Main.java:5)
\tSuppressed: java.io.IOException: close
\t\tat com.shop.Log.close(Log.java:1)
Caused by: java.lang.IllegalStateException: no connection
\tat com.shop.Db.open(Db.java:77)
\t... 2 more
"""
DOTNET = """System.InvalidOperationException: outer
 ---> System.ArgumentNullException: Value cannot be null.
   at Shop.Cart.Add(String item) in /src/Shop/Cart.cs:line 12
   --- End of inner exception stack trace ---
   at Shop.Web.Post(Request r) in /src/Shop/Web.cs:line 40
   at Shop.Program.Main()
"""
NODE = """TypeError: Cannot read properties of undefined (reading 'id')
    at total (/app/src/cart.js:12:5)
    at async checkout (file:///app/src/web.js:7:3)
    at /app/src/index.js:3:1
    at process.processTicksAndRejections (node:internal/process/task_queues:95:5)
"""
GO = """panic: runtime error: index out of range [5] with length 3 [recovered]

goroutine 1 [running]:
main.(*Cart).total(0xc000012345, {0x1, 0x2})
\t/app/cart.go:12 +0x1d
main.main()
\t/app/main.go:8 +0x25
"""
RUBY = """/app/cart.rb:12:in `total': undefined method `id' for nil (NoMethodError)
\tfrom /app/web.rb:7:in `checkout'
"""
PHP = """PHP Fatal error:  Uncaught TypeError: bad argument in /app/cart.php:12
Stack trace:
#0 /app/web.php(7): total()
#1 {main}
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            JAVA,
            [
                ("java.lang.IllegalStateException", ["com.shop.Db.open"]),
                ("java.lang.RuntimeException", ["com.shop.Main.main", "com.shop.Main.start"]),
            ],
        ),
        (
            DOTNET,
            [
                ("System.ArgumentNullException", ["Shop.Cart.Add"]),
                ("System.InvalidOperationException", ["Shop.Program.Main", "Shop.Web.Post"]),
            ],
        ),
        (NODE, [("TypeError", ["process.processTicksAndRejections", "<anonymous>", "checkout", "total"])]),
        (GO, [("panic", ["main.main", "main.(*Cart).total"])]),
        (RUBY, [("NoMethodError", ["checkout", "total"])]),
        (PHP, [("TypeError", ["{main}", "total"])]),
    ],
)
def test_other_runtimes_are_read_in_the_same_order(text, expected):
    assert [(e.type, [f.function for f in e.frames]) for e in parse(text)] == expected


def test_other_runtimes_frames_have_files_and_lines():
    assert parse(GO)[0].frames[-1] == Frame("/app/cart.go", "main.(*Cart).total", 12)
    assert parse(JAVA)[0].frames[-1] == Frame("Db.java", "com.shop.Db.open", 77)
    assert parse(DOTNET)[0].frames[-1] == Frame("/src/Shop/Cart.cs", "Shop.Cart.Add", 12)
    assert parse(NODE)[0].frames[-1] == Frame("/app/src/cart.js", "total", 12)


def test_a_javascript_cause_is_the_root():
    text = NODE + "  [cause]: Error: connect ECONNREFUSED\n      at connect (/app/src/db.js:1:1)\n  }\n"
    assert [e.type for e in parse(text)] == ["Error", "TypeError"]


@pytest.mark.parametrize(
    "text", ["", "\n", "nothing of the kind", "\x00", "🦆" * 10, "Traceback (most recent call last):"]
)
def test_what_is_no_stack_trace_gives_nothing(text):
    assert parse(text) == ()


PIECES = st.sampled_from(
    [
        *SIMPLE.splitlines(True), *GROUP.splitlines(True), *JAVA.splitlines(True), *DOTNET.splitlines(True),
        *NODE.splitlines(True), *GO.splitlines(True), CAUSE, CONTEXT, "\r", "  +-", "| ", '"""',
        "(", ") in ", ":line 9",
    ]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES | st.text(max_size=20), max_size=30).map("".join))
def test_nothing_that_arrives_raises(text):
    for raised in parse(text):
        assert isinstance(raised.type, str)


@pytest.mark.parametrize(
    "piece", [*SIMPLE.splitlines(True), *GROUP.splitlines(True), "at (", ") in ", "((", "a@", ":1", " | + "]
)
def test_time_is_linear(piece):
    def seconds(n: int) -> float:
        text = "Traceback (most recent call last):\n" * (n % 2) + piece * n
        start = time.process_time()
        parse(text)
        return time.process_time() - start

    assert min(seconds(8000) for _ in range(3)) < 20 * min(seconds(1000) for _ in range(3)) + 0.05
