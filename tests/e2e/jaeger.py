"""Find or build a real Jaeger, and run it: OTLP in, its query API out, everything in memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
from e2e.go_build import BuildError, NoGoError, built, go
from e2e.processes import Process, eventually, free_port

MODULE = "github.com/jaegertracing/jaeger"
VERSION = "v1.76.0"
"""Of the last releases whose all-in-one is not made of Collector components, and so builds within minutes."""
PROGRAM = f"{MODULE}/cmd/all-in-one"


def find_or_build() -> Path:
    """Return the path of Jaeger's binary, building it where it is not cached. Raises NoGoError, BuildError."""
    return built("jaeger", f"{PROGRAM}@{VERSION}".encode(), _build)


def _build(workplace: Path) -> Path:
    go(["mod", "init", "jaeger"], workplace)
    go(["mod", "edit", f"-require={MODULE}@{VERSION}"], workplace)
    try:
        go(["list", "-mod=mod", "-deps", PROGRAM], workplace)
    except BuildError as error:
        raise NoGoError(f"the modules of Jaeger are not to be had here: {error}") from error
    go(["build", "-mod=mod", "-trimpath", "-ldflags=-s -w", "-o", "jaeger", PROGRAM], workplace)
    return workplace / "jaeger"


class Jaeger:
    """One that listens on free ports of the loopback."""

    def __init__(self, binary: Path, home: Path) -> None:
        self.grpc, query = free_port(), free_port()
        self.url = f"http://127.0.0.1:{query}"
        ports = {
            "collector.otlp.grpc.host-port": self.grpc,
            "collector.otlp.http.host-port": free_port(),
            "collector.grpc-server.host-port": free_port(),
            "collector.http-server.host-port": free_port(),
            "query.http-server.host-port": query,
            "query.grpc-server.host-port": free_port(),
            "admin.http.host-port": free_port(),
        }
        arguments = [str(binary), *(f"--{name}=127.0.0.1:{port}" for name, port in ports.items())]
        environment = {"SPAN_STORAGE_TYPE": "memory"}
        self.process = Process("Jaeger", arguments, home / "jaeger.log", environment)

    def start(self) -> None:
        self.process.start()
        eventually(lambda: self.process.alive() and self._answers(), "Jaeger is ready")

    def traces(self, **asked: str) -> list[dict[str, Any]]:
        """Find traces as its page does (`/api/traces`)."""
        found = httpx.get(f"{self.url}/api/traces", params=asked, timeout=10).raise_for_status().json()
        return list(found["data"] or ())

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/api/services", timeout=2).is_success
        except httpx.TransportError:
            return False
