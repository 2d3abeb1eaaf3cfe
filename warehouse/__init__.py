"""Ask MySQL once, serve everything after that from one DuckDB file.

What a notebook imports: `warehouse.connect()` and `warehouse.sql("select ...")`. Both open the
newest snapshot, read-only, and never block a refresh. Importing this loads neither Dagster nor
pandas.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

__all__ = ["connect", "sql"]


def connect(snapshot: int | None = None) -> duckdb.DuckDBPyConnection:
    """Open the newest snapshot, read-only, or an older one that is kept.

    The connection stays on that snapshot for as long as it is open, whatever is refreshed
    meanwhile; connect again to see newer data.

    Args:
        snapshot: Its number (`just history` lists them), or counted back from the newest: -1 is
            the one before it.

    Raises:
        WarehouseError: nothing has been materialized yet, or that snapshot is not kept.
    """
    from warehouse.settings import load_settings
    from warehouse.store.snapshots import open_newest, open_snapshot

    path = load_settings().path
    return open_newest(path) if snapshot is None else open_snapshot(path, snapshot)


def sql(query: str) -> duckdb.DuckDBPyRelation:
    """Run a query on the newest snapshot: `warehouse.sql("from orders_summary").df()`.

    Raises:
        WarehouseError: nothing has been materialized yet.
        duckdb.Error: what DuckDB says of the query, in DuckDB's own types, with a note on what
            helps. A relation is lazy: what only its rows show comes when they are fetched.
    """
    import duckdb

    from warehouse.mistakes import advice_on

    connection = connect()
    try:
        return connection.sql(query)
    except duckdb.Error as error:
        if advice := advice_on(error, connection):
            error.add_note(str(advice))
        raise
