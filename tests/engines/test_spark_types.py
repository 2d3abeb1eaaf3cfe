"""DuckDB's types as Spark has them, and as Arrow brings them back."""

from __future__ import annotations

import pyarrow as pa
import pytest

from warehouse.engines.spark.arrow import arrow_type
from warehouse.engines.spark.types import class_of, spark_type


@pytest.mark.parametrize(
    ("duckdb_type", "spark", "arrow"),
    [
        ("UBIGINT", "DECIMAL(20,0)", pa.decimal128(20, 0)),
        ("HUGEINT", "DECIMAL(38,0)", pa.decimal128(38, 0)),
        ("UTINYINT", "SMALLINT", pa.int16()),
        ("UINTEGER", "BIGINT", pa.int64()),
        ("DECIMAL(12,2)", "DECIMAL(12,2)", pa.decimal128(12, 2)),
        ("JSON", "STRING", pa.string()),
        ("UUID", "STRING", pa.string()),
        ("ENUM('a', 'b')", "STRING", pa.string()),
        ("TIMESTAMP", "TIMESTAMP_NTZ", pa.timestamp("us")),
        ("TIMESTAMP WITH TIME ZONE", "TIMESTAMP", pa.timestamp("us", tz="UTC")),
        ("UBIGINT[]", "ARRAY<DECIMAL(20,0)>", pa.list_(pa.decimal128(20, 0))),
        ("MAP(VARCHAR, BIGINT)", "MAP<STRING, BIGINT>", pa.map_(pa.string(), pa.int64())),
        (
            'STRUCT(a INTEGER, "b c" VARCHAR[])',
            "STRUCT<`a`: INT, `b c`: ARRAY<STRING>>",
            pa.struct([("a", pa.int32()), ("b c", pa.list_(pa.string()))]),
        ),
    ],
)
def test_a_type(duckdb_type: str, spark: str, arrow: pa.DataType) -> None:
    assert spark_type(duckdb_type) == spark
    assert arrow_type(duckdb_type) == arrow


@pytest.mark.parametrize(
    ("duckdb_type", "kind"),
    [
        ("BIGINT", "INT"),
        ("UBIGINT", "UINT"),
        ("DOUBLE", "FLOAT"),
        ("DECIMAL(12,2)[]", "LIST"),
        ("STRUCT(a INTEGER[])", "STRUCT"),
        ("MAP(VARCHAR, INTEGER[])", "MAP"),
        ("INTEGER[3]", "ARRAY"),
        ("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ"),
    ],
)
def test_the_kind_of_a_type(duckdb_type: str, kind: str) -> None:
    assert class_of(duckdb_type) == kind
