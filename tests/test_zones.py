"""The days of a time zone are those of Python's zoneinfo, in each zone that there is."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from warehouse.days.zones import begins, duckdb_day, ends, offsets

ZONES = sorted(available_timezones() - {"localtime"})
DAY = timedelta(days=1)
SINCE, LAST = date(1900, 1, 3), date.today() + 400 * DAY

ODD = [
    ("Europe/Berlin", "2024-03-31"),
    ("Europe/Berlin", "2024-10-27"),
    ("America/Sao_Paulo", "2018-11-04"),  # the clocks go from 00:00 to 01:00
    ("America/Sao_Paulo", "2018-02-18"),  # and from 00:00 to 23:00 of the day before
    ("America/St_Johns", "2007-11-04"),  # from 00:01 to 23:01 of the day before
    ("America/Havana", "2024-11-03"),  # from 01:00 to 00:00
    ("Asia/Kathmandu", "1986-01-01"),  # from +05:30 to +05:45
    ("Australia/Lord_Howe", "2024-04-07"),  # by half an hour
    ("Pacific/Apia", "2011-12-31"),  # the day before did not exist
    ("Pacific/Kwajalein", "1993-08-21"),  # that day did not exist
    ("Antarctica/Casey", "2010-03-05"),  # by three hours, over midnight
    ("Asia/Pyongyang", "2018-05-05"),  # from 23:30 to 00:00
]
MOMENTS = st.tuples(
    st.one_of(
        st.sampled_from(ODD),
        st.tuples(
            st.sampled_from(ZONES),
            st.dates(SINCE, LAST).map(str),
        ),
    ),
    st.integers(-2 * 86400, 2 * 86400),
)


def local(moment: datetime, zone: str) -> datetime:
    return moment.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None)


def day_by(known: list[tuple[datetime, int]], moment: datetime) -> date:
    """Return what MySQL makes of the offsets."""
    offset = next((offset for since, offset in reversed(known) if moment >= since), known[0][1])
    return (moment + timedelta(seconds=offset)).date()


@settings(max_examples=300, deadline=None)
@given(MOMENTS)
def test_a_moment_is_within_its_day(drawn: tuple[tuple[str, str], int]) -> None:
    (zone, noon), seconds = drawn
    moment = datetime.fromisoformat(noon) + timedelta(hours=12, seconds=seconds)
    day = local(moment, zone).date()
    assert begins(day, zone) <= moment < ends(day, zone)
    for first, last in ((day, day), (day - 9 * DAY, day), (day, day + 9 * DAY)):
        assert day_by(offsets(first, last, zone), moment) == day
    # What is of no day that is asked for must not look like a part of one.
    assert day_by(offsets(day + DAY, day + 3 * DAY, zone), moment) <= day
    assert day_by(offsets(day - 3 * DAY, day - DAY, zone), moment) >= day


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(ZONES), st.dates(SINCE, LAST))
def test_days_follow_each_other(zone: str, day: date) -> None:
    first = begins(day, zone)
    assert first <= begins(day + DAY, zone) <= ends(day, zone)
    assert local(first, zone).date() >= day > local(first - timedelta(seconds=1), zone).date()
    assert ends(day, zone) - first <= timedelta(hours=27)


@pytest.mark.parametrize(("zone", "day"), ODD)
def test_each_second_around_a_change(zone: str, day: str) -> None:
    changed = date.fromisoformat(day)
    days = [changed + n * DAY for n in range(-2, 3)]
    known = offsets(days[0], days[-1], zone)
    moment = begins(days[0], zone)
    while moment < ends(days[-2], zone):
        mine = local(moment, zone).date()
        assert day_by(known, moment) == mine
        within = [one for one in days if begins(one, zone) <= moment < ends(one, zone)]
        assert mine in within
        moment += timedelta(seconds=59)


def test_a_day_that_is_skipped_is_empty() -> None:
    day = date(2011, 12, 30)
    assert begins(day, "Pacific/Apia") == ends(day, "Pacific/Apia") == datetime(2011, 12, 30, 10)


def test_clocks_that_go_back_over_midnight() -> None:
    """Until 2011 they went from 00:01 to 23:01 of the day before, which is in two parts."""
    day, zone = date(2007, 11, 3), "America/St_Johns"
    assert ends(day, zone) == datetime(2007, 11, 4, 3, 30)
    assert begins(day + DAY, zone) == datetime(2007, 11, 4, 2, 30)


@settings(max_examples=25, deadline=None)
@given(st.lists(MOMENTS, min_size=1, max_size=20), st.sampled_from(ZONES))
def test_duckdb_tells_the_same_days(drawn: list[tuple[tuple[str, str], int]], zone: str) -> None:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for (own, noon), seconds in drawn:
            moment = datetime.fromisoformat(noon) + timedelta(hours=12, seconds=seconds)
            for name in sorted({own, zone}):
                for type_ in ("TIMESTAMP", "TIMESTAMPTZ"):
                    (found,) = connection.execute(
                        f"SELECT {duckdb_day('m', name)} FROM (SELECT ?::TIMESTAMP::{type_} AS m)",
                        [moment],
                    ).fetchone() or (None,)
                    assert found == local(moment, name).date(), (name, moment)


@pytest.mark.parametrize("day", [date(2024, 12, 1), date(2026, 12, 1), date(2027, 2, 1)])
def test_duckdb_keeps_to_the_newest_rules(day: date) -> None:
    """Those of Vancouver, Winnipeg and Casablanca are newer than DuckDB's own list of 2026."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for zone in ZONES:
            start = begins(day, zone)
            (found,) = connection.execute(
                f"SELECT list({duckdb_day('m', zone)} ORDER BY m) FROM (SELECT unnest(?) AS m)",
                [[start - timedelta(seconds=1), start]],
            ).fetchone() or (None,)
            assert found == [day - DAY, day], zone
