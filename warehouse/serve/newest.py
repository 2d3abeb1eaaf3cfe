"""The engine that answers on the newest snapshot: DuckDB's file, or Spark on the lake."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import duckdb

from warehouse.engines.engine import Engine, catalog_of, own_errors
from warehouse.store import snapshots

if TYPE_CHECKING:
    from warehouse.settings import Settings


def open_engine(settings: Settings) -> Engine:
    """Open the newest snapshot in the engine that the settings name.

    Raises:
        WarehouseError: nothing was materialized yet, or the engine cannot be reached.
    """
    if settings.spark is None:
        return snapshots.open_newest(settings.path)
    from warehouse.engines.spark.on_lake import open_newest

    return open_newest(settings)


@contextmanager
def newest(settings: Settings) -> Iterator[Engine]:
    """Open the newest snapshot for the length of a `with`, see `open_engine`."""
    with closing(open_engine(settings)) as engine:
        yield engine


def newest_number(settings: Settings) -> int:
    """Return the number of the newest snapshot; 0 before the first one."""
    if settings.spark is None:
        snapshot = snapshots.newest(settings.path)
        return snapshot.number if snapshot else 0
    from warehouse.engines.spark.on_lake import lake_of
    from warehouse.lake.snapshots import numbers

    return max(numbers(lake_of(settings)), default=0)


def lasting(engine: Engine, relation: duckdb.DuckDBPyRelation) -> duckdb.DuckDBPyRelation:
    """Return a relation that can be read at any time, and more than once.

    DuckDB's own can: it is not run yet. Another engine's rows come once, so they are read into a
    temporary table, which DuckDB keeps on disk where it is too large for the memory.
    """
    if isinstance(engine, duckdb.DuckDBPyConnection):
        return relation
    with closing(engine), own_errors(engine):
        catalog = catalog_of(engine)
        catalog.execute(f"CREATE TEMP TABLE result_of_query AS {relation.sql_query()}")
        return catalog.table("result_of_query")
