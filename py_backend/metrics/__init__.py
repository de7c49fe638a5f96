"""What Prometheus asks a backend for: `measures` counts, `endpoint` answers over HTTP. Loaded only where it is asked
for."""
