"""Telemetry for the pages: failures of several kinds, one of which has an explanation."""

from otlp_samples import Sink, charge, log, logs, look_up, package, passing, raised, resource, span, spans

EVIL = "<script>alert(1)</script> \"><img src=x onerror=alert(2)> {{ 7007 * 7007 }} ' & "


def refuse(why: str) -> None:
    raise RuntimeError(why)


async def send(service, *payloads) -> None:
    wanted = [one for one in service.processors.values() if one.id.type in ("environments", "exceptions")]
    for payload in payloads:
        await passing(wanted, payload, Sink())


async def seed(service) -> None:
    """`charge` fails where numpy is 2.0; `look_up` and `refuse` fail anywhere; all in two versions of the shop."""
    for number in range(40):
        bad = number % 2 == 0
        of = resource(f"i-{number:02}", service__version="1.4" if number < 20 else "1.5", host__arch="amd64")
        records = [
            package("numpy", "2.0" if bad else "1.26"),
            package("pandas", "2.2"),
            log("served", {"log_count": 99}),
        ]
        await send(service, logs(*records, of=of))
        if bad:
            await send(service, spans(span(number + 1, raised(charge, number)), of=of))
    await send(service, spans(span(91, raised(look_up, "o-1")), span(92, raised(look_up, "o-2"))))
    await send(service, spans(span(93, raised(refuse, EVIL)), of=resource("<b>i</b>", "till", "<i>pay</i>")))
    assert await service.analyse()
