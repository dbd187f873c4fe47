"""Every type of component that the configuration can name: the built-in ones, then those of other distributions."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from otel_insights.component import Factory, Kind
from otel_insights.errors import ConfigError

BUILT_IN = (
    "receivers.insights",
    "receivers.kafka",
    "receivers.otlp_file",
    "receivers.otlp_grpc",
    "receivers.otlp_http",
    "processors.anomalies",
    "processors.environments",
    "processors.exceptions",
    "processors.logs",
    "processors.memory_limiter",
    "processors.redaction",
    "processors.runs",
    "processors.span_metrics",
    "processors.suggestions",
    "exporters.debug",
    "exporters.kafka",
    "exporters.otlp",
    "exporters.otlp_file",
    "exporters.webhook",
)
"""Modules below `otel_insights`, each named after the type that its FACTORY makes. A module is imported when used."""

_EXTRAS = {"kafka": "kafka"}
"""What is to be installed for a type, where that is more than `server`."""

GROUP = "otel_insights.components"
"""Others' factories: entry points named `<kind>.<type>`, such as `exporters.influx`, whose object is a Factory."""


@dataclass(frozen=True, slots=True)
class Registry:
    """The factories that there are, imported when they are asked for."""

    sources: Mapping[tuple[Kind, str], Callable[[], Factory[Any]]]

    @classmethod
    def of(cls, factories: Iterable[Factory[Any]]) -> Registry:
        """Make a registry of these and no others."""
        return cls({(factory.kind, factory.type): partial(_itself, factory) for factory in factories})

    def types(self, kind: Kind) -> list[str]:
        """List the types of a kind."""
        return sorted(type_ for known, type_ in self.sources if known is kind)

    def find(self, kind: Kind, type_: str) -> Factory[Any]:
        """Give the factory of a type: KeyError if there is none, ConfigError if what it needs is not installed."""
        source = self.sources[kind, type_]
        try:
            return source()
        except ImportError as error:
            extra = _EXTRAS.get(type_, "server")
            expected = f"what it needs to be installed (pip install 'otel-insights[{extra}]'): {error}"
            raise ConfigError(f"{kind.value}.{type_}", f"expected {expected}") from error


def available() -> Registry:
    """Give all that is installed here. Where two have one name, ours counts, so nobody replaces a part by surprise."""
    found = {_place(entry.name): _entry_source(entry) for entry in entry_points(group=GROUP)}
    return Registry(found | {_place(name): _module_source(name) for name in BUILT_IN})


def _itself(factory: Factory[Any]) -> Factory[Any]:
    return factory


def _place(name: str) -> tuple[Kind, str]:
    kind, _, type_ = name.partition(".")
    try:
        return Kind(kind), type_
    except ValueError:
        raise ConfigError(f"entry point {name} of {GROUP}", "a name such as exporters.influx", name) from None


def _module_source(name: str) -> Callable[[], Factory[Any]]:
    return lambda: importlib.import_module(f"otel_insights.{name}").FACTORY


def _entry_source(entry: EntryPoint) -> Callable[[], Factory[Any]]:
    def load() -> Factory[Any]:
        factory = entry.load()
        if not isinstance(factory, Factory) or _place(entry.name) != (factory.kind, factory.type):
            raise ConfigError(f"entry point {entry.name} of {GROUP}", f"a Factory of {entry.name}", factory)
        return factory

    return load
