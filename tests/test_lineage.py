"""Where a view's columns come from is read from its SQL, whatever shape that has."""

from __future__ import annotations

from types import EllipsisType

import duckdb
import pytest

from warehouse.project.lineage import Lineage, trace

TABLES = {
    "orders": ["id", "customer_id", "status", "amount", "day"],
    "customers": ["id", "name", "City", "tags"],
    "old_orders": ["id", "customer_id", "status", "amount", "day"],
}
TYPES = {"id": "BIGINT", "customer_id": "BIGINT", "amount": "DECIMAL(12,2)", "day": "DATE"}


def told(sql: str) -> Lineage:
    """Trace a SELECT whose columns are those that DuckDB gives it."""
    with duckdb.connect() as connection:
        for table, columns in TABLES.items():
            types = {**TYPES, "tags": "STRUCT(colour VARCHAR, words VARCHAR[])"}
            listed = ", ".join(f'"{name}" {types.get(name, "VARCHAR")}' for name in columns)
            connection.execute(f"CREATE TABLE {table} ({listed})")
        connection.execute(f"CREATE VIEW v AS {sql}")
        columns = [name for name, *_ in connection.execute("DESCRIBE v").fetchall()]
    return trace(sql, columns, TABLES)


def sources(sql: str) -> dict[str, str]:
    found = told(sql)
    assert found.unknown == {}
    return {
        column: " ".join(f"{source.table}.{source.name}" for source in each)
        for column, each in found.sources.items()
    }


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select id from orders", {"id": "orders.id"}),
        ("select o.ID as Number from Orders as o", {"Number": "orders.id"}),
        (
            "select id, status || day as s from orders",
            {"id": "orders.id", "s": "orders.day orders.status"},
        ),
        (
            "from customers",
            {
                "id": "customers.id",
                "name": "customers.name",
                "City": "customers.City",
                "tags": "customers.tags",
            },
        ),
        (
            "select * exclude (tags, id) replace (upper(name) as name) from customers",
            {"name": "customers.name", "City": "customers.City"},
        ),
        (
            "with a as (select id as x from orders), b as (select x + 1 as y from a) from b",
            {"y": "orders.id"},
        ),
        ("with a(k) as (select id from orders) select k from a", {"k": "orders.id"}),
        (
            "select o.id, c.name from orders o left join customers c on o.customer_id = c.id",
            {"id": "orders.id", "name": "customers.name"},
        ),
        (
            "select id, name, amount from orders join customers using (id)",
            {
                "id": "customers.id orders.id",
                "name": "customers.name",
                "amount": "orders.amount",
            },
        ),
        (
            "select a.id, b.id from orders a, customers b",
            {"id": "orders.id", "id_1": "customers.id"},
        ),
        (
            "select id, day from orders union all select customer_id, day from old_orders",
            {"id": "old_orders.customer_id orders.id", "day": "old_orders.day orders.day"},
        ),
        (
            "select day, count(*) as n, sum(amount) filter (status = 'x') as s, 1 as one "
            "from orders group by all",
            {"day": "orders.day", "n": "", "s": "orders.amount orders.status", "one": ""},
        ),
        (
            "select sum(amount) over (partition by customer_id order by day) as total from orders",
            {"total": "orders.amount orders.customer_id orders.day"},
        ),
        (
            "select id from orders qualify row_number() over (partition by id order by day) = 1",
            {"id": "orders.id"},
        ),
        (
            "select amount * 2 as double, double + id as more from orders",
            {"double": "orders.amount", "more": "orders.amount orders.id"},
        ),
        (
            "select (select max(name) from customers c where c.id = o.customer_id) as n "
            "from orders o",
            {"n": "customers.name"},
        ),
        ("select tags.colour as c from customers", {"c": "customers.tags"}),
        (
            "select count(*), sum(amount) from orders",
            {"count_star()": "", "sum(amount)": "orders.amount"},
        ),
        (
            "select case when status = 'a' then amount else 0 end as x from orders order by day",
            {"x": "orders.amount orders.status"},
        ),
        ("select range as n from range(3)", {"n": ""}),
        ("from (values (1, 2)) as t(a, b)", {"a": "", "b": ""}),
        ("select unnest(tags.words) as word from customers", {"word": "customers.tags"}),
        (
            "select name, w.u as word from customers, unnest(tags.words) as w(u)",
            {"name": "customers.name", "word": "customers.tags"},
        ),
        (
            "with orders as (select id, amount as paid from orders) select id, paid from orders",
            {"id": "orders.id", "paid": "orders.amount"},
        ),
        (
            "(select id from orders) union (select id from customers) order by 1",
            {"id": "customers.id orders.id"},
        ),
    ],
)
def test_shapes(sql: str, expected: dict[str, str]) -> None:
    assert sources(sql) == expected


@pytest.mark.parametrize(
    ("sql", "unchanged"),
    [
        ("from orders", {"id", "customer_id", "status", "amount", "day"}),
        (
            "select * replace (lower(status) as status) from orders",
            {"id", "customer_id", "amount", "day"},
        ),
        ("with a as (select amount as paid, id + 1 as next from orders) from a", {"paid"}),
        ("select id, sum(amount) as amount from orders group by id", {"id"}),
        ("select id from orders union all select id from orders", {"id"}),
        ("select id from orders union all select id from old_orders", set()),
        ("select id from orders union all select id + 1 from orders", set()),
        ("select id::varchar as id from orders", set()),
        ("select (select max(id) from orders) as id", set()),
        ("select id from orders join customers using (id)", set()),
    ],
)
def test_a_column_is_unchanged_only_if_nothing_is_done_to_it(sql: str, unchanged: set[str]) -> None:
    assert set(told(sql).unchanged) == unchanged


@pytest.mark.parametrize(
    ("sql", "unknown"),
    [
        ("select columns('^a') from orders", {"amount"}),
        ("select * like 'cust%' from orders", {"customer_id"}),
        ("select o, o.id from orders o", {"o"}),
        ("from orders as o(a, b)", {"a", "b"}),
        ("pivot orders on status in ('a', 'b') using sum(amount) group by day", {"a", "b", "day"}),
        ("select * from (pivot orders on status in ('a') using sum(amount))", ...),
        (
            "with recursive t(n) as (select id from orders union all select n + 1 from t) from t",
            {"n"},
        ),
        ("summarize orders", ...),
    ],
)
def test_what_cannot_be_told_is_left_out_with_a_reason(
    sql: str, unknown: set[str] | EllipsisType
) -> None:
    found = told(sql)
    assert found.unknown and all(found.unknown.values())
    assert not found.sources.keys() & found.unknown.keys()
    assert unknown is ... or found.unknown.keys() == unknown


def test_sql_that_cannot_be_read_has_no_lineage() -> None:
    found = trace("selec", ["a"], TABLES)
    assert found.sources == {} and list(found.unknown) == ["a"]


def test_columns_in_other_places_than_duckdb_has_them_are_not_told() -> None:
    found = trace("select id, amount, day from orders", ["amount", "id", "day"], TABLES)
    assert found.sources.keys() == {"day"} and found.unknown.keys() == {"id", "amount"}
