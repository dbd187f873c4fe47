"""Which version answers."""

from importlib.metadata import version
from typing import Final

VERSION: Final = version("otel-insights")
