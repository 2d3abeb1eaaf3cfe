"""The five views of the sample mean what their files say."""

from datetime import date
from decimal import Decimal

import duckdb
import pytest

from warehouse.project.project import load_project
from warehouse.store.views import write_views

ROWS = """
    (1, 10, ' Completed ', 10.00, DATE '2026-01-01', TIMESTAMP '2026-01-01 10:00:00'),
    (2, 10, 'PENDING',     20.50, DATE '2026-01-01', TIMESTAMP '2026-01-01 11:00:00'),
    (2, 10, 'completed',   21.50, DATE '2026-01-01', TIMESTAMP '2026-01-03 11:00:00'),
    (3, 11, 'pending',     30.00, DATE '2026-01-02', TIMESTAMP '2026-01-02 12:00:00'),
    (4, 11, 'refunded',    -5.00, DATE '2026-01-02', TIMESTAMP '2026-01-02 13:00:00'),
    (5, NULL, 'completed', 99.00, DATE '2026-01-05', TIMESTAMP '2026-01-05 12:00:00'),
    (NULL, 12, 'pending',  99.00, DATE '2026-01-05', TIMESTAMP '2026-01-05 12:00:00')
"""


@pytest.fixture
def connection() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute(
        "CREATE TABLE mysql_orders AS SELECT * REPLACE (amount::DECIMAL(12,2) AS amount) "
        f"FROM (VALUES {ROWS}) t(id, customer_id, status, amount, order_date, updated_at)"
    )
    connection.execute("CREATE TABLE mysql_orders_daily AS FROM mysql_orders")
    views = load_project().views
    assert write_views(connection, views, {view.name for view in views}).failed == {}
    return connection


def test_orders_cleaned(connection: duckdb.DuckDBPyConnection) -> None:
    assert connection.sql(
        "SELECT id, status, amount FROM orders_cleaned ORDER BY id"
    ).fetchall() == [
        (1, "completed", Decimal("10.00")),
        (2, "completed", Decimal("21.50")),
        (3, "pending", Decimal("30.00")),
        (4, "refunded", Decimal("-5.00")),
    ]


def test_orders_summary(connection: duckdb.DuckDBPyConnection) -> None:
    assert connection.sql("FROM orders_summary").fetchall() == [
        (date(2026, 1, 1), "completed", 2, Decimal("31.50"), 15.75),
        (date(2026, 1, 2), "pending", 1, Decimal("30.00"), 30.0),
        (date(2026, 1, 2), "refunded", 1, Decimal("-5.00"), -5.0),
    ]


def test_completed_and_pending_orders(connection: duckdb.DuckDBPyConnection) -> None:
    assert connection.sql("SELECT id FROM completed_orders ORDER BY id").fetchall() == [(1,), (2,)]
    assert connection.sql("SELECT id FROM pending_orders").fetchall() == [(3,)]


def test_order_stats(connection: duckdb.DuckDBPyConnection) -> None:
    ((orders, revenue, average, first, last, by_status),) = connection.sql(
        "FROM order_stats"
    ).fetchall()
    assert (orders, revenue, average) == (4, Decimal("56.50"), 14.125)
    assert (first, last) == (date(2026, 1, 1), date(2026, 1, 2))
    assert by_status == {"completed": 2, "pending": 1, "refunded": 1}


def test_an_empty_table(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("DELETE FROM mysql_orders")
    assert connection.sql("FROM orders_summary").fetchall() == []
    assert connection.sql("SELECT orders, revenue FROM order_stats").fetchall() == [(0, None)]


def test_daily_revenue(connection: duckdb.DuckDBPyConnection) -> None:
    assert connection.sql("FROM daily_revenue").fetchall() == [
        (date(2026, 1, 1), 2, Decimal("31.50"), None),
        (date(2026, 1, 2), 2, Decimal("0.00"), -31.5),
    ]
