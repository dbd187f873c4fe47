"""What people set for series: which are looked at and how, lines, and for how long none may be silent."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from otel_insights.units import Duration


class Selector(BaseModel):
    """Names series. Patterns are those of file names (`http.*`)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    metric: str = "*"
    service: str = "*"

    def fits(self, service: str, metric: str) -> bool:
        """Whether it names a service's metric."""
        return fnmatchcase(metric, self.metric) and fnmatchcase(service, self.service)


class Rule(Selector):
    """Which series a limit is for, and what is no anomaly of them."""

    direction: Literal["both", "up", "down"] = "both"
    """Which way a deviation is to go."""
    min_absolute: float = Field(default=0.0, ge=0)
    """The least deviation from what is expected, in the metric's unit (a second, for sums)."""
    min_relative: float = Field(default=0.0, ge=0)
    """The least deviation as a share of what is expected."""
    factor: float = Field(default=1.0, gt=0)
    """Multiplies the threshold: above 1 for fewer anomalies."""
    ignore: bool = False
    """Whether these series are not scored at all."""
    emit: Literal["none", "anomalous", "all"] | None = None
    """Whether scores of these series leave as metrics; None: as for all others."""


class Threshold(Selector):
    """A line that a series may not be beyond for longer than a time."""

    metric: str
    part: str = ""
    """Of a histogram: `count` (a second), `p50`, `p95` or `p99`; of a summary `count` or a quantile of it."""
    above: float | None = Field(default=None, allow_inf_nan=False)
    below: float | None = Field(default=None, allow_inf_nan=False)
    for_: Duration = Field(default=0.0, alias="for")

    @model_validator(mode="after")
    def _check(self) -> Threshold:
        if self.above is None and self.below is None:
            raise ValueError("expected `above`, `below`, or both")
        if self.above is not None and self.below is not None and self.below > self.above:
            raise ValueError("expected `below` to be no higher than `above`")
        return self


class Silence(Selector):
    """For how long nothing may be missing that came before."""

    metric: str
    for_: Duration = Field(alias="for", gt=0)
    by: Literal["series", "service"] = "series"
    """Whether each series is to be heard of, or any one of a service's metric."""
