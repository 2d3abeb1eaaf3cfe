"""The DuckDB behind the sample server: the tables, MySQL's functions, `information_schema`."""

from __future__ import annotations

import re
from collections.abc import Sequence

import duckdb

from warehouse.sample.tables import DATABASE, Table, TableColumn

INFORMATION_SCHEMA = "information_schema_"
"""Stands before the name of a table of `information_schema`."""
DESCRIBED = {"columns", "statistics", "tables"}
"""The tables of `information_schema` that are held here."""

_FUNCTIONS = (
    "unix_timestamp(t) AS epoch_us(t) // 1000000",
    "to_seconds(t) AS (epoch_us(t) + 62167219200000000) // 1000000",
    "microsecond(t) AS epoch_us(t) % 1000000",
    "conv(digits, from_base, to_base) AS ('0x' || digits)::UBIGINT",  # hexadecimal ones
    "weekday(t) AS isodow(CAST(t AS DATE)) - 1",
    "field(x, a, b := NULL, c := NULL) AS coalesce(list_position([a, b, c], x), 0)",
    "find_in_set(x, list) AS coalesce(list_position(string_split(list, ','), x), 0)",
    "substring_index(t, mark, n) AS CASE WHEN n >= 0 "
    "THEN array_to_string(string_split(t, mark)[:n], mark) "
    "ELSE array_to_string(string_split(t, mark)[n:], mark) END",
)
"""MySQL's own, which DuckDB lacks or knows as something else."""

_COLUMNS = """
CREATE TABLE information_schema_columns (
  table_catalog VARCHAR, table_schema VARCHAR, table_name VARCHAR, column_name VARCHAR,
  ordinal_position UINTEGER, column_default VARCHAR, is_nullable VARCHAR, data_type VARCHAR,
  character_maximum_length BIGINT, numeric_precision UBIGINT, numeric_scale UBIGINT,
  datetime_precision UINTEGER, character_set_name VARCHAR, collation_name VARCHAR,
  column_type VARCHAR, column_key VARCHAR, extra VARCHAR, privileges VARCHAR,
  column_comment VARCHAR
)
"""
_TABLES = """
CREATE TABLE information_schema_tables (
  table_catalog VARCHAR, table_schema VARCHAR, table_name VARCHAR, table_type VARCHAR,
  engine VARCHAR, table_rows UBIGINT, avg_row_length UBIGINT, data_length UBIGINT,
  index_length UBIGINT, create_time TIMESTAMP, update_time TIMESTAMP, table_comment VARCHAR
)
"""
_STATISTICS = """
CREATE TABLE information_schema_statistics (
  table_schema VARCHAR, table_name VARCHAR, non_unique INTEGER, index_name VARCHAR,
  seq_in_index UINTEGER, column_name VARCHAR, index_type VARCHAR
)
"""


def load(tables: Sequence[Table]) -> duckdb.DuckDBPyConnection:
    """Make an in-memory database of these tables."""
    connection = duckdb.connect()
    connection.execute("SET GLOBAL TimeZone = 'UTC'")
    for function in _FUNCTIONS:
        connection.execute(f"CREATE MACRO {function}")
    connection.execute(_COLUMNS)
    connection.execute(_TABLES)
    connection.execute(_STATISTICS)
    for table in sorted(tables, key=lambda one: one.name):
        types = {column.name: column.duckdb_type for column in table.columns}
        connection.read_csv(
            str(table.csv), header=True, dtype=types, na_values=r"\N", encoding="utf-8"
        ).create(table.name)
        _describe(connection, table)
    return connection


def _describe(connection: duckdb.DuckDBPyConnection, table: Table) -> None:
    for position, column in enumerate(table.columns, 1):
        row = ["def", DATABASE, table.name, column.name, position, *_details(column)]
        row += ["PRI" if column.name in table.key else "", "", "select", column.comment]
        marks = ", ".join("?" * len(row))
        connection.execute(f"INSERT INTO information_schema_columns VALUES ({marks})", row)
    connection.execute(
        "INSERT INTO information_schema_tables SELECT 'def', ?, ?, 'BASE TABLE', NULL, count(*), "
        f'100, ?, 0, NULL, NULL, ? FROM "{table.name}"',
        [DATABASE, table.name, table.csv.stat().st_size, table.comment],
    )
    for position, name in enumerate(table.key, 1):
        row = [DATABASE, table.name, 0, "PRIMARY", position, name, "BTREE"]
        marks = ", ".join("?" * len(row))
        connection.execute(f"INSERT INTO information_schema_statistics VALUES ({marks})", row)


def _details(column: TableColumn) -> list[object]:
    """Return the columns of `information_schema.columns` from `column_default` to `column_type`."""
    base = column.mysql_type.split("(")[0].split()[0]
    numbers = [int(number) for number in re.findall(r"\d+", column.mysql_type)]
    text = base.endswith(("char", "text"))
    length = numbers[0] if text and numbers else None
    precision, scale = numbers if base == "decimal" else (None, None)
    fraction = next(iter(numbers), 0) if base in ("datetime", "timestamp", "time") else None
    return [
        *(None, "YES" if column.nullable else "NO", base, length, precision, scale, fraction),
        *(("utf8mb4", "utf8mb4_0900_ai_ci") if text else (None, None)),
        column.mysql_type,
    ]
