"""Whether MySQL changed, asked without reading a row; and what automation makes of it."""

from __future__ import annotations

import time

import dagster as dg
import pytest

from tests.conftest import WarehouseEnv
from tests.servers.launch import Database
from tests.servers.orders import insert, make_orders, order
from tests.servers.test_once import reads_orders
from warehouse.assets.automation import FROM_AUTOMATION_TAG
from warehouse.assets.naming import OWN
from warehouse.assets.sources import build_upstream
from warehouse.mysql.session import connect
from warehouse.mysql.url import parse_url
from warehouse.mysql.version import SETTLING, table_version

AUTOMATION = {FROM_AUTOMATION_TAG: "true"}


@pytest.fixture
def shop(server: Database, warehouse_env: WarehouseEnv) -> Database:
    """Three orders."""
    make_orders(server, [order(1), order(2), order(3)])
    warehouse_env.configure(mysql_url=server.url())
    return server


def version(shop: Database, table: str = "orders") -> str | None:
    with connect(parse_url(shop.url())) as connection:
        return table_version(connection, "shop", table)


def settle() -> None:
    time.sleep(SETTLING.total_seconds() + 1.1)


def test_the_version_differs_after_each_kind_of_change(shop: Database) -> None:
    seen = {version(shop)}
    for change in (
        "INSERT INTO orders SELECT 4, customer_id, status, amount, currency, order_date, "
        "created_at, updated_at, is_gift, item_count, weight, note FROM orders WHERE id = 1",
        "UPDATE orders SET amount = 5 WHERE id = 1",
        "DELETE FROM orders WHERE id = 2",
    ):
        shop.run(change)
        settle()
        now = version(shop)
        assert now is not None
        assert now not in seen
        assert version(shop) == now
        seen.add(now)
    shop.run("ALTER TABLE orders ADD COLUMN more INT")
    settle()
    assert version(shop) not in seen - {None}


def test_what_cannot_be_told_is_not_told(shop: Database) -> None:
    shop.run("CREATE VIEW few AS SELECT * FROM orders WHERE id < 3")
    assert version(shop, "few") is None
    assert version(shop, "nothing") is None
    shop.run("UPDATE orders SET amount = 6 WHERE id = 1")
    assert version(shop) is None  # a change within the same second would not show
    shop.run("CREATE TABLE memory (id INT PRIMARY KEY) ENGINE = MEMORY")
    settle()
    assert version(shop, "memory") is None  # its changes have no time


def test_a_restart_counts_as_a_change(shop: Database) -> None:
    """The server forgets the time, and with it whether there was a change since."""
    settle()
    assert version(shop) is not None
    shop.stop()
    shop.start()
    assert version(shop) is None


def test_automation_reads_nothing_when_nothing_changed(
    shop: Database, warehouse_env: WarehouseEnv
) -> None:
    settle()
    warehouse_env.run("mysql_orders")
    shop.clear_log()
    result = warehouse_env.run("mysql_orders", tags=AUTOMATION)
    assert reads_orders(shop.queries()) == []
    (event,) = result.get_asset_materialization_events()
    metadata = event.step_materialization_data.materialization.metadata
    assert "has not changed since the load of" in str(metadata["skipped"].value)
    assert metadata["dagster/row_count"].value == 3
    assert metadata["select_statements"].value == 0
    assert warehouse_env.query("SELECT count(*) FROM loads") == [(1,)]

    warehouse_env.run("mysql_orders")  # asked for by a person
    assert len(reads_orders(shop.queries())) == 1

    insert(shop, [order(4)])
    shop.clear_log()
    warehouse_env.run("mysql_orders", tags=AUTOMATION)
    assert len(reads_orders(shop.queries())) == 1
    assert warehouse_env.query("SELECT count(*) FROM mysql_orders") == [(4,)]


def test_automation_reads_no_day_when_nothing_changed(
    shop: Database, warehouse_env: WarehouseEnv
) -> None:
    day = ("2026-03-01", "2026-03-01")
    shop.run("UPDATE orders SET order_date = '2026-03-01' WHERE id < 3")
    settle()
    warehouse_env.run("mysql_orders_daily", days=day)
    shop.clear_log()
    result = warehouse_env.run("mysql_orders_daily", days=day, tags=AUTOMATION)
    assert reads_orders(shop.queries()) == []
    (event,) = result.get_asset_materialization_events()
    metadata = event.step_materialization_data.materialization.metadata
    assert metadata["dagster/partition_row_count"].value == 2

    warehouse_env.run("mysql_orders_daily", days=("2026-03-02", "2026-03-02"), tags=AUTOMATION)
    assert len(reads_orders(shop.queries())) == 1


@pytest.mark.usefixtures("shop")
def test_automation_reads_when_the_question_changed(warehouse_env: WarehouseEnv) -> None:
    settle()
    warehouse_env.run("mysql_orders")
    warehouse_env.where("id < 3")
    warehouse_env.run("mysql_orders", tags=AUTOMATION)
    assert warehouse_env.query("SELECT count(*) FROM mysql_orders") == [(2,)]


def test_automation_reads_what_a_where_leaves(shop: Database, warehouse_env: WarehouseEnv) -> None:
    """The table is as it was, and what a WHERE leaves of it is not: it may name the clock."""
    shop.run("CREATE TABLE hidden (id INT PRIMARY KEY)", "INSERT INTO hidden VALUES (1)")
    warehouse_env.configure(max_shrink=1)
    warehouse_env.where("id NOT IN (SELECT id FROM hidden)")
    settle()
    warehouse_env.run("mysql_orders")
    shop.run("INSERT INTO hidden VALUES (2)")
    settle()
    warehouse_env.run("mysql_orders", tags=AUTOMATION)
    assert warehouse_env.query("SELECT list(id) FROM mysql_orders") == [([3],)]


def test_an_observation_has_the_version(shop: Database, warehouse_env: WarehouseEnv) -> None:
    settle()
    shop.clear_log()
    table = dg.AssetKey(["mysql", "orders"])
    upstream = [one for one in build_upstream(warehouse_env.project, OWN) if one.key == table]
    job = dg.define_asset_job("observe", dg.AssetSelection.assets(table))
    defs = dg.Definitions(assets=upstream, jobs=[job])
    result = defs.resolve_job_def("observe").execute_in_process(instance=warehouse_env.history)
    (observed,) = result.asset_observations_for_node("observe_orders")
    assert observed.metadata["source_version"].value == version(shop)
    assert reads_orders(shop.queries()) == []
