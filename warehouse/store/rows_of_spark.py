"""Rows of Spark in the tables `old_rows` and `new_rows` of a DuckDB on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import duckdb

from warehouse.engines.spark.changes import SIDES, Changes
from warehouse.errors import WarehouseError
from warehouse.project.quoting import quoted
from warehouse.store.side_by_side import Column

if TYPE_CHECKING:
    import pyarrow as pa

MOST_ROWS = 200_000
"""So many rows of each snapshot come here at most: Spark's driver holds what it sends. 1,000,000
rows of 12 columns with both of their values filled its 2 GB, and it ended."""


def fetch_all(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    columns: Sequence[Column],
    changes: Changes,
) -> None:
    """Fetch all rows of both snapshots.

    Raises:
        WarehouseError: they are more than `MOST_ROWS`.
    """
    if (most := changes.most_rows()) > MOST_ROWS:
        raise _too_many(table, f"{most:,} rows")
    _create(connection, columns)
    for side in SIDES:
        for rows in changes.all_rows(side, most):
            _insert(connection, columns, side, rows)


def fetch_changed(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    columns: Sequence[Column],
    changes: Changes,
    key: Sequence[Column],
    repeated: int,
) -> None:
    """Fetch the rows that changed, see `Changes.changed`.

    Raises:
        WarehouseError: they are more than `MOST_ROWS`.
    """
    if (count := changes.count_changed(key, repeated)) > MOST_ROWS:
        raise _too_many(table, f"{count:,} rows that changed")
    _create(connection, columns)
    for sides in changes.changed(key, repeated):
        for side, rows in sides.items():
            _insert(connection, columns, side, rows)


def _create(connection: duckdb.DuckDBPyConnection, columns: Sequence[Column]) -> None:
    for side in SIDES:
        listed = [
            f"{quoted(one.name)} {one.old_type if side == 'old' else one.new_type}"
            for one in columns
        ]
        connection.execute(f"CREATE TEMP TABLE {side}_rows ({', '.join(listed) or 'here BOOLEAN'})")


def _insert(
    connection: duckdb.DuckDBPyConnection, columns: Sequence[Column], side: str, rows: pa.Table
) -> None:
    """Add rows of Spark to those of a snapshot, in DuckDB's types."""
    types = [one.old_type if side == "old" else one.new_type for one in columns] or ["BOOLEAN"]
    typed = ", ".join(f"CAST(#{number} AS {type_})" for number, type_ in enumerate(types, 1))
    connection.register("rows_of_spark", rows)
    connection.execute(f"INSERT INTO {side}_rows SELECT {typed} FROM rows_of_spark")
    connection.unregister("rows_of_spark")


def _too_many(table: str, rows: str) -> WarehouseError:
    return WarehouseError(
        f"{table}: {rows} would have to come to this machine to be compared, and {MOST_ROWS:,} "
        "are the most.",
        safe="Nothing was changed.",
        todo="Write a view of a part of it into `sql/`, such as some days or fewer columns, and "
        "compare that one.",
    )
