"""Ask MySQL once, serve everything after that from one DuckDB file.

What a notebook imports: `warehouse.connect()`, `warehouse.sql("select ...")`, and
`warehouse.frame("select ...")` for an exact DataFrame. They open the newest snapshot, read-only,
and never block a refresh. Importing this loads neither Dagster nor pandas.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    import duckdb
    import pandas as pd

    from warehouse.component import Warehouse
    from warehouse.store.diff import Difference

__all__ = ["Warehouse", "connect", "diff", "frame", "sql"]


def __getattr__(name: str) -> object:
    """Import Dagster's component only where it is asked for."""
    if name == "Warehouse":
        from warehouse.component import Warehouse

        return Warehouse
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """Dagster finds components by what is listed."""
    return sorted({*globals(), *__all__})


def connect(snapshot: int | str | date | None = None) -> duckdb.DuckDBPyConnection:
    """Open the newest snapshot, read-only, or an older one that is kept.

    The connection stays on that snapshot for as long as it is open, whatever is refreshed
    meanwhile; connect again to see newer data.

    Args:
        snapshot: Its number (`just history` lists them); or counted back from the newest: -1 is
            the one before it; or a time, a `datetime`, a `date` or text such as "2026-11-20 14:00",
            for the newest one written by then. A time without a zone is local, a day is its
            beginning.

    Raises:
        WarehouseError: nothing has been materialized yet, or that snapshot is not kept.
    """
    from warehouse.settings import load_settings
    from warehouse.store.history import open_snapshot
    from warehouse.store.snapshots import open_newest

    path = load_settings().path
    return open_newest(path) if snapshot is None else open_snapshot(path, snapshot)


def diff(
    table: str,
    old: int | str | date | None = None,
    new: int | str | date | None = None,
    key: str | Sequence[str] | None = None,
) -> Difference:
    """Compare a table or view of two snapshots: `print(warehouse.diff("mysql_orders"))`.

    NULL differs from any value, and NaN is equal to NaN. With `WAREHOUSE_SPARK` set, Spark compares
    snapshots of the lake.

    Args:
        table: Or view.
        old: A snapshot as in `connect`; None for the last one before `new` in which the table was
            different.
        new: A snapshot as in `connect`; None for the newest.
        key: The columns that tell rows apart; None for `id`, or else the first columns, as far as
            they do.

    Raises:
        WarehouseError: a snapshot, the table or a column of the key is not there.
    """
    from warehouse.settings import load_settings

    settings = load_settings()
    if settings.spark is None:
        from warehouse.store import diff

        return diff.diff(settings.path, table, old, new, key)
    from warehouse.store import diff_on_spark

    return diff_on_spark.diff(settings, table, old, new, key)


def sql(query: str) -> duckdb.DuckDBPyRelation:
    """Run a query on the newest snapshot: `warehouse.sql("from orders_summary").df()`.

    Raises:
        WarehouseError: nothing has been materialized yet, or the query is empty.
        duckdb.Error: what DuckDB says of the query, in DuckDB's own types, with a note on what
            helps. A relation is lazy: what only its rows show comes when they are fetched.
    """
    import duckdb

    from warehouse.engines.engine import catalog_of
    from warehouse.serve.newest import lasting, open_engine
    from warehouse.serve.query_errors import EMPTY, advice_on
    from warehouse.settings import load_settings

    engine = open_engine(load_settings())
    try:
        relation = engine.sql(query)
    except duckdb.Error as error:
        if advice := advice_on(error, catalog_of(engine)):
            error.add_note(str(advice))
        # What is below this line is DuckDB's inside.
        raise error.with_traceback(None) from None
    if relation is None:  # whatever its type says
        raise EMPTY
    return lasting(engine, relation)


def frame(query: str) -> pd.DataFrame:
    """Run a query on the newest snapshot, and return a DataFrame that changes no value.

    A DECIMAL stays `Decimal`, and a sum of integers an integer, where `.df()` makes floats of them.

    Raises:
        WarehouseError: nothing has been materialized yet.
        duckdb.Error: what DuckDB says of the query, see `sql`.
    """
    from warehouse.serve.frames import frame

    return frame(sql(query))
