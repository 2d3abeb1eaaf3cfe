"""Only what changed: compare each day in MySQL with the cache, and name those to read again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from warehouse.fingerprint import changed_days, ranges
from warehouse.mysql.days import ID, UPDATED, day_fingerprints
from warehouse.mysql.plan import DayRange
from warehouse.origin import source
from warehouse.partitions import all_days, span
from warehouse.settings import load_settings
from warehouse.store import days as store_days
from warehouse.store import snapshots
from warehouse.tables import DAY_COLUMN, ORDERS_DAILY

SHOWN = 8


@dataclass(frozen=True)
class Difference:
    """What MySQL and the cache do not agree on.

    Attributes:
        compared: How many days were compared.
        cached: How many of them were cached before.
        days: Those to read again.
    """

    compared: int
    cached: int
    days: list[date]

    @property
    def ranges(self) -> list[tuple[date, date]]:
        """The same days as ranges, each one query."""
        return ranges(self.days)

    @property
    def words(self) -> str:
        """The same in a sentence, which names some."""
        shown = ", ".join(f"{a}" if a == b else f"{a} to {b}" for a, b in self.ranges[:SHOWN])
        more = f" and {len(self.ranges) - SHOWN} more" if len(self.ranges) > SHOWN else ""
        return f"{len(self.days):,} of {self.compared:,} days are new or differ: {shown}{more}."


def difference(say: Callable[[str], None], run: str) -> Difference:
    """Ask MySQL for a fingerprint of each day, with one grouped query, and compare.

    Args:
        say: Told what is done.
        run: Who asks, for the comment in the query.

    Raises:
        WarehouseError: MySQL cannot be asked.
    """
    settings = load_settings()
    first, last = span()
    server = source(settings, say)
    say(
        f"Asking MySQL for a fingerprint of each day: one grouped query of "
        f"`{settings.orders_table}` at {server.name}."
    )
    now = day_fingerprints(
        server,
        settings.orders_table,
        DayRange(DAY_COLUMN, first, last),
        where=settings.orders_where,
        comment=f"warehouse fingerprints of={ORDERS_DAILY} by={run}",
        budget_seconds=settings.query_budget_seconds,
    )
    cached = {}
    if snapshots.newest(settings.path):
        with snapshots.read(settings.path) as connection:
            cached = store_days.cached_days(connection, ORDERS_DAILY, DAY_COLUMN, UPDATED, ID)
    days = all_days(first, last)
    return Difference(len(days), len(cached), changed_days(days, now, cached))
