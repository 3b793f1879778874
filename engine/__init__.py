"""The engine: telemetry in, alerts out."""
