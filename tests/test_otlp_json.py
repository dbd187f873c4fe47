"""OTLP/JSON against protobuf's own JSON, whose only differences are the hexadecimal ids."""

import json
import math
import struct
from base64 import b64decode, b64encode

import pytest
from google.protobuf import json_format
from google.protobuf.descriptor import FieldDescriptor as Field
from google.protobuf.message_factory import GetMessageClass
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from otel_insights.errors import BadData
from otel_insights.otlp_json import decode, encode, to_protobuf
from otel_insights.payload import Signal, attribute

IDS = {"traceId", "spanId", "parentSpanId", "trace_id", "span_id", "parent_span_id"}

float64 = st.floats(allow_nan=False) | st.just(math.inf)
scalars = {
    Field.TYPE_STRING: st.text(max_size=8) | st.sampled_from(["", "é" * 90, "x" * 3000]),
    Field.TYPE_BYTES: st.binary(max_size=9) | st.just(b"\xfb\xff"),
    Field.TYPE_BOOL: st.booleans(),
    Field.TYPE_DOUBLE: float64,
    Field.TYPE_INT32: st.integers(-(2**31), 2**31 - 1),
    Field.TYPE_SINT32: st.integers(-(2**31), 2**31 - 1),
    Field.TYPE_INT64: st.integers(-(2**63), 2**63 - 1),
    Field.TYPE_SFIXED64: st.integers(-(2**63), 2**63 - 1),
    Field.TYPE_UINT32: st.integers(0, 2**32 - 1),
    Field.TYPE_FIXED32: st.integers(0, 2**32 - 1),
    Field.TYPE_UINT64: st.integers(0, 2**64 - 1),
    Field.TYPE_FIXED64: st.integers(0, 2**64 - 1),
    Field.TYPE_ENUM: st.integers(0, 3),
}


@st.composite
def messages(draw, descriptor, depth=0):
    """Any message of a type: some of its fields, with edge values among them."""
    message = GetMessageClass(descriptor)()
    # the way down to the items is always taken
    every = list(descriptor.fields)
    chosen = every if depth < 3 else draw(st.lists(st.sampled_from(every), max_size=4))
    for field in chosen:
        if field.type == Field.TYPE_MESSAGE:
            if depth > 9:
                continue
            count = draw(st.integers(0, 2)) if field.is_repeated else 1
            for _ in range(count):
                inner = draw(messages(field.message_type, depth + 1))
                if field.is_repeated:
                    getattr(message, field.name).append(inner)
                else:
                    getattr(message, field.name).CopyFrom(inner)
        elif field.is_repeated:
            getattr(message, field.name).extend(draw(st.lists(scalars[field.type], max_size=2)))
        else:
            setattr(message, field.name, draw(scalars[field.type]))
    return message


requests = st.sampled_from(Signal).flatmap(lambda s: st.tuples(st.just(s), messages(s.message.DESCRIPTOR)))
thoroughly = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


def with_ids(value, convert):
    if isinstance(value, list):
        return [with_ids(item, convert) for item in value]
    if isinstance(value, dict):
        return {k: convert(v) if k in IDS and isinstance(v, str) else with_ids(v, convert) for k, v in value.items()}
    return value


def to_hex(text):
    return b64decode(text).hex()


def to_base64(text):
    return b64encode(bytes.fromhex(text)).decode()


@thoroughly
@given(requests)
def test_what_is_written_is_what_protobuf_reads(case):
    signal, message = case
    value = with_ids(json.loads(encode(message)), to_base64)
    assert json_format.ParseDict(value, signal.message(), max_recursion_depth=200) == message


@thoroughly
@given(requests, st.booleans(), st.booleans(), st.booleans())
def test_what_protobuf_writes_is_read(case, snake, integers, defaults):
    signal, message = case
    value = json_format.MessageToDict(
        message,
        preserving_proto_field_name=snake,
        use_integers_for_enums=integers,
        always_print_fields_with_no_presence=defaults,
    )
    assert decode(signal, json.dumps(with_ids(value, to_hex))) == message


@thoroughly
@given(requests)
def test_a_message_comes_back_as_it_was_and_serialises_to_the_same_size(case):
    signal, message = case
    text = encode(message)
    assert b"\n" not in text
    assert decode(signal, text) == message
    assert len(to_protobuf(signal, text)) == message.ByteSize()


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just("5"),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["key", "value", "values"]), inner),
    max_leaves=4,
)


def nodes(value, path=()):
    yield path
    for step, inner in (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    ):
        yield from nodes(inner, (*path, step))


def put(value, path, new):
    if not path:
        return new
    copy = value.copy()
    copy[path[0]] = put(value[path[0]], path[1:], new)
    return copy


@settings(thoroughly, max_examples=200)
@given(requests, st.data())
def test_any_json_value_anywhere_raises_nothing_but_bad_data(case, draw):
    signal, message = case
    value = json.loads(encode(message))
    spoilt = put(value, draw.draw(st.sampled_from(list(nodes(value)))), draw.draw(anything))
    try:
        decode(signal, spoilt if isinstance(spoilt, dict) else json.dumps(spoilt))
    except BadData as error:
        assert str(error)  # noqa: PT017  # it may as well be valid


RECORD = {
    "timeUnixNano": "1760000000000000001",
    "severityNumber": 17,
    "body": {"kvlistValue": {"values": [{"key": "raw", "value": {"bytesValue": "+/8="}}]}},
    "traceId": "5B8EFFF798038103D269B633813FC60C",
    "spanId": "eee19b7ec3c1b174",
    "eventName": "package.info",
}


def logs(*records):
    return {"resourceLogs": [{"scopeLogs": [{"logRecords": list(records)}]}]}


def only_record(value):
    return decode(Signal.LOGS, json.dumps(logs(value))).resource_logs[0].scope_logs[0].log_records[0]


def test_the_specification_s_particulars_are_read():
    record = only_record(RECORD)
    assert record.time_unix_nano == 1760000000000000001
    assert record.trace_id.hex() == "5b8efff798038103d269b633813fc60c"
    assert record.body.kvlist_value.values[0].value.bytes_value == b"\xfb\xff"
    assert record.event_name == "package.info"


def test_the_specification_s_particulars_are_written():
    expected = {**RECORD, "traceId": RECORD["traceId"].lower()}
    assert json.loads(encode(decode(Signal.LOGS, logs(RECORD)))) == logs(expected)


def test_text_bytes_and_parsed_objects_are_the_same():
    text = json.dumps(logs(RECORD))
    assert decode(Signal.LOGS, text) == decode(Signal.LOGS, text.encode()) == decode(Signal.LOGS, logs(RECORD))


@pytest.mark.parametrize("extra", [{"new": [{"deep": 1}]}, {"timeUnixNano": None}, {"": 0}])
def test_unknown_fields_and_nulls_are_ignored(extra):
    assert only_record({"severityText": "x", **extra}) == only_record({"severityText": "x"})


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", 1, 1.5, "2.5", "1e3", -0.0])
def test_doubles_of_every_kind_are_read_and_written(value):
    record = only_record({"body": {"doubleValue": value}})
    text = json.loads(encode(decode(Signal.LOGS, logs({"body": {"doubleValue": value}}))))
    assert struct.pack("<d", record.body.double_value) == struct.pack("<d", float(value))
    written = text["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0]["body"]["doubleValue"]
    assert written == (value if isinstance(value, str) and value[-1] in "Ny" else float(value))


@pytest.mark.parametrize("value", [7, "7", 7.0, "7.0", "7e0", "007"])
def test_integers_are_read_quoted_or_not_and_with_a_fraction_of_zero(value):
    assert only_record({"timeUnixNano": value}).time_unix_nano == 7
    assert only_record({"body": {"intValue": value}}).body.int_value == 7


def test_enumerations_are_read_by_name_and_unknown_numbers_are_kept():
    assert only_record({"severityNumber": "SEVERITY_NUMBER_ERROR"}).severity_number == 17
    assert only_record({"severityNumber": 99}).severity_number == 99


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("timeUnixNano", "soon", "timeUnixNano: expected an integer from 0 to 18446744073709551615, got 'soon'"),
        ("timeUnixNano", -1, "timeUnixNano: expected an integer from 0"),
        ("timeUnixNano", "18446744073709551616", "timeUnixNano: expected an integer"),
        ("timeUnixNano", "1" * 5000, "timeUnixNano: expected an integer"),
        ("timeUnixNano", "1_0", "timeUnixNano: expected an integer"),
        ("timeUnixNano", "²", "timeUnixNano: expected an integer"),
        ("timeUnixNano", "NaN", "timeUnixNano: expected an integer"),
        ("timeUnixNano", True, "timeUnixNano: expected an integer"),
        ("timeUnixNano", 1.5, "timeUnixNano: expected an integer"),
        ("timeUnixNano", [], "timeUnixNano: expected an integer"),
        ("severityNumber", "LOUD", "severityNumber: expected an integer from -2147483648"),
        ("severityText", 5, "severityText: expected a string, got 5"),
        ("traceId", "xyz", "traceId: expected hexadecimal digits, two a byte, got 'xyz'"),
        ("traceId", "ab cd", "traceId: expected hexadecimal"),
        ("traceId", 5, "traceId: expected hexadecimal"),
        ("attributes", {}, "attributes: expected an array, got {}"),
        ("attributes", [{"key": "k"}, 3], r"attributes[1]: expected an object, got 3"),
        ("attributes", [{"key": 1, "value": {"stringValue": "v"}}], "attributes[0].key: expected a string, got 1"),
        (
            "attributes",
            [{"key": "k", "value": {"stringValue": 1}}],
            "attributes[0].value.stringValue: expected a string",
        ),
        (
            "attributes",
            [{"key": "k", "value": {"boolValue": 1}}],
            "attributes[0].value.boolValue: expected true or false",
        ),
        ("attributes", [{"key": "k", "value": {"doubleValue": "1_0"}}], "doubleValue: expected a number"),
        ("attributes", [{"key": "k", "value": {"doubleValue": False}}], "doubleValue: expected a number"),
        ("attributes", [{"key": "k", "value": {"bytesValue": "?"}}], "bytesValue: expected base64, got '?'"),
        ("attributes", [{"key": "k", "value": "v"}], "attributes[0].value: expected an object, got 'v'"),
        ("body", {"arrayValue": {"values": [{}, None]}}, "body.arrayValue.values[1]: expected an object, got None"),
    ],
)
def test_a_misfit_is_refused_with_its_place(field, value, expected):
    with pytest.raises(BadData) as refused:
        decode(Signal.LOGS, logs({}, {field: value}))
    assert str(refused.value).startswith("resourceLogs[0].scopeLogs[0].logRecords[1].")
    assert expected in str(refused.value)


@pytest.mark.parametrize("text", [b"", b"{", b"nonsense", b'{"a": NaN}', b"\xff", "[" * 5000])
def test_what_is_no_json_is_refused(text):
    with pytest.raises(BadData, match="not JSON"):
        decode(Signal.LOGS, text)


def test_json_that_is_no_object_is_refused():
    with pytest.raises(BadData, match="request: expected an object, got 5"):
        decode(Signal.LOGS, "5")


def test_half_a_surrogate_pair_is_refused():
    for record in ({"severityText": "\ud800"}, {"attributes": [{"key": "k", "value": {"stringValue": "\ud800"}}]}):
        with pytest.raises(BadData, match="Unicode"):
            decode(Signal.LOGS, logs(record))


def nested(levels):
    value = {"stringValue": "core"}
    for _ in range(levels):
        value = {"kvlistValue": {"values": [{"key": "k", "value": value}]}}
    return logs({"body": value})


def test_values_are_nested_as_deep_as_protobuf_allows_and_no_deeper():
    deepest = 0
    while True:
        try:
            message = decode(Signal.LOGS, nested(deepest + 1))
        except BadData:
            break
        deepest += 1
        assert decode(Signal.LOGS, encode(message)) == message
    assert 30 < deepest < 34
    for levels in (deepest + 1, deepest + 2, 300, 5000):
        with pytest.raises(BadData):
            to_protobuf(Signal.LOGS, nested(levels))


def test_default_values_are_left_out_but_for_those_that_say_something():
    request = ExportLogsServiceRequest()
    record = request.resource_logs.add().scope_logs.add().log_records.add()
    record.attributes.append(attribute("empty", ""))
    record.attributes.add(key="nothing")
    record.attributes.append(attribute("zero", 0))
    written = json.loads(encode(request))["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0]
    assert written == {
        "attributes": [
            {"key": "empty", "value": {"stringValue": ""}},
            {"key": "nothing"},
            {"key": "zero", "value": {"intValue": "0"}},
        ]
    }
