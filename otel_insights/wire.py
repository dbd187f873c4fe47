"""The protobuf wire format of OTLP export requests, read and edited without parsing what is inside the items.

All three signals have one shape: request { resources = 1 { resource = 1, scopes = 2 { scope = 1, items = 2 } } }, where
an item is a span, a log record or a metric (opentelemetry-proto, `*_service.proto`). So an item's bytes can be found by
stepping over headers, and exchanged by patching the two lengths that enclose it. Whatever is not edited stays as it
came, byte for byte: unknown fields, odd encodings, strings that are no UTF-8.

Reference: https://protobuf.dev/programming-guides/encoding/
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Final, NamedTuple, TypeAlias

import stringzilla

from otel_insights.errors import BadData

_MORE: Final = 0x80
"""The bit of a varint's byte that says that another one follows."""

VARINT, FIXED64, LENGTH, GROUP, GROUP_END, FIXED32 = range(6)

EVENT_NAMED_EXCEPTION: Final = b"\x12\x09exception"
"""Is in every span that has an event named `exception` (`Span.Event.name` is field 2)."""
EXCEPTION_ATTRIBUTE: Final = b"exception."
"""Is in every log record that has an `exception.*` attribute."""
PACKAGE_INFO: Final = b"\x62\x0cpackage.info"
"""Is in every log record whose event is `package.info` (`LogRecord.event_name` is field 12)."""
FEATURE_FLAG: Final = b"\x62\x17feature_flag.evaluation"
"""Is in every log record whose event is `feature_flag.evaluation`."""

Extent: TypeAlias = tuple[int, int, int]
"""Where a length-delimited field lies: the offset of its tag, of its content, and of its end."""


class Place(NamedTuple):
    """Where an item lies, and what it belongs to."""

    resource_extent: Extent
    """Of the enclosing ResourceSpans / ResourceLogs / ResourceMetrics."""
    scope_extent: Extent
    """Of the enclosing ScopeSpans / ScopeLogs / ScopeMetrics."""
    item: Extent
    resource: bytes
    """The serialised Resource, b"" if absent."""
    scope: bytes
    """The serialised InstrumentationScope, b"" if absent."""
    match: int = -1
    """Where in the item's content the one match of a search begins; -1 if it has several, or was not searched for."""


Field: TypeAlias = tuple[int, int, Extent]
"""One field of a message: its number, its wire type, and where it lies."""


def varint(value: int) -> bytes:
    r"""Encode a non-negative integer.

    >>> varint(300)
    b'\xac\x02'
    """
    if value < _MOST_READY:
        return _VARINTS[value]
    return _varint(value)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value >= _MORE:
        out.append(value & 0x7F | _MORE)
        value >>= 7
    out.append(value)
    return bytes(out)


_MOST_READY: Final = 16_384
_VARINTS: Final = [_varint(value) for value in range(_MOST_READY)]
"""All that take one or two bytes."""


def delimited(number: int, content: bytes) -> bytes:
    r"""Encode a length-delimited field.

    >>> delimited(2, b"exception")
    b'\x12\texception'
    """
    return varint(number << 3 | LENGTH) + varint(len(content)) + content


def fields(data: bytes, at: int, end: int) -> Iterator[Field]:
    """Step over the fields of the message in `data[at:end]`; raises BadData where protobuf's parser would refuse it."""
    while at < end:
        start = at
        tag, at = _varint_at(data, at, end, 32)
        if tag >> 3 == 0:
            raise BadData(f"field number 0 at byte {start}")
        body, at = _value_at(data, at, end, tag)
        yield tag >> 3, tag & 7, (start, body, at)


def delimited_fields(data: bytes, at: int = 0, end: int | None = None) -> Iterator[tuple[int, int, int, int]]:
    """Step over a message and give its length-delimited fields: number, and the offsets of tag, content and end.

    Raises BadData as `fields` does, and is several times faster.
    """
    end = len(data) if end is None else end
    while at < end:
        start = at
        tag = data[at]
        if tag & 0x87 == LENGTH < tag and at + 3 < end:
            low, middle = data[at + 1], data[at + 2]
            if low < _MORE:
                body = at + 2
                at = body + low
            elif middle < _MORE:
                body = at + 3
                at = body + low + (middle << 7) - 128
            elif (high := data[at + 3]) < _MORE:
                body = at + 4
                at = body + low + (middle << 7) + (high << 14) - 16_512
            else:
                body = at = end + 1
            if at <= end:
                yield tag >> 3, start, body, at
                continue
            at = start
        elif tag & 0x87 == FIXED64 < tag - 7 and at + 9 <= end:
            at += 9
            continue
        elif tag & 0x87 == VARINT < tag and at + 1 < end and data[at + 1] < _MORE:
            at += 2
            continue
        number, wire_type, (_, body, at) = next(fields(data, at, end))
        if wire_type == LENGTH:
            yield number, start, body, at


def places(data: bytes) -> Iterator[Place]:
    """Every item of an export request in order; raises BadData when the framing is broken above the items."""
    for outer in _submessages(data, 0, len(data), 1):
        resource, scopes = _parts(data, outer)
        for inner in scopes:
            # it may hold millions of items, so these are not listed
            scope = b"".join(data[body:end] for _, body, end in _submessages(data, inner[1], inner[2], 1))
            for item in _submessages(data, inner[1], inner[2], 2):
                yield Place(outer, inner, item, resource, scope)


def places_holding(data: bytes, needle: bytes) -> list[Place]:
    """Find the items whose bytes contain the needle, in order; raises BadData as `places`, but only where it looked.

    Scopes and resources without a match are stepped over in one go. One needle per scan: a search for several at once
    costs more than several scans.
    """
    hit = stringzilla.find(data, needle)
    found: list[Place] = []
    if hit < 0:
        return found
    for outer in _submessages(data, 0, len(data), 1):
        if hit < outer[1]:
            hit = stringzilla.find(data, needle, outer[1])
            if hit < 0:
                break
        if hit >= outer[2]:
            continue
        resource, scopes = _parts(data, outer)
        for inner in scopes:
            if hit < inner[1]:
                hit = stringzilla.find(data, needle, inner[1])
                if hit < 0:
                    return found
            if hit < inner[2]:
                scope, items = _items_holding(data, inner, needle, hit)
                found += [Place(outer, inner, item, resource, scope, match) for item, match in items]
    return found


def _items_holding(data: bytes, inner: Extent, needle: bytes, hit: int) -> tuple[bytes, list[tuple[Extent, int]]]:
    """Find the scope, and the items with their match, of one ScopeSpans; `hit` is the first match in it.

    It goes on after the last match, for a scope may come late or twice, and the framing is to be proved.
    """
    _, at, end = inner
    scope = b""
    items: list[tuple[Extent, int]] = []
    size = len(needle)
    lengths = _LENGTHS
    while at < end:
        limit = min(hit, end)
        after = at + lengths[data[at : at + 3]]
        while after <= limit:
            at = after
            after = at + lengths[data[at : at + 3]]
        if after <= end:
            body = at + (2 if data[at + 1] < _MORE else 3)
        elif at == end:
            break
        else:
            number, wire_type, (_, body, after) = next(fields(data, at, end))
            if (number, wire_type) != (2, LENGTH):
                if (number, wire_type) == (1, LENGTH):
                    scope += data[body:after]
                at = after
                continue
        if hit < after:
            if hit < body:
                hit = _find(data, needle, body)
            if hit + size <= after:
                following = _find(data, needle, hit + 1)
                items.append(((at, body, after), hit - body if following + size > after else -1))
                hit = following if following >= after else _find(data, needle, after)
        at = after
    return scope, items


class _Lengths(dict[bytes, int]):
    """How long an item is, header and all, given its first three bytes; beyond any length if these do not tell.

    They do where its own length takes one or two bytes: nearly always. There are 49,000 such beginnings at most.
    """

    def __missing__(self, beginning: bytes) -> int:
        tag, low, high = beginning.ljust(3, b"\xff")
        if tag != 0x12 or low & high >= _MORE:  # noqa: PLR2004
            return _UNKNOWN
        length = 2 + low if low < _MORE else 3 + (low & 0x7F) + (high << 7)
        self[beginning] = length
        return length


_UNKNOWN: Final = 1 << 62
_LENGTHS: Final = _Lengths()


def _find(data: bytes, needle: bytes, at: int) -> int:
    """As `stringzilla.find`, but beyond the end where nothing is found."""
    hit = int(stringzilla.find(data, needle, at))
    return hit if hit >= 0 else len(data) + 1


_Edit: TypeAlias = tuple[Place, Sequence[bytes]]


def amend(data: bytes, edits: Iterable[_Edit]) -> bytes:
    """Put new content in place of items', each given in pieces, and patch the lengths of what holds them.

    The places are those of `data` itself: anything else is the caller's bug and corrupts. Raises ValueError for an item
    that is given twice.
    """
    chunks: list[bytes | memoryview] = []
    view, at = memoryview(data), 0
    for outer, in_resource in groupby(sorted(edits, key=_start_of_item), _resource_of):
        grown = 0
        header_of_resource = _open(view, chunks, at, outer)
        at = outer[1]
        for inner, in_scope in groupby(in_resource, _scope_of):
            header_of_scope = _open(view, chunks, at, inner)
            at, grown_items = _put_items(view, chunks, inner[1], in_scope)
            grown += grown_items + _close(chunks, header_of_scope, b"\x12", inner, grown_items)
        _close(chunks, header_of_resource, b"\x0a", outer, grown)
    chunks.append(view[at:])
    return b"".join(chunks)


def _start_of_item(edit: _Edit) -> int:
    return edit[0][2][0]


def _scope_of(edit: _Edit) -> Extent:
    return edit[0][1]


def _resource_of(edit: _Edit) -> Extent:
    return edit[0][0]


def _put_items(view: memoryview, chunks: list[bytes | memoryview], at: int, edits: Iterable[_Edit]) -> tuple[int, int]:
    """Write items of one scope from an offset on; returns how far that went, and by how much they grew."""
    grown = 0
    for place, pieces in edits:
        start, _, end = place[2]
        if start < at:
            raise ValueError("an item is given twice in one edit")
        size = sum(map(len, pieces))
        header = b"\x12" + varint(size)
        chunks += (view[at:start], header, *pieces)
        grown += size + len(header) - (end - start)
        at = end
    return at, grown


def _open(view: memoryview, chunks: list[bytes | memoryview], at: int, extent: Extent) -> int:
    """Write what lies before a message, and leave room for its header; returns where that is to be put."""
    chunks.append(view[at : extent[0]])
    chunks.append(b"")
    return len(chunks) - 1


def _close(chunks: list[bytes | memoryview], header_at: int, tag: bytes, extent: Extent, growth: int) -> int:
    """Write the header of a message that grows; returns by how much the header itself grows."""
    start, body, end = extent
    header = chunks[header_at] = tag + varint(end - body + growth)
    return len(header) - (body - start)


def _submessages(data: bytes, at: int, end: int, number: int) -> Iterator[Extent]:
    """Find the occurrences of one length-delimited field; under another wire type the number is an unknown field."""
    for found, start, body, after in delimited_fields(data, at, end):
        if found == number:
            yield start, body, after


def _parts(data: bytes, outer: Extent) -> tuple[bytes, list[Extent]]:
    """Tell the resource and the scopes of a ResourceSpans: its fields 1 and 2.

    A resource that occurs twice is merged, as protobuf does, and concatenated bytes are merged.
    """
    resource: list[bytes] = []
    scopes: list[Extent] = []
    for number, start, body, end in delimited_fields(data, outer[1], outer[2]):
        if number == 2:  # noqa: PLR2004
            scopes.append((start, body, end))
        elif number == 1:
            resource.append(data[body:end])
    return b"".join(resource), scopes


def _varint_at(data: bytes, at: int, end: int, bits: int) -> tuple[int, int]:
    """Decode a varint that has at most this many bits; returns it and the offset after it."""
    value = shift = 0
    for i in range(at, min(end, at + (bits + 6) // 7)):
        byte = data[i]
        value |= (byte & 0x7F) << shift
        if byte < _MORE:
            if value >> bits and bits < 64:  # noqa: PLR2004
                raise BadData(f"the varint at byte {at} has more than {bits} bits")
            return value, i + 1
        shift += 7
    raise BadData(f"the varint at byte {at} does not end")


def _value_at(data: bytes, at: int, end: int, tag: int) -> tuple[int, int]:
    """Tell the offsets of the content and of the end of the field whose tag ends at `at`."""
    wire_type = tag & 7
    body = at
    if wire_type == LENGTH:
        size, body = _varint_at(data, at, end, 31)
        at = body + size
    elif wire_type == VARINT:
        _, at = _varint_at(data, at, end, 64)
    elif wire_type == FIXED64:
        at += 8
    elif wire_type == FIXED32:
        at += 4
    elif wire_type == GROUP:
        at = _group_end(data, at, end, tag >> 3)
    else:
        raise BadData(f"wire type {wire_type} before byte {at}")
    if at > end:
        raise _overlong(body, at - end)
    return body, at


def _group_end(data: bytes, at: int, end: int, number: int) -> int:
    """Tell the offset after a group (deprecated, but legal as an unknown field) whose content begins at `at`.

    Like protobuf's parser, it minds no field number 0 within.
    """
    open_groups = [number]
    while open_groups:
        start = at
        tag, at = _varint_at(data, at, end, 32)
        if tag & 7 == GROUP:
            open_groups.append(tag >> 3)
        elif tag & 7 != GROUP_END:
            _, at = _value_at(data, at, end, tag)
        elif tag >> 3 != open_groups.pop():
            raise BadData(f"a group ends at byte {start} that is not open")
    return at


def _overlong(start: int, excess: int) -> BadData:
    return BadData(f"the field at byte {start} ends {excess} bytes after what holds it")
