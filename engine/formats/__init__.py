"""Telemetry formats: one TOML file each, read into values; no code in data."""

from .format import Format
from .loader import load_formats
from .spec import FormatError

__all__ = ["Format", "FormatError", "load_formats"]
