"""What is remembered: every SQL statement of the project, behind one writer and ordered migrations."""

from otel_insights.store.database import Store

__all__ = ["Store"]
