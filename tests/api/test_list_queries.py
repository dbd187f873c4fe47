"""Lists stay quick however much has happened: none of their queries goes through all that ever failed or was logged."""

import re

import pytest

GROWS = {
    "occurrence",
    "failure",
    "exemplar",
    "known",
    "fingerprint_hour",
    "log_key_0",
    "log_key_1",
    "log_template_hour",
}
"""Tables with a row for each failure, or nearly so."""
ASKED = [
    "/api/v1/clusters?service=shop&state=new&text=error&namespace=demo",
    "/api/v1/suggestions?tier=established",
    "/api/v1/environments?service=shop",
    "/api/v1/services",
    "/api/v1/anomalies?service=shop&open=true",
    "/api/v1/incidents?service=shop",
    "/api/v1/templates?service=shop&severity=ERROR&text=no",
    "/api/v1/log-clusters",
    "/api/v1/runs?status=failed&agent_name=crawler",
    "/api/v1/rules",
    "/",
    "/clusters?order=environments&service=shop&q=no",
    "/environments?failing=yes",
    "/templates?state=new",
    "/anomalies",
    "/runs",
    "/metrics",
]


@pytest.mark.parametrize("url", ASKED)
async def test_no_list_reads_all_that_ever_happened(shop, visitor, url):
    asked: list[str] = []
    await shop.store.read(lambda db: db.conn.set_trace_callback(asked.append))
    answer = await visitor.get(url, headers={"Accept": "text/html" if "/api/" not in url else "application/json"})
    await shop.store.read(lambda db: db.conn.set_trace_callback(None))
    assert answer.status_code == 200
    queries = {one for one in asked if one.lstrip().startswith(("SELECT", "WITH"))}
    assert queries

    def steps(db) -> list[str]:
        return [row[3] for one in queries for row in db.execute(f"EXPLAIN QUERY PLAN {one}")]

    scanned = {found[1] for step in await shop.store.read(steps) if (found := re.match(r"SCAN (\w+)", step))}
    assert scanned & GROWS == set()
