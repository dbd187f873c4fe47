"""Whose code a frame is in."""

import pytest

from otel_insights.analysis.inapp import locate


@pytest.mark.parametrize(
    ("file", "package"),
    [
        ("/srv/venv/lib/python3.12/site-packages/redis/client.py", "redis"),
        ("/usr/lib/python3/dist-packages/yaml/parser.py", "yaml"),
        (r"C:\app\.venv\Lib\site-packages\flask\app.py", "flask"),
        ("/var/task/redis/client.py", "redis"),
        ("pydantic/main.py", "pydantic"),
        ("pandas/_libs/index.pyx", "pandas"),
        ("/app/node_modules/express/lib/router.js", "express"),
        ("/app/node_modules/@nestjs/core/router.js", "@nestjs/core"),
        ("/root/go/pkg/mod/github.com/jackc/pgx/v5@v5.4.0/conn.go", "github.com/jackc/pgx/v5"),
    ],
)
def test_libraries_are_told_by_where_they_lie_or_by_their_name(file, package):
    place = locate(file, "f")
    assert (place.owner, place.package) == ("library", package)


@pytest.mark.parametrize(
    "file",
    [
        "/usr/lib/python3.10/json/decoder.py",
        "/opt/conda/lib/python3.11/asyncio/events.py",
        r"C:\Python312\Lib\json\decoder.py",
        "<frozen importlib._bootstrap>",
        "<string>",
        "node:internal/process/task_queues",
        "/usr/local/go/src/runtime/panic.go",
    ],
)
def test_the_runtime_is_nobodys(file):
    assert locate(file, "f").owner == "runtime"


@pytest.mark.parametrize(
    "file",
    [
        "/app/shop/cart.py",
        "/srv/shop/current/shop/cart.py",
        "/srv/deploy/releases/20250321T002120/shop/cart.py",
        "/home/svc/shop/src/shop/cart.py",
        "/var/task/shop/cart.py",
        r"C:\work\shop\cart.py",
    ],
)
def test_the_same_module_is_the_same_in_every_deployment(file):
    place = locate(file, "total")
    assert (place.owner, place.module) == ("app", "shop.cart")


@pytest.mark.parametrize("file", ["/srv/click/src/click/core.py", "/srv/arrow/arrow/parser.py"])
def test_a_checkout_of_a_library_is_being_developed(file):
    assert locate(file, "f").owner == "app"


@pytest.mark.parametrize(
    ("function", "owner"),
    [
        ("java.util.ArrayList.get", "runtime"),
        ("org.springframework.web.Servlet.doGet", "library"),
        ("com.shop.Cart.total", "app"),
    ],
)
def test_java_says_it_by_package(function, owner):
    assert locate("Some.java", function).owner == owner


def test_configuration_overrules_and_own_code_goes_first():
    installed, own = "/x/site-packages/shop_core/cart.py", "/app/shop/vendored/six.py"
    assert locate(installed, "f", own=["shop_core"]).owner == "app"
    assert locate(own, "f", library=["shop.vendored", "vendored"]).owner == "library"
    assert locate(own, "f", own=["shop"], library=["shop"]).owner == "app"
    assert locate(installed, "f", own=["shop"]).owner == "library"
