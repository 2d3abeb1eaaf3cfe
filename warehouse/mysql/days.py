"""One cheap grouped query: a fingerprint of each day, to be compared with the cache's."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, date, datetime, timedelta

from warehouse.errors import WarehouseError
from warehouse.fingerprint import Fingerprint, summable
from warehouse.mysql.plan import DayRange, check_days, make_plan, quote
from warehouse.mysql.session import (
    SAFE,
    connect,
    optional,
    plain_errors,
    rows,
    session_statements,
    wait_as_long_as_it_takes,
)
from warehouse.mysql.url import Server

UPDATED, ID = "updated_at", "id"
_COVERING = """
SELECT index_name FROM information_schema.statistics
WHERE table_schema = %s AND table_name = %s AND column_name IN (%s, %s) AND seq_in_index <= 2
GROUP BY index_name HAVING COUNT(*) = 2
"""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def day_fingerprints(
    server: Server,
    table: str,
    days: DayRange,
    *,
    where: str | None = None,
    comment: str = "",
    budget_seconds: float | None = None,
) -> dict[date, Fingerprint]:
    """Ask MySQL for the fingerprint of each day that has rows.

    An index on (the day's column, `updated_at`) answers it without reading the table.

    Raises:
        WarehouseError: the table lacks a column that fingerprints are made of, or MySQL refuses.
    """
    with connect(server) as connection, plain_errors(server):
        plan = make_plan(connection, server, table)
        check_days(plan, days.column)
        updated, number = plan.column(UPDATED), plan.column(ID)
        if updated is None or updated.rule.lowest is None or number is None:
            raise WarehouseError(
                f"`{table}` needs a date in `{UPDATED}`, and `{ID}`, to tell which days changed.",
                safe=SAFE,
                todo="Reload days by name: just materialize mysql_orders_daily --partition DAY",
            )
        column = plan.column(days.column)
        assert column is not None
        day = f"DATE({quote(days.column)})"
        names = (server.database, table, days.column, UPDATED)
        if column.mysql_type == "date" and optional(connection, _COVERING, *names):
            # In the index's order. Without such an index the bare column would make the server read
            # each row by way of an index on the day: seven times the time of reading them in a row.
            day = quote(days.column)
        sql = plan.query(
            f"{day} AS day,\n  COUNT(*) AS row_count,\n"
            f"  TIMESTAMPDIFF(MICROSECOND, '1970-01-01', MAX({quote(UPDATED)})) AS newest,\n"
            f"  {f'SUM({quote(ID)})' if summable(number.duckdb_type) else '0'} AS ids",
            where,
            comment,
            days,
        )
        for statement in session_statements(plan.mariadb, budget_seconds):
            rows(connection, statement)
        wait_as_long_as_it_takes(connection)
        found: dict[date, Fingerprint] = {}
        for text, count, newest, ids in rows(connection, f"{sql}\nGROUP BY {day}"):
            with suppress(ValueError):  # an impossible date belongs to no day
                found[date.fromisoformat(text)] = Fingerprint(
                    rows=int(count),
                    newest=None if newest is None else _EPOCH + timedelta(microseconds=newest),
                    ids=int(ids or 0),
                )
        return found
