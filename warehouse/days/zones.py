"""Days of a time zone: when they begin by UTC, and how each database tells a moment's day.

Both are told the offsets as numbers. MySQL need not know any time zones: its tables of them are
often empty. DuckDB brings a list of its own, which is older than a country's newest rules: its days
would be others than those of Python's list, by which the rows are asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, partial
from zoneinfo import ZoneInfo

UTC_NAME = "UTC"

SECOND = timedelta(seconds=1)
EARLIEST = datetime(1900, 1, 1)
YEARS_AHEAD = 3
STEP = timedelta(days=3)
"""Since 1900 no clocks were put on or back twice within it: Freetown's in 1939 after four days."""


def begins(day: date, zone: str) -> datetime:
    """Return the first moment of a day, by UTC and without a zone of its own.

    That of a day which the clocks skip is that of the next one.
    """
    first, second = _midnights(day, zone)
    return _first(lambda moment: _local_day(moment, zone) >= day, first, second)


def ends(day: date, zone: str) -> datetime:
    """Return when a day is over, as `begins` does.

    Where clocks are put back over midnight that is later than the next day begins first: a moment
    between the two is of this day or of the next.
    """
    following = day + timedelta(days=1)
    first, second = _midnights(following, zone)
    return second if _local_day(first, zone) == following else begins(following, zone)


def _midnights(day: date, zone: str) -> tuple[datetime, datetime]:
    """Return the midnight before a day by the offset before and after it, the earlier one first.

    They differ where the clocks are put on or back over midnight.
    """
    local = datetime.combine(day, time(), ZoneInfo(zone))
    moments = [local.replace(fold=fold).astimezone(UTC) for fold in (0, 1)]
    first, second = sorted(moment.replace(tzinfo=None) for moment in moments)
    return first, second


def _local_day(moment: datetime, zone: str) -> date:
    return moment.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).date()


def _first(holds: Callable[[datetime], bool], first: datetime, last: datetime) -> datetime:
    """Return the first second from which on something holds, which it does in the last one."""
    if holds(first):
        return first
    while last - first > SECOND:
        middle = first + (last - first) // SECOND // 2 * SECOND
        first, last = (first, middle) if holds(middle) else (middle, last)
    return last


def today(zone: str) -> date:
    """Return the day that it is now."""
    return datetime.now(ZoneInfo(zone)).date()


def offsets(first: date, last: date, zone: str) -> list[tuple[datetime, int]]:
    """Return the offsets from UTC in these days: since when by UTC, and how many seconds.

    The first one is that before the first day, and counts for all that is older, too; the last one
    may begin when the last day is over: what is beside these days must not look like a part of one.
    """
    start, end = begins(first, zone), ends(last, zone)
    known = _known_offsets(zone)
    older = max((since for since, _ in known if since < start), default=known[0][0])
    return [(since, offset) for since, offset in known if older <= since <= end]


@cache
def _known_offsets(zone: str) -> tuple[tuple[datetime, int], ...]:
    """Return the offsets since 1900, and for some years to come."""
    moment, end = EARLIEST, datetime(today(zone).year + YEARS_AHEAD, 1, 1)
    found = [(moment, _offset(moment, zone))]
    while moment < end:
        before, moment = moment, moment + STEP
        offset = _offset(moment, zone)
        if offset != found[-1][1]:
            since = _first(partial(_has_offset, offset, zone), before, moment)
            found.append((since, offset))
    return tuple(found)


def _has_offset(offset: int, zone: str, moment: datetime) -> bool:
    return _offset(moment, zone) == offset


def _offset(moment: datetime, zone: str) -> int:
    offset = moment.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).utcoffset()
    assert offset is not None
    return int(offset.total_seconds())


def mysql_day(column: str, first: date, last: date, zone: str) -> str:
    """Return the day of a DATETIME or TIMESTAMP as SQL for MySQL; the column comes quoted."""
    if zone == UTC_NAME:
        return f"DATE({column})"
    seconds = _seconds(column, offsets(first, last, zone))
    return f"DATE({column} + INTERVAL {seconds} SECOND)"


def duckdb_day(column: str, zone: str) -> str:
    """Return the day of a column as SQL for DuckDB, in a session of UTC; it comes quoted.

    A DATE is a day by itself, whatever the zone.
    """
    if zone == UTC_NAME:
        return f"{column}::DATE"
    moment = f"{column}::TIMESTAMP"
    local = f"({moment} + to_seconds({_seconds(moment, _known_offsets(zone))}))::DATE"
    return f"CASE typeof({column}) WHEN 'DATE' THEN {column}::DATE ELSE {local} END"


def _seconds(moment: str, known: Sequence[tuple[datetime, int]]) -> str:
    """Return the offset of a moment, as SQL for both. Most rows are new: those come first."""
    *later, (_, earliest) = reversed(known)
    cases = " ".join(f"WHEN {moment} >= '{since}' THEN {offset}" for since, offset in later)
    return f"CASE {cases} ELSE {earliest} END" if later else f"{earliest}"
