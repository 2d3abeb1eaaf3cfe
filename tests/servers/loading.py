"""A load without Dagster: straight into an in-memory DuckDB."""

from __future__ import annotations

import duckdb
import pyarrow as pa

from tests.servers.launch import Database
from warehouse.mysql.extract import Extraction, open_extraction
from warehouse.mysql.query import SourceQuery
from warehouse.mysql.url import parse_url
from warehouse.project.source_query import examine

Loaded = tuple[duckdb.DuckDBPyConnection, Extraction]


def query(sql: str, name: str = "a_source") -> SourceQuery:
    """Return a SELECT as that of a source."""
    return SourceQuery(name, sql, examine(sql), lambda line: f"{name}.sql:{line}")


def orders(where: str | None = None) -> SourceQuery:
    """Return the SELECT of the orders, or of some of them."""
    return query("select * from orders" + (f" where {where}" if where else ""), "orders")


def load(database: Database, source: str | SourceQuery, where: str | None = None) -> Loaded:
    """Load a table, or what a SELECT gives, into an in-memory DuckDB."""
    if isinstance(source, str):
        limited = f" WHERE {where}" if where else ""
        source = query(f"SELECT * FROM `{source.replace('`', '``')}`{limited}")
    extraction = open_extraction(parse_url(database.url()), source)
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    rows = pa.RecordBatchReader.from_batches(extraction.schema, extraction.batches())
    connection.register("incoming", rows)
    select = ", ".join(column.rebuild for column in extraction.plan.columns)
    connection.execute(f"CREATE TABLE loaded AS SELECT {select} FROM incoming")
    return connection, extraction
