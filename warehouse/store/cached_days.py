"""The table `cached_days`: which days of a table are in the file, and when MySQL was asked."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date, datetime, timedelta

import duckdb

from warehouse.days.checksum import Recipe
from warehouse.days.fingerprint import EMPTY, CachedDay, Fingerprint
from warehouse.store.checksum import checksum
from warehouse.store.snapshots import has_table

TABLE = "cached_days"


def record(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    rows: Mapping[date, int],
    asked_at: datetime,
    run_id: str,
) -> None:
    """Note that these days were read, empty ones included, in the caller's transaction."""
    connection.execute(
        f'CREATE TABLE IF NOT EXISTS {TABLE} ("table_name" VARCHAR, "day" DATE, "rows" BIGINT, '
        '"asked_at" TIMESTAMPTZ, "run_id" VARCHAR)'
    )
    days = list(rows)
    strike(connection, table, days)
    connection.execute(
        f"INSERT INTO {TABLE} SELECT ?, unnest(?::DATE[]), unnest(?::BIGINT[]), ?, ?",
        [table, days, list(rows.values()), asked_at, run_id],
    )


def forget(
    connection: duckdb.DuckDBPyConnection, table: str, day: str, first: date, last: date
) -> None:
    """Remove the days of a table that lie outside a range, in the caller's transaction."""
    outside = [one for one in days(connection, table) if not first <= one <= last]
    if outside:
        remove(connection, table, day, outside)
        strike(connection, table, outside)


def strike(connection: duckdb.DuckDBPyConnection, table: str, days: list[date]) -> None:
    """Take days out of the list, in the caller's transaction. Rows of the table stay."""
    connection.execute(
        f"DELETE FROM {TABLE} WHERE table_name = ? AND list_contains(?::DATE[], day)", [table, days]
    )


def days(connection: duckdb.DuckDBPyConnection, table: str) -> set[date]:
    """Return the days of a table that are in the file."""
    if not has_table(connection, TABLE):
        return set()
    found = connection.execute(f"SELECT day FROM {TABLE} WHERE table_name = ?", [table])
    return {day for (day,) in found.fetchall()}


def remove(
    connection: duckdb.DuckDBPyConnection, table: str, day: str, days: Collection[date]
) -> None:
    """Delete the rows of some days, which the caller reads again."""
    if not has_table(connection, table):
        return
    connection.execute(
        f'DELETE FROM "{table}" WHERE ({day}) IN (SELECT unnest(?::DATE[]))', [list(days)]
    )


def rows_by_day(
    connection: duckdb.DuckDBPyConnection, table: str, day: str, days: Collection[date]
) -> dict[date, int]:
    """Count the rows of each of these days."""
    found = dict(
        connection.execute(
            f'SELECT {day} AS "day of row", count(*) FROM "{table}" '
            'WHERE "day of row" BETWEEN ? AND ? GROUP BY "day of row"',
            [min(days), max(days)],
        ).fetchall()
    )
    return {one: found.get(one, 0) for one in days}


def cached_days(
    connection: duckdb.DuckDBPyConnection, table: str, day: str, recipe: Recipe
) -> dict[date, CachedDay]:
    """Return the days in the file, with fingerprints made of the rows themselves.

    Args:
        connection: To a snapshot; its time zone becomes UTC.
        table: Of the rows.
        day: The day of a row, as SQL.
        recipe: How the checksum is made, as MySQL makes it.
    """
    connection.execute("SET TimeZone = 'UTC'")
    types = {
        name.lower(): type_
        for name, type_ in connection.execute(
            "SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = ?", [table]
        ).fetchall()
    }
    made = {
        one: Fingerprint(rows, newest, int(total or 0))
        for one, rows, newest, total in connection.execute(
            f'SELECT {day} AS "day of row", count(*), max("{recipe.updated}")::TIMESTAMPTZ, '
            f'{checksum(recipe, types)} FROM "{table}" GROUP BY "day of row"'
        ).fetchall()
    }
    dated = types[recipe.updated.lower()] == "DATE"
    precision = timedelta(days=1) if dated else timedelta(seconds=1)
    return {
        one: CachedDay(made.get(one, EMPTY), asked_at, precision)
        for one, asked_at in connection.execute(
            f"SELECT day, asked_at FROM {TABLE} WHERE table_name = ?", [table]
        ).fetchall()
    }
