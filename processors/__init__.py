"""The processors: one module each, imported as `otel_insights.processors`."""

if __name__ != "otel_insights.processors":
    raise ImportError(
        f"import otel_insights.processors, not {__name__}: the folder is at the top for people, not for imports"
    )
