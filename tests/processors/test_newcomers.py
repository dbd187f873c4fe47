"""What no clustering has seen is put where it will probably belong, at once."""

import subprocess
import sys

from otlp_samples import FakeHost, Sink, build, passing, raised, span, spans, values

from otel_insights import semconv
from otel_insights.processors.exceptions import FACTORY
from otel_insights.report import all_clusters


def ship(words: str) -> None:
    raise LookupError(words)


def declined(words: str) -> None:
    raise LookupError(words)


KNOWN = "Unknown carrier in the shipping table of the warehouse given"
NEAR = "Unknown carrier in the shipping tables of the warehouse given"
FAR = "Unknown postcode"


async def fail(made, number: int, function, words: str) -> dict[str, object]:
    sink = Sink()
    await passing([made], spans(span(number, raised(function, words))), sink)
    return values(sink.spans()[0].attributes)


async def begin(host: FakeHost):
    made = build(FACTORY)
    await made.start(host)
    for number in range(4):
        await fail(made, 1 + number, ship, KNOWN)
    await made.analyse()
    (cluster,) = await all_clusters(host.store)
    return made, cluster.id


async def test_a_new_signature_near_a_frequent_one_is_stamped_with_its_cluster_at_once(host):
    made, id_ = await begin(host)
    stamped = await fail(made, 10, ship, NEAR)
    assert stamped[semconv.CLUSTER_ID] == id_
    assert 0.93 < stamped[semconv.CLUSTER_PROBABILITY] < 1
    await made.analyse()
    assert (await fail(made, 11, ship, NEAR))[semconv.CLUSTER_ID] == id_, "the analysis confirms it"
    assert len(await all_clusters(host.store)) == 1


async def test_what_is_not_near_or_not_of_the_same_place_waits_for_the_analysis(host):
    made, _ = await begin(host)
    assert semconv.CLUSTER_ID not in await fail(made, 10, ship, FAR)
    assert semconv.CLUSTER_ID not in await fail(made, 11, declined, NEAR)
    await made.analyse()
    assert len(await all_clusters(host.store)) == 3


def test_the_service_itself_does_not_load_scikit_learn():
    code = "import otel_insights.service, otel_insights.processors.exceptions, sys; print('sklearn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
