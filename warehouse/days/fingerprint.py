"""What tells, without reading its rows, whether a day is the same in MySQL and in the cache."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta


@dataclass(frozen=True)
class Fingerprint:
    """A day in a few numbers, equal on both sides as long as nothing changed.

    Attributes:
        rows: How many there are.
        newest: The newest `updated_at`; None where no row has one.
        checksum: Of the key and the updated time of every row, see `checksum`. It finds a row that
            came for another one that went, and an update that is not the newest.
    """

    rows: int = 0
    newest: datetime | None = None
    checksum: int = 0


EMPTY = Fingerprint()


@dataclass(frozen=True)
class CachedDay:
    """A day in the cache.

    Attributes:
        fingerprint: Made of its rows.
        asked_at: The time by the clock of `updated_at`, just before the day was read.
        precision: How long `updated_at` may stay the same while a row changes again.
    """

    fingerprint: Fingerprint
    asked_at: datetime
    precision: timedelta = timedelta(seconds=1)

    @property
    def settled(self) -> bool:
        """Whether its newest update was over when it was read.

        One that was not may have been followed by another in the same second: equal fingerprints
        would not show it.
        """
        newest = self.fingerprint.newest
        return newest is None or self.asked_at - newest > self.precision  # the year 9999 is a time


def surely_changed(
    days: Iterable[date],
    newest: Mapping[date, datetime | None],
    cached: Mapping[date, CachedDay],
) -> list[date]:
    """Return those of `changed_days` that the newest updates in MySQL alone tell."""
    return [
        day
        for day in days
        if _unsure(day, cached) or cached[day].fingerprint.newest != newest.get(day)
    ]


def changed_days(
    days: Iterable[date], source: Mapping[date, Fingerprint], cached: Mapping[date, CachedDay]
) -> list[date]:
    """Return the days that must be read again: never read, different, or not settled."""
    return [
        day
        for day in days
        if _unsure(day, cached) or cached[day].fingerprint != source.get(day, EMPTY)
    ]


def _unsure(day: date, cached: Mapping[date, CachedDay]) -> bool:
    """Whether a day must be read whatever its fingerprint is."""
    return day not in cached or not cached[day].settled
