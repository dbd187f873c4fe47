"""The receivers: one module each, imported as `otel_insights.receivers`."""

if __name__ != "otel_insights.receivers":
    raise ImportError(
        f"import otel_insights.receivers, not {__name__}: the folder is at the top for people, not for imports"
    )
