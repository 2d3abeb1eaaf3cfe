"""What tells, without reading its rows, whether a day is the same in MySQL and in the cache."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

UPDATE_PRECISION = timedelta(seconds=1)
"""`updated_at` mostly holds whole seconds: within one of them a row may change twice."""


@dataclass(frozen=True)
class Fingerprint:
    """A day in a few numbers, equal on both sides as long as nothing changed.

    Attributes:
        rows: How many there are.
        newest: The newest `updated_at`; None where no row has one.
        ids: The sum of `id`: finds a row that came for another one that went.
    """

    rows: int = 0
    newest: datetime | None = None
    ids: int = 0


EMPTY = Fingerprint()


def summable(duckdb_type: str) -> bool:
    """Whether ids of this type have a sum; others count as 0, in MySQL and in the cache alike."""
    return duckdb_type.endswith(("INT", "INTEGER"))


@dataclass(frozen=True)
class CachedDay:
    """A day in the cache, and the time by MySQL's clock just before it was read."""

    fingerprint: Fingerprint
    asked_at: datetime

    @property
    def settled(self) -> bool:
        """Whether its newest update was over when it was read.

        One that was not may have been followed by another in the same second: equal fingerprints
        would not show it.
        """
        newest = self.fingerprint.newest
        return newest is None or newest + UPDATE_PRECISION < self.asked_at


def changed_days(
    days: Iterable[date], source: Mapping[date, Fingerprint], cached: Mapping[date, CachedDay]
) -> list[date]:
    """Return the days that must be read again: never read, different, or not settled."""
    return [
        day
        for day in days
        if day not in cached
        or not cached[day].settled
        or cached[day].fingerprint != source.get(day, EMPTY)
    ]


def ranges(days: Iterable[date]) -> list[tuple[date, date]]:
    """Join days that follow each other: the first and the last of each range."""
    joined: list[tuple[date, date]] = []
    for day in sorted(days):
        if joined and day - joined[-1][1] == timedelta(days=1):
            joined[-1] = (joined[-1][0], day)
        else:
            joined.append((day, day))
    return joined
