"""DuckDB's own progress bar, which it writes to stdout."""

from __future__ import annotations

import os
import sys

import duckdb

_STDOUT = 1


def only_in_a_terminal(connection: duckdb.DuckDBPyConnection) -> None:
    """Have DuckDB show no progress where stdout is a file or a pipe: what comes there is data.

    A cursor never shows it. A notebook has a widget in its place or nothing, and DuckDB takes no
    setting there if it has no widget.
    """
    ipython = sys.modules.get("IPython")
    if ipython is None or ipython.get_ipython() is None:
        shown = os.isatty(_STDOUT)
        connection.execute(f"SET enable_progress_bar = {str(shown).lower()}")
