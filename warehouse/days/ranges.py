"""Days that follow each other, as a range: its first and its last day."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta


def all_days(first: date, last: date) -> list[date]:
    """Return the days of a range."""
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def ranges(days: Iterable[date]) -> list[tuple[date, date]]:
    """Join days that follow each other: the first and the last of each range."""
    joined: list[tuple[date, date]] = []
    for day in sorted(days):
        if joined and day - joined[-1][1] == timedelta(days=1):
            joined[-1] = (joined[-1][0], day)
        else:
            joined.append((day, day))
    return joined
