"""One cheap grouped query: a fingerprint of each day, to be compared with the cache's."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any

from pymysql.connections import Connection

from warehouse.errors import WarehouseError
from warehouse.fingerprint import EMPTY, Fingerprint, summable
from warehouse.mysql.inspect import indexes
from warehouse.mysql.plan import DayRange, Plan, check_days, make_plan, quote
from warehouse.mysql.session import (
    SAFE,
    connect,
    plain_errors,
    rows,
    session_statements,
    wait_as_long_as_it_takes,
)
from warehouse.mysql.url import Server

UPDATED, ID = "updated_at", "id"
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
        sql = _query(connection, plan, days, where, comment)
        for statement in session_statements(plan.mariadb, budget_seconds):
            rows(connection, statement)
        wait_as_long_as_it_takes(connection)
        found: dict[date, Fingerprint] = {}
        for text, count, newest, ids in rows(connection, sql):
            with suppress(ValueError):  # an impossible date belongs to no day
                day = date.fromisoformat(text or "")
                before = found.get(day, EMPTY)
                found[day] = Fingerprint(
                    rows=before.rows + (count or 0),
                    newest=before.newest if newest is None else _moment(newest),
                    ids=before.ids + int(ids or 0),
                )
        return found


def _moment(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)


def _query(
    connection: Connection[Any], plan: Plan, days: DayRange, where: str | None, comment: str
) -> str:
    """Return the one query whose rows, added up by day, are the fingerprints."""
    number = plan.column(ID)
    day = quote(days.column)
    rows_and_ids = {
        "row_count": "COUNT(*)",
        "ids": f"SUM({quote(ID)})" if number and summable(number.duckdb_type) else "0",
    }
    newest = {"newest": f"TIMESTAMPDIFF(MICROSECOND, '1970-01-01', MAX({quote(UPDATED)}))"}
    if where or not _has_index(connection, plan, days.column):
        # Grouped by the bare column, the server would read each row by way of an index on it: seven
        # times the time of reading them in a row.
        return _grouped(plan, f"DATE({day})", rows_and_ids | newest, days, where, comment)
    # A part of its own: the server then jumps along the index from one day's newest to the next.
    inside = None if _all_inside(connection, plan, days) else days
    parts = (_grouped(plan, day, asked, inside, None, comment) for asked in (rows_and_ids, newest))
    return "\nUNION ALL\n".join(parts)


def _grouped(
    plan: Plan,
    day: str,
    asked: Mapping[str, str],
    days: DayRange | None,
    where: str | None,
    comment: str,
) -> str:
    """Return a query by day; what is not asked for is NULL."""
    columns = [f"{asked.get(name, 'NULL')} AS {name}" for name in ("row_count", "newest", "ids")]
    selected = ",\n  ".join([f"{day} AS day", *columns])
    return f"{plan.query(selected, where, comment, days)}\nGROUP BY {day}"


def _has_index(connection: Connection[Any], plan: Plan, name: str) -> bool:
    """Whether an index has the days, and in each day the times of the updates, in order."""
    column = plan.column(name)
    return bool(column and column.mysql_type == "date") and any(
        columns[:2] == (name, UPDATED) for columns in indexes(connection, plan.server, plan.table)
    )


def _all_inside(connection: Connection[Any], plan: Plan, days: DayRange) -> bool:
    """Whether a condition on the days would leave nothing out: it costs a third of the walk."""
    day = quote(days.column)
    ends = rows(connection, f"SELECT MIN({day}), MAX({day}) FROM {quote(plan.table)}")
    ((first, last),) = ends  # a look at each end of the index
    return first is not None and str(days.first) <= first and last <= str(days.last)
