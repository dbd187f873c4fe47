"""Which fingerprint follows another one when what counts as the application's code has been corrected."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from otel_insights.analysis.fingerprint import fingerprint


def successors(
    examples: Sequence[tuple[str, str, str, str, str]], own: Collection[str], library: Collection[str]
) -> dict[tuple[str, str], str]:
    """Tell (namespace, fingerprint) -> the id that the same exception gets now, where that differs.

    `examples` are namespace, fingerprint, type, message, stack trace; `own` and `library` as `fingerprint` takes them.
    """
    found: dict[tuple[str, str], str] = {}
    for namespace, id_, *exception in examples:
        now = fingerprint(*exception, own=own, library=library)
        if now.id != id_:
            found[namespace, id_] = now.id
    return found
