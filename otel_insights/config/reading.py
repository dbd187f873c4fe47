"""From a file, or from none, to a checked configuration."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from otel_insights.component import ComponentId, Kind, Settings
from otel_insights.components import Registry
from otel_insights.config.defaults import default_tree
from otel_insights.config.pipelines import Checked, Pipeline
from otel_insights.config.problems import InvalidConfig
from otel_insights.config.sections import (
    AnalysisSection,
    ApiSection,
    File,
    PipelineSection,
    StoreSection,
    SummariserSection,
    TelemetrySection,
)
from otel_insights.config.text import Source, parse
from otel_insights.config.validate import validate
from otel_insights.endpoint import without_password
from otel_insights.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Config:
    """A configuration of which all is checked that can be without opening anything."""

    components: Mapping[Kind, Mapping[ComponentId, Settings]]
    pipelines: tuple[Pipeline, ...]
    store: StoreSection
    api: ApiSection | None
    analysis: AnalysisSection
    telemetry: TelemetrySection
    summariser: SummariserSection | None = None
    warnings: tuple[str, ...] = ()

    def used(self, kind: Kind) -> list[ComponentId]:
        """List the components of a kind that some pipeline names, in the order of the configuration."""
        named = {id_ for pipeline in self.pipelines for id_ in pipeline.ids(kind)}
        return [id_ for id_ in self.components[kind] if id_ in named]

    def store_shown(self) -> str:
        """Give the store's URL without a password that it may hold."""
        return without_password(self.store.url)

    def as_yaml(self) -> str:
        """Write the settings as a file that has the same effect, but for the secrets, which are masked."""
        tree: dict[str, Any] = {
            kind.value: {str(id_): _plain(settings) for id_, settings in self.components[kind].items()} for kind in Kind
        }
        tree |= {"store": {"url": self.store_shown()}}
        tree |= {"api": self.api and _plain(self.api), "analysis": _plain(self.analysis)}
        tree |= {"summariser": _plain(self.summariser)} if self.summariser else {}
        pipelines = {str(line): {kind.value: [*map(str, line.ids(kind))] for kind in Kind} for line in self.pipelines}
        tree["service"] = {"pipelines": pipelines, "telemetry": _plain(self.telemetry)}
        return yaml.safe_dump(tree, sort_keys=False, allow_unicode=True)


def _plain(settings: Settings) -> dict[str, Any]:
    return settings.model_dump(mode="json", by_alias=True)


def load(path: Path | None, registry: Registry, environ: Mapping[str, str] = os.environ) -> Config:
    """Read a configuration file; with none, give the defaults. Raises InvalidConfig with all that is wrong."""
    if path is None:
        return read("", registry, environ)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidConfig([ConfigError(str(path), f"expected a file of UTF-8 text, got {error}")]) from error
    return read(text, registry, environ)


def read(text: str, registry: Registry, environ: Mapping[str, str] = os.environ) -> Config:
    """Read a configuration from its text. Raises InvalidConfig with all that is wrong."""
    source, errors = parse(text, environ)
    if errors and not source.tree:
        raise InvalidConfig(errors)
    warnings: list[str] = []
    if has_defaults := not _names_components(source):
        defaults, warnings = default_tree(environ)
        source.tree = _merged(source.tree, defaults)
    file, found = validate(File, source.tree, (), source)
    checked = Checked(registry, source, [*errors, *found])
    _check_components(checked)
    if checked.errors or file is None:
        told = {error.path for error in errors}  # what is wrong with a value that could not be filled in is no news
        found = [error for error in checked.errors if error in errors or error.path not in told]
        raise InvalidConfig(map(_from_environment, found) if has_defaults else found)
    return Config(
        checked.settings,
        tuple(checked.pipelines),
        file.store,
        file.api,
        file.analysis,
        file.service.telemetry,
        file.summariser,
        (*warnings, *checked.unused()),
    )


def _names_components(source: Source) -> bool:
    """Tell whether a file says anything of components or pipelines; one that does not has the default ones."""
    service = source.tree.get("service")
    return any(kind.value in source.tree for kind in Kind) or (isinstance(service, dict) and "pipelines" in service)


def _merged(tree: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    service = tree.get("service")
    if service is not None and not isinstance(service, dict):
        return {**defaults, **tree}
    return {**defaults, **tree, "service": {**defaults["service"], **(service or {})}}


def _from_environment(error: ConfigError) -> ConfigError:
    """Say of an error in the default exporter where its settings come from."""
    if not error.path.startswith("exporters."):
        return error
    where = "(from OTEL_EXPORTER_OTLP_* in the environment, since no file names an exporter)"
    return ConfigError("", f"{error} {where}")


def _check_components(checked: Checked) -> None:
    tree = checked.source.tree
    for kind in Kind:
        checked.components(kind, _mapping(tree.get(kind.value)))
    service = tree.get("service") or {}
    found = service.get("pipelines") if isinstance(service, dict) else service
    pipelines = _mapping(found)
    if not found:
        text = "expected at least one pipeline, got none (`otel-insights config show` prints the default ones)"
        checked.errors.append(ConfigError("service.pipelines", text))
    for key, data in pipelines.items():
        # what is wrong with a pipeline's shape was found with the rest of the file
        section, _ = validate(PipelineSection, data or {}, ("service", "pipelines", key), checked.source)
        if section is not None:
            checked.pipeline(key, section)


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
