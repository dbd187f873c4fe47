"""The configuration: what a file may say, what it means, and how every mistake in it is told."""

import re
from pathlib import Path
from typing import Any, Literal

import pytest
import yaml
from pydantic import Field, SecretStr

from otel_insights.component import ComponentId, Exporter, Factory, Kind, Processor, Receiver, Settings
from otel_insights.components import Registry, available
from otel_insights.config import Config, InvalidConfig, load, read
from otel_insights.config.sections import File
from otel_insights.payload import Signal
from otel_insights.units import Duration

FILES = Path(__file__).parent / "config"
ALL = frozenset({"traces", "logs", "metrics"})


class Plain(Settings):
    endpoint: str = "127.0.0.1:4317"


class Rich(Settings):
    size: int = Field(default=2, ge=2)
    password: SecretStr = SecretStr("")
    headers: dict[str, SecretStr] = Field(default_factory=dict)
    wait: Duration = 1.0
    mode: Literal["fast", "exact"] = "fast"
    label: str | None = None
    names: tuple[str, ...] = ()
    strict: bool = True


def registry(*receivers: str) -> Registry:
    defaults = ["otlp_grpc", "otlp_http", "insights", *receivers]
    processors = ["memory_limiter", "anomalies", "environments", "exceptions", "logs", "runs", "suggestions"]
    return Registry.of(
        [
            *[Factory(Kind.RECEIVER, name, Plain, Receiver, ALL) for name in defaults],
            *[Factory(Kind.PROCESSOR, name, Rich, Processor, ALL) for name in processors],
            Factory(Kind.RECEIVER, "spans_only", Plain, Receiver, frozenset({"traces"})),
            Factory(Kind.EXPORTER, "otlp", Rich, Exporter, ALL),
            Factory(Kind.EXPORTER, "plain", Plain, Exporter, ALL),
        ]
    )


LINE = "service: {pipelines: {traces: {receivers: [otlp_grpc], processors: [exceptions], exporters: [otlp]}}}\n"


def of(exceptions: str, **environ: str) -> Rich:
    """Read the settings of a processor that stands in an otherwise right file."""
    text = f"receivers: {{otlp_grpc: }}\nexporters: {{otlp: }}\n{LINE}processors:\n  exceptions: {exceptions}\n"
    settings = read(text, registry(), environ).components[Kind.PROCESSOR][ComponentId("exceptions")]
    assert isinstance(settings, Rich)
    return settings


def errors(exceptions: str, **environ: str) -> list[str]:
    with pytest.raises(InvalidConfig) as caught:
        of(exceptions, **environ)
    return [str(error) for error in caught.value.errors]


@pytest.mark.parametrize("file", sorted(FILES.glob("*.yaml")), ids=lambda file: file.stem)
def test_each_broken_file_is_answered_with_all_of_its_errors_in_these_words(file: Path) -> None:
    """Its first lines say what is to be said: `# error: ...`."""
    expected = [
        line.removeprefix("# error: ") for line in file.read_text().splitlines() if line.startswith("# error: ")
    ]
    assert expected, f"{file.name} does not say which errors are expected"
    with pytest.raises(InvalidConfig) as caught:
        load(file, available(), {})
    assert [str(error) for error in caught.value.errors] == expected


def test_without_a_file_the_default_pipelines_hold() -> None:
    config = load(None, registry(), {})
    lines = {str(line): line for line in config.pipelines}
    learn = ("memory_limiter", "environments", "exceptions", "logs", "runs", "suggestions")
    assert list(lines) == ["traces", "logs", "metrics"]
    assert [*map(str, lines["traces"].receivers)] == ["otlp_grpc", "otlp_http"]
    assert [*map(str, lines["logs"].receivers)] == ["otlp_grpc", "otlp_http", "insights"]
    assert tuple(map(str, lines["logs"].processors)) == learn
    assert tuple(map(str, lines["traces"].processors)) == tuple(one for one in learn if one not in {"logs", "runs"})
    assert tuple(map(str, lines["metrics"].processors)) == (*learn[:2], "anomalies")
    assert not config.used(Kind.EXPORTER)
    assert config.api
    assert config.api.endpoint == "127.0.0.1:8080"
    assert config.store.url.startswith("sqlite:///")
    assert config.warnings == ()


def test_without_a_file_the_opentelemetry_variables_say_where_telemetry_goes() -> None:
    environ = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318",
        "OTEL_EXPORTER_OTLP_TIMEOUT": "2500",
        "OTEL_EXPORTER_OTLP_HEADERS": "api-key=s%3Decret",
    }

    known = registry()
    real = {place: source for place, source in available().sources.items() if place == (Kind.EXPORTER, "otlp")}
    config = load(None, Registry({**known.sources, **real}), environ)
    otlp = config.components[Kind.EXPORTER][ComponentId("otlp")].model_dump()
    assert (otlp["endpoint"], otlp["protocol"], otlp["timeout"]) == ("http://collector:4318", "http/protobuf", 2.5)
    assert otlp["headers"]["api-key"].get_secret_value() == "s=ecret"
    assert all(line.exporters == (ComponentId("otlp"),) for line in config.pipelines)


def test_without_a_file_telemetry_is_not_sent_back_to_ourselves() -> None:
    """The variable is meant for the applications on this machine, and names our own door."""
    config = load(None, registry(), {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:14318"})
    assert not config.used(Kind.EXPORTER)
    assert "OTEL_EXPORTER_OTLP_ENDPOINT" in config.warnings[0]


def test_a_file_that_names_no_component_keeps_the_default_ones() -> None:
    config = read("api: null\nanalysis: {interval: 3s}\n", registry(), {})
    assert config.api is None
    assert config.analysis.interval == 3
    assert len(config.pipelines) == 3


def test_an_empty_section_means_its_defaults_but_an_empty_api_means_none() -> None:
    config = read("api:\nstore:\nanalysis:\nservice:\n", registry(), {})
    assert config.api is None
    assert config.analysis.interval == 10


def test_an_id_may_have_a_name_and_a_signal_several_pipelines() -> None:
    text = """
    receivers: {otlp_grpc: , otlp_grpc/second: {endpoint: "127.0.0.1:5"}}
    exporters: {plain/a b: }
    service:
      pipelines:
        traces: {receivers: [otlp_grpc], exporters: [plain/a b]}
        traces/second: {receivers: [otlp_grpc/second], exporters: [plain/a b]}
    """
    config = read(text, registry(), {})
    assert [(line.signal, line.name) for line in config.pipelines] == [(Signal.TRACES, ""), (Signal.TRACES, "second")]
    assert config.pipelines[1].receivers == (ComponentId("otlp_grpc", "second"),)
    assert config.pipelines[1].exporters == (ComponentId("plain", "a b"),)


def test_a_component_that_no_pipeline_names_is_a_warning_and_is_not_used() -> None:
    config = read(
        f"receivers: {{otlp_grpc: , otlp_http: }}\nprocessors: {{exceptions: }}\nexporters: {{otlp: }}\n{LINE}",
        registry(),
        {},
    )
    assert config.warnings == (
        "receivers.otlp_http: expected some pipeline to name it, got none, so it is not started",
    )
    assert config.used(Kind.RECEIVER) == [ComponentId("otlp_grpc")]


def test_a_wrong_opentelemetry_variable_is_told_as_such() -> None:
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"}
    with pytest.raises(InvalidConfig) as caught:
        load(None, available(), environ)
    assert str(caught.value) == (
        "exporters.otlp.protocol: expected grpc or http/protobuf, got 'http/json' "
        "(from OTEL_EXPORTER_OTLP_* in the environment, since no file names an exporter)"
    )


def keys(schema: dict[str, Any], part: dict[str, Any], path: str = "") -> list[str]:
    """List the dotted paths of all settings that are ours."""
    part = schema["$defs"][part["$ref"].rsplit("/", 1)[1]] if "$ref" in part else part
    inner = part.get("properties", {})
    for choice in part.get("anyOf", []):
        inner |= schema["$defs"][choice["$ref"].rsplit("/", 1)[1]]["properties"] if "$ref" in choice else {}
    return [key for name, one in inner.items() for key in keys(schema, one, f"{path}.{name}")] if inner else [path[1:]]


class TestDocs:
    text = (FILES.parent.parent / "docs" / "configuration.md").read_text()

    @pytest.mark.parametrize("key", keys(schema := File.model_json_schema(), schema))
    def test_every_key_is_described(self, key: str) -> None:
        assert f"`{key}" in self.text

    def test_the_example_is_right(self) -> None:
        (example,) = re.findall(r"```yaml\n(.*?)```", self.text, re.DOTALL)
        assert read(example, available(), {"API_KEY": "x"}).warnings == ()

    @pytest.mark.parametrize("command", ["run", "config check", "config show", "doctor"])
    def test_its_commands_are_described(self, command: str) -> None:
        assert f"otel-insights {command}" in self.text


class TestExpansion:
    def test_a_whole_scalar_gets_the_type_that_yaml_would_give_it(self) -> None:
        settings = of(
            "{size: '${env:SIZE}', strict: '${env:ON}', label: '${env:NONE}'}", SIZE="7", ON="no", NONE="null"
        )
        assert (settings.size, settings.strict, settings.label) == (7, False, None)

    def test_where_text_is_expected_the_spelling_counts(self) -> None:
        settings = of("{password: '${env:P}', headers: {a: '${env:P}'}}", P="1e6")
        assert settings.password.get_secret_value() == "1e6"
        assert settings.headers["a"].get_secret_value() == "1e6"

    def test_a_part_of_a_scalar_is_text(self) -> None:
        assert of("{label: 'a ${env:X} c'}", X="1").label == "a 1 c"

    def test_a_default_holds_only_where_the_variable_is_not_set(self) -> None:
        assert of("{label: '${env:X:-a:-b}'}").label == "a:-b"
        assert of("{label: 'x${env:X:-a}'}", X="").label == "x"

    def test_two_dollars_are_one(self) -> None:
        assert of("{label: 'a$$b$${env:X} $c'}").label == "a$b${env:X} $c"

    def test_a_value_cannot_add_keys(self) -> None:
        assert of("{label: '${env:X}'}", X="a, size: 9}\nsize: 8").label == "a, size: 9}\nsize: 8"
        assert of("{label: '${env:X}'}", X="{size: 9}").label == "{size: 9}"

    def test_a_value_is_not_expanded_again(self) -> None:
        assert of("{label: '${env:X}'}", X="${env:Y}").label == "${env:Y}"

    def test_inside_lists_too(self) -> None:
        assert of("{names: ['${env:X}', b]}", X="1").names == ("1", "b")

    def test_a_variable_that_is_not_set_is_an_error(self) -> None:
        assert errors("{label: '${env:X}'}") == [
            "processors.exceptions.label: expected X in the environment, got none; ${env:X:-default} gives it a default"
        ]

    def test_other_sources_are_refused(self) -> None:
        assert errors("{label: '${file:x}'}") == [
            (
                "processors.exceptions.label: "
                "expected ${env:NAME} or ${env:NAME:-default}, or $$ for a dollar, got '${file:x}'"
            )
        ]


class TestErrors:
    @pytest.mark.parametrize(
        ("settings", "expected"),
        [
            ("{size: five}", "size: expected an integer of at least 2, got 'five'"),
            ("{size: 1}", "size: expected an integer of at least 2, got 1"),
            ("{size: 2.5}", "size: expected an integer of at least 2, got 2.5"),
            ("{size: [1]}", "size: expected an integer of at least 2, got [1]"),
            ("{size: }", "size: expected an integer of at least 2, got nothing"),
            ("{mode: slow}", "mode: expected fast or exact, got 'slow'"),
            ("{strict: maybe}", "strict: expected true or false, got 'maybe'"),
            ("{label: 1e3}", "label: expected a string, or nothing, got 1000.0"),
            ("{names: [a, 3]}", "names[1]: expected a string, got 3"),
            ("{names: a}", "names: expected a list, got 'a'"),
            ("{headers: [a]}", "headers: expected a mapping, got a secret that is not shown"),
            ("{password: 12}", "password: expected a string, got a secret that is not shown"),
            (
                "{sise: 3}",
                (
                    "sise: expected one of the keys size, password, headers, wait, mode, label, names or strict "
                    "(did you mean size?), got the unknown key 'sise'"
                ),
            ),
        ],
    )
    def test_each_says_what_was_expected_and_what_was_found(self, settings: str, expected: str) -> None:
        assert errors(settings) == [f"processors.exceptions.{expected}"]

    def test_all_of_a_file_are_told_together(self) -> None:
        assert len(errors("{size: 1, mode: slow, label: '${env:X}', other: 1}")) == 4

    def test_settings_that_are_no_mapping(self) -> None:
        assert errors("five") == ["processors.exceptions: expected a mapping, got 'five'"]

    def test_a_file_that_is_not_there(self) -> None:
        with pytest.raises(
            InvalidConfig, match=r"no-such-file.yaml: expected a file of UTF-8 text, got .*No such file"
        ):
            load(Path("no-such-file.yaml"), registry(), {})


class TestShow:
    def text(self, config: Config) -> str:
        return config.as_yaml()

    def test_secrets_are_masked(self) -> None:
        text = (
            f"receivers: {{otlp_grpc: }}\nexporters: {{otlp: {{password: hunter2, headers: {{a: hunter3}}}}}}\n{LINE}"
            "processors: {exceptions: }\n"
        )
        shown = read(text, registry(), {}).as_yaml()
        assert "hunter" not in shown

    def test_a_password_in_a_url_is_masked_in_errors_too(self) -> None:
        with pytest.raises(InvalidConfig) as caught:
            read("store: {url: 'mysql://me:hunter4@db/x'}\n", registry(), {})
        assert "'mysql://me:**********@db/x'" in str(caught.value)

    def test_what_is_shown_is_a_file_of_the_same_meaning(self) -> None:
        config = read("analysis: {interval: 90s}\n", registry(), {})
        assert read(config.as_yaml(), registry(), {}) == config
        assert list(yaml.safe_load(config.as_yaml())) == [
            "receivers",
            "processors",
            "exporters",
            "store",
            "api",
            "analysis",
            "service",
        ]
