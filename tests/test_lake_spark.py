"""Spark reads each type from the lake as the docs say, and each value as it is in the warehouse."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from warehouse.engines.refusal import Refused
from warehouse.engines.spark.engine import ParquetTable, SparkEngine
from warehouse.engines.spark.session import connect, connected
from warehouse.lake.place import full_url, open_lake
from warehouse.lake.publish import publish
from warehouse.lake.write import keep_flat

DIGITS = "9" * 38
VALUES: dict[str, tuple[str, list[str]]] = {
    "TINYINT": ("tinyint", ["-128", "127"]),
    "SMALLINT": ("smallint", ["-32768", "32767"]),
    "INTEGER": ("int", ["-2147483648", "2147483647"]),
    "BIGINT": ("bigint", ["-9223372036854775808", "9223372036854775807"]),
    "UTINYINT": ("smallint", ["0", "255"]),
    "USMALLINT": ("int", ["0", "65535"]),
    "UINTEGER": ("bigint", ["0", "4294967295"]),
    "UBIGINT": ("decimal(20,0)", ["0", "18446744073709551615"]),
    "HUGEINT": ("decimal(38,0)", [f"-{DIGITS}", DIGITS]),
    "UHUGEINT": ("decimal(38,0)", ["0", DIGITS]),
    "DECIMAL(4,1)": ("decimal(4,1)", ["-999.9", "0.1"]),
    "DECIMAL(18,2)": ("decimal(18,2)", ["-9999999999999999.99", "0.01"]),
    "DECIMAL(38,10)": ("decimal(38,10)", [f"-{DIGITS[:28]}.{DIGITS[:10]}", "0.0000000001"]),
    "BOOLEAN": ("boolean", ["true", "false"]),
    "FLOAT": ("float", ["1.1", "3.4028235e38"]),
    "DOUBLE": ("double", ["0.1", "5e-324"]),
    "VARCHAR": ("string", ["''", "'é 🦆 \\ \" '''"]),
    "JSON": ("string", ["'{\"a\": 1.10}'", "'[1 , 2]'"]),
    "UUID": ("string", ["'11111111-1111-1111-1111-111111111111'"]),
    "BLOB": ("binary", ["''::BLOB", r"'\x00\xFF'::BLOB"]),
    "BIT": ("string", ["'0101'"]),
    "ENUM('a', 'b')": ("string", ["'a'", "'b'"]),
    "BIGNUM": ("string", ["'1" + "0" * 60 + "'"]),
    "DATE": ("date", ["'0001-01-01'", "'1582-10-10'", "'9999-12-31'"]),
    "TIME": ("string", ["'00:00:00'", "'23:59:59.999999'"]),
    "TIMETZ": ("string", ["'23:59:59.999999+05:30'"]),
    "INTERVAL": ("string", ["INTERVAL '-838:59:59.999999'", "INTERVAL '1 month 2 days'"]),
    "TIMESTAMP": ("timestamp_ntz", ["'0001-01-01'", "'9999-12-31 23:59:59.999999'"]),
    "TIMESTAMP_S": ("timestamp_ntz", ["'1582-10-10 10:10:10'"]),
    "TIMESTAMP_MS": ("timestamp_ntz", ["'1969-12-31 23:59:59.999'"]),
    "TIMESTAMP_NS": ("timestamp_ntz", ["'2024-03-31 02:30:00.000001'"]),
    "TIMESTAMPTZ": ("timestamp", ["'0001-01-01 00:00:00+00'", "'2024-03-31 01:59:59.999999+00'"]),
    "TIMESTAMPTZ_NS": ("timestamp", ["'2024-03-31 01:59:59.999999+00'"]),
    "INTEGER[]": ("array<int>", ["[]", "[1, NULL, -1]"]),
    "UBIGINT[2]": ("array<decimal(20,0)>", ["[0, 18446744073709551615]"]),
    'STRUCT(a JSON, "B c" TIME)': (
        "struct<a:string,B c:string>",
        ["{'a': '1', 'B c': '00:00:01'}"],
    ),
    "MAP(VARCHAR, HUGEINT)": ("map<string,decimal(38,0)>", [f"MAP {{'a': {DIGITS}}}", "MAP {}"]),
}
"""For each type of DuckDB, that of Spark, and values at its borders."""


def plain(value: object) -> object:
    """Return a value as Python's own, whichever engine gave it."""
    if hasattr(value, "asDict"):
        return {name: plain(one) for name, one in value.asDict().items()}
    if isinstance(value, bytearray):
        return bytes(value)
    if isinstance(value, list):
        return [plain(one) for one in value]
    return value


def test_each_type_arrives_in_spark(spark_url: str, tmp_path: Path) -> None:
    lake = open_lake(str(tmp_path / "lake"))
    tmp_path.chmod(0o755)
    with duckdb.connect() as connection:
        keep_flat(connection, None)
        for i, (type_, (_, values)) in enumerate(VALUES.items()):
            connection.execute(f'CREATE TABLE "t {i}" (n INTEGER, "the c" {type_})')
            rows = ", ".join(f"({n}, {v})" for n, v in enumerate([*values, "NULL"]))
            connection.execute(f'INSERT INTO "t {i}" VALUES {rows}')
        tables = {f"t {i}": "" for i in range(len(VALUES))}
        found = publish(connection, lake, tables, writer="test").snapshot
        spark = connect(spark_url)
        for i, (type_, (wanted, _)) in enumerate(VALUES.items()):
            urls = [full_url(lake, file.path) for file in found.tables[f"t {i}"].files]
            frame = spark.read.parquet(*urls)
            assert frame.dtypes[1] == ("the c", wanted), type_
            came = [plain(row[0]) for row in frame.orderBy("n").select("the c").collect()]
            paths = [lake.at(file.path) for file in found.tables[f"t {i}"].files]
            there = connection.read_parquet(paths).order("n").project('"the c"').fetchall()
            sent = [plain(row[0]) for row in there]
            if wanted == "timestamp":  # a moment: both give it in a zone of their own
                came, sent = ([one and f"{one:%c %f}" for one in side] for side in (came, sent))
            assert came == sent, type_
        spark.stop()


def test_a_type_that_spark_does_not_have_is_no_hindrance_to_other_columns(
    spark_url: str, tmp_path: Path
) -> None:
    lake = open_lake(str(tmp_path / "lake"))
    tmp_path.chmod(0o755)
    with duckdb.connect() as connection:
        keep_flat(connection, None)
        connection.execute("CREATE TABLE t AS SELECT 7 AS n, INTERVAL '1 day' AS took")
        (table,) = publish(connection, lake, {"t": ""}, writer="test").snapshot.tables.values()
    columns = {column.name: column.type for column in table.columns}
    urls = [full_url(lake, file.path) for file in table.files]
    with connected(spark_url) as session:
        engine = SparkEngine(session, {"t": ParquetTable(columns, urls)}, [])
        assert engine.sql("SELECT n FROM t").fetchall() == [(7,)]
        with pytest.raises(Refused, match=r"t\.took: the type INTERVAL has no counterpart"):
            engine.sql("FROM t")
