"""What a file format would round, cut or refuse, and the SQL that keeps it exact.

Parquet has no 128-bit integer (DuckDB would write a DOUBLE), counts an interval in milliseconds
and knows no zone of a time of day. JSON is text, so it can hold any digits, but DuckDB's own
writing takes the numbers inside a JSON column through a DOUBLE, and writes NaN bare, which is not
JSON. None of these would be seen.
"""

from __future__ import annotations

import json
from typing import Any

from duckdb.sqltypes import DuckDBPyType

from warehouse.lake.types import cast_target
from warehouse.project.quoting import literal, quoted

PARQUET = {
    "hugeint": "DECIMAL(38,0)",  # one over 38 digits is an error, not another number
    "uhugeint": "DECIMAL(38,0)",
    "interval": "VARCHAR",
    "time with time zone": "VARCHAR",
}
"""Types that Parquet does not keep, and what holds their values exactly."""

_EXACT_NUMBERS = {
    *("tinyint", "smallint", "integer", "bigint", "hugeint", "decimal", "bignum"),
    *("utinyint", "usmallint", "uinteger", "ubigint", "uhugeint"),
}
NUMBERS = {*_EXACT_NUMBERS, "float", "double"}


def parquet_type(type_: DuckDBPyType) -> str:
    """Return the type that a value is cast to before it goes into Parquet: often its own."""
    return cast_target(type_, lambda scalar: PARQUET.get(scalar.id, str(scalar)))


def parquet_value(column: str, type_: DuckDBPyType) -> str:
    """Return SQL for a column as Parquet keeps it."""
    target = parquet_type(type_)
    return column if target == str(type_) else f"CAST({column} AS {target})"


def json_value(value: str, type_: DuckDBPyType, depth: int = 0) -> str:
    """Return SQL for the JSON text of a value: every digit, and NaN as a text.

    Args:
        value: SQL for the value.
        type_: Its type.
        depth: How many lists it is in, for the names of their items.
    """
    return f"CASE WHEN {value} IS NULL THEN 'null' ELSE {_json(value, type_, depth)} END"


def _json(value: str, type_: DuckDBPyType, depth: int) -> str:
    text = f"CAST({value} AS VARCHAR)"
    if str(type_) == "JSON" or type_.id in {*_EXACT_NUMBERS, "boolean"}:
        return text
    inner = _inner(type_)
    item = f"item{depth}"
    match type_.id:
        case "float" | "double":
            return f"CASE WHEN isfinite({value}) THEN {text} ELSE '\"' || {text} || '\"' END"
        case "list" | "array":
            items = f"CAST({value} AS {inner['child']}[])"
            return _joined("[]", items, item, json_value(item, inner["child"], depth + 1))
        case "map":
            entry = f"to_json(CAST({item}.key AS VARCHAR)) || ':' || " + json_value(
                f"{item}.value", inner["value"], depth + 1
            )
            return _joined("{}", f"map_entries({value})", item, entry)
        case "struct":
            return json_object(
                {name: (f"{value}.{quoted(name)}", field) for name, field in inner.items()}, depth
            )
    return f"CAST(to_json({text}) AS VARCHAR)"


def _inner(type_: DuckDBPyType) -> dict[str, Any]:
    """Return what a nested type is made of: types, and the size of an array."""
    return dict(type_.children) if type_.id in ("list", "array", "struct", "map") else {}


def _joined(brackets: str, items: str, item: str, each: str) -> str:
    texts = f"list_transform({items}, lambda {item}: {each})"
    return f"'{brackets[0]}' || array_to_string({texts}, ',') || '{brackets[1]}'"


def json_object(values: dict[str, tuple[str, DuckDBPyType]], depth: int = 0) -> str:
    """Return SQL for the text of a JSON object: each name, and its value's SQL and type."""
    pairs = (
        literal(json.dumps(name, ensure_ascii=False) + ":")
        + " || "
        + json_value(value, type_, depth)
        for name, (value, type_) in values.items()
    )
    return "'{' || " + " || ',' || ".join(pairs) + " || '}'"
