"""Every example runs, and what it says it reports arrives."""

from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples" / "instrument"
REPORTED = {
    "script.py": (1, "total: 7\n", "nightly-report", "KeyError"),
    "asyncio_worker.py": (0, "sent: 2\n", "mailer", "ValueError"),
    "wsgi_app.py": (0, "200 OK\nan apple\n500 Internal Server Error\nsorry\n", "shop", "LookupError"),
}


def test_every_example_is_run():
    assert sorted(one.name for one in EXAMPLES.glob("*.py")) == sorted(REPORTED)


@pytest.mark.parametrize("name", REPORTED)
async def test_an_example_does_what_it_says(world, name):
    code, out, service, kind = REPORTED[name]
    outcome = await world.run((EXAMPLES / name).read_text())
    assert (outcome.code, outcome.out) == (code, out)
    (event,) = outcome.exceptions
    assert (event.resource["service.name"], event.attributes["exception.type"]) == (service, kind)
