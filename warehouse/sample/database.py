"""The DuckDB behind the sample server: the tables, MySQL's functions, `information_schema`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, timedelta

import duckdb

from warehouse.sample.calendar import SampleCalendar
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


class SampleDatabase:
    """An in-memory database of the tables, as they are on a day."""

    def __init__(self, tables: Sequence[Table], calendar: SampleCalendar | None = None) -> None:
        """Make one.

        Args:
            tables: What it holds.
            calendar: Which days it shows; None for those of the files, just as they are.
        """
        self.days_back = 0
        """So many days before the calendar's last one are shown to who comes next."""
        self._tables = sorted(tables, key=lambda one: one.name)
        self._calendar = calendar
        self._shown: date | None = None
        self._connection = duckdb.connect()
        self._connection.execute("SET GLOBAL TimeZone = 'UTC'")
        for function in _FUNCTIONS:
            self._connection.execute(f"CREATE MACRO {function}")
        self._connection.execute(_COLUMNS)
        self._connection.execute(_TABLES)
        self._connection.execute(_STATISTICS)
        self._connection.execute("CREATE SCHEMA files")
        for table in self._tables:
            types = {column.name: column.duckdb_type for column in table.columns}
            self._connection.read_csv(
                str(table.csv), header=True, dtype=types, na_values=r"\N", encoding="utf-8"
            ).create(f"files.{table.name}" if calendar else table.name)
            if not calendar:
                _describe(self._connection, table)

    def session(self) -> duckdb.DuckDBPyConnection:
        """Open a connection to the tables as they are now."""
        if self._calendar:
            day = self._calendar.last_day - timedelta(days=self.days_back)
            if day != self._shown:
                for table in self._tables:
                    _fill(self._connection, table, self._calendar, day)
                    _describe(self._connection, table)
                self._shown = day
        return self._connection.cursor()


def _fill(
    connection: duckdb.DuckDBPyConnection, table: Table, calendar: SampleCalendar, day: date
) -> None:
    """Give a table the rows that it has at the end of a day."""
    moved = ", ".join(_moved(column, calendar.shift) for column in table.columns)
    as_of = (table.as_of or "FROM moved").format(
        first_use=f"DATE '{calendar.first_use}'", last_day=f"DATE '{day}'"
    )
    connection.execute(
        f'CREATE OR REPLACE TABLE "{table.name}" AS '
        f'WITH moved AS (SELECT {moved} FROM files."{table.name}") FROM ({as_of})'
    )


def _moved(column: TableColumn, days: int) -> str:
    """Return a column, its dates and moments moved by some days."""
    by = {"DATE": f"+ {days}", "TIMESTAMP": f"+ to_days({days})"}
    return f'"{column.name}" {by.get(column.duckdb_type.removesuffix("TZ"), "")} AS "{column.name}"'


def _describe(connection: duckdb.DuckDBPyConnection, table: Table) -> None:
    """Describe a table as `information_schema` does."""
    for name in sorted(DESCRIBED):
        connection.execute(
            f"DELETE FROM information_schema_{name} WHERE table_name = ?", [table.name]
        )
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
