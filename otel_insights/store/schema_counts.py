"""A migration: occurrences are counted when they are tallied, and found by their numbers only."""

from __future__ import annotations

from typing import Final

COUNTS: Final = (
    "0009 counts are tallied",
    """
    -- What is not tallied was counted already; it will be, once.
    CREATE TEMP TABLE counted AS
        SELECT namespace, fingerprint, environment_id, sum(weight) AS weight FROM occurrence
        WHERE id > coalesce((SELECT CAST(value AS INTEGER) FROM setting WHERE name = 'tallied'), 0) GROUP BY 1, 2, 3;
    UPDATE failure SET weight = failure.weight - counted.weight FROM counted
        WHERE failure.namespace = counted.namespace AND failure.fingerprint = counted.fingerprint
        AND failure.environment_id = counted.environment_id;
    UPDATE fingerprint SET occurrences = occurrences - weight
        FROM (SELECT namespace, fingerprint, sum(weight) AS weight FROM counted GROUP BY 1, 2) AS sums
        WHERE fingerprint.namespace = sums.namespace AND fingerprint.id = sums.fingerprint;
    DROP TABLE counted;
    -- The latest raise of a fingerprint is its exemplar; the index cost a page at random for every occurrence.
    DROP INDEX occurrence_by_fingerprint;
    """,
)
