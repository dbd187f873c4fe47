"""A record is read at a glance where it can be, and as a parser reads it."""

from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from otlp_samples import logs

from otel_insights.payload import attribute
from otel_insights.processors import log_lines

texts = st.one_of(st.text(max_size=40), st.sampled_from(["x" * 200, "*\n" * 9000, "*\n\x08" * 60, " "]))
pairs = st.tuples(
    st.sampled_from(["code.file.path", "code.function.name", "code.line.number", "log_count", "a.b", "code.lineno"]),
    st.one_of(texts, st.integers(-5, 300)),
)
records = st.builds(
    LogRecord,
    time_unix_nano=st.sampled_from([0, 1, 1_700_000_000_000_000_000, 2**63, 2**64 - 1]),
    observed_time_unix_nano=st.sampled_from([0, 7]),
    severity_number=st.integers(0, 24),
    severity_text=st.one_of(st.sampled_from(["", "INFO", "W*\n"]), texts),
    attributes=st.lists(st.builds(lambda pair: attribute(*pair), pairs), max_size=5),
    event_name=st.sampled_from(["", "cart.emptied"]),
)


@given(records, texts)
def test_what_is_read_at_a_glance_is_what_a_parser_reads(record, body):
    record.body.string_value = body
    (item,) = logs(record).items()
    text = body if body and not body.isspace() else ""
    line = log_lines.read(item, log_lines.signs(item.data))
    values = {one.key: one.value for one in record.attributes}
    assert (line is None) == (not text and (bool(body) or not record.event_name))
    if line is None:
        return
    assert line.text == (text or record.event_name)
    times = [record.time_unix_nano, record.observed_time_unix_nano]
    assert line.time_ns == next((one for one in times if 0 < one < 2**63), 0)
    number = record.severity_number
    by_number = ["", "TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"][(number + 3) // 4]
    assert line.severity == (by_number or record.severity_text.upper()[:16] or "UNSPECIFIED")
    weight = values["log_count"].int_value if "log_count" in values else 1
    assert line.weight == (weight if weight > 0 else 1)
    site = [values[key].string_value for key in ("code.file.path", "code.function.name") if key in values]
    at = (
        values["code.line.number" if "code.line.number" in values else "code.lineno"].int_value
        if any(key in values for key in ("code.line.number", "code.lineno"))
        else 0
    )
    assert bool(line.site) == bool(at and any(site))
    if line.site:
        assert line.site.endswith(f":{at}")
