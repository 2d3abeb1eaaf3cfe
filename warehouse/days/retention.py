"""Which snapshots stay: the last ones, and of the older ones the last of each day."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date, datetime, timedelta


def staying(
    numbers: Collection[int],
    written: Mapping[int, datetime],
    *,
    keep: int,
    days: int,
    today: date | None = None,
) -> list[int]:
    """Return the numbers of the snapshots that stay, in their order.

    Args:
        numbers: Of the snapshots that are there.
        written: When they were written, as far as that is known.
        keep: How many of the last ones stay.
        days: For so many days before today, the last snapshot of each stays as well. A day is one
            of this process's time zone, as `just history` shows it.
        today: The day; None for that of the clock.
    """
    ordered = sorted(numbers)
    first = (today or datetime.now().astimezone().date()) - timedelta(days=days)
    last_of = {
        day: number
        for number in ordered
        if number in written and (day := written[number].astimezone().date()) >= first
    }
    by_day = {*last_of.values()} if days else set()
    return sorted({*ordered[-keep:], *by_day})
