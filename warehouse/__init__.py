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


def connect() -> duckdb.DuckDBPyConnection:
    """Open the newest snapshot, read-only.

    The connection stays on that snapshot for as long as it is open, whatever is refreshed
    meanwhile; connect again to see newer data.

    Raises:
        WarehouseError: nothing has been materialized yet.
    """
    from warehouse.settings import load_settings
    from warehouse.store.snapshots import open_newest

    return open_newest(load_settings().path)


def sql(query: str) -> duckdb.DuckDBPyRelation:
    """Run a query on the newest snapshot: `warehouse.sql("from orders_summary").df()`.

    Raises:
        WarehouseError: nothing has been materialized yet.
        duckdb.Error: what DuckDB says of the query.
    """
    return connect().sql(query)
