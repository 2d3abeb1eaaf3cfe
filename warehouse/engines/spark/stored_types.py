"""DuckDB's types as Spark reads them from the lake's Parquet files, see `lake.types`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import duckdb

from warehouse.engines.spark.session import quote
from warehouse.engines.spark.types import SPARK, spark_type

_OTHERS = {
    "uhugeint": "DECIMAL(38,0)",
    **dict.fromkeys(("timestamp_s", "timestamp_ms", "timestamp_ns"), "TIMESTAMP_NTZ"),
    "timestamptz_ns": "TIMESTAMP",
}
"""How Spark reads what the lake stores of types that it does not have; the others are text."""


def schema(columns: Mapping[str, str]) -> str:
    """Return how Spark reads the columns of a table in Parquet, in its DDL.

    A column of a type that Spark does not have is read as it is stored; no query can name it.

    Args:
        columns: By name, their DuckDB types.
    """
    return ", ".join(
        f"{quote(name)} {_stored(duckdb.sqltype(type_))}" for name, type_ in columns.items()
    )


def _stored(parsed: Any) -> str:
    kids = dict(parsed.children) if parsed.id in ("list", "array", "struct", "map") else {}
    match parsed.id:
        case "list" | "array":
            return f"ARRAY<{_stored(kids['child'])}>"
        case "map":
            return f"MAP<{_stored(kids['key'])}, {_stored(kids['value'])}>"
        case "struct":
            fields = (f"{quote(name)}: {_stored(kid)}" for name, kid in kids.items())
            return f"STRUCT<{', '.join(fields)}>"
        case "decimal":
            return spark_type(str(parsed))
    return SPARK.get(parsed.id) or _OTHERS.get(parsed.id, "STRING")
