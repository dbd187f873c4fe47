"""Beside an OpenTelemetry Collector: groups exceptions and explains them by the configuration that fails."""
