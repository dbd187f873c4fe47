"""`python -m otel_insights`, and the script `otel-insights`."""

import sys


def main() -> None:
    """Run the command line; where what it needs is missing, say how to install it."""
    try:
        from otel_insights.cli import app  # noqa: PLC0415 - to say what is missing
    except ImportError as error:
        sys.exit(f"otel-insights needs its server part: pip install 'otel-insights[server]' ({error})")
    app()


if __name__ == "__main__":
    main()
