"""Measurements, outside the package: `python -m bench.load` takes them and writes RESULTS.md."""
