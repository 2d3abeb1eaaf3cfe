"""Notebooks, and what keeps their outputs: `python -m notebooks.execute`."""
