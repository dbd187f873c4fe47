"""Which container and pod a process is in, as the kernel tells a process of its own: no runtime is asked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

_PROC = Path("/proc/self")
_LONGEST = 1 << 20
"""Bytes that are read of a file."""
_ID = re.compile(r"(?:^|[/:-])([0-9a-f]{64})(?:\.scope)?$")
_POD = re.compile(r"(?:/pods/|pod)([0-9a-f]{8}(?:[-_][0-9a-f]{4}){3}[-_][0-9a-f]{12})(?![0-9a-f])")
_MOUNTED = re.compile(r"containers/([0-9a-f]{64})/")
_OF_A_CONTAINER = frozenset({"/etc/hostname", "/etc/hosts", "/etc/resolv.conf", "/dev/termination-log"})
"""Mount points that runtimes make in each container; other mounts of a node's own processes name all that run there."""


def container(proc: Path = _PROC) -> dict[str, str]:
    """Give `container.id` and `k8s.pod.uid`, as far as they can be told; nothing outside of a container or of Linux.

    With version 1 of control groups the path of a process's own names both. With version 2 the mounts do: of Docker,
    Podman and CRI-O the container, of Kubernetes the pod. What containerd calls a container in Kubernetes is told by
    neither then.
    """
    found: dict[str, str] = {}
    for path in _groups(proc / "cgroup"):
        if named := _ID.search(path):
            found.setdefault("container.id", named[1])
        if pod := _POD.search(path):
            found.setdefault("k8s.pod.uid", pod[1].replace("_", "-"))
    for source in _sources(proc / "mountinfo"):
        if mounted := _MOUNTED.search(source):
            found.setdefault("container.id", mounted[1])
        if pod := _POD.search(source):
            found.setdefault("k8s.pod.uid", pod[1])
    return found


def _groups(file: Path) -> Iterator[str]:
    """Step over the paths of the process's control groups (cgroups(7): `number:controllers:path`)."""
    for line in _lines(file):
        yield line.split(":", 2)[-1]


def _sources(file: Path) -> Iterator[str]:
    """Step over what is mounted where only containers have one (mountinfo of proc(5): field 4, at field 5)."""
    for line in _lines(file):
        fields = line.split(" ", 5)
        if len(fields) > 5 and fields[4] in _OF_A_CONTAINER:  # noqa: PLR2004 - the fields of proc(5)
            yield fields[3]


def _lines(file: Path) -> list[str]:
    try:
        with file.open(encoding="utf-8", errors="replace") as opened:
            return opened.read(_LONGEST).splitlines()
    except OSError:
        return []
