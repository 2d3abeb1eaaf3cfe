"""Days are cached one by one: each load asks once, and leaves the other days alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from tests.conftest import WarehouseEnv
from tests.servers.launch import Database
from tests.servers.orders import Row, fill, insert, make_orders, order
from tests.servers.proxy import proxy
from tests.servers.test_once import reads_orders
from warehouse.cli import main
from warehouse.errors import WarehouseError
from warehouse.settings import ROOT
from warehouse.store.snapshots import newest

D1, D2, D3, D4 = "2026-03-28", "2026-03-29", "2026-03-30", "2026-03-31"
DAILY = "mysql_orders_daily"
HALF = 4_000_000
"""Bytes of the rows that are interrupted: 150,000 of them are more than twice as much."""


def on(day: str, number: int) -> Row:
    return order(number, order_date=day)


@pytest.fixture
def shop(server: Database, warehouse_env: WarehouseEnv) -> Database:
    """Three days with orders, and a fourth without."""
    make_orders(server, [on(D1, 1), on(D1, 2), on(D2, 3), on(D3, 4), on(D3, 5), on(D3, 6)])
    warehouse_env.configure(mysql_url=server.url(), max_shrink=1)
    return server


def held(env: WarehouseEnv) -> list[tuple[object, ...]]:
    """Return the ids by day."""
    return env.query(
        f"SELECT order_date::DATE::VARCHAR, list(id ORDER BY id) FROM {DAILY} GROUP BY 1 ORDER BY 1"
    )


def rows_as_stored(env: WarehouseEnv, day: str) -> list[tuple[object, ...]]:
    return env.query(f"FROM {DAILY} WHERE order_date::DATE = '{day}' ORDER BY rowid")


def events(result: object) -> dict[str | None, object]:
    """Return each day's count, as its event tells it."""
    return {
        event.partition: event.step_materialization_data.materialization.metadata[
            "dagster/partition_row_count"
        ].value
        for event in result.get_asset_materialization_events()  # type: ignore[attr-defined]
        if event.asset_key.to_user_string() == DAILY
    }


def test_a_day_is_one_query_and_leaves_the_others(
    shop: Database, warehouse_env: WarehouseEnv
) -> None:
    warehouse_env.run(DAILY, days=(D1, D4))
    others = [rows_as_stored(warehouse_env, day) for day in (D1, D3)]
    shop.run("UPDATE orders SET amount = 99")
    insert(shop, [on(D2, 7)])
    shop.clear_log()

    result = warehouse_env.run(DAILY, days=(D2, D2))
    (select,) = reads_orders(shop.queries())
    assert f"`order_date` >= '{D2}' AND `order_date` < '{D3}'" in select
    assert events(result) == {D2: 2}
    assert [rows_as_stored(warehouse_env, day) for day in (D1, D3)] == others
    assert held(warehouse_env) == [(D1, [1, 2]), (D2, [3, 7]), (D3, [4, 5, 6])]
    assert warehouse_env.query(
        f"SELECT id, amount::VARCHAR FROM {DAILY} WHERE order_date = '{D2}' ORDER BY id"
    ) == [(3, "99.00"), (7, "10.50")]


def test_a_range_is_one_query_with_each_days_count(
    shop: Database, warehouse_env: WarehouseEnv
) -> None:
    shop.clear_log()
    result = warehouse_env.run(f"{DAILY}+", days=(D1, D4))
    assert len(reads_orders(shop.queries())) == 1
    assert events(result) == {D1: 2, D2: 1, D3: 3, D4: 0}
    assert warehouse_env.query(
        f"SELECT day::VARCHAR, rows FROM cached_days WHERE table_name = '{DAILY}' ORDER BY day"
    ) == [(D1, 2), (D2, 1), (D3, 3), (D4, 0)]
    assert warehouse_env.query("SELECT sum(orders) FROM daily_revenue") == [(6,)]


def test_an_empty_day_is_a_materialized_day(shop: Database, warehouse_env: WarehouseEnv) -> None:
    result = warehouse_env.run(DAILY, days=(D4, D4))
    assert events(result) == {D4: 0}
    assert held(warehouse_env) == []
    shop.run(f"DELETE FROM orders WHERE order_date = '{D2}'")
    warehouse_env.run(DAILY, days=(D1, D3))
    assert held(warehouse_env) == [(D1, [1, 2]), (D3, [4, 5, 6])]


@pytest.mark.parametrize("type_", ["date", "datetime(6)", "timestamp(6)"])
def test_the_edges_of_a_day(
    shop: Database, warehouse_env: WarehouseEnv, monkeypatch: pytest.MonkeyPatch, type_: str
) -> None:
    """In a server and a process whose time zones are not UTC, across a change of the clocks."""
    edges = [f"{D1} 23:59:59.999999", f"{D2} 00:00:00", f"{D2} 02:30:00", f"{D2} 23:59:59.999999"]
    edges.append(f"{D3} 00:00:00")
    shop.run(f"ALTER TABLE orders MODIFY order_date {type_} NULL", "DELETE FROM orders")
    shop.run("SET GLOBAL time_zone = '-08:00'")
    monkeypatch.setenv("TZ", "Europe/Berlin")  # where 2026-03-29 had no 02:30
    time.tzset()
    try:
        if type_ == "date":  # the two kinds of server do not round a time to a date alike
            edges = [edge[:10] for edge in edges]
        insert(shop, [on(edge, number) for number, edge in enumerate(edges, 1)])
        result = warehouse_env.run(DAILY, days=(D2, D2))
        assert all(check.passed for check in result.get_asset_check_evaluations())
        assert warehouse_env.query(f"SELECT list(id ORDER BY id) FROM {DAILY}") == [([2, 3, 4],)]
        warehouse_env.run(DAILY, days=(D2, D2))
        assert warehouse_env.query(f"SELECT count(*) FROM {DAILY}") == [(3,)]
        warehouse_env.run(DAILY, days=(D1, D3))
        warehouse_env.run(DAILY, days=(D2, D2))
        assert warehouse_env.query("SELECT day::VARCHAR, rows FROM cached_days ORDER BY day") == [
            (D1, 1),
            (D2, 3),
            (D3, 1),
        ]
        assert warehouse_env.query(f"SELECT count(*) FROM {DAILY}") == [(5,)]
    finally:
        monkeypatch.undo()
        time.tzset()
        shop.run("SET GLOBAL time_zone = SYSTEM")


def test_an_impossible_date_is_of_no_day_and_never_piles_up(
    shop: Database, warehouse_env: WarehouseEnv
) -> None:
    shop.run(
        "ALTER TABLE orders MODIFY order_date DATE NULL",
        "SET SESSION sql_mode = 'ALLOW_INVALID_DATES'",
        "UPDATE orders SET order_date = '2026-02-30' WHERE id = 3",
    )
    for _ in range(2):
        result = warehouse_env.run(DAILY, days=("2026-02-28", "2026-03-01"))
        assert set(events(result).values()) == {0}
        assert warehouse_env.query(f"SELECT count(*) FROM {DAILY}") == [(0,)]
    assert warehouse_env.query("SELECT DISTINCT invalid_dates FROM loads") == [({"order_date": 1},)]


def test_an_index_on_the_day_serves(shop: Database, warehouse_env: WarehouseEnv) -> None:
    shop.run("CREATE INDEX by_day ON orders (order_date)", "DELETE FROM orders WHERE id > 1")
    fill(shop, 5_000)
    shop.run("UPDATE orders SET order_date = DATE('2026-01-01') + INTERVAL (id % 60) DAY")
    shop.run("ANALYZE TABLE orders")
    shop.clear_log()
    warehouse_env.run(DAILY, days=("2026-02-01", "2026-02-01"))
    (select,) = reads_orders(shop.queries())
    explained = str(shop.run(f"EXPLAIN {select}"))
    assert "by_day" in explained
    assert "range" in explained


def test_changed_columns_are_refused_until_all_days_are_loaded(
    shop: Database, warehouse_env: WarehouseEnv
) -> None:
    warehouse_env.run(DAILY, days=(D1, D3))
    before = held(warehouse_env)
    shop.run("ALTER TABLE orders ADD COLUMN channel VARCHAR(10) NOT NULL DEFAULT 'web'")
    with pytest.raises(WarehouseError, match=r"changed: new are channel VARCHAR\."):
        warehouse_env.run(DAILY, days=(D1, D1))
    assert held(warehouse_env) == before

    main(["materialize", DAILY], standalone_mode=False)
    assert warehouse_env.query(f"SELECT DISTINCT channel FROM {DAILY}") == [("web",)]
    assert held(warehouse_env) == before


def test_a_column_without_days(shop: Database, warehouse_env: WarehouseEnv) -> None:
    shop.run("ALTER TABLE orders MODIFY order_date VARCHAR(20) NOT NULL")
    with pytest.raises(WarehouseError, match=r"`orders` has no column `order_date` of the type"):
        warehouse_env.run(DAILY, days=(D1, D1))


def materializing(env: WarehouseEnv, first: str, last: str) -> subprocess.Popen[str]:
    """Start a load of days in a process of its own."""
    return subprocess.Popen(
        [
            *(sys.executable, "-W", "ignore", "-m", "warehouse", "materialize", DAILY),
            *("--partition-range", f"{first}...{last}"),
        ],
        cwd=ROOT,
        env=env.env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.fixture
def large(shop: Database, warehouse_env: WarehouseEnv) -> Iterator[Database]:
    """The same shop, with enough orders on the second and third day to be interrupted."""
    warehouse_env.run(DAILY, days=(D1, D4))
    shop.run("DELETE FROM orders WHERE id <> 1")
    fill(shop, 150_000)
    shop.run(f"UPDATE orders SET order_date = '{D2}' WHERE id > 1")
    shop.run(f"UPDATE orders SET order_date = '{D3}' WHERE id > 90000")
    yield shop
    shop.start()


def writing(path: Path) -> bool:
    return (path.parent / ".warehouse" / "staging").exists()


def wait_for(condition: object, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_kill_in_the_middle_of_a_range(large: Database, warehouse_env: WarehouseEnv) -> None:
    before = held(warehouse_env)
    with proxy(large, HALF) as (halfway, url):
        warehouse_env.configure(mysql_url=url)
        process = materializing(warehouse_env, D2, D3)
        assert halfway.silent.wait(60)
        wait_for(lambda: writing(warehouse_env.path))
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert held(warehouse_env) == before

    warehouse_env.configure(mysql_url=large.url())
    warehouse_env.run(DAILY, days=(D2, D3))
    assert warehouse_env.query("SELECT day::VARCHAR, rows FROM cached_days ORDER BY day") == [
        (D1, 2),
        (D2, 89_999),
        (D3, 60_000),
        (D4, 0),
    ]
    assert rows_as_stored(warehouse_env, D1)[0][0] == 1


def test_mysql_restarts_in_the_middle_of_a_range(
    large: Database, warehouse_env: WarehouseEnv
) -> None:
    before = held(warehouse_env)
    failed: list[WarehouseError] = []

    def load() -> None:
        try:
            warehouse_env.run(DAILY, days=(D2, D3))
        except WarehouseError as error:
            failed.append(error)

    with proxy(large, HALF) as (halfway, url):
        warehouse_env.configure(mysql_url=url)
        thread = threading.Thread(target=load)
        thread.start()
        assert halfway.silent.wait(60)
        wait_for(lambda: writing(warehouse_env.path))
        large.kill()
        halfway.close()
        thread.join(60)
    large.start()
    assert held(warehouse_env) == before
    assert "127.0.0.1" in str(failed[0])

    warehouse_env.configure(mysql_url=large.url())
    warehouse_env.run(DAILY, days=(D2, D3))
    assert warehouse_env.query(f"SELECT count(*) FROM {DAILY}") == [(2 + 149_999,)]


@pytest.mark.usefixtures("large")
def test_two_backfills_at_once(warehouse_env: WarehouseEnv) -> None:
    processes = [materializing(warehouse_env, D1, D2), materializing(warehouse_env, D3, D4)]
    outputs = [process.communicate(timeout=100)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    assert warehouse_env.query("SELECT day::VARCHAR, rows FROM cached_days ORDER BY day") == [
        (D1, 1),
        (D2, 89_999),
        (D3, 60_000),
        (D4, 0),
    ]
    assert warehouse_env.query(f"SELECT count(*) FROM {DAILY}") == [(150_000,)]
    number = newest(warehouse_env.path)
    assert number and number.number == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--partition", "2026-02-30"], "2026-02-30 is not a day."),
        (["--partition", "2025-10-31"], "lies before the first day, 2025-11-01."),
        (["--partition", "TOMORROW"], "is in the future: the last day is today"),
        (["--partition-range", f"{D2}...{D1}"], "ends before it begins."),
        (["--partition-range", D1], "is not a range of days."),
        (["--partition", D1, "--partition-range", f"{D1}...{D2}"], "not both."),
    ],
)
def test_days_that_are_none(
    warehouse_env: WarehouseEnv, arguments: list[str], message: str
) -> None:
    tomorrow = (datetime.now(UTC).date() + timedelta(days=1)).isoformat()
    from warehouse.cli.run import Request, run

    options = dict(zip(arguments[::2], arguments[1::2], strict=True))
    with pytest.raises(WarehouseError) as error:
        run(
            Request(
                DAILY,
                partition=options.get("--partition", "").replace("TOMORROW", tomorrow) or None,
                partition_range=options.get("--partition-range"),
            )
        )
    assert message in str(error.value)
    assert not os.path.lexists(warehouse_env.path)


@pytest.mark.parametrize(
    ("first", "last", "message"),
    [(D2, D1, "ends before it begins"), (D1, "TOMORROW", "is in the future: the last day is")],
)
def test_a_run_s_tags_name_days_that_are_none(
    shop: Database, warehouse_env: WarehouseEnv, first: str, last: str, message: str
) -> None:
    shop.clear_log()
    tomorrow = (datetime.now(UTC).date() + timedelta(days=1)).isoformat()
    with pytest.raises(WarehouseError, match=message):
        warehouse_env.run(DAILY, days=(first, last.replace("TOMORROW", tomorrow)))
    assert reads_orders(shop.queries()) == []


def test_a_start_in_the_future(warehouse_env: WarehouseEnv) -> None:
    warehouse_env.configure(daily_start=date.today() + timedelta(days=2))
    done = warehouse_env.materialize(DAILY)
    assert done.returncode == 1
    assert "WAREHOUSE_DAILY_START" in done.stderr
    assert "is in the future" in done.stderr
    assert "Traceback" not in done.stderr
