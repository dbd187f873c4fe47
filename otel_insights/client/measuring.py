"""When a process measures: its instruments are made for the first number, those of the process itself if asked for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from otel_insights.client.settings import Settings, metric_interval

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource

    from otel_insights.client.measurements import Measurements
    from otel_insights.redaction import Redactor


@dataclass(slots=True)
class Measuring:
    """Makes `Measurements` as late as it can: the SDK of metrics costs time, and most processes record none."""

    settings: Settings
    redactor: Redactor
    resource: Resource
    clock: Callable[[], float] = time.monotonic
    _made: Measurements | None = field(default=None, init=False)
    _observed_from: float = field(init=False)
    _observes: bool = field(default=False, init=False)
    _lock: threading.RLock = field(default_factory=threading.RLock, init=False)

    def __post_init__(self) -> None:
        """Wait an interval for the process's own metrics: by then the application has set up what it wants to."""
        self._observed_from = self.clock() + metric_interval()

    def measurements(self) -> Measurements:
        """Give what metrics are recorded by."""
        with self._lock:
            if self._made is None:
                from otel_insights.client.measurements import Measurements  # noqa: PLC0415 - see above

                self._made = Measurements(self.settings, self.redactor, self.resource, self.clock)
            return self._made

    @property
    def waiting(self) -> bool:
        """Whether something was recorded that may not have been sent."""
        return self._made is not None and self._made.waiting

    def send(self, waited_for: bool) -> None:  # noqa: FBT001 - the courier says so
        """Export what is due; all, where somebody waits."""
        if self.settings.process_metrics and not self._observes and self.clock() >= self._observed_from:
            self._observes = True
            self.measurements().observe_process()
        if self._made is not None:
            self._made.send(waited_for)

    def shutdown(self) -> None:
        """Abort what the exporter is at."""
        if self._made is not None:
            self._made.shutdown()
