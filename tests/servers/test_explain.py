"""What a load costs the server: MySQL runs the source's own SELECT, and nothing around it."""

from __future__ import annotations

from datetime import date

import pytest

from tests.servers.launch import Database
from tests.servers.loading import query
from tests.servers.orders import make_orders, order
from warehouse.mysql.extract import open_extraction
from warehouse.mysql.plan import Days
from warehouse.mysql.url import parse_url


@pytest.mark.parametrize(
    "sql",
    [
        "select * from orders",
        "select id, amount from orders where order_date = '2025-11-02'",
        "select id from orders where id between 3 and 7",
    ],
)
def test_a_query_is_planned_as_if_it_stood_alone(server: Database, sql: str) -> None:
    make_orders(server, [order(number) for number in range(1, 200)])
    server.run("ALTER TABLE orders ADD INDEX (order_date)", "ANALYZE TABLE orders")
    sent = open_extraction(parse_url(server.url()), query(sql)).sql
    assert server.run(f"EXPLAIN {sent}") == server.run(f"EXPLAIN {sql}")


def test_days_narrow_the_query_itself(server: Database) -> None:
    make_orders(server, [order(number) for number in range(1, 9000)])
    server.run("ALTER TABLE orders ADD INDEX (order_date)", "ANALYZE TABLE orders")
    days = Days("order_date", ((date(2024, 1, 3), date(2024, 1, 3)),))
    sent = open_extraction(parse_url(server.url()), query("select * from orders"), days=days).sql
    where = "order_date >= '2024-01-03' and order_date < '2024-01-04'"
    plain = server.run(f"EXPLAIN select * from orders where {where}")
    assert server.run(f"EXPLAIN {sent}") == plain
