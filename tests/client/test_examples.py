"""Every example runs, and what it says it reports arrives."""

import importlib.util
import socket
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples" / "instrument"
SOLD = "KeyError"
REPORTED = {
    "celery_app.py": (0, "3\nKeyError('pear')\n", "celery-shop", SOLD),
    "django_app.py": (0, "200\n500\n", "django-shop", SOLD),
    "fastapi_app.py": (0, "200\n500\n", "fastapi-shop", SOLD),
    "flask_app.py": (0, "200 OK\n500 INTERNAL SERVER ERROR\n", "flask-shop", SOLD),
    "gunicorn_app.py": (0, "200\n500\n", "gunicorn-shop", SOLD),
    "qt_app.py": (0, "ended with 0\n", "qt-shop", SOLD),
    "script.py": (1, "total: 7\n", "nightly-report", "KeyError"),
    "asyncio_worker.py": (0, "sent: 2\n", "mailer", "ValueError"),
    "wsgi_app.py": (0, "200 OK\nan apple\n500 Internal Server Error\nsorry\n", "shop", "LookupError"),
}


FRAMEWORKS = {"celery_app.py": "celery", "django_app.py": "django", "flask_app.py": "flask"} | {
    "gunicorn_app.py": "gunicorn",
    "qt_app.py": "PySide6",
}


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def test_every_example_is_run():
    assert sorted(one.name for one in EXAMPLES.glob("*.py")) == sorted(REPORTED)


@pytest.mark.parametrize("name", REPORTED)
async def test_an_example_does_what_it_says(world, name):
    code, out, service, kind = REPORTED[name]
    if (framework := FRAMEWORKS.get(name)) and importlib.util.find_spec(framework) is None:
        pytest.skip(f"{framework} is not installed")
    outcome = await world.run((EXAMPLES / name).read_text(), env={"PORT": str(free_port())})
    assert (outcome.code, outcome.out) == (code, out)
    (event,) = outcome.exceptions
    assert (event.resource["service.name"], event.attributes["exception.type"]) == (service, kind)
