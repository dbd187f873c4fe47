"""What runs within an application: instrument() and what reports through it. Stdlib and OpenTelemetry only."""
