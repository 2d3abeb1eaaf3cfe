"""The table `cached_days`: which days of a table are in the file, and when MySQL was asked."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime

import duckdb

from warehouse.fingerprint import EMPTY, CachedDay, Fingerprint, summable
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
    connection.execute(
        f"DELETE FROM {TABLE} WHERE table_name = ? AND list_contains(?::DATE[], day)", [table, days]
    )
    connection.execute(
        f"INSERT INTO {TABLE} SELECT ?, unnest(?::DATE[]), unnest(?::BIGINT[]), ?, ?",
        [table, days, list(rows.values()), asked_at, run_id],
    )


def rows_by_day(
    connection: duckdb.DuckDBPyConnection, table: str, column: str, first: date, last: date
) -> dict[date, int]:
    """Count the rows of each day that has some."""
    return dict(
        connection.execute(
            f'SELECT "{column}"::DATE AS day, count(*) FROM "{table}" '
            f"WHERE day BETWEEN ? AND ? GROUP BY day",
            [first, last],
        ).fetchall()
    )


def cached_days(
    connection: duckdb.DuckDBPyConnection, table: str, column: str, updated: str, number: str
) -> dict[date, CachedDay]:
    """Return the days in the file, with fingerprints made of the rows themselves.

    Args:
        connection: To a snapshot; its time zone becomes UTC.
        table: Of the rows.
        column: Whose days they are.
        updated: The column with the time of a row's last update.
        number: The column whose sum goes into the fingerprint.
    """
    if not has_table(connection, TABLE):
        return {}
    connection.execute("SET TimeZone = 'UTC'")
    types = dict(
        connection.execute(
            "SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = ?", [table]
        ).fetchall()
    )
    total = f'sum("{number}")' if summable(types[number]) else "0"
    made = {
        day: Fingerprint(rows, newest, int(ids or 0))
        for day, rows, newest, ids in connection.execute(
            f'SELECT "{column}"::DATE AS day, count(*), max("{updated}")::TIMESTAMPTZ, {total} '
            f'FROM "{table}" GROUP BY day'
        ).fetchall()
    }
    return {
        day: CachedDay(made.get(day, EMPTY), asked_at)
        for day, asked_at in connection.execute(
            f"SELECT day, asked_at FROM {TABLE} WHERE table_name = ?", [table]
        ).fetchall()
    }
