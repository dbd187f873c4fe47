"""Whose code a frame is in: the application's own, a library's, or the runtime's."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from otel_insights.analysis.known_libraries import KNOWN_LIBRARIES

Owner = Literal["app", "library", "runtime"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a frame is: `package` is the top-level module, `module` what identifies the file in every deployment."""

    owner: Owner
    package: str
    module: str


_INSTALLED = re.compile(r"(?:.*/)?(?:site-packages|dist-packages|__pypackages__/[\d.]+/lib)/(.+)")
_NODE = re.compile(r"(?:.*/)?node_modules/((?:@[^/]+/)?[^/]+)/?(.*)")
_GO_MODULE = re.compile(r"(?:.*/)?(?:pkg/mod|vendor)/((?:[\w.-]+\.[a-z]+/)?[^@]+?)(?:@[^/]+)?/([^/]+)$")
_PYTHON_HOME = re.compile(
    r"(?:.*/lib(?:64)?/(?:python|pypy)\d[\d.]*t?|.*/Python\d+/Lib|.*/Python\d+-?\d*/Lib|.*/python\d+\.zip)/(.+)",
    re.IGNORECASE,
)
_RUNTIME = re.compile(
    r"<frozen |<string>$|<(?:attrs|__array|decorator-gen|template|lambdifygenerated)|node:|internal/"
    r"|(?:.*/)?(?:usr/(?:local|lib)/go[^/]*|go/[\d.]+(?:/x64)?|libexec|GOROOT)/src/|.*/lib/ruby/\d"
)
_RUNTIME_FUNCTION = re.compile(
    r"(?:java|javax|jdk|sun|com\.sun|kotlin|kotlinx|scala|groovy|clojure|System|Microsoft|runtime|reflect|net/http)[./]|panic$"
)
_LIBRARY_FUNCTION = re.compile(
    r"(?:org\.(?:springframework|apache|hibernate|eclipse|jboss|junit|postgresql|reactivestreams|slf4j|objectweb|aspectj)"
    r"|com\.(?:fasterxml|google|mysql|zaxxer|netflix|amazonaws|intellij)|io\.(?:netty|grpc|vertx|micrometer|micronaut|quarkus|ktor"
    r"|opentelemetry|reactivex)|reactor|okhttp3|retrofit2|akka|Newtonsoft|Npgsql|Dapper|Serilog|Grpc|Polly|StackExchange)[./]"
)
# where deployments put the application, so that what follows is a module's path
_ROOT = re.compile(
    r"/(?:var/task|var/runtime|opt/python|app|src|code|workspace|workspaces/[^/]+|usr/src/app|usr/local/app|function|home/site/wwwroot)/"
    r"|.*/(?:releases/[^/]+|current|runfiles/[^/]+|wwwroot|src)/|.*/(?:home|Users)/[^/]+/|/(?:srv|opt|root|data|mnt|tmp)/"
    r"|[A-Za-z]:/|/"
)

_CYTHON = (".pyx", ".pxd")
# Cython names a file without its folders, and the function with its module
_COMPILED_INTO = re.compile(r"(?:init )?([^\W\d]\w*)\.[\w.]+$")


def locate(file: str, function: str, own: Collection[str] = (), library: Collection[str] = ()) -> Place:
    """Tell whose code it is from the path alone, so that the same frame is always the same.

    What lies in site-packages (node_modules, a module cache...) is a library's, what lies in the interpreter's own
    folders the runtime's. Where libraries lie beside the application (`pip install --target`, AWS Lambda), widely used
    ones are known by name, unless the path looks like a checkout (`src/NAME/`, `NAME/NAME/`): then it is being
    developed. All else is the application's. `own` and `library` are module prefixes that overrule, `own` first.

    >>> locate("/var/task/redis/client.py", "execute_command")
    Place(owner='library', package='redis', module='redis.client')
    >>> locate("interval.pyx", "init pandas._libs.interval")
    Place(owner='library', package='pandas', module='interval')
    >>> locate("/srv/deploy/releases/20250321/shop/api/cart.py", "add").module
    'api.cart'
    """
    place = _locate(file, function)
    if own or library:
        full = f"{place.package}.{place.module}" if not place.module.startswith(place.package) else place.module
        names = (full, place.module, place.package)
        if _starts(names, own):
            return Place("app", place.package, place.module)
        if _starts(names, library):
            return Place("library", place.package, place.module)
    return place


def _starts(names: tuple[str, ...], prefixes: Collection[str]) -> bool:
    return any(name == prefix or name.startswith(prefix.rstrip(".") + ".") for name in names for prefix in prefixes)


@lru_cache(maxsize=16384)
def _locate(file: str, function: str) -> Place:
    path = file.replace("\\", "/").removeprefix("file://")
    if path.endswith(_CYTHON) and "/" not in path and (match := _COMPILED_INTO.match(function)):
        return Place("library", match[1], _stem(path))
    return _installed(path) or (_by_function(function) if _names_package(path) else _beside(path))


def _installed(path: str) -> Place | None:
    if match := _INSTALLED.match(path):
        return Place("library", _top(match[1]), _module(match[1]))
    if match := _NODE.match(path):
        return Place("library", match[1], f"{match[1]}/{_module(match[2])}")
    if match := _GO_MODULE.match(path):
        return Place("library", match[1], f"{match[1]}/{match[2]}")
    if match := _PYTHON_HOME.match(path):
        return Place("runtime", _top(match[1]), _module(match[1]))
    if _RUNTIME.match(path):
        inner = path.removeprefix("<frozen ").rstrip(">")
        return Place("runtime", _top(inner), _module(inner))
    return None


def _names_package(path: str) -> bool:
    """Whether the function's name already says its package, as in Java, .NET and Go."""
    return not path or path.endswith((".java", ".kt", ".scala", ".groovy", ".cs", ".vb", ".fs", ".go"))


def _by_function(function: str) -> Place:
    package = function.rsplit(".", 2)[0]
    if _RUNTIME_FUNCTION.match(function):
        return Place("runtime", package, "")
    if _LIBRARY_FUNCTION.match(function):
        return Place("library", package, "")
    return Place("app", package, "")


def _beside(path: str) -> Place:
    match = _ROOT.match(path)
    relative = path[match.end() :] if match else path
    parts = relative.split("/")
    names = [_stem(part) for part in parts]
    before = path[: len(path) - len(relative)].rstrip("/").rsplit("/", 1)[-1]
    checkout = before in ("src", names[0]) or names[0] in names[1:2]
    if (names[0] in KNOWN_LIBRARIES and not checkout) or path.endswith(_CYTHON):
        return Place("library", names[0], _module(relative))
    return Place("app", names[0], ".".join(names[-2:]))


def _top(path: str) -> str:
    return _stem(path.split("/", 1)[0])


def _module(path: str) -> str:
    return ".".join(_stem(part) for part in path.split("/")).removesuffix(".__init__")


def _stem(part: str) -> str:
    for suffix in (".py", ".pyx", ".pyc", ".js", ".mjs", ".cjs", ".ts", ".tsx", ".jsx", ".rb", ".php"):
        if part.endswith(suffix):
            return part[: -len(suffix)]
    return part
