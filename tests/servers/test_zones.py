"""Days of a time zone: what is loaded by day is what zoneinfo says, across daylight saving."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.conftest import WarehouseEnv
from tests.servers.launch import Database
from warehouse.assets.refresh import difference
from warehouse.days import calendar
from warehouse.days.ranges import all_days
from warehouse.store import snapshots

TYPES = {"by_date": "DATE", "by_datetime": "DATETIME(6)", "by_timestamp": "TIMESTAMP"}
ODD = [
    ("Europe/Berlin", "2024-03-31"),
    ("Europe/Berlin", "2024-10-27"),
    ("America/Sao_Paulo", "2018-11-04"),  # the clocks go from 00:00 to 01:00
    ("America/St_Johns", "2007-11-04"),  # from 00:01 to 23:01 of the day before
    ("Asia/Kathmandu", "1986-01-01"),  # from +05:30 to +05:45
    ("Australia/Lord_Howe", "2024-04-07"),  # by half an hour
    ("Pacific/Apia", "2011-12-31"),  # the day before did not exist
    ("America/Vancouver", "2026-11-20"),  # newer rules than DuckDB's own
]
HOUR = timedelta(hours=1)


def local_day(moment: datetime, zone: str) -> date:
    return moment.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).date()


def expected(moments: Mapping[int, datetime], zone: str, days: list[date]) -> dict[date, list[int]]:
    """Return the ids by day, computed in Python."""
    found: dict[date, list[int]] = {day: [] for day in days}
    for number, moment in moments.items():
        if (day := local_day(moment, zone)) in found:
            found[day].append(number)
    return found


def write(server: Database, moments: Mapping[int, datetime], updated: str = "2001-01-01") -> None:
    """Write the rows into each table, as moments by UTC; a DATE is that of its time by UTC."""
    for name in TYPES:
        rows = ", ".join(f"({n}, '{moment}', '{updated}')" for n, moment in moments.items())
        server.run(
            "SET time_zone = '+00:00', sql_mode = ''",
            f"REPLACE INTO {name}_t (id, placed_at, updated_at) VALUES {rows}",
        )


def ids(env: WarehouseEnv, name: str) -> list[int]:
    return [number for (number,) in env.query(f"SELECT id FROM {name} ORDER BY id")]


def counted(env: WarehouseEnv, name: str) -> dict[date, int]:
    return dict(env.query(f"SELECT day, rows FROM cached_days WHERE table_name = '{name}'"))


@pytest.mark.parametrize(("zone", "change"), ODD)
def test_days_across_a_change_of_the_clocks(
    server: Database,
    warehouse_env: WarehouseEnv,
    monkeypatch: pytest.MonkeyPatch,
    zone: str,
    change: str,
) -> None:
    env = warehouse_env
    middle = date.fromisoformat(change)
    first, last = middle - timedelta(days=2), middle + timedelta(days=2)
    days = all_days(first, last)
    monkeypatch.setattr(calendar, "today", lambda _: last)
    for name, type_ in TYPES.items():
        server.run(
            f"CREATE TABLE {name}_t (id INT PRIMARY KEY, placed_at {type_} NOT NULL, "
            "updated_at DATETIME NOT NULL)"
        )
        env.source(
            name,
            f"-- days: placed_at in {zone}\n-- updated: updated_at\n-- start: {first}\n"
            f"select * from {name}_t",
        )
    env.only(*TYPES)
    env.configure(mysql_url=server.url(), max_shrink=1)

    noon = datetime.combine(middle, datetime.min.time()) + 12 * HOUR
    # Every half hour, and seconds before and after it, over all the days and beyond them.
    moments = {
        3 * n + k: noon + n * HOUR / 2 + timedelta(seconds=k - 1)
        for n in range(-180, 180)
        for k in range(3)
    }

    def check(now: Mapping[int, datetime]) -> None:
        for name in TYPES:
            # A DATE is a day by itself, whatever the zone.
            wanted = expected(now, "UTC" if name == "by_date" else zone, days)
            assert ids(env, name) == sorted(n for each in wanted.values() for n in each), name
            assert counted(env, name) == {day: len(each) for day, each in wanted.items()}, name
            assert difference(env.project.by_name[name], lambda _: None, "a test").none, name

    write(server, moments)
    # One day first, then all of them.
    env.run("key:by_datetime or key:by_timestamp", days=(str(middle), str(middle)))
    for name in ("by_datetime", "by_timestamp"):
        assert ids(env, name) == expected(moments, zone, [middle])[middle]
    env.run(" or ".join(f"key:{name}" for name in TYPES), days=(str(first), str(last)))
    check(moments)

    # Each day by itself leaves all as it is.
    for day in days[1:4]:
        env.run("key:by_datetime or key:by_timestamp", days=(str(day), str(day)))
    check(moments)

    # Rows go over the change, and over the ends of the days.
    moved = {n: moment + 7 * HOUR for n, moment in moments.items() if n % 29 == 0}
    write(server, moved, "2001-02-02")
    before = snapshots.newest(env.path)
    env.refresh()
    after = snapshots.newest(env.path)
    assert before and after and after.number == before.number + 1, "one snapshot for all"
    check({**moments, **moved})
