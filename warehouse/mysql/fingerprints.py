"""A fingerprint of each day, from one cheap grouped query, to be compared with the cache's."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from pymysql.connections import Connection

from warehouse.days.checksum import Recipe
from warehouse.days.fingerprint import Fingerprint
from warehouse.errors import WarehouseError
from warehouse.mysql.checksum import check_columns, checksum, make_recipe, stored_name
from warehouse.mysql.columns import quote
from warehouse.mysql.inspect import Index, indexes
from warehouse.mysql.plan import Days, Plan, check_days
from warehouse.mysql.server_errors import no_connection_free, plain_errors
from warehouse.mysql.session import connect, hang_up, optional, rows, stop, wait_as_long_as_it_takes
from warehouse.mysql.undated import NOTHING, Outside, as_day, is_led_by, look_at_ends, sort_out
from warehouse.mysql.url import Server
from warehouse.mysql.watch import Watch

PATIENCE_SECONDS = 10.0
TICK_SECONDS = 0.25
HALVED_ROWS = 2_000_000
"""Of a table of more rows, by the server's guess, each half is counted on a connection of its own:
two processors take little more than half the time. Of fewer, connecting takes as long."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def check_fingerprints(plan: Plan, day: str, key: tuple[str, ...], updated: str) -> None:
    """See that a table has the columns that fingerprints are made of.

    Raises:
        WarehouseError: it lacks one, or one is of a type that cannot be compared; names it.
    """
    check_days(plan, day)
    check_columns(plan, key, updated)


@dataclass(frozen=True)
class Counted:
    """What MySQL counted.

    Attributes:
        fingerprints: Of each day that has rows.
        outside: The rows that belong to none of the days.
    """

    fingerprints: dict[date, Fingerprint]
    outside: Outside


@dataclass(frozen=True)
class _Count:
    """A query that counts, on a connection of its own."""

    connection: Connection[Any]
    watch: Watch
    groups: Future[list[tuple[Any, ...]]]


@dataclass(frozen=True)
class Asked:
    """What MySQL was asked about the days of a table.

    Attributes:
        newest: The newest update of each day that has rows, which an index tells at once; None
            where there is no such index.
        recipe: How the checksums are made.
    """

    newest: dict[date, datetime | None] | None
    recipe: Recipe
    _counts: tuple[_Count, ...]
    _outside: Callable[[list[tuple[Any, ...]]], Outside]
    _plan: Plan

    def counted(self, say: Callable[[str], None]) -> Counted:
        """Wait for MySQL to count.

        Args:
            say: Told now and then that it still counts.

        Raises:
            WarehouseError: MySQL refuses, or went away.
        """
        began = said = time.monotonic()
        answers = [count.groups for count in self._counts]
        while wait(answers, TICK_SECONDS, FIRST_EXCEPTION).not_done:
            if any(answer.done() and answer.exception() for answer in answers):
                break
            for count in self._counts:
                if not count.groups.done():
                    count.watch.look()
            now = time.monotonic()
            if now - said >= PATIENCE_SECONDS:
                said = now
                say(f"MySQL still counts the rows of each day: {now - began:.0f} s so far.")
        with plain_errors(self._plan.server, self._plan.query.place):
            failed = [answer for answer in answers if answer.done() and answer.exception()]
            groups = [group for answer in failed or answers for group in answer.result()]
        newest = self.newest or {day: _moment(value) for day, _, _, value in _dated(groups)}
        fingerprints = {
            day: Fingerprint(count, newest.get(day), int(value or 0))
            for day, count, value, _ in _dated(groups)
        }
        return Counted(fingerprints, self._outside(groups))


@contextmanager
def ask_days(
    plan: Plan,
    days: Days,
    *,
    key: tuple[str, ...],
    updated: str,
    comment: str = "",
    budget_seconds: float | None = None,
    connections: int = 1,
) -> Iterator[Asked]:
    """Ask MySQL for a fingerprint of each day. It counts while the caller goes on.

    Leaving the `with` before it has answered stops it.

    Args:
        plan: Of the table.
        days: One range of them.
        key: The columns that tell rows apart.
        updated: The column with the time of a row's last update.
        comment: Leads each query.
        budget_seconds: What a query may take.
        connections: How many may count, each a part of the days; more than two are not used.

    Raises:
        WarehouseError: MySQL refuses.
    """
    days = plan.days_of(days)
    column = plan.column(days.column)
    with ExitStack() as opened:
        connection = opened.enter_context(connect(plan.server, budget_seconds=budget_seconds))
        counting = [connection]
        newest: dict[date, datetime | None] | None = None
        with plain_errors(plan.server, plan.query.place):
            wait_as_long_as_it_takes(connection)
            found = indexes(connection, plan.table)
            unique = [index.columns for index in found if index.unique]
            recipe = make_recipe(plan, key, updated, unique)
            count = {"row_count": "COUNT(*)", "checksum": checksum(plan, recipe)}
            latest = {"newest": f"TIMESTAMPDIFF(MICROSECOND, '1970-01-01', MAX({quote(updated)}))"}
            led = is_led_by(found, column)
            ends = look_at_ends(connection, plan, days, comment) if led else NOTHING
            # A condition on the days that leaves nothing out costs a third of the walk along an
            # index; without an index all rows are read, and those outside are counted on the way.
            whole = bool(found) and (not led or ends == NOTHING)
            condition = "" if whole else _days_or_none(plan, days)
            # Where there is but one connection, nothing else can be read meanwhile.
            allowed = optional(connection, "SELECT @@SESSION.max_user_connections")
            if allowed == [(1,)] or not _has_index(found, plan, days.column, updated):
                # Grouped by the bare column, the server would read each row by way of an index on
                # it: seven times the time of reading them in a row.
                asked = [_grouped(plan, days.mysql_day, count | latest, condition, comment)]
            else:
                day = quote(days.column)
                # By itself: the server then jumps along the index, from day to day.
                within = "" if whole else days.condition
                groups = rows(connection, _grouped(plan, day, latest, within, comment))
                newest = {day: _moment(value) for day, _, _, value in _dated(groups)}
                if connections > 1 and allowed == [(0,)] and plan.rows_estimate > HALVED_ROWS:
                    counting += _one_more(opened, plan.server, budget_seconds)
                parts = _halves(sorted(newest), day) if len(counting) > 1 else [""]
                asked = [
                    _grouped(plan, day, count, _both(condition, part), comment) for part in parts
                ]

        def outside(groups: list[tuple[Any, ...]]) -> Outside:
            found = sort_out(((text, number) for text, number, *_ in groups), days)
            return found if whole else replace(ends, undated=found.undated)

        with ThreadPoolExecutor(len(asked), thread_name_prefix="mysql-counts") as pool:
            counts = tuple(
                _Count(
                    connection,
                    Watch(plan.server, connection.thread_id()),  # type: ignore[no-untyped-call]
                    pool.submit(_last_rows, connection, sql),
                )
                for connection, sql in zip(counting, asked, strict=True)
            )
            try:
                yield Asked(newest, recipe, counts, outside, plan)
            finally:
                for one in counts:
                    if not one.groups.done():
                        _stop(plan.server, one.connection)


def _one_more(
    opened: ExitStack, server: Server, budget_seconds: float | None
) -> list[Connection[Any]]:
    """Open a further connection, if the server has one free."""
    try:
        connection = opened.enter_context(connect(server, budget_seconds=budget_seconds))
    except WarehouseError as error:
        if no_connection_free(error):
            return []
        raise
    wait_as_long_as_it_takes(connection)
    return [connection]


def _halves(days: list[date], day: str) -> list[str]:
    """Return conditions of which each row meets one: they part the days that have rows in two."""
    if not days:
        return ["TRUE", "FALSE"]
    middle = days[len(days) // 2]
    return [f"{day} < '{middle}' OR {day} IS NULL", f"{day} >= '{middle}'"]


def _both(*conditions: str) -> str:
    return " AND ".join(f"({one})" for one in conditions if one)


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
    """Yield the rows of an answer by day; what is no date belongs to none."""
    for text, *values in answer:
        if day := as_day(text):
            yield day, *values


def _moment(microseconds: int | None) -> datetime | None:
    if microseconds is not None:
        with suppress(OverflowError):  # the year 0, which is none in the cache
            return _EPOCH + timedelta(microseconds=microseconds)
    return None


def _days_or_none(plan: Plan, days: Days) -> str:
    """Return a condition that leaves the rows of the days, and those that have none."""
    column = plan.column(days.column)
    nullable = column is not None and column.nullable
    return days.condition + (f"\nOR {quote(days.column)} IS NULL" if nullable else "")


def _grouped(plan: Plan, day: str, asked: Mapping[str, str], where: str, comment: str) -> str:
    """Return a query by day; what is not asked for is NULL."""
    columns = [
        f"{asked.get(name, 'NULL')} AS {name}" for name in ("row_count", "checksum", "newest")
    ]
    selected = ",\n  ".join([f"{day} AS day", *columns])
    return f"{plan.ask(selected, comment, where=where)}\nGROUP BY {day}"


def _has_index(found: list[Index], plan: Plan, day: str, updated: str) -> bool:
    """Whether an index has the days, and in each day the times of the updates, in order."""
    first, second = plan.column(day), plan.column(updated)
    if first is None or second is None or first.kind != "date":
        return False
    wanted = (stored_name(first), stored_name(second))
    return any(index.columns[:2] == wanted for index in found)
