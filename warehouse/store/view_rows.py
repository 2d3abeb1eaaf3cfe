"""The rows of views, computed once each and stored in a temporary file, where DuckDB packs them.

A view that reads another one reads the rows that are stored of that one, if some are.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

from warehouse.engines.interrupts import stoppable
from warehouse.project.quoting import literal, quoted


def attach(connection: duckdb.DuckDBPyConnection, catalog: str, folder: Path) -> None:
    """Make the file for the rows of a snapshot's views.

    Args:
        connection: A snapshot is attached there.
        catalog: What the snapshot is called there.
        folder: For temporary files.
    """
    # What is lost with the process needs no log of its writes.
    connection.execute(
        f"ATTACH {literal(str(folder / f'{catalog}.duckdb'))} AS {_stored(catalog)} "
        "(STORAGE_VERSION 'latest', RECOVERY_MODE 'no_wal_writes')"
    )


def store(connection: duckdb.DuckDBPyConnection, catalog: str, view: str) -> str:
    """Compute the rows of a view, if that was not done yet.

    Returns:
        The table that holds them, as it is written in SQL.
    """
    stored = _stored(catalog)
    table = f"{stored}.main.{quoted(view)}"
    with connection.cursor() as own, stoppable(own):  # with a search path of its own
        found = own.execute(
            "FROM duckdb_tables() WHERE database_name = ? AND table_name = ?", [stored, view]
        )
        if not found.fetchall():
            search(own, catalog)
            own.execute(f"CREATE TABLE {table} AS {_query(own, catalog, view)}")
    return table


def search(connection: duckdb.DuckDBPyConnection, catalog: str) -> None:
    """Have names without a catalog mean what is in a snapshot: stored rows where there are some."""
    connection.execute(f"SET search_path = '{_stored(catalog)},{catalog}'")


def _stored(catalog: str) -> str:
    return f"{catalog}_views"


def _query(connection: duckdb.DuckDBPyConnection, catalog: str, view: str) -> str:
    """Return the SELECT of a view, whose names are looked up where it runs.

    DuckDB gives a view as CREATE VIEW; one that names its columns is read from the snapshot.
    """
    ((sql,),) = connection.execute(
        "SELECT sql FROM duckdb_views() WHERE database_name = ? AND view_name = ?", [catalog, view]
    ).fetchall()
    for name in (view, quoted(view)):
        if sql.startswith(prefix := f"CREATE VIEW {name} AS "):
            return str(sql[len(prefix) :])
    return f"FROM {catalog}.main.{quoted(view)}"
