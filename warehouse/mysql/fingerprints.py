"""A fingerprint of each day, from one cheap grouped query, to be compared with the cache's."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from pymysql.connections import Connection

from warehouse.days.fingerprint import ID_BITS, Fingerprint, countable
from warehouse.errors import WarehouseError
from warehouse.mysql.inspect import indexes
from warehouse.mysql.plan import Days, Plan, check_days, quote
from warehouse.mysql.server_errors import SAFE, plain_errors
from warehouse.mysql.session import connect, hang_up, optional, rows, stop, wait_as_long_as_it_takes
from warehouse.mysql.url import Server

UPDATED, ID = "updated_at", "id"
PATIENCE_SECONDS = 10.0
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
    if updated is None or not updated.has_days or plan.column(ID) is None:
        raise WarehouseError(
            f"`{plan.table}` needs a date in `{UPDATED}`, and `{ID}`, to tell which days changed.",
            safe=SAFE,
            todo="Reload days by name: just materialize mysql_orders_daily --partition DAY",
        )


@dataclass(frozen=True)
class Asked:
    """What MySQL was asked about the days of a table.

    Attributes:
        newest: The newest `updated_at` of each day that has rows, which an index tells at once;
            None where there is no such index.
    """

    newest: dict[date, datetime | None] | None
    _counted: Future[list[tuple[Any, ...]]]
    _server: Server

    def fingerprints(self, say: Callable[[str], None]) -> dict[date, Fingerprint]:
        """Wait for MySQL to count, and return the fingerprint of each day that has rows.

        Args:
            say: Told now and then that it still counts.

        Raises:
            WarehouseError: MySQL refuses, or went away.
        """
        began = time.monotonic()
        while not wait([self._counted], PATIENCE_SECONDS).done:
            say(
                f"MySQL still counts the rows of each day: {time.monotonic() - began:.0f} s so far."
            )
        with plain_errors(self._server):
            counted = self._counted.result()
        newest = self.newest or {day: _moment(value) for day, _, _, value in _dated(counted)}
        return {
            day: Fingerprint(count, newest.get(day), int(checksum or 0))
            for day, count, checksum, _ in _dated(counted)
        }


@contextmanager
def ask_days(
    plan: Plan,
    days: Days,
    *,
    where: str | None = None,
    comment: str = "",
    budget_seconds: float | None = None,
) -> Iterator[Asked]:
    """Ask MySQL for a fingerprint of each day. It counts while the caller goes on.

    Leaving the `with` before it has answered stops it.

    Raises:
        WarehouseError: MySQL refuses.
    """
    with connect(plan.server, budget_seconds=budget_seconds) as connection:
        newest: dict[date, datetime | None] | None = None
        count = {"row_count": "COUNT(*)", "checksum": _checksum(plan)}
        latest = {"newest": f"TIMESTAMPDIFF(MICROSECOND, '1970-01-01', MAX({quote(UPDATED)}))"}
        with plain_errors(plan.server):
            wait_as_long_as_it_takes(connection)
            # Where there is but one connection, nothing else can be read meanwhile.
            alone = optional(connection, "SELECT @@SESSION.max_user_connections") == [(1,)]
            if where or alone or not _has_index(connection, plan, days.column):
                # Grouped by the bare column, the server would read each row by way of an index on
                # it: seven times the time of reading them in a row.
                day = f"DATE({quote(days.column)})"
                counting = _grouped(plan, day, count | latest, days, where, comment)
            else:
                day = quote(days.column)
                inside = None if _all_inside(connection, plan, days, comment) else days
                # By itself: the server then jumps along the index, from day to day.
                told = rows(connection, _grouped(plan, day, latest, inside, None, comment))
                newest = {day: _moment(value) for day, _, _, value in _dated(told)}
                counting = _grouped(plan, day, count, inside, None, comment)
        with ThreadPoolExecutor(1, thread_name_prefix="mysql-counts") as pool:
            counted = pool.submit(_last_rows, connection, counting)
            try:
                yield Asked(newest, counted, plan.server)
            finally:
                if not counted.done():
                    _stop(plan.server, connection)


def _last_rows(connection: Connection[Any], sql: str) -> list[tuple[Any, ...]]:
    """Ask, and hang up: an account may have few connections, and others come after this one."""
    try:
        return rows(connection, sql)
    finally:
        connection.close()


def _stop(server: Server, connection: Connection[Any]) -> None:
    """Have MySQL end a query whose answer nobody waits for any more, and wake who reads it."""
    stop(server, connection.thread_id())  # type: ignore[no-untyped-call]
    hang_up(connection)


def _dated(answer: list[tuple[Any, ...]]) -> Iterator[tuple[date, int, str | None, int | None]]:
    """Yield the rows of an answer by day; an impossible date belongs to none."""
    for text, *values in answer:
        with suppress(ValueError):
            yield date.fromisoformat(text or ""), *values


def _moment(microseconds: int | None) -> datetime | None:
    return None if microseconds is None else _EPOCH + timedelta(microseconds=microseconds)


def _checksum(plan: Plan) -> str:
    """Return the checksum of `Fingerprint` as SQL for MySQL; a row without a time has no part."""
    updated, number = plan.column(UPDATED), plan.column(ID)
    assert updated and number
    kind = re.sub(r"\d", "n", updated.mysql_type)
    seconds = _SECONDS.get(kind, _SECONDS["other"]).format(c=quote(UPDATED))
    if countable(number.duckdb_type):
        return f"BIT_XOR({seconds} * ({quote(ID)} & {ID_BITS}))"
    return f"SUM({seconds})"


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
        f"{asked.get(name, 'NULL')} AS {name}" for name in ("row_count", "checksum", "newest")
    ]
    selected = ",\n  ".join([f"{day} AS day", *columns])
    return f"{plan.query(selected, where, comment, days)}\nGROUP BY {day}"


def _has_index(connection: Connection[Any], plan: Plan, name: str) -> bool:
    """Whether an index has the days, and in each day the times of the updates, in order."""
    column = plan.column(name)
    return bool(column and column.mysql_type == "date") and any(
        [column.lower() for column in columns[:2]] == [name, UPDATED]
        for columns in indexes(connection, plan.server, plan.table)
    )


def _all_inside(connection: Connection[Any], plan: Plan, days: Days, comment: str) -> bool:
    """Whether a condition on the days would leave nothing out: it costs a third of the walk."""
    day = quote(days.column)
    ends = plan.query(f"MIN({day}), MAX({day})", None, comment, None)
    ((first, last),) = rows(connection, ends)  # a look at each end of the index
    ((since, until),) = days.ranges
    return first is not None and str(since) <= first and last <= str(until)
