"""The days of a source: which there are, and how people name them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from warehouse.days.zones import UTC_NAME, today
from warehouse.errors import WarehouseError

SEPARATOR = "..."
"""Between the ends of a range, as in Dagster's own tools."""


def range_tags(first: date, last: date) -> dict[str, str]:
    """Return the tags that make a run one of these days, as Dagster's backfills set them."""
    return {
        "dagster/asset_partition_range_start": first.isoformat(),
        "dagster/asset_partition_range_end": last.isoformat(),
    }


@dataclass(frozen=True)
class Calendar:
    """The days from a first one until today, in a time zone."""

    start: date
    zone: str = UTC_NAME

    @property
    def span(self) -> tuple[date, date]:
        """The first and the last day there is."""
        return self.start, today(self.zone)

    def parse_days(self, text: str) -> tuple[date, date]:
        """Read a day or a range of days.

        Raises:
            WarehouseError: as `parse_day` and `parse_range` do.
        """
        if SEPARATOR in text:
            return self.parse_range(text)
        day = self.parse_day(text)
        return day, day

    def parse_range(self, text: str) -> tuple[date, date]:
        """Read `2026-11-01...2026-11-30`.

        Raises:
            WarehouseError: not two days in their order, or not days of this calendar.
        """
        parts = text.split(SEPARATOR)
        if len(parts) != 2:
            raise WarehouseError(
                f"{text} is not a range of days.",
                safe="Nothing was run.",
                todo=f"Write it like 2026-11-01{SEPARATOR}2026-11-30; both ends are included.",
            )
        first, last = (self.parse_day(part) for part in parts)
        if first > last:
            raise WarehouseError(
                f"The range {text} ends before it begins.",
                safe="Nothing was run.",
                todo=f"Did you mean {last}{SEPARATOR}{first}?",
            )
        return first, last

    def parse_day(self, text: str) -> date:
        """Read `2026-11-01`.

        Raises:
            WarehouseError: not a day, or not one of this calendar.
        """
        first, last = self.span
        try:
            day = date.fromisoformat(text.strip())
        except ValueError:
            raise WarehouseError(
                f"{text} is not a day.", safe="Nothing was run.", todo="Write it like 2026-11-01."
            ) from None
        if day < first:
            raise WarehouseError(
                f"{day} lies before the first day, {first}.",
                safe="Nothing was run.",
                todo="Set an earlier one: WAREHOUSE_DAILY_START, or the note start of the source.",
            )
        if day > last:
            raise WarehouseError(
                f"{day} is in the future: the last day is today, {last} ({self.zone}).",
                safe="Nothing was run.",
                todo="Name a day that has begun.",
            )
        return day
