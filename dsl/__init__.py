"""The chain language: text in, checked model out. Knows nothing of events; imports nothing of the engine."""
