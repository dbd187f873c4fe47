"""Find or build the real Collector that builder.yaml describes: `python -m e2e.collector` in tests/ prints its path.

The binary is kept in the user's cache directory under a hash of builder.yaml, so it is built once (minutes) and found
afterwards (no time at all). Needs Go and, for the first build only, the Go module proxy.
"""

from __future__ import annotations

import sys
from pathlib import Path

import yaml
from e2e.go_build import BuildError, NoGoError, built, go

DESCRIPTION = Path(__file__).with_name("builder.yaml")
BUILDER = "go.opentelemetry.io/collector/cmd/builder"
# What every Collector consists of beside its components; named so that no component behind the others can hold it back.
CORE = ("go.opentelemetry.io/collector", "go.opentelemetry.io/collector/otelcol")


def find_or_build() -> Path:
    """Return the path of the Collector's binary, building it where it is not cached. Raises NoGoError, BuildError."""
    return built("otelcol", DESCRIPTION.read_bytes(), _build)


def _build(workplace: Path) -> Path:
    """Let the builder write the sources, then compile them without its `go mod tidy`.

    Tidying also fetches what the tests of every dependency need, hundreds of modules that nobody compiles; a proxy that
    lacks one of them would fail the build.
    """
    description = yaml.safe_load(DESCRIPTION.read_text())
    version = f"v{description['dist']['version']}"
    description["dist"]["output_path"] = str(workplace)
    written = workplace / "builder.yaml"
    written.write_text(yaml.safe_dump(description))
    builder = f"{BUILDER}@{version}"
    go(["run", builder, "--skip-get-modules", "--skip-compilation", f"--config={written}"], workplace)
    parts = [
        part["gomod"].replace(" ", "@") for parts in description.values() if isinstance(parts, list) for part in parts
    ]
    parts += [f"{part}@{version}" for part in CORE]
    go(["mod", "init", description["dist"]["module"]], workplace)
    go(["mod", "edit", *(f"-require={part}" for part in parts)], workplace)
    go(["build", "-mod=mod", "-trimpath", "-ldflags=-s -w", "-o", "otelcol", "."], workplace)
    return workplace / "otelcol"


if __name__ == "__main__":
    try:
        sys.stdout.write(f"{find_or_build()}\n")
    except (NoGoError, BuildError) as error:
        sys.exit(str(error))
