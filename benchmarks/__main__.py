"""`python -m benchmarks [NAME ...] [--full]`: runs all benchmarks, or those named."""

import argparse
import os
import platform

from benchmarks import (
    clusterings,
    fingerprints,
    guests,
    latency,
    memory,
    peers,
    queries,
    redacting,
    relay,
    scoring,
    span_metrics,
    templates,
)

_ALL = {
    "relay": relay.plain,
    "relay-extremes": relay.extremes,
    "relay-logs": relay.logs,
    "relay-metrics": relay.metrics,
    "relay-gzip": relay.gzip,
    "redaction": redacting.redacting,
    "latency": latency.latency,
    "memory": memory.memory,
    "fingerprints": fingerprints.fingerprints,
    "clusterings": clusterings.clusterings,
    "templates": templates.templates,
    "guests": guests.guests,
    "scoring": scoring.scoring,
    "queries": queries.queries,
    "span-metrics": span_metrics.span_metrics,
    "peers": peers.peers,
}


def main() -> None:
    """Run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"one of {', '.join(_ALL)}; all of them if none is named"
    )
    parser.add_argument("--full", action="store_true", help="memory: 20 million spans in place of 2")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - _ALL.keys():
        parser.error(f"no benchmark is called {', '.join(sorted(unknown))}")
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}")
    for name in arguments.names or _ALL:
        if name == "memory":
            memory.memory(full=arguments.full)
        else:
            _ALL[name]()


if __name__ == "__main__":
    main()
