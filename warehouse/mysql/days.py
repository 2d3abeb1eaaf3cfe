"""One cheap grouped query: a fingerprint of each day, to be compared with the cache's."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any

from pymysql.connections import Connection

from warehouse.errors import WarehouseError
from warehouse.fingerprint import EMPTY, ID_BITS, Fingerprint, countable
from warehouse.mysql.inspect import indexes
from warehouse.mysql.plan import Days, Plan, check_days, quote
from warehouse.mysql.session import (
    SAFE,
    connect,
    plain_errors,
    rows,
    session_statements,
    wait_as_long_as_it_takes,
)

UPDATED, ID = "updated_at", "id"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_SECONDS = {
    # Its own number, which costs nothing; the fraction, if it has one, would make it a decimal.
    "timestamp": "UNIX_TIMESTAMP({c})",
    "timestamp(n)": "FLOOR(UNIX_TIMESTAMP({c}))",
    # The other function would know the years from 1970 to 2038 only.
    "other": "TO_SECONDS({c})",
}
"""Whole seconds of a time, counted from 1970 or from the year 0: see `store.days`."""


def check_fingerprints(plan: Plan, day: str) -> None:
    """See that a table has the columns that fingerprints are made of.

    Raises:
        WarehouseError: it lacks one; names it.
    """
    check_days(plan, day)
    updated = plan.column(UPDATED)
    if updated is None or updated.rule.lowest is None or plan.column(ID) is None:
        raise WarehouseError(
            f"`{plan.table}` needs a date in `{UPDATED}`, and `{ID}`, to tell which days changed.",
            safe=SAFE,
            todo="Reload days by name: just materialize mysql_orders_daily --partition DAY",
        )


def day_fingerprints(
    plan: Plan,
    days: Days,
    *,
    where: str | None = None,
    comment: str = "",
    budget_seconds: float | None = None,
) -> dict[date, Fingerprint]:
    """Ask MySQL for the fingerprint of each day that has rows.

    Raises:
        WarehouseError: MySQL refuses.
    """
    with connect(plan.server) as connection, plain_errors(plan.server):
        sql = _query(connection, plan, days, where, comment)
        for statement in session_statements(plan.mariadb, budget_seconds):
            rows(connection, statement)
        wait_as_long_as_it_takes(connection)
        found: dict[date, Fingerprint] = {}
        for text, count, newest, checksum in rows(connection, sql):
            with suppress(ValueError):  # an impossible date belongs to no day
                day = date.fromisoformat(text or "")
                before = found.get(day, EMPTY)
                found[day] = Fingerprint(
                    rows=before.rows + (count or 0),
                    newest=before.newest if newest is None else _moment(newest),
                    checksum=before.checksum ^ int(checksum or 0),
                )
        return found


def _moment(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)


def _query(
    connection: Connection[Any], plan: Plan, days: Days, where: str | None, comment: str
) -> str:
    """Return the one query whose rows, put together by day, are the fingerprints."""
    day = quote(days.column)
    count = {"row_count": "COUNT(*)", "checksum": _checksum(plan)}
    newest = {"newest": f"TIMESTAMPDIFF(MICROSECOND, '1970-01-01', MAX({quote(UPDATED)}))"}
    if where or not _has_index(connection, plan, days.column):
        # Grouped by the bare column, the server would read each row by way of an index on it: seven
        # times the time of reading them in a row.
        return _grouped(plan, f"DATE({day})", count | newest, days, where, comment)
    # A part of its own: the server then jumps along the index from one day's newest to the next.
    inside = None if _all_inside(connection, plan, days) else days
    parts = (_grouped(plan, day, asked, inside, None, comment) for asked in (count, newest))
    return "\nUNION ALL\n".join(parts)


def _checksum(plan: Plan) -> str:
    """Return the checksum of `Fingerprint` as SQL for MySQL; a row without a time has no part."""
    updated, number = plan.column(UPDATED), plan.column(ID)
    assert updated and number
    kind = updated.mysql_type.replace("(0)", "").partition("(")
    name = kind[0] + ("(n)" if kind[1] else "")
    seconds = _SECONDS.get(name, _SECONDS["other"]).format(c=quote(UPDATED))
    times_id = f" * ({quote(ID)} & {ID_BITS})" if countable(number.duckdb_type) else ""
    return f"BIT_XOR({seconds}{times_id})"


def _grouped(
    plan: Plan,
    day: str,
    asked: Mapping[str, str],
    days: Days | None,
    where: str | None,
    comment: str,
) -> str:
    """Return a query by day; what is not asked for is NULL."""
    columns = [
        f"{asked.get(name, 'NULL')} AS {name}" for name in ("row_count", "newest", "checksum")
    ]
    selected = ",\n  ".join([f"{day} AS day", *columns])
    return f"{plan.query(selected, where, comment, days)}\nGROUP BY {day}"


def _has_index(connection: Connection[Any], plan: Plan, name: str) -> bool:
    """Whether an index has the days, and in each day the times of the updates, in order."""
    column = plan.column(name)
    return bool(column and column.mysql_type == "date") and any(
        columns[:2] == (name, UPDATED) for columns in indexes(connection, plan.server, plan.table)
    )


def _all_inside(connection: Connection[Any], plan: Plan, days: Days) -> bool:
    """Whether a condition on the days would leave nothing out: it costs a third of the walk."""
    day = quote(days.column)
    ends = rows(connection, f"SELECT MIN({day}), MAX({day}) FROM {quote(plan.table)}")
    ((first, last),) = ends  # a look at each end of the index
    ((since, until),) = days.ranges
    return first is not None and str(since) <= first and last <= str(until)
