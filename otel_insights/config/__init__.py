"""The configuration: a file in the Collector's shape -> typed settings, or every error that is in it."""

from otel_insights.config.pipelines import Pipeline
from otel_insights.config.problems import InvalidConfig
from otel_insights.config.reading import Config, load, read

__all__ = ["Config", "InvalidConfig", "Pipeline", "load", "read"]
