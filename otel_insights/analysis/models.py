"""The detectors that there are to choose from, under the names that the configuration has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from otel_insights.analysis import detectors, plain_detectors
from otel_insights.analysis.detectors import Judged
from otel_insights.analysis.expectations import Rows, State, Values


@dataclass(frozen=True, slots=True)
class Model:
    """A detector: causal, over all series at once."""

    version: str
    """Findings name it, and saved state is taken up by the same one only."""
    fields: np.dtype[Any]
    """All that is known of a series."""
    begin: Callable[[State, Rows], None]
    """Forget all about some series."""
    judge: Callable[[State, Rows, NDArray[np.int64], Values], Judged]
    """Score one new point of each of some series, given in seconds and values, then learn it; each row once."""

    def new_state(self, size: int) -> State:
        """Make rows for series of which nothing is known."""
        state = np.zeros(size, self.fields)
        self.begin(state, np.arange(size))
        return state


MODELS: Final[Mapping[str, Model]] = {
    "robust": Model(detectors.VERSION, detectors.FIELDS, detectors.begin, detectors.judge),
    "rolling": Model("rolling-1", plain_detectors.ROLLING_FIELDS, plain_detectors.begin, plain_detectors.judge_rolling),
    "ewma": Model("ewma-1", plain_detectors.EWMA_FIELDS, plain_detectors.begin, plain_detectors.judge_ewma),
}
"""`robust` is the one that is measured, and the default."""
