"""gzip at the doors: recognised, unpacked to a limit, and kept for whoever can send it on."""

from __future__ import annotations

from typing import Final

from isal import isal_zlib

from otel_insights.errors import BadData, TooLarge
from otel_insights.payload import Payload, Signal

GZIP: Final = b"\x1f\x8b"
"""How every gzip stream begins, and no protobuf message: 0x1f would be a field of wire type 7, which does not exist.

gRPC hands messages over as they came, and does not tell which of them had the flag "compressed" (a client leaves it out
for small ones): so the bytes themselves have to say it.
"""
_WINDOW = 31  # zlib's number for a gzip header and trailer
_CHUNK = 4 << 20
_MOST_MEMBERS = 16  # each costs a copy of the rest: a request of a million empty ones would take hours


def unpack(signal: Signal, body: bytes, most: int) -> Payload:
    """Make a payload of a protobuf request that may be compressed with gzip.

    Memory stays below `most` bytes and a chunk, whatever the body would unpack to. Raises TooLarge, and BadData for a
    broken stream and for broken framing.
    """
    if body[:2] != GZIP:
        if len(body) > most:
            raise TooLarge(f"the request has {len(body)} bytes, the limit is {most}")
        payload = Payload(signal, body)
    else:
        members = _inflated(body, most)
        # gRPC's own decompression takes no second member, so only one can be passed through
        payload = Payload(signal, b"".join(members), gzipped=body if len(members) == 1 else None)
    payload.resources()  # broken framing is told here, before anybody has acted on a part of it
    return payload


def inflate(body: bytes, most: int) -> bytes:
    """Decompress gzip to at most so many bytes. Raises TooLarge, or BadData for what is no whole gzip stream.

    A stream may have several members (RFC 1952, section 2.2), up to sixteen here: senders of OTLP make one.
    """
    return b"".join(_inflated(body, most))


def _inflated(body: bytes, most: int) -> list[bytes]:
    members: list[bytes] = []
    room, rest = most, body
    while rest or not members:
        if len(members) == _MOST_MEMBERS:
            raise BadData(f"expected at most {_MOST_MEMBERS} gzip members in a request")
        member, rest = _member(rest, room, most)
        members.append(member)
        room -= len(member)
    return members


def _member(data: bytes, room: int, most: int) -> tuple[bytes, bytes]:
    """Decompress the first member of a stream; what follows it is returned as it is."""
    stream = isal_zlib.decompressobj(_WINDOW)
    parts: list[bytes] = []
    rest = data
    try:
        while not stream.eof:
            piece = stream.decompress(rest, min(_CHUNK, room + 1))
            rest = stream.unconsumed_tail
            room -= len(piece)
            if room < 0:
                parts.clear()  # the error's traceback would hold them until it has been answered
                raise TooLarge(f"the request unpacks to more than the limit of {most} bytes")
            if not (piece or rest or stream.eof):
                raise BadData("the gzip stream ends too early")
            parts.append(piece)
    except isal_zlib.error as error:  # type: ignore[misc]  # the stubs take the class for an instance
        raise BadData(f"the gzip stream is broken: {error}") from error
    return parts[0] if len(parts) == 1 else b"".join(parts), stream.unused_data
