"""Rows of a table that belong to none of its days, so that no load of days brings them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from pymysql.connections import Connection

from warehouse.console.text import counted
from warehouse.mysql.checksum import stored_name
from warehouse.mysql.columns import Column, quote
from warehouse.mysql.inspect import Index, indexes
from warehouse.mysql.plan import Days, Plan
from warehouse.mysql.server_errors import plain_errors
from warehouse.mysql.session import connect, rows, wait_as_long_as_it_takes


@dataclass(frozen=True)
class Outside:
    """How many rows lie outside the days.

    Attributes:
        undated: Rows without a day: it is NULL, or no date.
        before: Rows before the first day; None where there are some, which nobody counted.
        after: The same after the last day, which is today.
    """

    undated: int = 0
    before: int | None = 0
    after: int | None = 0

    @property
    def words(self) -> str:
        """The same in a sentence; empty if there are none."""
        found = [
            (self.undated, "without a day"),
            (self.before, "before the first day"),
            (self.after, "after today"),
        ]
        named = [
            f"{'rows' if number is None else counted(number, 'row')} {where}"
            for number, where in found
            if number != 0
        ]
        return f"Left out, as rows of no day that is loaded: {', '.join(named)}." if named else ""


NOTHING = Outside()


def sort_out(groups: Iterable[tuple[str | None, int]], days: Days) -> Outside:
    """Count what lies outside, in the numbers of rows by day of a whole table."""
    ((first, last),) = days.ranges
    undated = before = after = 0
    for text, number in groups:
        day = as_day(text)
        if day is None:
            undated += number
        elif day < first:
            before += number
        elif day > last:
            after += number
    return Outside(undated, before, after)


def as_day(text: str | None) -> date | None:
    """Read a day of MySQL's; an impossible date is none."""
    try:
        return date.fromisoformat(text or "")
    except ValueError:
        return None


def is_led_by(found: Iterable[Index], column: Column | None) -> bool:
    """Whether an index begins with a column, so that a few of its values are found at once."""
    return column is not None and any(index.columns[0] == stored_name(column) for index in found)


def look_at_ends(connection: Connection[Any], plan: Plan, days: Days, comment: str) -> Outside:
    """See by the ends of an index whether rows lie before or after."""
    day = quote(days.column)
    ((least, greatest),) = rows(connection, plan.ask(f"MIN({day}), MAX({day})", comment))
    ((first, last),) = days.ranges
    if least is None:
        return NOTHING
    return Outside(
        before=None if least < str(days.begins(first))[: len(least)] else 0,
        after=None if greatest >= str(days.ends(last)) else 0,
    )


def ask_outside(connection: Connection[Any], plan: Plan, days: Days, comment: str) -> Outside:
    """Ask MySQL how many rows lie outside of one range of days.

    An index that begins with the day's column answers at once. Without one MySQL reads the whole
    table, as the load of all days does, unless no row can be without a day.
    """
    days = plan.days_of(days)
    column = plan.column(days.column)
    day = quote(days.column)
    nullable = column is None or column.nullable
    if is_led_by(indexes(connection, plan.table), column):
        ends = look_at_ends(connection, plan, days, comment)
        undated = 0
        if nullable:
            sql = plan.ask("COUNT(*)", comment, where=f"{day} IS NULL")
            ((undated,),) = rows(connection, sql)
        return Outside(undated, ends.before, ends.after)
    if not nullable:
        return NOTHING
    ((first, last),) = days.ranges
    sums = (
        f"SUM({day} IS NULL), SUM({day} < '{days.begins(first)}'), "
        f"SUM({day} >= '{days.ends(last)}')"
    )
    ((undated, before, after),) = rows(connection, plan.ask(sums, comment))
    return Outside(int(undated or 0), int(before or 0), int(after or 0))


def count_outside(plan: Plan, days: Days, *, comment: str, budget_seconds: float | None) -> Outside:
    """Connect, and ask what `ask_outside` asks.

    Raises:
        WarehouseError: MySQL refuses.
    """
    with (
        connect(plan.server, budget_seconds=budget_seconds) as connection,
        plain_errors(plan.server, plan.query.place),
    ):
        wait_as_long_as_it_takes(connection)
        return ask_outside(connection, plan, days, comment)
