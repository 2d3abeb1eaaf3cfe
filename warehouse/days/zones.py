"""Days of a time zone: when they begin by UTC, and how each database tells a moment's day.

MySQL need not know any time zones (its tables of them are often empty), so the offsets are told to
it as numbers. DuckDB knows them.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

UTC_NAME = "UTC"


def begins(day: date, zone: str) -> datetime:
    """Return when a day begins, by UTC and without a zone of its own."""
    local = datetime.combine(day, time(), ZoneInfo(zone))
    return local.astimezone(UTC).replace(tzinfo=None)


def today(zone: str) -> date:
    """Return the day that it is now."""
    return datetime.now(ZoneInfo(zone)).date()


def offsets(first: date, last: date, zone: str) -> list[tuple[datetime, int]]:
    """Return the offsets from UTC in these days: since when by UTC, and how many seconds.

    The first one is as old as the first day. Clocks are put on or back at whole minutes.
    """
    found: list[tuple[datetime, int]] = []
    moment = begins(first, zone)
    end = begins(last + timedelta(days=1), zone)
    while moment < end:
        offset = _offset(moment, zone)
        if not found or found[-1][1] != offset:
            since = moment
            while found and _offset(since - timedelta(minutes=1), zone) == offset:
                since -= timedelta(minutes=1)
            found.append((since, offset))
        moment += timedelta(hours=6)
    return found


def _offset(moment: datetime, zone: str) -> int:
    offset = moment.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).utcoffset()
    assert offset is not None
    return int(offset.total_seconds())


def mysql_day(column: str, first: date, last: date, zone: str) -> str:
    """Return the day of a DATETIME or TIMESTAMP as SQL for MySQL; the column comes quoted."""
    if zone == UTC_NAME:
        return f"DATE({column})"
    *later, (_, earliest) = reversed(offsets(first, last, zone))
    if not later:
        return f"DATE({column} + INTERVAL {earliest} SECOND)"
    cases = " ".join(f"WHEN {column} >= '{since}' THEN {offset}" for since, offset in later)
    return f"DATE({column} + INTERVAL CASE {cases} ELSE {earliest} END SECOND)"


def duckdb_day(column: str, zone: str) -> str:
    """Return the day of a column as SQL for DuckDB, in a session of UTC; it comes quoted.

    A DATE is a day by itself, whatever the zone.
    """
    if zone == UTC_NAME:
        return f"{column}::DATE"
    local = f"timezone('{zone}', {column}::TIMESTAMPTZ)::DATE"
    return f"CASE typeof({column}) WHEN 'DATE' THEN {column}::DATE ELSE {local} END"
