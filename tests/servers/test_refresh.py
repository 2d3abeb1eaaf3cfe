"""A refresh reads only the days that changed, and then the cache is what MySQL is."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import WarehouseEnv
from tests.servers.launch import Database
from tests.servers.orders import insert, make_orders, order
from tests.servers.test_once import reads_orders
from warehouse.cli import main
from warehouse.errors import WarehouseError
from warehouse.refresh import difference
from warehouse.store import snapshots

START = date(2026, 10, 1)
DAILY = "mysql_orders_daily"
DAYS = [f"2026-10-0{day}" for day in range(1, 7)]
OLD = "2026-01-01 00:00:00"


@pytest.fixture
def shop(server: Database, warehouse_env: WarehouseEnv) -> Database:
    """Two orders a day, last updated long ago."""
    make_orders(
        server,
        [
            order(2 * n + k, order_date=day, updated_at=OLD)
            for n, day in enumerate(DAYS)
            for k in (1, 2)
        ],
    )
    warehouse_env.configure(
        mysql_url=server.url(), mysql_reader="pymysql", max_shrink=1, daily_start=START
    )
    return server


def refresh(env: WarehouseEnv) -> list[tuple[str, str]]:
    """Load what differs, and return the ranges."""
    found = difference(lambda _: None, "a test")
    named = [(first.isoformat(), last.isoformat()) for first, last in found.ranges]
    for days in named:
        env.run(DAILY, days=days)
    return named


def both(shop: Database, env: WarehouseEnv) -> tuple[list[object], list[object]]:
    """Return MySQL's rows and the cache's."""
    columns = "id, status, CAST(amount AS CHAR), CAST(order_date AS CHAR)"
    there = shop.run(f"SELECT {columns} FROM orders ORDER BY id")
    here = env.query(f"SELECT {columns.replace('CHAR', 'VARCHAR')} FROM {DAILY} ORDER BY id")
    return [tuple(map(str, row)) for row in there], [tuple(map(str, row)) for row in here]


def test_only_what_changed_is_read(shop: Database, warehouse_env: WarehouseEnv) -> None:
    ((first, last),) = refresh(warehouse_env)
    assert first == str(START)
    assert last > "2026-10-31"
    assert refresh(warehouse_env) == []

    shop.run(
        "UPDATE orders SET amount = 77, updated_at = '2026-02-01' WHERE id = 3",
        "DELETE FROM orders WHERE id = 6",
        f"UPDATE orders SET order_date = '{DAYS[5]}' WHERE id = 1",
    )
    shop.clear_log()
    assert refresh(warehouse_env) == [(DAYS[0], DAYS[2]), (DAYS[5], DAYS[5])]
    fingerprints, *selects = reads_orders(shop.queries())
    assert "GROUP BY DATE(`order_date`)" in fingerprints
    assert len(selects) == 2
    mysql, cache = both(shop, warehouse_env)
    assert cache == mysql
    assert refresh(warehouse_env) == []


def test_the_command_line_says_what_it_read(
    shop: Database, capfd: pytest.CaptureFixture[str]
) -> None:
    shop.clear_log()
    main(["refresh"], standalone_mode=False)
    out, err = capfd.readouterr()
    assert "days are new or differ: 2026-10-01 to" in err
    assert "MySQL was asked for the rows once" in out
    assert "daily_revenue" in out
    assert len(reads_orders(shop.queries())) == 2

    shop.clear_log()
    main(["refresh"], standalone_mode=False)
    assert "nothing was read" in capfd.readouterr().out
    assert len(reads_orders(shop.queries())) == 1


def test_a_refresh_of_many_ranges_is_one_step_of_history(
    shop: Database, warehouse_env: WarehouseEnv
) -> None:
    main(["refresh"], standalone_mode=False)
    before = snapshots.newest(warehouse_env.path)
    changed = ", ".join(f"'{day}'" for day in DAYS[::2])
    shop.run(f"UPDATE orders SET updated_at = '2026-02-01' WHERE order_date IN ({changed})")
    main(["refresh"], standalone_mode=False)
    kept = snapshots.kept(warehouse_env.path)
    assert kept[-1].number >= 4, "each of the three ranges was published"
    assert kept[-2] == before


def test_an_update_in_the_second_of_the_load_is_not_lost(
    shop: Database, warehouse_env: WarehouseEnv
) -> None:
    # A moment ahead, for a load takes its time until it asks.
    shop.run("UPDATE orders SET amount = 1, updated_at = NOW() + INTERVAL 3 SECOND WHERE id = 1")
    refresh(warehouse_env)
    # What a second update in that same second does: the fingerprint stays as it is.
    shop.run("UPDATE orders SET amount = 2 WHERE id = 1")
    assert refresh(warehouse_env) == [(DAYS[0], DAYS[0])]
    mysql, cache = both(shop, warehouse_env)
    assert cache == mysql


def test_a_row_that_comes_for_one_that_goes(shop: Database, warehouse_env: WarehouseEnv) -> None:
    refresh(warehouse_env)
    # As many rows as before, and none of them newer than the newest.
    shop.run(
        "DELETE FROM orders WHERE id = 1",
        f"UPDATE orders SET order_date = '{DAYS[0]}', updated_at = updated_at WHERE id = 12",
    )
    assert refresh(warehouse_env) == [(DAYS[0], DAYS[0]), (DAYS[5], DAYS[5])]
    mysql, cache = both(shop, warehouse_env)
    assert cache == mysql


def test_an_index_answers_the_same(shop: Database, warehouse_env: WarehouseEnv) -> None:
    def asked() -> tuple[list[date], str]:
        shop.clear_log()
        days = difference(lambda _: None, "a test").days
        (query,) = [query for query in reads_orders(shop.queries()) if "GROUP BY" in query]
        return days, query

    shop.run("ALTER TABLE orders MODIFY order_date DATE NULL, MODIFY updated_at TIMESTAMP NULL")
    refresh(warehouse_env)
    shop.run(
        "UPDATE orders SET amount = 77, updated_at = '2026-02-01' WHERE id = 3",
        "DELETE FROM orders WHERE id = 6",
        f"UPDATE orders SET order_date = '{DAYS[5]}' WHERE id = 1",
        f"UPDATE orders SET updated_at = NULL WHERE order_date = '{DAYS[4]}'",
    )
    without, by_rows = asked()
    assert "DATE(`order_date`)" in by_rows

    shop.run("CREATE INDEX by_day ON orders (order_date, updated_at)")
    assert asked()[0] == without
    assert "WHERE" not in asked()[1], "a condition that leaves nothing out costs time"

    insert(shop, [order(90, order_date="2026-09-30", updated_at=OLD)])
    shop.run("UPDATE orders SET order_date = NULL WHERE id = 4")
    days, by_index = asked()
    assert days == sorted({*without, date.fromisoformat(DAYS[1])})
    assert "WHERE" in by_index


def test_what_it_cannot_do_without(shop: Database) -> None:
    shop.run("ALTER TABLE orders DROP COLUMN updated_at")
    with pytest.raises(WarehouseError, match="needs a date in `updated_at`, and `id`"):
        difference(lambda _: None, "a test")


CHANGES = st.lists(
    st.one_of(
        st.tuples(st.just("insert"), st.integers(0, 5), st.integers(1, 900)),
        st.tuples(st.just("update"), st.integers(1, 30), st.integers(1, 900)),
        st.tuples(st.just("delete"), st.integers(1, 30), st.just(0)),
        st.tuples(st.just("move"), st.integers(1, 30), st.integers(0, 5)),
        st.tuples(st.just("refresh"), st.just(0), st.just(0)),
    ),
    min_size=1,
    max_size=12,
)


@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(changes=CHANGES)
def test_whatever_happens_the_cache_is_mysql_afterwards(
    shop: Database, warehouse_env: WarehouseEnv, changes: list[tuple[str, int, int]]
) -> None:
    """Late updates, deletes and moved dates, with `updated_at` kept as shops keep it."""
    make_orders(shop, [order(n, order_date=DAYS[n % 6], updated_at=OLD) for n in range(1, 13)])
    shop.run(
        "ALTER TABLE orders MODIFY updated_at TIMESTAMP NOT NULL "
        "DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP"
    )
    number = 12
    for what, one, other in changes:
        if what == "insert":
            number += 1
            insert(shop, [order(number, order_date=DAYS[one], amount=str(other), updated_at=OLD)])
            shop.run(f"UPDATE orders SET updated_at = CURRENT_TIMESTAMP WHERE id = {number}")
        elif what == "update":
            shop.run(f"UPDATE orders SET amount = {other} WHERE id = {one}")
        elif what == "delete":
            shop.run(f"DELETE FROM orders WHERE id = {one}")
        elif what == "move":
            shop.run(f"UPDATE orders SET order_date = '{DAYS[other]}' WHERE id = {one}")
        else:
            refresh(warehouse_env)
    refresh(warehouse_env)
    mysql, cache = both(shop, warehouse_env)
    assert cache == mysql
