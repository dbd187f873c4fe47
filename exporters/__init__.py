"""The exporters: one module each, imported as `otel_insights.exporters`."""

if __name__ != "otel_insights.exporters":
    raise ImportError(
        f"import otel_insights.exporters, not {__name__}: the folder is at the top for people, not for imports"
    )
