"""A session that only reads, in UTC, for a limited time."""

from __future__ import annotations

from datetime import datetime

import pytest

from tests.conftest import WarehouseEnv
from tests.servers.launch import READER, Database
from tests.servers.orders import make_orders, order
from warehouse.errors import WarehouseError


@pytest.fixture
def shop(server: Database, warehouse_env: WarehouseEnv) -> Database:
    """A server with orders, and a warehouse that holds the first of them."""
    make_orders(server, [order(1)])
    warehouse_env.configure(mysql_url=server.url())
    warehouse_env.run("mysql_orders")
    make_orders(server, [order(number) for number in range(1, 21)])
    return server


def test_times_are_utc(shop: Database, warehouse_env: WarehouseEnv) -> None:
    noon = datetime(2024, 7, 1, 12)
    make_orders(shop, [order(1, created_at=noon, updated_at=noon)])
    try:
        shop.run("SET GLOBAL time_zone = '+05:00'")
        assert shop.run("SELECT updated_at FROM orders") == [(datetime(2024, 7, 1, 17),)]
        warehouse_env.run("mysql_orders")
    finally:
        shop.run("SET GLOBAL time_zone = 'SYSTEM'")
    # A DATETIME is what was written; a TIMESTAMP is a moment.
    assert warehouse_env.query(
        "SELECT created_at = TIMESTAMP '2024-07-01 12:00:00', "
        "updated_at = TIMESTAMPTZ '2024-07-01 12:00:00+00', typeof(updated_at) FROM mysql_orders"
    ) == [(True, True, "TIMESTAMP WITH TIME ZONE")]


def test_nothing_can_be_written(shop: Database, warehouse_env: WarehouseEnv) -> None:
    """Not even by a function that the account may call and that writes as somebody else."""
    if shop.kind == "mysql":  # has its binary log on, and would refuse such a function
        shop.run("SET GLOBAL log_bin_trust_function_creators = 1")
    shop.run(
        "CREATE TABLE written (n INT)",
        "CREATE FUNCTION writes() RETURNS INT MODIFIES SQL DATA "
        "BEGIN INSERT INTO written VALUES (1); RETURN 1; END",
        f"GRANT EXECUTE ON FUNCTION shop.writes TO {READER}@'%'",
    )
    warehouse_env.where("writes() = 1")
    try:
        with pytest.raises(WarehouseError, match="READ ONLY"):
            warehouse_env.run("mysql_orders")
    finally:
        shop.run("DROP FUNCTION writes")
    assert shop.run("SELECT COUNT(*) FROM written") == [(0,)]
    assert warehouse_env.query("SELECT count(*) FROM mysql_orders") == [(1,)]


def test_the_budget_stops_a_slow_query(shop: Database, warehouse_env: WarehouseEnv) -> None:
    warehouse_env.configure(query_budget_seconds=0.3)
    warehouse_env.where("SLEEP(1) = 0")
    with pytest.raises(WarehouseError, match="WAREHOUSE_QUERY_BUDGET_SECONDS") as caught:
        warehouse_env.run("mysql_orders")

    assert "time budget is used up" in str(caught.value)
    assert "everyone still reads the last snapshot" in str(caught.value)
    assert warehouse_env.query("SELECT count(*) FROM mysql_orders") == [(1,)]
    assert shop.run(
        f"SELECT COUNT(*) FROM information_schema.processlist WHERE user = '{READER}' "
        "AND info LIKE '%SLEEP%'"
    ) == [(0,)]


def test_a_budget_that_is_enough(shop: Database, warehouse_env: WarehouseEnv) -> None:
    warehouse_env.configure(query_budget_seconds=60)
    warehouse_env.run("mysql_orders")

    assert warehouse_env.query("SELECT count(*) FROM mysql_orders") == [(20,)]
    limit = {
        "mariadb": "SESSION max_statement_time = 60.0",
        "mysql": "SESSION max_execution_time = 60000",
    }[shop.kind]
    assert sum(limit in query for query in shop.queries()) == 1
