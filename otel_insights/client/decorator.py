"""exception_telemetry: reports what a function raises, and raises it on."""

# ruff: noqa: ANN401 - what is wrapped takes and gives anything
from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from otel_insights.client.instrumentation import capture

_F = TypeVar("_F", bound=Callable[..., Any])


def exception_telemetry(
    event_name: str = "exception", *, feature: str | None = None, **attributes: object
) -> Callable[[_F], _F]:
    """Report exceptions that leave a function, coroutine, generator or async generator.

    Keyword arguments become attributes of the event, beside `feature` and `code.function.name`. The exception goes on.
    """

    def decorate(function: _F) -> _F:
        told = {**attributes, "code.function.name": f"{function.__module__}.{function.__qualname__}"}
        if feature is not None:
            told["feature"] = feature

        @contextmanager
        def reporting() -> Iterator[None]:
            try:
                yield
            except BaseException as exception:
                capture(exception, "decorator", event_name=event_name, attributes=told)
                raise

        return functools.wraps(function)(wrapped(function, reporting))  # type: ignore[return-value]

    return decorate


def wrapped(function: Callable[..., Any], reporting: Callable[[], Any]) -> Callable[..., Any]:
    """Run each call of a function of any kind within the context that `reporting` makes."""
    if inspect.isasyncgenfunction(function):
        return _async_generator(function, reporting)
    if inspect.iscoroutinefunction(function):

        async def coroutine(*args: Any, **kwargs: Any) -> Any:
            with reporting():
                return await function(*args, **kwargs)

        return coroutine
    if inspect.isgeneratorfunction(function):

        def generator(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
            with reporting():
                return (yield from function(*args, **kwargs))

        return generator

    def call(*args: Any, **kwargs: Any) -> Any:
        with reporting():
            return function(*args, **kwargs)

    return call


def _async_generator(function: Callable[..., Any], reporting: Callable[[], Any]) -> Callable[..., Any]:
    """Pass on what is sent and thrown: there is no `yield from` for async generators."""

    async def generator(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        inner = function(*args, **kwargs)
        step = inner.asend(None)
        while True:
            try:
                with reporting_all_but_the_end(reporting):
                    value = await step
            except StopAsyncIteration:
                return
            try:
                step = inner.asend((yield value))
            except GeneratorExit:
                await inner.aclose()
                raise
            except BaseException as thrown:
                step = inner.athrow(thrown)

    return generator


@contextmanager
def reporting_all_but_the_end(reporting: Callable[[], Any]) -> Iterator[None]:
    """Report, but for the exception that ends an async generator as it should."""
    try:
        yield
    except StopAsyncIteration:
        raise
    except BaseException:
        with reporting():
            raise
