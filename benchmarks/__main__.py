"""`python -m benchmarks [NAME ...] [--full]`: runs all benchmarks, or those named."""

import argparse
import os
import platform

from benchmarks import relay

_ALL = {
    "relay": relay.plain,
    "relay-extremes": relay.extremes,
    "relay-logs": relay.logs,
    "relay-metrics": relay.metrics,
    "relay-gzip": relay.gzip,
}


def main() -> None:
    """Run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"one of {', '.join(_ALL)}; all of them if none is named"
    )
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - _ALL.keys():
        parser.error(f"no benchmark is called {', '.join(sorted(unknown))}")
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}")
    for name in arguments.names or _ALL:
        _ALL[name]()


if __name__ == "__main__":
    main()
