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


@pytest.mark.parametrize("index", ["", "placed_at"])
def test_rows_of_no_day_of_a_zone_are_counted(
    server: Database, warehouse_env: WarehouseEnv, index: str
) -> None:
    env = warehouse_env
    server.run(
        "CREATE TABLE t (id INT PRIMARY KEY, placed_at DATETIME NULL, updated_at DATETIME)",
        # The first day begins at 03:00 by UTC, when the clocks go from 00:00 to 01:00.
        "INSERT INTO t VALUES (1, '2018-11-04 02:59:59', '2001-01-01'), "
        "(2, '2018-11-04 03:00:00', '2001-01-01'), (3, NULL, '2001-01-01'), "
        "(4, '2018-11-05 01:59:59', '2001-01-01'), (5, '2099-01-01', '2001-01-01')",
        *([f"CREATE INDEX i ON t ({index})"] if index else []),
    )
    env.source(
        "by_zone",
        "-- days: placed_at in America/Sao_Paulo\n-- updated: updated_at\n"
        "-- start: 2018-11-04\nselect * from t",
    )
    env.only("by_zone")
    env.configure(mysql_url=server.url())
    env.run("by_zone", days=("2018-11-04", "2018-11-06"))
    assert ids(env, "by_zone") == [2, 4]
    assert counted(env, "by_zone")[date(2018, 11, 4)] == 2
    found = difference(env.project.by_name["by_zone"], lambda _: None, "a test")
    assert date(2018, 11, 4) not in found.days
    row = "rows" if index else "1 row"
    assert found.outside.words == (
        f"Left out, as rows of no day that is loaded: 1 row without a day, {row} before the first "
        f"day, {row} after today."
    )


@pytest.mark.parametrize("key", ["shop, number", "code", "`the day`, shop"])
def test_keys_of_several_columns_and_of_text(
    server: Database, warehouse_env: WarehouseEnv, key: str
) -> None:
    env = warehouse_env
    server.run(
        "CREATE TABLE t (shop VARCHAR(9) COLLATE utf8mb4_bin, number INT, code VARCHAR(9), "
        "`the day` DATE, v INT, updated_at DATETIME)",
        "INSERT INTO t VALUES ('a b', 1, 'é', '2026-10-01', 0, '2001-01-01 10:00:00'), "
        "('a', 1, 'ü', '2026-10-01', 0, '2001-01-01 11:00:00'), "
        "('🎁', NULL, NULL, '2026-10-01', 0, '2001-01-01 12:00:00'), "
        "('a', 2, '', '2026-10-02', 0, '2001-01-01 10:00:00')",
    )
    env.source(
        "kept",
        f"-- days: `the day`\n-- key: {key}\n-- updated: updated_at\n-- start: 2026-10-01\n"
        "select * from t",
    )
    env.only("kept")
    env.configure(mysql_url=server.url())
    source = env.project.by_name["kept"]
    env.run("kept", days=("2026-10-01", str(date.today())))
    assert difference(source, lambda _: None, "a test").none
    # An update that is not the newest, and two rows that swap their times.
    server.run("UPDATE t SET v = 1, updated_at = '2001-01-01 10:30:00' WHERE shop = 'a b'")
    assert difference(source, lambda _: None, "a test").days == [date(2026, 10, 1)]
    env.refresh()
    server.run(
        "UPDATE t SET v = 2, updated_at = IF(number = 1, '2001-01-01 12:00:00', "
        "'2001-01-01 11:00:00') WHERE shop IN ('a', '🎁') AND `the day` = '2026-10-01'"
    )
    assert difference(source, lambda _: None, "a test").days == [date(2026, 10, 1)]
    env.refresh()
    assert difference(source, lambda _: None, "a test").none
    assert env.query("SELECT list(v ORDER BY v) FROM kept") == [([0, 1, 2, 2],)]


def test_a_group_by_with_days_beside_a_table_in_one_refresh(
    server: Database, warehouse_env: WarehouseEnv
) -> None:
    """The job compares each source, and publishes what changed of both as one snapshot."""
    env = warehouse_env
    server.run(
        "CREATE TABLE t (id INT PRIMARY KEY, shop VARCHAR(9), day DATE NOT NULL, v INT, "
        "updated_at DATETIME)",
        "INSERT INTO t VALUES (1, 'a', '2026-10-01', 1, '2001-01-01'), "
        "(2, 'a', '2026-10-01', 2, '2001-01-02'), (3, 'b', '2026-10-02', 3, '2001-01-01')",
    )
    notes = "-- days: day\n-- updated: updated_at\n-- start: 2026-10-01\n"
    env.source("each_row", f"{notes}select * from t")
    env.source(
        "by_shop",
        f"{notes}-- key: shop, day\n"
        "select shop, day, sum(v) as total, count(*) as n, max(updated_at) as updated_at\n"
        "from t group by shop, day -- the day's",
    )
    env.only("each_row", "by_shop")
    env.configure(mysql_url=server.url(), max_shrink=1)
    env.run("key:each_row or key:by_shop", days=("2026-10-01", str(date.today())))
    assert env.query("SELECT shop, total::INT, n FROM by_shop ORDER BY shop") == [
        ("a", 3, 2),
        ("b", 3, 1),
    ]
    for source in env.project.with_days:
        assert difference(source, lambda _: None, "a test").none
    server.run(
        "UPDATE t SET v = 10, updated_at = '2001-02-02' WHERE id = 1",
        "DELETE FROM t WHERE id = 3",
        "INSERT INTO t VALUES (4, 'c', '2026-10-05', 4, '2001-01-01')",
    )
    before = snapshots.newest(env.path)
    result = env.refresh()
    after = snapshots.newest(env.path)
    assert before and after and after.number == before.number + 1
    days = ["2026-10-01", "2026-10-02", "2026-10-05"]
    assert sorted(
        (event.asset_key.to_user_string(), event.partition)
        for event in result.get_asset_materialization_events()
        if event.asset_key
    ) == [(name, day) for name in ("by_shop", "each_row") for day in days]
    assert env.query("SELECT shop, total::INT, n FROM by_shop ORDER BY shop") == [
        ("a", 12, 2),
        ("c", 4, 1),
    ]
    assert ids(env, "each_row") == [1, 2, 4]
