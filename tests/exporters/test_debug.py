"""debug: what it prints."""

import io
import json

from next_hop import Host, three_logs

from otel_insights.component import Accepted, ComponentId
from otel_insights.exporters.debug import FACTORY, Debug
from otel_insights.payload import Payload, Signal

BROKEN = Payload(Signal.LOGS, b"\x0a\xff\xff\xff\x7f")


async def started(host: Host | None = None, **settings) -> Debug:
    made = FACTORY.build(ComponentId("debug", "eyes"), FACTORY.settings(**settings))
    await made.start(host or Host())
    return made


async def test_a_request_is_a_line(capsys):
    debug, payload = await started(), three_logs()
    assert await debug.export(payload) == Accepted()
    assert capsys.readouterr().out == f"debug/eyes: logs, 3 log_records, {payload.size} bytes\n"


async def test_detailed_shows_the_content_too(capsys):
    debug = await started(verbosity="detailed")
    await debug.export(three_logs())
    _, content = capsys.readouterr().out.splitlines()
    assert len(json.loads(content)["resourceLogs"][0]["scopeLogs"][0]["logRecords"]) == 3


async def test_what_cannot_be_read_is_shown_as_that(capsys):
    debug = await started(verbosity="detailed")
    assert await debug.export(BROKEN) == Accepted()
    first, second = capsys.readouterr().out.splitlines()
    assert "unknown log_records" in first
    assert second.startswith("not shown: ")


async def test_an_output_that_is_gone_is_counted_and_harms_nobody(monkeypatch):
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr("sys.stdout", closed)
    host = Host()
    debug = await started(host)
    assert await debug.export(three_logs()) == Accepted()
    assert host.counted("otel_insights_debug_unprinted_requests", exporter="debug/eyes") == 1
