"""Real tracebacks: functions are compiled, nested and called until the innermost one raises."""

import linecache
import random
import traceback
from dataclasses import dataclass

TOKEN = "0123456789abcdef" * 2
"""Stands in every message where a request's id would; `Failure.of_request` puts one there."""
_TYPES = (KeyError, ValueError, TypeError, RuntimeError, TimeoutError, ConnectionError, IndexError, PermissionError)
WORDS = tuple(
    "order user cart payment session token invoice stock price address email batch model index shard cache route"  # noqa: SIM905
    " queue worker lease".split()
)


@dataclass(frozen=True, slots=True)
class Failure:
    """What the SDK records of an exception."""

    type: str
    message: str
    stacktrace: str

    def of_request(self, token: str) -> "Failure":
        """The same failure in another request: 32 characters of its message differ."""
        return Failure(self.type, self.message.replace(TOKEN, token), self.stacktrace.replace(TOKEN, token))


def failures(rng: random.Random, count: int, depth: int = 13) -> list[Failure]:
    """Raise so many different failures through so many functions, and record them."""
    return [_raise_one(rng, depth) for _ in range(count)]


def _raise_one(rng: random.Random, depth: int) -> Failure:
    def word() -> str:
        return rng.choice(WORDS)

    kind = rng.choice(_TYPES)
    message = f"{word()} {word()} is not valid for {word()} id={rng.randrange(10**7)} req={TOKEN}"
    functions = [f"{word()}_{word()}_{level}" for level in range(depth)]
    files = [f"/srv/app/{word()}/{word()}_{level}.py" for level in range(depth)]
    names: dict[str, object] = {"kind": kind, "message": message}
    for level, (function, file) in enumerate(zip(functions, files, strict=True)):
        body = "raise kind(message)" if level == depth - 1 else f"return {functions[level + 1]}(payload)  # {word()}"
        source = "\n" * rng.randrange(5, 400) + f"def {function}(payload):\n    {body}\n"
        linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
        exec(compile(source, file, "exec"), names)
    try:
        names[functions[0]]([])  # type: ignore[operator]
    except kind as error:
        text = "".join(traceback.format_exception(kind, error, error.__traceback__.tb_next))
        return Failure(kind.__name__, str(error), text)
    finally:
        for file in files:
            linecache.cache.pop(file, None)
    raise AssertionError("the innermost function raises")
