"""The sample source: the committed file is what the script makes, and clients see a MySQL."""

import csv
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pymysql
import pytest
from pymysql.connections import Connection
from pymysql.constants import FIELD_TYPE, FLAG
from sqlalchemy.engine import make_url

from tests.servers.loading import query as source_query
from warehouse.mysql.extract import open_extraction
from warehouse.mysql.protocol import Field, Result, close, prepare
from warehouse.mysql.url import parse_url
from warehouse.sample import generate
from warehouse.sample.server import SampleServer, serve
from warehouse.sample.tables import CUSTOMERS, DATABASE, ORDERS, TABLES, Table, TableColumn


@pytest.mark.parametrize("path", generate.FILES, ids=lambda path: path.name)
def test_a_committed_file_is_what_the_script_makes(path: Path) -> None:
    assert generate.text(generate.FILES[path]()) == path.read_text(encoding="utf-8")


def test_each_table_has_a_file_with_its_columns() -> None:
    assert {table.csv for table in TABLES} == set(generate.FILES)
    for table in TABLES:
        with table.csv.open(encoding="utf-8") as file:
            assert next(csv.reader(file)) == [column.name for column in table.columns]


def test_each_order_of_a_customer_has_its_customer_and_some_customers_never_ordered() -> None:
    orders = duckdb.read_csv(str(ORDERS.csv), na_values=r"\N")
    customers = duckdb.read_csv(str(CUSTOMERS.csv), na_values=r"\N")
    joined = (
        orders.set_alias("o")
        .join(customers.set_alias("c"), "c.id = o.customer_id", how="outer")
        .aggregate(
            "count_if(c.id IS NULL AND o.customer_id IS NOT NULL), "
            "count_if(o.created_at < c.signed_up_at), count_if(o.status IS NULL)"
        )
    )
    ((without_customer, before_signing_up, without_orders),) = joined.fetchall()
    assert (without_customer, before_signing_up) == (0, 0)
    assert 0 < without_orders < 100
    dirt = customers.aggregate(
        "count(*) - count(DISTINCT id), count_if(country IS NULL), count_if(name <> trim(name)), "
        "count_if(updated_at < signed_up_at)"
    )
    ((repeated, no_country, blanks, early),) = dirt.fetchall()
    assert (repeated, early) == (0, 0) and min(no_country, blanks) > 0
    assert orders.shape[0] == 10_000


def test_it_has_the_dirt_that_real_tables_have() -> None:
    orders = duckdb.read_csv(str(generate.CSV), na_values=r"\N")
    counts = orders.aggregate(
        "count(*), count(id) - count(DISTINCT id), count_if(status <> lower(trim(status))), "
        "count_if(customer_id IS NULL), count_if(id IS NULL), count_if(amount = 0), "
        "count_if(amount < 0)"
    )
    ((rows, updates, dirty, no_customer, no_id, zero, refunds),) = counts.fetchall()
    assert rows == 10_000
    assert min(updates, dirty, no_customer, no_id, zero, refunds) > 0


def connect(server: SampleServer) -> "Connection[pymysql.cursors.Cursor]":
    url = make_url(server.url)
    assert url.host and url.port and url.database and url.username
    return pymysql.connect(
        host=url.host, port=url.port, user=url.username, database=url.database, autocommit=None
    )


def test_any_client_can_query_it_and_each_query_is_told() -> None:
    asked: list[str] = []
    with (
        serve(on_query=asked.append) as server,
        connect(server) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("SELECT COUNT(*), SUM(amount) FROM shop.orders WHERE amount < 0")
        ((count, total),) = cursor.fetchall()
        cursor.execute("SHOW TABLES")
        assert cursor.fetchall() == (("customers",), ("orders",))
        with pytest.raises(pymysql.MySQLError, match="nope"):
            cursor.execute("SELECT nope FROM orders")
    assert int(count) > 0 > Decimal(total)
    assert "SELECT COUNT(*), SUM(amount) FROM shop.orders WHERE amount < 0" in asked


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_the_loader_reads_it_as_it_reads_a_production_server(table: Table) -> None:
    asked: list[str] = []
    with serve(on_query=asked.append) as server:
        sql = f"SELECT * FROM `{table.name}` WHERE id > 700"
        extraction = open_extraction(parse_url(server.url), source_query(sql, table.name))
        batches = list(extraction.batches())
    columns = extraction.plan.columns
    assert [(column.name, column.duckdb_type) for column in columns] == [
        (column.name, column.duckdb_type) for column in table.columns
    ]
    assert 0 < extraction.rows == sum(batch.num_rows for batch in batches) < 10_000
    assert sum(f"FROM (\n{sql}\n) AS source" in text for text in asked) == 1


@pytest.fixture(scope="module")
def connection() -> "Iterator[Connection[pymysql.cursors.Cursor]]":
    with serve() as server, connect(server) as connection:
        yield connection


def ask(connection: "Connection[Any]", sql: str) -> tuple[tuple[Any, ...], ...]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return tuple(cursor.fetchall())


def fields(connection: "Connection[Any]", sql: str) -> tuple[Field, ...]:
    """Prepare a query, execute it, and see that both tell the same of its columns."""
    statement = prepare(connection, sql)
    result = Result(connection, statement)
    for _ in result.blocks():
        pass
    close(connection, statement)
    assert result.fields == statement.fields
    return statement.fields


def test_information_schema_describes_each_table(connection: "Connection[Any]") -> None:
    assert ask(
        connection,
        "SELECT table_name, table_rows, table_comment FROM information_schema.tables "
        "WHERE table_schema = DATABASE() ORDER BY table_name",
    ) == (("customers", 1520, CUSTOMERS.comment), ("orders", 10_000, ORDERS.comment))
    described = ask(
        connection,
        "SELECT table_name, column_name, column_type, is_nullable, column_key, column_comment "
        "FROM information_schema.columns WHERE table_schema = 'shop' "
        "ORDER BY table_name DESC, ordinal_position",
    )
    assert described == tuple(
        (
            table.name,
            column.name,
            column.mysql_type,
            "YES" if column.nullable else "NO",
            "PRI" if column.name in table.key else "",
            column.comment,
        )
        for table in TABLES
        for column in table.columns
    )
    assert ask(connection, "DESCRIBE customers")[0][:4] == ("id", "int unsigned", "NO", "PRI")


def test_any_number_of_tables_can_be_served(tmp_path: Path) -> None:
    path = tmp_path / "stock.csv"
    path.write_text("place,item,count\nA,1,5\nA,2,\\N\n", encoding="utf-8")
    columns = (
        TableColumn("place", "char(1)", False, "VARCHAR", ""),
        TableColumn("item", "int", False, "INTEGER", ""),
        TableColumn("count", "int", True, "INTEGER", ""),
    )
    stock = Table("stock", "What there is", path, columns, key=("place", "item"))
    renamed = replace(CUSTOMERS, name="people")
    with serve(tables=[stock, renamed]) as server, connect(server) as connection:
        assert ask(connection, "SHOW TABLES") == (("people",), ("stock",))
        assert ask(connection, "SELECT * FROM shop.stock") == (("A", 1, 5), ("A", 2, None))
        keys = [bool(one.flags & FLAG.PRI_KEY) for one in fields(connection, "TABLE stock")]
        assert keys == [True, True, False]


JOIN = """
SELECT o.id AS order_id, o.amount, c.*, o.amount * 2 AS twice, C.ID AS again
FROM orders AS o LEFT JOIN shop.customers AS c ON c.id = o.customer_id
"""


@pytest.mark.parametrize(
    ("sql", "alias"),
    [
        (JOIN, None),
        (f"SELECT * FROM (\n{JOIN}) AS source LIMIT 0", "source"),
        (f"WITH joined AS ({JOIN}) SELECT * FROM joined LIMIT 3", "joined"),
    ],
)
def test_a_column_of_a_result_tells_the_column_of_a_table_that_it_is(
    connection: "Connection[Any]", sql: str, alias: str | None
) -> None:
    told = fields(connection, sql)
    assert [(one.name, one.schema, one.table, one.column) for one in told] == [
        ("order_id", DATABASE, "orders", "id"),
        ("amount", DATABASE, "orders", "amount"),
        *((column.name, DATABASE, "customers", column.name) for column in CUSTOMERS.columns),
        ("twice", "", "", ""),
        ("again", DATABASE, "customers", "id"),
    ]
    with connection.cursor() as cursor:
        cursor.execute(sql)
        result: Any = cursor._result
        expected = ["o", "o", *["c"] * len(CUSTOMERS.columns), "", "c"]
        assert [one.table_name for one in result.fields] == [
            name and (alias or name) for name in expected
        ]
    flags = {one.name: one.flags for one in told}
    assert flags["order_id"] & FLAG.UNSIGNED and not flags["order_id"] & FLAG.NOT_NULL
    assert flags["amount"] & FLAG.NOT_NULL and not flags["amount"] & FLAG.PRI_KEY
    # The outer join adds NULLs; the column stays the key of its table.
    assert flags["id"] & FLAG.PRI_KEY and not flags["id"] & FLAG.NOT_NULL


@pytest.mark.parametrize(
    ("join", "not_null"),
    [
        ("orders o JOIN customers c ON c.id = o.customer_id", (True, True)),
        ("orders o LEFT JOIN customers c ON c.id = o.customer_id", (True, False)),
        ("orders o RIGHT JOIN customers c ON c.id = o.customer_id", (False, True)),
        ("customers c CROSS JOIN orders o", (True, True)),
    ],
)
def test_a_column_is_not_null_where_no_outer_join_adds_some(
    connection: "Connection[Any]", join: str, not_null: tuple[bool, bool]
) -> None:
    told = fields(connection, f"SELECT * FROM (SELECT o.status, c.name FROM {join}) AS s LIMIT 0")
    assert tuple(bool(one.flags & FLAG.NOT_NULL) for one in told) == not_null


def test_a_roll_up_adds_nulls(connection: "Connection[Any]") -> None:
    grouped = "SELECT segment, COUNT(*) AS customers FROM customers GROUP BY segment"
    for sql, not_null in ((grouped, True), (f"{grouped} WITH ROLLUP", False)):
        segment, _ = fields(connection, f"SELECT * FROM ({sql}) AS source LIMIT 0")
        assert (segment.table, segment.column) == ("customers", "segment")
        assert bool(segment.flags & FLAG.NOT_NULL) is not_null
    assert (None, 1520) in ask(connection, f"{grouped} WITH ROLLUP")


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT id FROM orders UNION ALL SELECT id FROM customers",
        "SELECT MAX(updated_at) AS updated_at FROM customers",
        "SELECT CONCAT(name, '') AS name FROM customers",
        "SELECT 1 AS id",
        "SELECT (SELECT name FROM customers LIMIT 1) AS name FROM orders",
        "SELECT id FROM (SELECT id FROM orders UNION SELECT id FROM customers) AS u",
        "WITH RECURSIVE n AS (SELECT 1 AS id UNION ALL SELECT id + 1 FROM n WHERE id < 3) "
        "SELECT id FROM n",
    ],
)
def test_an_expression_has_no_origin(connection: "Connection[Any]", sql: str) -> None:
    for query in (sql, f"SELECT * FROM ({sql}) AS source LIMIT 0"):
        (field,) = fields(connection, query)
        assert (field.schema, field.table, field.column) == ("", "", "")
        assert not field.flags & (FLAG.NOT_NULL | FLAG.PRI_KEY)


def test_a_timestamp_stays_a_moment_whatever_it_is_called(connection: "Connection[Any]") -> None:
    told = fields(
        connection,
        "SELECT signed_up_at AS updated_at, updated_at AS changed, MAX(updated_at) OVER () AS last "
        "FROM customers LIMIT 1",
    )
    assert [one.type_code for one in told] == [
        FIELD_TYPE.DATETIME,
        FIELD_TYPE.TIMESTAMP,
        FIELD_TYPE.TIMESTAMP,
    ]
    ((changed,),) = ask(connection, "SELECT CAST(updated_at AS CHAR) FROM customers WHERE id = 3")
    ((moment,),) = ask(connection, "SELECT updated_at FROM customers WHERE id = 3")
    assert str(moment) == "2025-07-08 06:45:01" == changed[:19]


@pytest.mark.parametrize(
    "sql",
    [
        "START TRANSACTION WITH CONSISTENT SNAPSHOT",
        "/* warehouse */ START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
        "start transaction read only",
        "BEGIN",
        "COMMIT",
        "ROLLBACK",
        "SHOW STATUS LIKE 'binlog_snapshot_%'",
        "SHOW WARNINGS",
    ],
)
def test_a_statement_about_a_transaction_is_accepted(
    connection: "Connection[Any]", sql: str
) -> None:
    assert ask(connection, sql) == ()


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("DATE_FORMAT(updated_at, '%Y-%m')", "2025-07"),
        ("IFNULL(NULL, name)", "Olga Müller"),
        ("CONCAT(id, ': ', country)", "3: FR"),
        ("CONCAT(id, NULL)", None),
        ("TIMESTAMPDIFF(DAY, signed_up_at, updated_at)", 101),
        ("COALESCE(NULL, segment)", "business"),
        ("CASE WHEN id > 2 THEN 'late' ELSE 'early' END", "late"),
        ("IF(country = 'FR', 1, 0)", 1),
        ("YEAR(signed_up_at) * 100 + MONTH(signed_up_at)", 202503),
        ("DATE_ADD(DATE(signed_up_at), INTERVAL 1 MONTH) > '2025-04-01'", 1),
        ("SUBSTRING_INDEX(name, ' ', 1)", "Olga"),
        ("SUBSTRING_INDEX(name, ' ', -1)", "Müller"),
        ("UPPER(LEFT(name, 2))", "OL"),
        ("CHAR_LENGTH(name)", 11),
        ("FIELD(country, 'DE', 'FR')", 2),
        ("FIND_IN_SET('FR', 'DE,FR')", 2),
        ("WEEKDAY('2025-03-29')", 5),
        ("CAST(id AS DECIMAL(10, 2))", Decimal("3.00")),
        ("country <=> NULL", 0),
        (
            "(SELECT GROUP_CONCAT(id ORDER BY id SEPARATOR '|') FROM customers WHERE id < 4)",
            "1|2|3",
        ),
        ("(SELECT COUNT(*) FROM orders AS o WHERE o.customer_id = customers.id) > 0", 1),
    ],
)
def test_functions_that_people_use(connection: "Connection[Any]", sql: str, expected: Any) -> None:
    query = f"SELECT {sql} AS value FROM customers WHERE id = 3"
    assert ask(connection, query) == ((expected,),)
    assert [one.name for one in fields(connection, query)] == ["value"]


def test_queries_that_people_write(connection: "Connection[Any]") -> None:
    ((ranked,),) = ask(
        connection,
        """
        WITH spent AS (
          SELECT c.country, c.id, SUM(o.amount) AS total,
            ROW_NUMBER() OVER (PARTITION BY c.country ORDER BY SUM(o.amount) DESC) AS place
          FROM orders o JOIN customers c ON c.id = o.customer_id GROUP BY c.country, c.id
        )
        SELECT COUNT(*) FROM spent WHERE place = 1 AND country IS NOT NULL
        """,
    )
    assert ranked == 7
    united = "SELECT id FROM customers WHERE id < 3 UNION SELECT 2 UNION ALL SELECT 9 ORDER BY 1"
    assert ask(connection, united) == ((1,), (2,), (9,))


def test_a_column_without_a_name_is_called_by_its_text(connection: "Connection[Any]") -> None:
    told = fields(connection, "SELECT * FROM (SELECT COUNT(*), MAX(id), 'x' FROM orders) AS s")
    assert [one.name for one in told] == ["COUNT(*)", "MAX(id)", "x"]


def test_the_moment_of_a_query_is_a_datetime(connection: "Connection[Any]") -> None:
    told = fields(connection, "SELECT NOW(), NOW(6) AS b, CURDATE() AS c FROM orders LIMIT 1")
    assert told[0].name == "NOW()"
    assert [one.type_code for one in told] == [
        *(FIELD_TYPE.DATETIME, FIELD_TYPE.DATETIME, FIELD_TYPE.DATE)
    ]


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELECT nope FROM customers", "nope"),
        ("SELECT * FROM nope", "nope"),
        ("SELECT NOPE(id) FROM customers", "nope"),
        ("SELECT NOPE(1)", "nope"),
        ("SELECT id FROM", "(?i)expect|invalid"),
        ("SELECT CAST('x' AS SIGNED) FROM customers", "Conversion Error"),
    ],
)
def test_a_query_that_it_cannot_answer_is_an_error_of_one_line(
    connection: "Connection[Any]", sql: str, message: str
) -> None:
    with pytest.raises(pymysql.MySQLError, match=f"(?i){message}") as refused:
        ask(connection, sql)
    assert "\n" not in str(refused.value.args[1])
    assert ask(connection, "SELECT 1") == ((1,),)
