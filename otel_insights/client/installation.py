"""The id of an installation (`app.installation.id`): random, made once and kept; nothing of the machine is in it."""

from __future__ import annotations

import hashlib
import os
import uuid
from contextlib import suppress
from pathlib import Path

from otel_insights.client.state import state_folder

INSTALLATION_ID = "app.installation.id"


def installation_id(service: str, folder: Path | None = None) -> str:
    """Give the id of a user's installation of a service; make it where there is none yet.

    It lives in a file of the user's state folder: who deletes it is another one from then on. Each service has its own,
    so that nobody is followed from one application to another. Raises OSError where nothing can be kept, RuntimeError
    where there is no home.
    """
    named = hashlib.sha256(service.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    file = (folder or state_folder()) / "installations" / named
    return _kept(file) or _made(file)


def _kept(file: Path) -> str:
    """Read an id; empty where the file is not there, or holds none."""
    try:
        return str(uuid.UUID(file.read_text("ascii").strip()))
    except (FileNotFoundError, ValueError):  # what is no ASCII is a ValueError too
        return ""


def _made(file: Path) -> str:
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    own = file.with_name(f"{file.name}.{uuid.uuid4().hex}")
    try:
        own.touch(mode=0o600)
        own.write_text(f"{uuid.uuid4()}\n", "ascii")
        if file.exists() and not _kept(file):  # what it holds is no id
            file.unlink(missing_ok=True)
        with suppress(FileExistsError):
            _appear(own, file)
        return _kept(file)
    finally:
        own.unlink(missing_ok=True)


def _appear(own: Path, file: Path) -> None:
    """Give a whole file its name, unless another process was quicker. Raises FileExistsError."""
    try:
        os.link(own, file)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        own.replace(file)
