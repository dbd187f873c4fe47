"""Places: where to look for what is known of a raise, and under which keys.

A place is a trace; a record that belongs to none is a place by itself.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Final, NamedTuple

from otel_insights.analysis.occurrences import kept_keys, sought_keys

POSITIVE: Final = 2**63 - 1
"""What of a 64-bit number SQLite keeps as a row's own."""


def key_of(*parts: bytes) -> int:
    """Hash parts to the 63 bits that SQLite keeps as a row's own number.

    Among 10 million keys the chance of any two colliding is 5 in a million; a collision hides one occurrence.
    """
    framed = b"".join([piece for part in parts for piece in (len(part).to_bytes(4, "little"), part)])
    return int.from_bytes(hashlib.blake2b(framed, digest_size=8).digest(), "big") & POSITIVE


def place_of(trace_id: bytes, namespace: str) -> int:
    """Tell the place of a trace."""
    # its last eight bytes are random (W3C Trace Context, random trace id); where they are not, keys tell apart
    return (int.from_bytes(trace_id[-8:], "big") ^ _mask(namespace)) & POSITIVE


@lru_cache(maxsize=1024)
def _mask(namespace: str) -> int:
    return key_of(namespace.encode())


class Keys(NamedTuple):
    """Under which keys the raise of an observation may be known in its place, and under which it is to be known.

    Both are empty for an observation without a trace, which is recognised by nothing but the record that tells of it.
    """

    sought: tuple[int, ...] = ()
    kept: tuple[int, ...] = ()
    kept_text: str = ""
    """As an occurrence's row holds them, behind the key of the record."""


@lru_cache(maxsize=16_384)
def keys_of(service: str, raise_keys: tuple[str, ...], complete: bool) -> Keys:  # noqa: FBT001 - a cache's key
    """Tell the keys of a raise in a service: two services that fail alike in one trace fail twice.

    Not of an instance, for a raise's spans and its log may differ in that.
    """
    name = service.encode()
    sought = tuple(key_of(name, key.encode()) for key in sought_keys(raise_keys, complete=complete))
    kept = tuple(key_of(name, key.encode()) for key in kept_keys(raise_keys, complete=complete))
    return Keys(sought, kept, "".join(f",{key}" for key in kept))
