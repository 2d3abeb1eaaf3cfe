"""The days of `mysql_orders_daily`: which there are, and how people name them."""

from __future__ import annotations

from datetime import UTC, date, datetime

from warehouse.errors import WarehouseError
from warehouse.settings import load_settings

SEPARATOR = "..."
"""Between the ends of a range, as in Dagster's own tools."""


def span() -> tuple[date, date]:
    """Return the first and the last day there is: `WAREHOUSE_DAILY_START`, and today by UTC."""
    return load_settings().daily_start, datetime.now(UTC).date()


def range_tags(first: date, last: date) -> dict[str, str]:
    """Return the tags that make a run one of these days, as Dagster's backfills set them."""
    return {
        "dagster/asset_partition_range_start": first.isoformat(),
        "dagster/asset_partition_range_end": last.isoformat(),
    }


def parse_days(text: str) -> tuple[date, date]:
    """Read a day or a range of days.

    Raises:
        WarehouseError: as `parse_day` and `parse_range` do.
    """
    if SEPARATOR in text:
        return parse_range(text)
    day = parse_day(text)
    return day, day


def parse_range(text: str) -> tuple[date, date]:
    """Read `2026-11-01...2026-11-30`.

    Raises:
        WarehouseError: not two days in their order, or not days of this table.
    """
    parts = text.split(SEPARATOR)
    if len(parts) != 2:
        raise WarehouseError(
            f"{text} is not a range of days.",
            safe="Nothing was run.",
            todo=f"Write it like 2026-11-01{SEPARATOR}2026-11-30; both ends are included.",
        )
    first, last = (parse_day(part) for part in parts)
    if first > last:
        raise WarehouseError(
            f"The range {text} ends before it begins.",
            safe="Nothing was run.",
            todo=f"Did you mean {last}{SEPARATOR}{first}?",
        )
    return first, last


def parse_day(text: str) -> date:
    """Read `2026-11-01`.

    Raises:
        WarehouseError: not a day, or not one of this table.
    """
    first, last = span()
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
            todo="Set WAREHOUSE_DAILY_START to an earlier one.",
        )
    if day > last:
        raise WarehouseError(
            f"{day} is in the future: the last day is today, {last} (UTC).",
            safe="Nothing was run.",
            todo="Name a day that has begun.",
        )
    return day
