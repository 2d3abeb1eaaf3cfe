"""A load without Dagster: straight into an in-memory DuckDB."""

from __future__ import annotations

import duckdb
import pyarrow as pa

from tests.servers.launch import Database
from warehouse.mysql.extract import Extraction, open_extraction
from warehouse.mysql.url import parse_url

Loaded = tuple[duckdb.DuckDBPyConnection, Extraction]


def load(database: Database, table: str, where: str | None = None) -> Loaded:
    """Load a table into an in-memory DuckDB."""
    extraction = open_extraction(parse_url(database.url()), table, where=where)
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    rows = pa.RecordBatchReader.from_batches(extraction.schema, extraction.batches())
    connection.register("incoming", rows)
    select = ", ".join(column.rebuild for column in extraction.plan.columns)
    connection.execute(f"CREATE TABLE loaded AS SELECT {select} FROM incoming")
    return connection, extraction
