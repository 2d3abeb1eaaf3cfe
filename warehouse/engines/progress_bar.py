"""DuckDB's own progress bar, which it writes to stdout."""

from __future__ import annotations

import os

import duckdb

_STDOUT = 1


def only_in_a_terminal(connection: duckdb.DuckDBPyConnection) -> None:
    """Have DuckDB show no progress where stdout is a file or a pipe: what comes there is data.

    A cursor never shows it.
    """
    shown = os.isatty(_STDOUT)
    connection.execute(f"SET enable_progress_bar = {str(shown).lower()}")
