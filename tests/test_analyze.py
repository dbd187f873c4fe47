"""`otel-insights analyze` through the command line: files in, stamped files and a report out."""

import json

import pytest
from otlp_samples import charge, log, logs, look_up, package, raised, resource, span, spans
from typer.testing import CliRunner

from otel_insights.cli import app
from otel_insights.otlp_lines import Malformed, Writer, read


def analyze(*arguments: object):
    return CliRunner().invoke(app, ["analyze", *map(str, arguments)])


def attributes_of(path) -> list[dict[str, str]]:
    """The attributes of every span and log record."""
    found: list[dict] = []
    for line in path.read_text().splitlines():
        export = json.loads(line)
        for part in export.get("resourceSpans", []) + export.get("resourceLogs", []):
            for scope in part.get("scopeSpans", []) + part.get("scopeLogs", []):
                found += scope.get("spans", []) + scope.get("logRecords", [])
    return [{each["key"]: each["value"].get("stringValue") for each in one.get("attributes", [])} for one in found]


@pytest.fixture
def telemetry(tmp_path):
    """40 environments; those with numpy 2.0 fail."""
    path = tmp_path / "in.jsonl"
    with Writer(path) as writer:
        for number in range(40):
            bad = number % 2 == 0
            of = resource(f"i-{number}", namespace="fleet")
            records = [package("numpy", "2.0" if bad else "1.26"), log("served", {"log_count": 100})]
            writer.write(logs(*records, of=of))
            failures = [raised(charge, number)] if bad else []
            writer.write(spans(span(number + 1, *failures), of=of))
    return path


def test_exceptions_are_stamped_and_the_report_explains_them(telemetry, tmp_path):
    out, report = tmp_path / "out.jsonl", tmp_path / "report.json"
    result = analyze(telemetry, "--out", out, "--report", report)
    assert result.exit_code == 0, result.output
    found = json.loads(report.read_text())
    (cluster,) = found["clusters"]
    assert cluster["namespace"] == "fleet"
    assert cluster["exception_type"] == "ValueError"
    assert cluster["count"] == 20
    assert cluster["environments"] == 20
    assert cluster["services"] == ["shop"]
    assert cluster["first_seen"].endswith("Z")
    suggestion = found["suggestions"][0]
    assert suggestion["cluster_id"] == cluster["id"]
    assert suggestion["tier"] == "established"
    assert suggestion["conditions"][0]["key"] == "package.numpy"
    assert (suggestion["failing"], suggestion["healthy"]) == ([20, 20], [0, 20])
    assert suggestion["remedy"]["value"] == "1.26"
    assert found["counts"]["records"] == {"logs": 80, "spans": 40, "metric_points": 0}
    stamped = [one for one in attributes_of(out) if one.get("otel_insights.exception.cluster.id")]
    assert len(stamped) == 20
    assert {one["otel_insights.exception.cluster.id"] for one in stamped} == {cluster["id"]}


def test_telemetry_comes_out_as_it_went_in_but_for_the_stamps(telemetry, tmp_path):
    out = tmp_path / "out.jsonl"
    analyze(telemetry, "--out", out)
    for before, after in zip(read(telemetry), read(out), strict=True):
        message = after.message()
        items = [one for part in getattr(message, "resource_spans", []) for one in part.scope_spans[0].spans]
        items += [one for part in getattr(message, "resource_logs", []) for one in part.scope_logs[0].log_records]
        for one in items:
            for attributes in (one.attributes, *(event.attributes for event in getattr(one, "events", ()))):
                ours = [each for each in attributes if each.key.startswith(("otel_insights.", "log.record.template"))]
                for each in ours:
                    attributes.remove(each)
        assert message == before.message()


def test_malformed_lines_are_named_counted_and_skipped(telemetry, tmp_path):
    with telemetry.open("a") as file:
        file.write('{"resourceSpans": 7}\nno json\n')
    report = tmp_path / "report.json"
    result = analyze(telemetry, "--report", report)
    assert result.exit_code == 0
    assert "in.jsonl:81:" in result.output
    assert "in.jsonl:82:" in result.output
    assert json.loads(report.read_text())["counts"]["malformed_lines"] == 2


def test_strict_ends_at_the_first_malformed_line_and_writes_nothing(telemetry, tmp_path):
    with telemetry.open("a") as file:
        file.write("no json\n")
    out, report = tmp_path / "out.jsonl", tmp_path / "report.json"
    result = analyze(telemetry, "--strict", "--out", out, "--report", report)
    assert result.exit_code == 1
    assert "in.jsonl:81:" in result.output
    assert not out.exists()
    assert not report.exists()


def test_file_that_is_not_there_is_exit_code_1(tmp_path):
    result = analyze(tmp_path / "absent.jsonl")
    assert result.exit_code == 1
    assert "absent.jsonl" in result.output


@pytest.mark.parametrize("wrong", [["--store", "mysql://x"], ["--signal", "profiles"], ["--out", "x.csv"]])
def test_wrong_usage_is_exit_code_2_and_says_what_was_expected(telemetry, wrong):
    assert analyze(telemetry, *wrong).exit_code == 2


def test_store_carries_ids_and_counts_over_and_the_same_file_counts_once(telemetry, tmp_path):
    url = f"sqlite:///{tmp_path}/insights.db"
    reports = []
    for number in range(2):
        path = tmp_path / f"report{number}.json"
        assert analyze(telemetry, "--store", url, "--report", path).exit_code == 0
        reports.append(json.loads(path.read_text()))
    assert [one["id"] for one in reports[0]["clusters"]] == [one["id"] for one in reports[1]["clusters"]]
    assert reports[1]["clusters"][0]["count"] == 20


def test_binary_files_are_read_and_written(tmp_path):
    source, out = tmp_path / "in.traces.binpb", tmp_path / "out.traces.binpb.gz"
    with Writer(source) as writer:
        writer.write(spans(span(1, raised(look_up, "o-1"))))
    assert analyze(source, "--out", out).exit_code == 0
    (payload,) = read(out)
    assert not isinstance(payload, Malformed)
    (event,) = payload.message().resource_spans[0].scope_spans[0].spans[0].events
    assert any(one.key == "otel_insights.exception.cluster.id" for one in event.attributes)
