"""Which blocks of the private copy DuckDB wrote, by DuckDB's own log of its file operations."""

from __future__ import annotations

from pathlib import Path

import duckdb

from warehouse.store import blocks


def begin(connection: duckdb.DuckDBPyConnection) -> None:
    """Log from here on. A file that is opened before is not in the log.

    The log is in memory, 150 bytes for each block that is read or written: in a file, a full disk
    makes DuckDB abort the process.
    """
    connection.execute("CALL enable_logging('FileSystem', storage = 'memory')")


def written(connection: duckdb.DuckDBPyConnection, file: Path) -> set[int] | None:
    """Return the blocks of a file that were written since it was attached.

    Returns:
        None if the log cannot be trusted: it misses the headers, which each checkpoint writes;
        or it cannot be read, as DuckDB 2.0 does not escape a quote in a path.
    """
    try:
        found = connection.execute(
            "SELECT pos, bytes FROM duckdb_logs_parsed('FileSystem') "
            "WHERE op = 'WRITE' AND parse_filename(path) = ?",
            [file.name],
        ).fetchall()
    except duckdb.ConversionException:
        return None
    if not any(begin < blocks.HEADERS for begin, _ in found):
        return None
    return {
        block
        for begin, count in found
        if begin + count > blocks.HEADERS
        for block in range(
            (max(begin, blocks.HEADERS) - blocks.HEADERS) // blocks.SIZE,
            (begin + count - blocks.HEADERS - 1) // blocks.SIZE + 1,
        )
    }
