"""A quicker start of the commands that need Dagster."""

from __future__ import annotations

import atexit
import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def importing_dagster() -> Iterator[None]:
    """Import without looking for garbage, which thousands of modules are not.

    It saves a quarter of the time, and again in the run: what is there by now is looked at no more.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        atexit.register(gc.unfreeze)  # DuckDB complains of what is never let go
        gc.enable()
