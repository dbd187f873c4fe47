"""Where what is to outlive a process lives."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def state_folder() -> Path:
    """Find where a user's programs keep what is to outlive them. Raises RuntimeError where there is no home."""
    if sys.platform == "win32":  # pragma: no cover
        base = os.environ.get("LOCALAPPDATA") or str(Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":  # pragma: no cover
        base = str(Path.home() / "Library" / "Application Support")
    else:
        base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base, "otel-insights")
