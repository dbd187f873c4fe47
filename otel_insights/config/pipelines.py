"""Which components there are and how they are joined: ids, types and signals, checked against what is installed."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from otel_insights.component import ComponentId, Factory, Kind, Settings
from otel_insights.components import Registry
from otel_insights.config.problems import one_of
from otel_insights.config.sections import PipelineSection
from otel_insights.config.text import Source, dotted
from otel_insights.config.validate import validate
from otel_insights.errors import ConfigError
from otel_insights.payload import Signal


@dataclass(frozen=True, slots=True)
class Pipeline:
    """One way through the service; its ids are checked, and configured."""

    signal: Signal
    name: str
    receivers: tuple[ComponentId, ...]
    processors: tuple[ComponentId, ...]
    exporters: tuple[ComponentId, ...]

    def ids(self, kind: Kind) -> tuple[ComponentId, ...]:
        """Give its components of one kind."""
        return {Kind.RECEIVER: self.receivers, Kind.PROCESSOR: self.processors, Kind.EXPORTER: self.exporters}[kind]

    def __str__(self) -> str:
        return f"{self.signal.value}/{self.name}" if self.name else self.signal.value


@dataclass(slots=True)
class Checked:
    """The components and pipelines of a file as far as they are right, and all that is wrong with them."""

    registry: Registry
    source: Source
    errors: list[ConfigError] = field(default_factory=list)
    settings: dict[Kind, dict[ComponentId, Settings]] = field(default_factory=lambda: {kind: {} for kind in Kind})
    pipelines: list[Pipeline] = field(default_factory=list)
    _factories: dict[tuple[Kind, ComponentId], Factory[Any] | None] = field(default_factory=dict)
    """What the file names, whether its settings are right or not: one mistake gives one error."""

    def components(self, kind: Kind, configured: Mapping[str, Any]) -> None:
        """Check a section of components."""
        for key, data in configured.items():
            try:
                id_ = ComponentId.parse(key)
            except ValueError as error:
                self.errors.append(ConfigError(dotted((kind.value, key)), str(error)))
                continue
            if (kind, id_) in self._factories:
                self.errors.append(
                    ConfigError(dotted((kind.value, key)), f"expected each id once, got {str(id_)!r} again")
                )
                continue
            factory = self._factories[kind, id_] = self._factory(kind, key, id_)
            if factory is not None:
                value, errors = validate(factory.settings, {} if data is None else data, (kind.value, key), self.source)
                self.errors += errors
                if value is not None:
                    self.settings[kind][id_] = value

    def _factory(self, kind: Kind, key: str, id_: ComponentId) -> Factory[Any] | None:
        try:
            return self.registry.find(kind, id_.type)
        except KeyError:
            expected = f"a type of {kind.word}, which is {one_of(self.registry.types(kind), id_.type)}"
            self.errors.append(ConfigError(dotted((kind.value, key)), expected, id_.type))
        except ConfigError as error:
            self.errors.append(error)
        return None

    def pipeline(self, key: str, section: PipelineSection) -> None:
        """Check one pipeline: its signal, that it begins and ends somewhere, and each component that it names."""
        path = f"service.pipelines.{key}"
        try:
            id_ = ComponentId.parse(key)
            signal = Signal(id_.type)
        except ValueError:
            expected = f"{one_of((signal.value for signal in Signal), key)}, with or without /name"
            self.errors.append(ConfigError(path, expected, key))
            return
        ids = {kind: self._references(path, signal, kind, getattr(section, kind.value)) for kind in Kind}
        self._ends(path, section)
        self.pipelines.append(Pipeline(signal, id_.name, ids[Kind.RECEIVER], ids[Kind.PROCESSOR], ids[Kind.EXPORTER]))

    def _ends(self, path: str, section: PipelineSection) -> None:
        if not section.receivers:
            self.errors.append(ConfigError(f"{path}.receivers", "expected at least one receiver, got none"))
        has_exporters = any(kind is Kind.EXPORTER for kind, _ in self._factories)
        if not section.exporters and has_exporters:
            self.errors.append(ConfigError(f"{path}.exporters", "expected at least one exporter, got none"))

    def _references(self, path: str, signal: Signal, kind: Kind, keys: Iterable[str]) -> tuple[ComponentId, ...]:
        found: list[ComponentId] = []
        for position, key in enumerate(keys):
            where = f"{path}.{kind.value}[{position}]"
            try:
                found.append(self._reference(signal, kind, key, found))
            except ValueError as error:
                self.errors.append(ConfigError(where, str(error)))
        return tuple(found)

    def _reference(self, signal: Signal, kind: Kind, key: str, before: Container[ComponentId]) -> ComponentId:
        id_ = ComponentId.parse(key)
        if id_ in before:
            raise ValueError(f"expected each {kind.word} once, got {key!r} again")
        if (kind, id_) not in self._factories:
            configured = [str(known) for of_kind, known in self._factories if of_kind is kind]
            which = f", which is {one_of(configured, key)}" if configured else " (there is none)"
            raise ValueError(f"expected a configured {kind.word}{which}, got {key!r}")
        factory = self._factories[kind, id_]
        if factory is not None and signal.value not in factory.signals:
            takes = " and ".join(sorted(factory.signals))
            raise ValueError(f"expected a {kind.word} of {signal.value}, got {key!r}, which is for {takes}")
        return id_

    def unused(self) -> list[str]:
        """Say which components no pipeline names; as in the Collector, that is no error."""
        named = {(kind, id_) for pipeline in self.pipelines for kind in Kind for id_ in pipeline.ids(kind)}
        return [
            f"{kind.value}.{id_}: expected some pipeline to name it, got none, so it is not started"
            for kind, id_ in self._factories
            if (kind, id_) not in named
        ]
