"""The sample source: the committed file is what the script makes, and clients see a MySQL."""

import csv
import io
from decimal import Decimal

import duckdb
import pymysql
import pytest
from pymysql.connections import Connection
from sqlalchemy.engine import make_url

from warehouse.mysql.extract import open_extraction
from warehouse.mysql.url import parse_url
from warehouse.sample import generate
from warehouse.sample.server import COLUMNS, SampleServer, serve


def test_the_committed_file_is_what_the_script_makes() -> None:
    text = io.StringIO()
    rows = list(generate.orders())
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    assert text.getvalue() == generate.CSV.read_text(encoding="utf-8")


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
        assert cursor.fetchall() == (("orders",),)
        with pytest.raises(pymysql.MySQLError, match="nope"):
            cursor.execute("SELECT nope FROM orders")
    assert int(count) > 0 > Decimal(total)
    assert "SELECT COUNT(*), SUM(amount) FROM shop.orders WHERE amount < 0" in asked


def test_the_loader_reads_it_as_it_reads_a_production_server() -> None:
    asked: list[str] = []
    with serve(on_query=asked.append) as server:
        extraction = open_extraction(parse_url(server.url), "orders", where="item_count > 3")
        batches = list(extraction.batches())
    assert [column.name for column in extraction.plan.columns] == [name for name, *_ in COLUMNS]
    expected = {"TIMESTAMP": "TIMESTAMPTZ"}  # MySQL's TIMESTAMP is a moment, its DATETIME is not
    types = {column.name: column.duckdb_type for column in extraction.plan.columns}
    for name, mysql_type, _, duckdb_type, _ in COLUMNS:
        assert types[name] == (
            expected.get(duckdb_type, duckdb_type) if mysql_type == "timestamp" else duckdb_type
        )
    assert 0 < extraction.rows == sum(batch.num_rows for batch in batches) < 10_000
    assert sum("FROM `orders`" in query for query in asked) == 1
