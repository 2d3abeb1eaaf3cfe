"""The Arrow types in which a result of Spark comes back."""

from __future__ import annotations

import duckdb
import pyarrow as pa

from warehouse.engines.spark.types import decimal, spark_type

_ARROW = {
    "BOOLEAN": pa.bool_(),
    "TINYINT": pa.int8(),
    "SMALLINT": pa.int16(),
    "INT": pa.int32(),
    "BIGINT": pa.int64(),
    "FLOAT": pa.float32(),
    "DOUBLE": pa.float64(),
    "STRING": pa.string(),
    "BINARY": pa.binary(),
    "DATE": pa.date32(),
    "TIMESTAMP_NTZ": pa.timestamp("us"),
    "TIMESTAMP": pa.timestamp("us", tz="UTC"),
    "VOID": pa.null(),
}
"""By Spark's type."""


def arrow_type(duckdb_type: str) -> pa.DataType:
    """Return the Arrow type in which a column of a DuckDB type comes back from Spark.

    A cast of such a column to the DuckDB type loses nothing: `DECIMAL(20,0)` to `UBIGINT`.

    Raises:
        Refusal: Spark has no counterpart of the type.
    """
    spark = spark_type(duckdb_type)
    if spark in _ARROW:
        return _ARROW[spark]
    if spark.startswith("DECIMAL"):
        precision, scale = decimal(spark)
        return pa.decimal128(precision, scale)
    parsed = duckdb.sqltype(duckdb_type)
    kids = [(name, arrow_type(str(kid))) for name, kid in parsed.children]
    if parsed.id == "list":
        return pa.list_(kids[0][1])
    if parsed.id == "map":
        return pa.map_(kids[0][1], kids[1][1])
    return pa.struct([(name or f"col{place}", kid) for place, (name, kid) in enumerate(kids, 1)])
