"""MySQL is asked for the orders once, and only when its own asset is materialized."""

from __future__ import annotations

import json
import re

import pytest

from tests.conftest import WarehouseEnv
from tests.servers.launch import Database
from tests.servers.orders import insert, make_orders, order
from warehouse.cli.plan import run_plan
from warehouse.cli.run import Request, run

VIEWS = ("orders_cleaned", "orders_summary", "completed_orders", "pending_orders", "order_stats")


@pytest.fixture
def shop(server: Database, warehouse_env: WarehouseEnv) -> Database:
    """A server with three orders, and a warehouse that knows it."""
    make_orders(server, [order(1), order(2, "pending"), order(3, " Pending")])
    warehouse_env.configure(mysql_url=server.url())
    server.clear_log()
    return server


def reads_orders(queries: list[str]) -> list[str]:
    """Return the statements that read the table."""
    return [query for query in queries if re.search(r"(FROM|JOIN)\s+`?orders\b", query, re.I)]


def test_everything_takes_one_select(shop: Database, warehouse_env: WarehouseEnv) -> None:
    result = warehouse_env.run()

    assert result.success
    queries = shop.queries()
    (select,) = reads_orders(queries)
    assert select.startswith(f"/* warehouse asset=mysql_orders run={result.run_id} */ SELECT")
    assert {query.split()[0].upper() for query in queries} <= {
        "/*",
        "SELECT",
        "SET",
        "SHOW",
        "START",
    }
    assert warehouse_env.query("SELECT count(*) FROM mysql_orders") == [(3,)]
    assert warehouse_env.query("SELECT orders FROM order_stats") == [(3,)]


def test_a_plan_takes_one_select_published_or_not(
    shop: Database, capfd: pytest.CaptureFixture[str]
) -> None:
    for yes in (False, True):
        shop.clear_log()
        run_plan(Request("mysql_orders"), yes=yes, format_="json")
        assert len(reads_orders(shop.queries())) == 1
        assert json.loads(capfd.readouterr().out)["assets"][0]["rows_after"] == 3


def test_the_command_line_takes_one_select(
    shop: Database, capfd: pytest.CaptureFixture[str]
) -> None:
    run(Request(None))
    assert len(reads_orders(shop.queries())) == 1
    told = "MySQL was asked for rows 2 times"  # of the orders, and of the customers
    assert told in capfd.readouterr().out

    shop.clear_log()
    run(Request("orders_cleaned+"))
    assert shop.connections() == []
    assert "MySQL was not asked" in capfd.readouterr().out


def test_downstream_sends_nothing(shop: Database, warehouse_env: WarehouseEnv) -> None:
    warehouse_env.run("mysql_orders")
    shop.clear_log()

    for view in VIEWS:
        assert warehouse_env.run(view).success
    assert shop.connections() == []
    assert shop.queries() == []
    assert warehouse_env.query("SELECT count(*) FROM pending_orders") == [(2,)]


def test_downstream_needs_no_server(mariadb: Database, warehouse_env: WarehouseEnv) -> None:
    mariadb.start()
    make_orders(mariadb, [order(1), order(2), order(3)])
    warehouse_env.configure(mysql_url=mariadb.url())
    warehouse_env.run("mysql_orders")
    mariadb.stop()

    for view in VIEWS:
        assert warehouse_env.run(view).success
    assert warehouse_env.query("SELECT orders FROM order_stats") == [(3,)]


def test_the_cache_lasts_until_the_source_is_materialized(
    shop: Database, warehouse_env: WarehouseEnv
) -> None:
    def answer() -> list[tuple[object, ...]]:
        return warehouse_env.query("SELECT orders, revenue::VARCHAR FROM order_stats")

    warehouse_env.run()
    first = answer()
    assert first == [(3, "31.50")]

    shop.run("UPDATE orders SET amount = 100 WHERE id = 1", "DELETE FROM orders WHERE id = 2")
    insert(shop, [order(4, amount="0.01"), order(5)])
    assert answer() == first
    warehouse_env.run("orders_cleaned+")
    assert answer() == first

    warehouse_env.run("mysql_orders")
    assert answer() == [(4, "121.01")]
