"""The sample follows the calendar: its last day is the day of the first use, and then goes on.

`data/*.csv` stay as they are. The server moves each date and moment by whole days, so that the last
day with orders is the day of the first use. That day stands in a small file beside the warehouse:
so what was shown once stays, and a refresh finds the same days unchanged. Each day after it brings
the orders of that day, so that today is never empty.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from warehouse.errors import WarehouseError

FILE = "sample-day.txt"
"""The name of the file. It holds `2026-11-26`; or `2026-11-26 fixed`, where no day is to follow."""
FIXED = "fixed"
AS_COMMITTED = "as committed"
"""What the file holds where the rows of `data/*.csv` are shown just as they are."""
CSV_FIRST_DAY, CSV_LAST_DAY = date(2025, 11, 1), date(2026, 10, 31)
"""The first and the last day with orders in `data/orders.csv`."""


@dataclass(frozen=True)
class SampleCalendar:
    """Which days the sample shows.

    Attributes:
        first_use: The day, UTC, to which the last day of the files is moved.
        fixed: Whether it stays the last one.
    """

    first_use: date
    fixed: bool = False

    @property
    def last_day(self) -> date:
        """The last day that there is now."""
        return self.first_use if self.fixed else max(self.first_use, _today())

    @property
    def shift(self) -> int:
        """By how many days the files are moved."""
        return (self.first_use - CSV_LAST_DAY).days


def calendar_in(folder: Path) -> SampleCalendar | None:
    """Return the calendar that is kept in a folder; the first time it begins, with today.

    Returns:
        None where the files are shown just as they are.

    Raises:
        WarehouseError: the file holds no day.
    """
    file = folder / FILE
    with suppress(OSError):  # it is there; or nothing can be written: then each day is the first
        folder.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as new:
            new.write(f"{_today()}\n")
    return _read(file)


def first_day_in(folder: Path) -> date:
    """Return the first day of the calendar that is kept in a folder, or would begin today.

    Raises:
        WarehouseError: the file holds no day.
    """
    calendar = _read(folder / FILE)
    return CSV_FIRST_DAY + timedelta(days=calendar.shift if calendar else 0)


def _read(file: Path) -> SampleCalendar | None:
    """Return the calendar in a file; if it is not there or empty, one that begins today."""
    today = _today()
    try:
        text = file.read_text(encoding="utf-8").strip()
    except OSError:
        text = ""
    if text == AS_COMMITTED:
        return None
    day, _, rest = text.partition(" ")
    try:
        if rest not in ("", FIXED):
            raise ValueError(rest)
        return SampleCalendar(date.fromisoformat(day) if day else today, bool(rest))
    except ValueError:
        raise WarehouseError(
            f"{file} holds no day of the sample.",
            todo=f"It is one line: `{today}`, `{today} {FIXED}` or `{AS_COMMITTED}`. Delete the "
            "file, and it is made again.",
        ) from None


def _today() -> date:
    return datetime.now(UTC).date()
