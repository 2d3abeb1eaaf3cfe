"""A table of values at the borders of their types, for DuckDB and, as Parquet, for Spark."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import duckdb

from warehouse.project.quoting import quoted

COLUMNS = {
    "k": "INTEGER",
    "i": "INTEGER",
    "b": "BIGINT",
    "si": "SMALLINT",
    "ti": "TINYINT",
    "u": "UBIGINT",
    "ui": "UINTEGER",
    "usi": "USMALLINT",
    "uti": "UTINYINT",
    "h": "HUGEINT",
    "d": "DECIMAL(12,2)",
    "d18": "DECIMAL(18,4)",
    "d38": "DECIMAL(38,10)",
    "f": "DOUBLE",
    "fl": "FLOAT",
    "s": "VARCHAR",
    "g": "VARCHAR",
    "bo": "BOOLEAN",
    "bl": "BLOB",
    "dt": "DATE",
    "ts": "TIMESTAMP",
    "tz": "TIMESTAMP WITH TIME ZONE",
    "uu": "UUID",
    "js": "JSON",
}
"""The columns of the table `t`; `k` counts the rows from 0, `g` has a few values alone."""

VALUES: dict[str, list[object]] = {
    "i": [0, 1, -1, 2, 7, -7, 100, 2**31 - 1, -(2**31), 12345],
    "b": [0, 1, -1, 2**63 - 1, -(2**63), 2**53 + 1, -(2**53) - 1, 10**18, 99],
    "si": [0, 1, -1, 2**15 - 1, -(2**15), 255],
    "ti": [0, 1, -1, 127, -128, 5],
    "u": [0, 1, 2**64 - 1, 2**63, 2**53 + 1, 10**19, 42],
    "ui": [0, 1, 2**32 - 1, 2**31, 7],
    "usi": [0, 1, 65535, 32768, 7],
    "uti": [0, 1, 255, 128, 7],
    "h": [0, 1, -1, 2**64, -(2**64), 2**63, -(2**64) - 1, 10**37, -(10**37), 2**53 + 1,
        2**70 + 1, -12345678901234567890123456789012345678, -3436968943862991616],
    "d": ["0", "0.01", "-0.01", "9999999999.99", "-9999999999.99", "1.005", "2.5", "-2.5",
        "0.5", "3.14"],
    "d18": ["0", "0.0001", "-0.0001", "99999999999999.9999", "-99999999999999.9999", "2.5",
        "-0.5",
            "12345678901234.5678"],
    "d38": ["0", "0.0000000001", "-9999999999999999999999999999.9999999999", "1.5",
            "12345678901234567890.1234567891", "-98765432109876543210.0000000001"],
    "f": [0.0, -0.0, 1.0, -1.5, 0.5, 2.5, "nan", "inf", "-inf", 1e308, 5e-324, 0.1, 123456.789,
          9007199254740993.0, 2.0**63, -(2.0**63), 1e15],
    "fl": [0.0, -0.0, 1.0, 0.1, -2.5, "nan", "inf", 3.4e38, 16777217.0],
    "s": ["", " ", "a", "A", "abc", "completed", "  Pending ", "ärger", "ÄRGER", "straße",
        "İstanbul",
          "ΣΟΦΟΣ", "e\u0301te", "naïve", "日本語", "😀 smile", "a\nb", "tab\tx", "x\\y", "100%",
          "a_b", "O'Neil",
          "$1 ${x}", "\u00a0nbsp\u2003", "0", "12.5", "-7", "2024-02-29", "true", "eee", "aeb",
          "a.b", "\x00z",
          "ﬁ", "\u1e9e", "line\r\n", "Z", "z", "é", "ǆ"],
    "g": ["g1", "g2", "G1", "g3"],
    "bo": [True, False],
    "bl": ["", "a", "\\x00\\xff", "abc", "\\x80"],
    "dt": ["0001-01-01", "9999-12-31", "2024-02-29", "2024-01-31", "1970-01-01", "1969-12-31",
        "1582-10-10",
           "2000-12-31", "2021-01-03", "1900-03-01"],
    "ts": ["0001-01-01 00:00:00", "9999-12-31 23:59:59.999999", "2024-02-29 12:34:56.789",
        "1970-01-01 00:00:00",
           "1969-12-31 23:59:59.999999", "2024-01-31 23:59:59", "2000-01-01 00:00:00.000001",
           "1582-10-10 10:10:10"],
    "tz": ["0001-01-01 00:00:00+00", "9999-12-31 23:59:59.999999+00", "2024-02-29 12:34:56+00",
           "1970-01-01 00:00:00+00", "2024-03-31 01:30:00+00", "1969-12-31 23:59:59.5+00"],
    "uu": ["00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff",
           "80000000-0000-0000-0000-000000000001", "12345678-9abc-def0-1234-56789abcdef0"],
    "js": ['{"a": 1}', "[1, 2]", "null", '"text"'],
}  # fmt: skip
ROWS = 168


def _cells(name: str) -> Iterator[object]:
    """Yield a value for each row: the columns go round at different paces, NULL among them."""
    values = [*VALUES[name], None]
    pace = 1 + sum(map(ord, name)) % 3
    for row in range(ROWS):
        yield values[(row * pace + row // len(values)) % len(values)]


def create(connection: duckdb.DuckDBPyConnection) -> None:
    """Create the table `t` in DuckDB."""
    connection.execute("SET TimeZone = 'UTC'")
    listed = ", ".join(f"{name} {type_}" for name, type_ in COLUMNS.items())
    connection.execute(f"CREATE TABLE t ({listed})")
    columns = [[None if cell is None else str(cell) for cell in _cells(name)] for name in VALUES]
    marks = ", ".join(f"CAST(? AS {COLUMNS[name]})" for name in VALUES)
    connection.executemany(
        f"INSERT INTO t VALUES (?, {marks})",
        [[row, *cells] for row, cells in enumerate(zip(*columns, strict=True))],
    )


WRITTEN = {
    "HUGEINT": "DECIMAL(38,0)",
    "UBIGINT": "DECIMAL(20,0)",
    "UUID": "VARCHAR",
    "JSON": "VARCHAR",
}
"""The types that Parquet would keep otherwise than Spark has them."""


def as_parquet(
    connection: duckdb.DuckDBPyConnection, table: str, columns: Mapping[str, str], file: Path
) -> None:
    """Write a table as Spark has its types."""
    listed = ", ".join(
        f"CAST({quoted(name)} AS {WRITTEN.get(type_, type_)}) AS {quoted(name)}"
        for name, type_ in columns.items()
    )
    connection.execute(f"COPY (SELECT {listed} FROM {table}) TO '{file}' (FORMAT parquet)")
