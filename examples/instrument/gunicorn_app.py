"""gunicorn with workers that are forked after the application was loaded: each is an instance of its own.

`python gunicorn_app.py` serves, asks for two pages and stops; `gunicorn --preload --workers 2 gunicorn_app:app` serves.
Needs gunicorn, which catches what a request raises: a middleware says it.
"""

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import otel_insights

otel_insights.instrument(service_name="gunicorn-shop")
stock = {"/apple": 3}


def shop(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Sell one thing."""
    left = stock[environ["PATH_INFO"]]
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{left} left\n".encode()]


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Tell what a request raised, and let gunicorn answer."""
    try:
        return shop(environ, start_response)
    except Exception as error:
        otel_insights.record_exception(error, attributes={"url.path": environ["PATH_INFO"]})
        raise


def answer(url: str) -> int:
    """Ask until somebody answers."""
    for _ in range(200):
        try:
            return int(urllib.request.urlopen(url, timeout=10).status)  # noqa: S310 - http
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            time.sleep(0.05)
    raise TimeoutError(url)


if __name__ == "__main__":
    own, port = Path(__file__), os.environ.get("PORT", "8765")
    options = ["--preload", "--workers=2", f"--bind=127.0.0.1:{port}", "--log-level=critical"]
    process = subprocess.Popen([sys.executable, "-m", "gunicorn", *options, f"{own.stem}:app"], cwd=own.parent)  # noqa: S603 - our own
    for path in ("/apple", "/pear"):
        print(answer(f"http://127.0.0.1:{port}{path}"))
    process.terminate()
    process.wait(30)
