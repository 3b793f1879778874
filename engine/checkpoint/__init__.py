"""A run laid aside: its state as bytes, and the directory that keeps them. Knows nothing of chains or telemetry."""
