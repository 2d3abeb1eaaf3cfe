"""Tables that are unusual: empty, in part forbidden, views, without a column that ours name."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from tests.conftest import WarehouseEnv
from tests.servers.launch import Database
from tests.servers.loading import load, query
from tests.servers.orders import make_orders, order
from warehouse.errors import WarehouseError
from warehouse.settings import ROOT


def test_an_empty_table(server: Database, warehouse_env: WarehouseEnv) -> None:
    make_orders(server)
    warehouse_env.configure(mysql_url=server.url())
    warehouse_env.run()
    assert warehouse_env.query("SELECT count(*) FROM mysql_orders") == [(0,)]
    assert warehouse_env.query("SELECT orders, revenue FROM order_stats") == [(0, None)]


def test_an_account_that_may_not_read_a_column(
    server: Database, warehouse_env: WarehouseEnv
) -> None:
    """MySQL hides it, and what it hides is as if it were not there."""
    make_orders(server, [order(1)])
    columns = "id, customer_id, status, amount, order_date, updated_at"
    server.run(
        "CREATE USER IF NOT EXISTS narrow@'%' IDENTIFIED BY 'narrow'",
        f"GRANT SELECT ({columns}) ON shop.orders TO narrow@'%'",
    )
    warehouse_env.configure(mysql_url=server.url(user="narrow", password="narrow"))
    warehouse_env.run("mysql_orders")
    ((names,),) = warehouse_env.query(
        "SELECT string_agg(column_name, ', ') FROM duckdb_columns() "
        "WHERE table_name = 'mysql_orders'"
    )
    assert names == columns


def test_a_column_that_a_view_names_is_not_there(
    server: Database, warehouse_env: WarehouseEnv
) -> None:
    make_orders(server, [order(1)])
    server.run("ALTER TABLE orders DROP COLUMN customer_id")
    warehouse_env.configure(mysql_url=server.url())
    with pytest.raises(WarehouseError) as caught:
        warehouse_env.run()

    file = Path("warehouse/sql/transforms/orders_cleaned.sql")
    lines = (ROOT / file).read_text().splitlines()
    line = next(n for n, text in enumerate(lines, 1) if "customer_id is" in text)
    assert f"{file}:{line}: " in str(caught.value)
    assert "customer_id" in str(caught.value)
    assert warehouse_env.query("SELECT count(*) FROM mysql_orders") == [(1,)]
    views = "SELECT view_name FROM duckdb_views() WHERE NOT internal"
    assert warehouse_env.query(views) == [], "each reads orders_cleaned"


def test_a_view_in_mysql(server: Database) -> None:
    """What a table cannot give, a view over it may."""
    make_orders(server, [order(1), order(2, "pending")])
    server.run(
        "CREATE VIEW waiting AS SELECT id, order_date, amount * 2 AS twice, "
        "TIMESTAMP(order_date) AS moment, CAST('{}' AS CHAR) AS text FROM orders "
        "WHERE status = 'pending'"
    )
    connection, _ = load(server, "waiting")
    assert connection.execute("SELECT id, order_date, twice::VARCHAR FROM loaded").fetchall() == [
        (2, date(2024, 1, 1), "21.00")
    ]


def test_columns_that_are_computed_or_hidden(server: Database) -> None:
    """MySQL's `*` leaves out what is hidden; by its name it comes."""
    server.run(
        "CREATE TABLE t (n INT, hidden INT INVISIBLE, "
        "twice INT AS (n * 2) VIRTUAL, thrice INT AS (n * 3) STORED)",
        "INSERT INTO t (n, hidden) VALUES (1, 9)",
    )
    connection, _ = load(server, "t")
    assert connection.table("loaded").columns == ["n", "twice", "thrice"]
    assert connection.table("loaded").fetchall() == [(1, 2, 3)]
    connection, _ = load(server, query("select t.*, hidden from t"))
    assert connection.table("loaded").columns == ["n", "twice", "thrice", "hidden"]
    assert connection.table("loaded").fetchall() == [(1, 2, 3, 9)]


def test_dates_that_are_none_are_reported(
    server: Database, warehouse_env: WarehouseEnv, capfd: pytest.CaptureFixture[str]
) -> None:
    make_orders(server, [order(number) for number in range(1, 5)])
    server.run(
        "SET SESSION sql_mode = 'ALLOW_INVALID_DATES'",
        "ALTER TABLE orders ADD COLUMN due DATE",
        "UPDATE orders SET due = '2024-02-31' WHERE id = 1",
        "UPDATE orders SET due = '2024-03-01' WHERE id = 2",
        "UPDATE orders SET created_at = '0000-00-00', due = '0000-00-00' WHERE id = 3",
    )
    warehouse_env.configure(mysql_url=server.url())
    result = warehouse_env.run("mysql_orders")

    assert warehouse_env.query("SELECT due, created_at IS NULL FROM mysql_orders ORDER BY id") == [
        (None, False),
        (date(2024, 3, 1), False),
        (None, True),
        (None, False),
    ]
    counted = {"created_at": 1, "due": 2}
    (event,) = result.get_asset_materialization_events()
    metadata = event.step_materialization_data.materialization.metadata
    assert metadata["invalid_dates"].value == counted
    assert warehouse_env.query("SELECT invalid_dates FROM loads") == [(counted,)]
    log = capfd.readouterr().err
    assert "`due`: 2 zero, partial or impossible dates in MySQL, NULL here" in log
    assert "`created_at`: 1 zero, partial or impossible" in log


def test_comments_are_carried_over(server: Database, warehouse_env: WarehouseEnv) -> None:
    make_orders(server, [order(1)])
    server.run(
        "ALTER TABLE orders COMMENT = 'What the shop''s sold'",
        "ALTER TABLE orders MODIFY amount DECIMAL(12,2) NOT NULL COMMENT 'Total; \"gross\"'",
    )
    warehouse_env.configure(mysql_url=server.url())
    result = warehouse_env.run("mysql_orders")
    assert warehouse_env.query(
        "SELECT comment FROM duckdb_tables() WHERE table_name = 'mysql_orders'"
    ) == [("What the shop's sold",)]
    assert warehouse_env.query(
        "SELECT column_name, comment FROM duckdb_columns() "
        "WHERE table_name = 'mysql_orders' AND comment IS NOT NULL"
    ) == [("amount", 'Total; "gross"')]
    (event,) = result.get_asset_materialization_events()
    metadata = event.step_materialization_data.materialization.metadata
    schema = metadata["dagster/column_schema"].value
    told = {column.name: column.description for column in schema.columns}  # type: ignore[union-attr]
    assert told["amount"] == 'Total; "gross"'
