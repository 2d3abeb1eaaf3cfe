"""Only what changed: compare each day in MySQL with the cache, and name those to read again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from functools import cache

from warehouse.assets.source_server import source
from warehouse.assets.tables import DAY_COLUMN, KEY, ORDERS_DAILY, UPDATED
from warehouse.console.text import counted
from warehouse.days.calendar import span
from warehouse.days.fingerprint import changed_days, surely_changed
from warehouse.days.ranges import all_days, ranges
from warehouse.mysql.fingerprints import ask_days, check_fingerprints
from warehouse.mysql.plan import Days, describe
from warehouse.mysql.undated import NOTHING, Outside
from warehouse.settings import load_settings
from warehouse.store import cached_days as store_days
from warehouse.store import snapshots
from warehouse.store.stream import changed_columns


@dataclass(frozen=True)
class Difference:
    """What MySQL and the cache do not agree on.

    Attributes:
        compared: How many days were compared.
        cached: Whether any day was ever read.
        days: Those to read again.
        gone: Those in the cache that `WAREHOUSE_DAILY_START` no longer counts among them.
        columns: How the columns differ, if they do: all days are then to be read.
        outside: The rows in MySQL that belong to none of the days.
    """

    compared: int
    cached: bool
    days: list[date]
    gone: list[date] = field(default_factory=list)
    columns: str = ""
    outside: Outside = NOTHING

    @property
    def none(self) -> bool:
        """Whether they agree."""
        return not self.days and not self.gone

    @property
    def words(self) -> str:
        """The same in a sentence, which names some."""
        if self.none:
            agree = f"All {self.compared:,} days are as they are in MySQL: nothing was read."
            return " ".join(filter(None, [agree, self.outside.words]))
        if not self.cached:
            return f"No day was read yet; there are {counted(self.compared, 'day')}."
        told = []
        if self.columns:
            told.append(f"The columns differ: {self.columns}. All days are to be read.")
        elif self.days:
            shown = _named(self.days)
            verb = "is new or differs" if len(self.days) == 1 else "are new or differ"
            told.append(f"{len(self.days):,} of {self.compared:,} days {verb}: {shown}.")
        if self.gone:
            shown = _named(self.gone)
            told.append(f"Before WAREHOUSE_DAILY_START, and to be dropped: {shown}.")
        return " ".join(filter(None, [*told, self.outside.words]))


@dataclass(frozen=True)
class Comparison:
    """A comparison that may still go on.

    Attributes:
        sure: Days to read again that are known already.
        result: Waits for MySQL to count, and returns all that differs.
    """

    sure: list[date]
    result: Callable[[], Difference]


@contextmanager
def compare(say: Callable[[str], None], by: str) -> Iterator[Comparison]:
    """Ask MySQL for a fingerprint of each day, with one grouped query or two, and compare.

    Args:
        say: Told what is done.
        by: Who asks, for the comment in the query.

    Raises:
        WarehouseError: MySQL cannot be asked.
    """
    settings = load_settings()
    first, last = span()
    days = all_days(first, last)
    plan = describe(source(settings, say), settings.orders_table)
    check_fingerprints(plan, DAY_COLUMN, KEY, UPDATED)
    if not snapshots.newest(settings.path):
        yield _known(say, Difference(len(days), False, days))
        return
    with snapshots.read(settings.path) as connection:
        there = store_days.days(connection, ORDERS_DAILY)
        columns = changed_columns(connection, ORDERS_DAILY, plan.no_rows) if there else ""
        gone = sorted(day for day in there if not first <= day <= last)
        if not there or columns:
            yield _known(say, Difference(len(days), bool(there), days, gone, columns))
            return
        say(
            f"Asking MySQL for a fingerprint of each day of `{settings.orders_table}` at "
            f"{plan.server.name}: it counts, and sends a line a day."
        )
        with ask_days(
            plan,
            Days(DAY_COLUMN, ((first, last),)),
            key=KEY,
            updated=UPDATED,
            where=settings.orders_where,
            comment=f"warehouse fingerprints of={ORDERS_DAILY} by={by}",
            budget_seconds=settings.query_budget_seconds,
        ) as asked:
            cached = store_days.cached_days(connection, ORDERS_DAILY, DAY_COLUMN, asked.recipe)
            sure = [] if asked.newest is None else surely_changed(days, asked.newest, cached)

            if sure:
                say(
                    f"Their newest updates tell that {counted(len(sure), 'day')} must be read "
                    f"anew: {_named(sure)}. That happens while MySQL counts."
                )

            @cache
            def result() -> Difference:
                answer = asked.counted(say)
                differ = sorted({*changed_days(days, answer.fingerprints, cached), *sure})
                found = Difference(len(days), True, differ, gone, outside=answer.outside)
                if not found.none:
                    say(found.words)
                return found

            yield Comparison(sure, result)


def _known(say: Callable[[str], None], found: Difference) -> Comparison:
    """Return a comparison that waits for nothing."""
    say(found.words)
    return Comparison([], lambda: found)


def _named(days: list[date]) -> str:
    return Days(DAY_COLUMN, tuple(ranges(days))).words


def difference(say: Callable[[str], None], by: str) -> Difference:
    """Compare, and wait for the result, see `compare`."""
    with compare(say, by) as comparison:
        return comparison.result()
