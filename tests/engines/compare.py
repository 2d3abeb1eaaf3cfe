"""Asks DuckDB and Spark the same SELECT, and says whether the answers are equal."""

from __future__ import annotations

import math
import re
import struct
from collections import Counter
from collections.abc import Mapping
from typing import Any

import duckdb
import pyarrow as pa

from warehouse.engines.spark.arrow import arrow_type
from warehouse.engines.spark.translate import Translated, translate


def translated(sql: str, tables: Mapping[str, Mapping[str, str]]) -> Translated:
    return translate(sql, tables, lambda line: f"probe.sql:{line}")


def plain(value: Any) -> Any:
    """Return a value that equals another one only if nobody can tell them apart."""
    if isinstance(value, float):
        return "nan" if math.isnan(value) else struct.pack(">d", value)
    if isinstance(value, dict):
        return tuple((plain(key), plain(inner)) for key, inner in value.items())
    if isinstance(value, list | tuple):
        return tuple(plain(inner) for inner in value)
    if isinstance(value, bytes | bytearray):
        return bytes(value)
    return type(value).__name__, value


def ask_duckdb(connection: duckdb.DuckDBPyConnection, sql: str) -> list[Any]:
    return [plain(row) for row in connection.execute(sql).fetchall()]


def ask_spark(spark: Any, query: Translated) -> list[Any]:
    """Return Spark's rows, each value in the DuckDB type that the result is said to have.

    Raises:
        AssertionError: a column has another type than it is said to have.
    """
    table = spark.sql(query.sql).toArrow()
    found = [_bare(field.type) for field in table.schema]
    expected = [_bare(arrow_type(type_)) for _, type_ in query.columns]
    assert found == expected, f"{query.sql} has the types {found}, and not {expected}"
    return [plain(row) for row in _as_duckdb(table, query)]


def _bare(type_: pa.DataType) -> str:
    """Return a type's text without what Spark knows of NULLs in it."""
    return re.sub(r"element|item| not null|entries", "", str(type_))


def _as_duckdb(table: pa.Table, query: Translated) -> list[tuple[Any, ...]]:
    renamed = table.rename_columns([f"c{place}" for place in range(table.num_columns)])
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("answer", renamed)
        listed = ", ".join(
            f"CAST(c{place} AS {type_})" for place, (_, type_) in enumerate(query.columns)
        )
        return connection.execute(f"SELECT {listed} FROM answer").fetchall()


def differences(expected: list[Any], found: list[Any], *, ordered: bool) -> list[Any]:
    """Return the first rows in which two answers differ, as pairs."""
    if ordered:
        pairs = [pair for pair in zip(expected, found, strict=False) if pair[0] != pair[1]]
        return pairs[:3] if len(expected) == len(found) else [(len(expected), len(found))]
    missing, added = Counter(expected), Counter(found)
    return [*zip((missing - added).elements(), (added - missing).elements(), strict=False)][:3] or (
        [] if missing == added else [(len(expected), len(found))]
    )
