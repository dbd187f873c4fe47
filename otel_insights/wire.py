"""The protobuf wire format of OTLP export requests, read and edited without parsing what is inside the items.

All three signals have one shape: request { resources = 1 { resource = 1, scopes = 2 { scope = 1, items = 2 } } }, where
an item is a span, a log record or a metric (opentelemetry-proto, `*_service.proto`). So an item's bytes can be found by
stepping over headers, and exchanged by patching the two lengths that enclose it. Whatever is not edited stays as it
came, byte for byte: unknown fields, odd encodings, strings that are no UTF-8.

Reference: https://protobuf.dev/programming-guides/encoding/
"""

from collections.abc import Iterable, Iterator
from operator import itemgetter
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


def delimited_fields(data: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Step over a message and give its length-delimited fields: number, and the offsets of tag, content and end.

    Raises BadData as `fields` does, and is several times faster.
    """
    at, end = 0, len(data)
    while at < end:
        start = at
        tag = data[at]
        if tag & 0x87 == LENGTH < tag and at + 1 < end and data[at + 1] < 128:  # noqa: PLR2004
            body = at + 2
            at = body + data[at + 1]
            if at > end:
                raise _overlong(start, at - end)
            yield tag >> 3, start, body, at
        elif tag & 0x87 == FIXED64 < tag - 7 and at + 9 <= end:
            at += 9
        elif tag & 0x87 == VARINT < tag and at + 1 < end and data[at + 1] < 128:  # noqa: PLR2004
            at += 2
        else:
            number, wire_type, (_, body, at) = next(fields(data, at, end))
            if wire_type == LENGTH:
                yield number, start, body, at


def places(data: bytes) -> Iterator[Place]:
    """Every item of an export request in order; raises BadData when the framing is broken above the items."""
    for outer in _submessages(data, 0, len(data), 1):
        resource = _merged(data, outer, 1)
        for inner in _submessages(data, outer[1], outer[2], 2):
            scope = _merged(data, inner, 1)
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
        resource = _merged(data, outer, 1)
        for inner in _submessages(data, outer[1], outer[2], 2):
            if hit < inner[1]:
                hit = stringzilla.find(data, needle, inner[1])
                if hit < 0:
                    return found
            if hit < inner[2]:
                scope, items = _items_holding(data, inner, needle, hit)
                found += [Place(outer, inner, item, resource, scope) for item in items]
    return found


def _items_holding(data: bytes, inner: Extent, needle: bytes, hit: int) -> tuple[bytes, list[Extent]]:
    """Find the scope, and the items that contain the needle, of one ScopeSpans; `hit` is the first match in it.

    It goes on after the last match, for a scope may come late or twice, and the framing is to be proved.
    """
    _, at, end = inner
    scope = b""
    items: list[Extent] = []
    size = len(needle)
    headers_end = end - 3
    while (at := _step_over(data, at, end, hit)) < end:
        start = at
        # First an item whose length takes two bytes, then one: nearly all, and many times faster than the general case.
        if at < headers_end and data[at] == 0x12 and data[at + 2] < 128 <= data[at + 1]:  # noqa: PLR2004
            body = at + 3
            at += data[at + 1] + (data[at + 2] << 7) - 125
        elif at < headers_end and data[at] == 0x12 and data[at + 1] < 128:  # noqa: PLR2004
            body = at + 2
            at = body + data[at + 1]
        else:
            number, wire_type, (_, body, at) = next(fields(data, at, end))
            if (number, wire_type) != (2, LENGTH):
                if (number, wire_type) == (1, LENGTH):
                    scope += data[body:at]
                continue
        if hit < at:
            if hit < body:
                hit = _find(data, needle, body)
            if hit + size <= at:
                items.append((start, body, at))
                hit = _find(data, needle, at)
    if at > end:
        raise _overlong(start, at - end)
    return scope, items


def _step_over(data: bytes, at: int, end: int, hit: int) -> int:
    """Step over the items that end before the match, as long as their lengths take two bytes, as nearly all do."""
    headers_end, limit = end - 3, min(hit, end)
    while at < headers_end and data[at] == 0x12 and (low := data[at + 1]) >= 128 > (high := data[at + 2]):  # noqa: PLR2004
        after = at + low + (high << 7) - 125
        if after > limit:
            break
        at = after
    return at


def _find(data: bytes, needle: bytes, at: int) -> int:
    """As `stringzilla.find`, but beyond the end where nothing is found."""
    hit = int(stringzilla.find(data, needle, at))
    return hit if hit >= 0 else len(data) + 1


Patch: TypeAlias = tuple[int, int, bytes]
"""New content for what lies from one offset to another."""


def amend(data: bytes, amendments: Iterable[tuple[Place, Iterable[Patch]]]) -> bytes:
    """Change bytes within items and patch the lengths of what holds them.

    The places are those of `data` itself, each at most once; offsets count from the start of the item's content. The
    patches of an item are in order and do not overlap. Anything else is the caller's bug and corrupts.
    """
    patches: list[Patch] = []
    growth: dict[Extent, int] = {}
    holder: dict[Extent, Extent] = {}
    last: Extent | None = None
    grown = 0
    for place, changes in sorted(amendments, key=_start_of_item):
        _, scope, (start, body, end), _, _ = place
        size = end - body
        for first, after, content in changes:
            patches.append((body + first, body + after, content))
            size += len(content) - (after - first)
        header = b"\x12" + varint(size)
        patches.append((start, body, header))
        if scope is not last:
            if last is not None:
                growth[last] = growth.get(last, 0) + grown
            last, grown = scope, 0
            holder[scope] = place.resource_extent
        grown += size + len(header) - (end - start)
    if last is None:
        return data
    growth[last] = growth.get(last, 0) + grown
    return _with_headers(data, patches, growth, holder)


def _start_of_item(amendment: tuple[Place, Iterable[Patch]]) -> int:
    return amendment[0].item[0]


def _with_headers(data: bytes, patches: list[Patch], growth: dict[Extent, int], holder: dict[Extent, Extent]) -> bytes:
    for scope, resource in holder.items():
        growth[resource] = growth.get(resource, 0) + growth[scope] + _resize(patches, b"\x12", scope, growth[scope])
    for resource in set(holder.values()):
        _resize(patches, b"\x0a", resource, growth[resource])
    patches.sort(key=itemgetter(0))  # what is put in at one place stays in its order
    return _patched(data, patches)


def _resize(patches: list[Patch], tag: bytes, extent: Extent, growth: int) -> int:
    """Write the header of a message that grows; returns by how much the header itself grows."""
    start, body, end = extent
    header = tag + varint(end - body + growth)
    patches.append((start, body, header))
    return len(header) - (body - start)


def _patched(data: bytes, patches: Iterable[Patch]) -> bytes:
    view = memoryview(data)
    chunks: list[bytes | memoryview] = []
    at = 0
    for start, end, content in patches:
        chunks += (view[at:start], content)
        at = end
    chunks.append(view[at:])
    return b"".join(chunks)


def _submessages(data: bytes, at: int, end: int, number: int) -> Iterator[Extent]:
    """Find the occurrences of one length-delimited field; under another wire type the number is an unknown field."""
    tag = number << 3 | LENGTH
    while at < end:
        start = at
        first = data[at]
        # Any length-delimited field whose tag takes one byte, and its length one or two: the rest is much slower.
        if first & 0x87 == LENGTH < first and at + 3 < end and (data[at + 1] < 128 or data[at + 2] < 128):  # noqa: PLR2004
            body = at + 2
            at = body + data[at + 1]
            if data[start + 1] >= 128:  # noqa: PLR2004
                body += 1
                at += 1 + ((data[start + 2] - 1) << 7)
            if at > end:
                raise _overlong(start, at - end)
            if first == tag:
                yield start, body, at
        else:
            found, wire_type, extent = next(fields(data, at, end))
            at = extent[2]
            if found == number and wire_type == LENGTH:
                yield extent


def _merged(data: bytes, holder: Extent, number: int) -> bytes:
    """Join a singular submessage: where it occurs twice, protobuf merges, and concatenated bytes are merged."""
    return b"".join(data[body:end] for _, body, end in _submessages(data, holder[1], holder[2], number))


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
