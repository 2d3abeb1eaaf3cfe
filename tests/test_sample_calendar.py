"""The sample follows the calendar: its last day is that of the first use, and it goes on."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.conftest import WarehouseEnv
from warehouse.errors import WarehouseError
from warehouse.sample import calendar
from warehouse.sample.calendar import (
    AS_COMMITTED,
    CSV_FIRST_DAY,
    CSV_LAST_DAY,
    FILE,
    SampleCalendar,
    calendar_in,
    first_day_in,
)
from warehouse.sample.database import SampleDatabase
from warehouse.sample.generate import DAYS, FIRST_DAY
from warehouse.sample.tables import CUSTOMERS, ORDERS, TABLES

DAY = timedelta(days=1)
FIRST_USE = date(2027, 3, 4)
Today = Callable[[date], None]


@pytest.fixture
def today(monkeypatch: pytest.MonkeyPatch) -> Today:
    """Set the day."""
    return lambda day: monkeypatch.setattr(calendar, "_today", lambda: day)


def orders(session: duckdb.DuckDBPyConnection) -> dict[int, tuple[Any, ...]]:
    """Return the newest row of each order, by its number."""
    rows = session.execute(
        "SELECT id, order_date, lower(trim(status)), updated_at FROM orders "
        "WHERE id IS NOT NULL ORDER BY updated_at"
    ).fetchall()
    return {row[0]: row[1:] for row in rows}


def test_the_files_hold_the_days_that_are_moved() -> None:
    assert FIRST_DAY.date() == CSV_FIRST_DAY
    assert CSV_FIRST_DAY + (DAYS - 1) * DAY == CSV_LAST_DAY


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_on_the_first_day_each_date_is_moved_by_whole_days_and_nothing_else(
    table: Any, today: Today
) -> None:
    today(FIRST_USE)
    moved = SampleDatabase(TABLES, SampleCalendar(FIRST_USE)).session()
    files = SampleDatabase(TABLES).session()
    days = (FIRST_USE - CSV_LAST_DAY).days
    here, there = (
        one.execute(f"SELECT * EXCLUDE (updated_at) FROM {table.name} ORDER BY ALL").fetchall()
        for one in (moved, files)
    )
    assert here == [
        tuple(cell + days * DAY if isinstance(cell, date) else cell for cell in row)
        for row in there
    ]
    assert moved.table(table.name).types == files.table(table.name).types
    assert tuple(moved.execute("SELECT max(order_date) FROM orders").fetchall()) == ((FIRST_USE,),)


def test_each_day_brings_its_orders_and_what_was_there_stays(today: Today) -> None:
    database = SampleDatabase((ORDERS,), SampleCalendar(FIRST_USE))
    known: dict[int, tuple[Any, ...]] = {}
    for days in range(60):
        now = FIRST_USE + days * DAY
        today(now)
        session = database.session()
        rows = orders(session)
        new = {row[0] for number, row in rows.items() if number not in known}
        changed = {number for number, row in known.items() if rows[number] != row}
        if known:
            assert now in new  # today is never empty
            assert all(rows[number][2].date() == now for number in changed)
            assert all(day == now for day in new)
        assert len(changed) < 60 and {*known} <= {*rows}
        assert max(row[0] for row in rows.values()) == now
        known = rows
    ((count,),) = session.execute(
        "SELECT table_rows FROM information_schema_tables WHERE table_name = 'orders'"
    ).fetchall()
    assert 10_000 < count == len(session.execute("FROM orders").fetchall())


def test_a_day_ago_the_orders_of_today_were_not_there_and_some_were_pending(today: Today) -> None:
    today(FIRST_USE)
    database = SampleDatabase((CUSTOMERS, ORDERS), SampleCalendar(FIRST_USE))
    database.days_back = 1
    before = orders(database.session())
    database.days_back = 0
    now = orders(database.session())
    assert {now[number][0] for number in now.keys() - before.keys()} == {FIRST_USE}
    changed = {number for number, row in before.items() if now[number] != row}
    assert len(changed) > 5
    for number in changed:
        assert before[number][1] == "pending" and now[number][1] == "completed"
        assert before[number][2].date() == FIRST_USE - DAY
        assert now[number][2] == before[number][2] + DAY


def test_the_day_of_the_first_use_is_kept(tmp_path: Path, today: Today) -> None:
    today(FIRST_USE)
    folder = tmp_path / "new"
    assert first_day_in(folder) == FIRST_USE - (DAYS - 1) * DAY
    assert not folder.exists()
    assert calendar_in(folder) == SampleCalendar(FIRST_USE)
    today(FIRST_USE + 5 * DAY)
    found = calendar_in(folder)
    assert found == SampleCalendar(FIRST_USE) and found
    assert found.last_day == FIRST_USE + 5 * DAY
    assert first_day_in(folder) == FIRST_USE - (DAYS - 1) * DAY


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-01 fixed\n", SampleCalendar(date(2026, 11, 1), fixed=True)),
        (AS_COMMITTED, None),
        ("", SampleCalendar(FIRST_USE)),
    ],
)
def test_it_can_be_written_beforehand(
    tmp_path: Path, today: Today, text: str, expected: SampleCalendar | None
) -> None:
    today(FIRST_USE)
    (tmp_path / FILE).write_text(text)
    assert calendar_in(tmp_path) == expected
    assert expected is None or expected.last_day == expected.first_use


@pytest.mark.parametrize("text", ["soon", "2026-11-01 for ever", "2026-13-01"])
def test_what_is_no_day_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(WarehouseError, match=FILE):
        calendar_in(tmp_path)


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path, today: Today) -> None:
    today(FIRST_USE)
    (tmp_path / "file").write_text("")
    assert calendar_in(tmp_path / "file") == SampleCalendar(FIRST_USE)


def test_days_begin_with_those_of_the_sample_unless_somebody_says_another(
    warehouse_env: WarehouseEnv,
) -> None:
    from warehouse.assets.source_queries import calendar_of

    def start() -> date:
        (source,) = warehouse_env.project.with_days
        return calendar_of(source).start

    assert start() == CSV_FIRST_DAY
    (warehouse_env.path.parent / FILE).write_text(f"{CSV_LAST_DAY + 20 * DAY}")
    assert start() == CSV_FIRST_DAY + 20 * DAY
    warehouse_env.configure(daily_start="2025-11-01")
    assert start() == date(2025, 11, 1)
    warehouse_env.configure(daily_start=None, mysql_url="mysql+pymysql://me@127.0.0.1:1/shop")
    assert start() == date(2025, 11, 1)


def test_sample_mysql_serves_the_days_of_the_project(warehouse_env: WarehouseEnv) -> None:
    (warehouse_env.path.parent / FILE).unlink()
    process = subprocess.Popen(
        [sys.executable, "-m", "warehouse", "sample-mysql", "--port", "0"],
        env=warehouse_env.env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr
        process.stderr.readline()
        url = process.stderr.readline().split("=")[1].split()[0]
        warehouse_env.configure(mysql_url=url)
        done = warehouse_env.materialize("mysql_orders")
    finally:
        process.kill()
        process.wait()
    assert done.returncode == 0, done.stderr
    ((last, rows),) = warehouse_env.query("SELECT max(order_date), count(*) FROM mysql_orders")
    assert (last, rows) == (datetime.now(UTC).date(), 10_000)
    assert len(warehouse_env.query("FROM snapshots")) == 1  # a URL is no embedded server
