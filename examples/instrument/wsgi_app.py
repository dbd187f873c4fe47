"""A web application: its server catches what a request raises, so a middleware says it.

Flask, Django and FastAPI catch likewise: call `record_exception` in their error handlers.
"""

from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.util import setup_testing_defaults

import otel_insights

otel_insights.instrument(service_name="shop")


def shop(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Sell one thing."""
    if environ["PATH_INFO"] != "/apple":
        raise LookupError(f"not in store: {environ['PATH_INFO']}")
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"an apple\n"]


def reporting(application: Callable[..., Iterable[bytes]]) -> Callable[..., Iterable[bytes]]:
    """Report what a request raises, and answer 500."""

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        try:
            return application(environ, start_response)
        except Exception as error:  # noqa: BLE001 - whatever a request raises ends the request only
            otel_insights.record_exception(error, attributes={"url.path": environ["PATH_INFO"]})
            start_response("500 Internal Server Error", [("Content-Type", "text/plain")])
            return [b"sorry\n"]

    return answer


if __name__ == "__main__":
    for path in ("/apple", "/pear"):
        request: dict[str, Any] = {"PATH_INFO": path}
        setup_testing_defaults(request)
        print(b"".join(reporting(shop)(request, lambda status, _: print(status))).decode(), end="")
