"""The identity of an exception: what is the same whenever, wherever and by whichever way the same failure happens."""

import re
import sys
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b

from otel_insights.analysis.frames import Frame, Raised
from otel_insights.analysis.inapp import Place, locate
from otel_insights.analysis.message import template
from otel_insights.analysis.stacktrace import parse

VERSION = 1
"""Changes whenever the same exception may get another id than before."""

APP = "<app>"
_LONGEST_STACK = 64 * 1024  # characters
_LONGEST_MESSAGE = 8 * 1024
_LONGEST_TYPE = 256


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What an exception is recognised by, and why.

    - `id`: 16 hex digits; hash of `VERSION`, root type, the application's deepest function and what failed there.
    - `exception_type`: as reported, the outermost. `root_type`: of the first failure of the chain.
    - `title`: one line for a person. `text`: the normalised signature that is embedded.
    - `block`: signatures of different blocks are different failures, however similar their texts.
    - `packages`: top-level modules that the stack or the message names, outermost first, innermost last; the
      application's own code is `<app>`; the standard library is left out.
    - `raise_keys`: 16 hex digits each, the surest first (see `occurrences`).
    - `reasons`: sentences that say how `id` came about.
    - `complete`: False when the stack was cut (or is missing) so that the place of the failure is unknown.
    """

    id: str
    exception_type: str
    root_type: str
    title: str
    text: str
    block: str
    packages: tuple[str, ...]
    raise_keys: tuple[str, ...]
    reasons: tuple[str, ...]
    complete: bool


def fingerprint(
    exception_type: str,
    message: str,
    stacktrace: str,
    *,
    own: Collection[str] = (),
    library: Collection[str] = (),
) -> Fingerprint:
    """Tell an exception's identity from the attributes that OpenTelemetry records of it, any of which may be empty.

    Deterministic and without memory: nothing is learnt from other exceptions, so that ids agree between runs and
    machines. Never raises; long input is cut to its head and tail. `own` and `library` are module prefixes to be
    taken as the application's or not.
    """
    return _fingerprint(
        " ".join(exception_type[:_LONGEST_TYPE].split()),
        _cut(message, _LONGEST_MESSAGE),
        _cut(stacktrace, _LONGEST_STACK),
        tuple(own),
        tuple(library),
    )


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest // 2] + "\n" + text[-longest // 2 :]


@dataclass(frozen=True, slots=True)
class _Located:
    frame: Frame
    place: Place

    @property
    def name(self) -> str:
        return f"{self.place.module}.{self.frame.function}" if self.place.module else self.frame.function


@lru_cache(maxsize=1024)
def _fingerprint(
    exception_type: str, message: str, stacktrace: str, own: tuple[str, ...], library: tuple[str, ...]
) -> Fingerprint:
    chain, complete = _completed(parse(stacktrace), exception_type, message)
    located = [[_Located(f, locate(f.file, f.function, own, library)) for f in e.frames] for e in chain]
    root, outermost = _root(chain[0]), chain[-1]
    raised_at = next((frames[-1] for frames in located if frames), None)
    ours = _deepest_own(located)
    where = ours or raised_at
    words = template(root.message)
    line = _SPACE.sub(" ", ours.frame.code) if ours is not None and ours is raised_at else ""
    by_words = not line or _SAYS_NOTHING.match(line) is not None
    culprit = _CULPRIT.match(words)
    failed = f"{line}\0{words}" if by_words else line
    root_type = _short(root.type)
    name = _plain(where.name) if where else ""
    return Fingerprint(
        id=_hash(str(VERSION), root_type, name, failed),
        exception_type=exception_type or outermost.type,
        root_type=root.type,
        title=_title(outermost, root, where),
        text=f"{root_type}: {words}" + (f" | {line[:120]}" if line and not culprit else ""),
        block=_block(root_type, name, words, own_line=bool(line)),
        packages=_packages(located, [*chain, root]),
        raise_keys=_raise_keys(chain, raised_at, complete=complete),
        reasons=tuple(_reasons(chain, root, where, raised_at, line=line, by_words=by_words, complete=complete)),
        complete=complete and bool(raised_at),
    )


def _completed(chain: tuple[Raised, ...], exception_type: str, message: str) -> tuple[list[Raised], bool]:
    """Fill in from the attributes what an attribute limit cut from the stack; tell whether its root is there."""
    if not chain:
        return [Raised(exception_type, message, ())], False
    last = chain[-1]
    complete = bool(last.type) or len(chain) > 1
    kind, text = last.type, last.message
    if not kind or (exception_type.startswith(kind) and exception_type != kind):
        kind, text = exception_type, message
    elif message.startswith(text):
        text = message
    return [*chain[:-1], Raised(kind, text, last.frames, last.link)], complete


_QUOTED_ROOT = re.compile(r"Original exception was: \(([\w.]{1,200})\) (.*)", re.DOTALL)


def _root(first: Raised) -> Raised:
    """Return the first failure, also where only the message of a later one tells of it (SQLAlchemy)."""
    if match := _QUOTED_ROOT.search(first.message):
        return Raised(match[1], match[2], first.frames)
    return first


_COMPREHENSIONS = frozenset({"<listcomp>", "<dictcomp>", "<setcomp>"})  # no frames of their own since Python 3.12
_PASSED_THROUGH = re.compile(r"(?:return |[\w, ]+ = )?(?:await )?[\w.]+\(\*\w+, ?\*\*\w+\)$")


def _deepest_own(located: list[list[_Located]]) -> _Located | None:
    """Return the application's deepest frame that does more than pass a call on, nearest to the root cause."""
    for frames in located:
        ours = [f for f in frames if f.place.owner == "app" and f.frame.function not in _COMPREHENSIONS]
        if ours:
            return next((f for f in reversed(ours) if not _PASSED_THROUGH.match(f.frame.code)), ours[-1])
    return None


_SPACE = re.compile(r"\s+")
# a line that raises what it was given: only the message tells failures apart
_SAYS_NOTHING = re.compile(r"raise\b[^'\"]*$")
# messages that name their culprit: the same failure wherever it is met
_CULPRIT = re.compile(
    r"'(?!(?:NoneType|str|int|float|bool|bytes|list|dict|tuple|set|function|method|type)')[\w.]+' object"
    r" has no attribute '\w+'"
    r"|module '[\w.]+' has no attribute '\w+'|No module named '[\w.]+'|cannot import name '\w+' from '[\w.]+'"
    r"|(?!__)[\w.]+\(\) (?:missing|got|takes) .*"
)
_LOCALS = re.compile(r"\.<locals>|\$\$?Lambda\S*|\$\d+|\$\$\S+|@[0-9a-f]{6,}|`\d+|lambda\$|<(\w+)>[bd]__[\d_]+")


def _plain(name: str) -> str:
    """Drop what compilers number anew in every build."""
    return _LOCALS.sub(r"\1", name)


def _block(root_type: str, name: str, words: str, *, own_line: bool) -> str:
    """Name what may be one failure at all: one function, a message that begins alike; or one culprit anywhere."""
    if culprit := _CULPRIT.match(words):
        return _hash("culprit", root_type, culprit[0])
    return _hash("block", name, "line" if own_line else "words", words.partition(" ")[0])


def _short(kind: str) -> str:
    return kind.rsplit(".", 1)[-1]


def _hash(*parts: str) -> str:
    return blake2b("\0".join(parts).encode("utf-8", "replace"), digest_size=8).hexdigest()


def _title(outermost: Raised, root: Raised, where: _Located | None) -> str:
    words = template(root.message)
    title = f"{_short(root.type) or 'Exception'}: {words}" if words else _short(root.type) or "Exception"
    if where is not None:
        title += f" in {_plain(where.name)}"
    if _short(outermost.type) != _short(root.type):
        title += f" (as {_short(outermost.type)})"
    return title


_NAMED = re.compile(
    r"(?:[Nn]o module named|module|from) '([^\W\d]\w{0,100})(?:[.\w]{0,200})'"
    # what a compiled module says of another one that it was not built for
    r"|\b([^\W\d]\w{0,100})(?:\.\w{1,100}){1,9} (?:size changed|failed to import)\b"
)


def _packages(located: list[list[_Located]], chain: list[Raised]) -> tuple[str, ...]:
    found: dict[str, None] = {}

    def name(package: str) -> None:
        found.pop(package, None)  # the innermost mention counts
        found[package] = None

    for frames in reversed(located):
        for one in frames:
            if one.place.owner != "runtime":
                name(APP if one.place.owner == "app" else one.place.package)
    for raised in chain:
        for match in _NAMED.finditer(raised.message[:2000]):
            if (module := match[1] or match[2]) not in sys.stdlib_module_names:
                name(module)
    return tuple(found)


def _raise_keys(chain: list[Raised], raised_at: _Located | None, *, complete: bool) -> tuple[str, ...]:
    last = chain[-1]
    by_name = [_hash("name", _short(last.type), form) for form in _forms(last.message)]
    if not complete or raised_at is None:
        return tuple(by_name)
    frame, root = raised_at.frame, chain[0]
    surest = _hash("raise", _short(root.type), root.message, frame.file, frame.function, str(frame.line))
    return (surest, *by_name)


_ARGUMENT = re.compile(r"\[Errno (-?\d+)\] |'([^'\n]+)' ")


def _forms(message: str) -> Iterator[str]:
    """Yield a message as it stands, and what else `str(error.args[0])`, which loggers record, may have made of it."""
    forms = {message: None}
    if match := _ARGUMENT.match(message):
        forms[match[1] or match[2]] = None
    if len(message) > 1 and message[0] == message[-1] and message[0] in "'\"":
        forms[message[1:-1]] = None
    forms[message.partition("\n")[0]] = None
    yield from forms


def _reasons(
    chain: list[Raised],
    root: Raised,
    where: _Located | None,
    raised_at: _Located | None,
    *,
    line: str,
    by_words: bool,
    complete: bool,
) -> Iterator[str]:
    if len(chain) > 1 or root is not chain[0]:
        yield f"The first failure of the chain decides: {_short(root.type)}, reported as {_short(chain[-1].type)}."
    else:
        yield f"Its type is {_short(root.type) or 'not known'}."
    if where is None:
        yield "No stack trace tells where it was raised."
    elif where.place.owner == "app":
        yield f"{_plain(where.name)} is the application's deepest function in the stack; line numbers do not count."
    else:
        yield f"No frame is the application's, so the place where it was raised decides: {_plain(where.name)}."
    if line:
        yield f"That function's own line failed, and the line tells failures apart: {line[:200]}"
    if by_words:
        if raised_at is not None and raised_at is not where:
            yield f"It was raised further down, in {_plain(raised_at.name)}."
        yield f"The message without its values tells failures apart: {template(root.message)}"
    if not complete:
        yield "The stack trace is missing or was cut before the place of the failure, so this is a guess."
