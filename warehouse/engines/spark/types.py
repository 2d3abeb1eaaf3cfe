"""DuckDB's types as Spark has them, and what a result comes back as.

A type is DuckDB's own text for it: `DECIMAL(12,2)`, `STRUCT(a INTEGER, b VARCHAR[])`. DuckDB parses
that text as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import duckdb

from warehouse.engines.refusal import Refusal
from warehouse.project.quoting import literal, quoted

SPARK = {
    "boolean": "BOOLEAN",
    "tinyint": "TINYINT",
    "smallint": "SMALLINT",
    "integer": "INT",
    "bigint": "BIGINT",
    "hugeint": "DECIMAL(38,0)",
    "utinyint": "SMALLINT",
    "usmallint": "INT",
    "uinteger": "BIGINT",
    "ubigint": "DECIMAL(20,0)",
    "float": "FLOAT",
    "double": "DOUBLE",
    "varchar": "STRING",
    "json": "STRING",
    "uuid": "STRING",
    "enum": "STRING",
    "blob": "BINARY",
    "date": "DATE",
    "timestamp": "TIMESTAMP_NTZ",
    "timestamp with time zone": "TIMESTAMP",
}
"""By the name of DuckDB's type; unsigned integers become the next wider type."""

NULL = '"NULL"'
"""DuckDB's type of a bare NULL."""

SIGNED = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT")
UNSIGNED = ("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT")
FLOATS = ("FLOAT", "DOUBLE")


@cache
def spark_type(duckdb_type: str) -> str:
    """Return Spark's type for a type of DuckDB.

    Raises:
        Refusal: Spark has none that keeps all its values.
    """
    if duckdb_type == NULL:
        return "VOID"
    return _spark(duckdb.sqltype(duckdb_type), duckdb_type)


def _spark(parsed: Any, text: str) -> str:
    # Any: a child is a type, a number or a text, by the type whose child it is.
    id_, kids = parsed.id, tuple(parsed.children) if _nested(parsed.id) else ()
    if id_ in SPARK:
        return SPARK[id_]
    if str(parsed) == "JSON":
        return "STRING"
    if id_ == "decimal":
        precision, scale = (number for _, number in kids)
        return f"DECIMAL({precision},{scale})"
    if id_ == "list":
        return f"ARRAY<{_spark(kids[0][1], text)}>"
    if id_ == "map":
        return "MAP<{}, {}>".format(*(_spark(kid, text) for _, kid in kids))
    if id_ in ("struct", "tuple"):
        names = field_names([name for name, _ in kids])
        fields = (
            f"{name}: {_spark(kid, text)}" for name, (_, kid) in zip(names, kids, strict=True)
        )
        return f"STRUCT<{', '.join(fields)}>"
    raise Refusal(
        f"the type {text} has no counterpart in Spark.",
        "Leave the column out, or make text of it where it is loaded: in a source file, "
        "CAST(... AS CHAR).",
    )


def _nested(id_: str) -> bool:
    return id_ in ("decimal", "list", "map", "struct", "tuple")


def field_names(names: Sequence[str]) -> list[str]:
    """Return the quoted names of a struct's fields; those of a row have none and are numbered."""
    return [identifier(name or f"col{place}") for place, name in enumerate(names, 1)]


def identifier(name: str) -> str:
    """Quote a name for Spark's SQL.

    Raises:
        Refusal: Spark cannot have it.
    """
    if "${" in name or not name or not name.isprintable():
        raise Refusal(f"Spark cannot have a name such as {name!r}.", "Choose another name.")
    return "`" + name.replace("`", "``") + "`"


def class_of(duckdb_type: str) -> str:
    """Return the kind of a type, as the rules name it: `INT`, `DECIMAL`, `LIST` and so on."""
    if duckdb_type in SIGNED:
        return "INT"
    if duckdb_type in UNSIGNED:
        return "UINT"
    if duckdb_type in FLOATS:
        return "FLOAT"
    if duckdb_type == "TIMESTAMP WITH TIME ZONE":
        return "TIMESTAMPTZ"
    if duckdb_type.endswith("]"):
        return "LIST" if duckdb_type.endswith("[]") else "ARRAY"
    return duckdb_type.partition("(")[0]


def decimal(duckdb_type: str) -> tuple[int, int]:
    """Return precision and scale of a number that is no float."""
    if duckdb_type.startswith("DECIMAL("):
        precision, scale = duckdb_type[8:-1].split(",")
        return int(precision), int(scale)
    return {"HUGEINT": 38, "UBIGINT": 20, "BIGINT": 19, "UINTEGER": 10, "INTEGER": 10}.get(
        duckdb_type, 5
    ), 0


def plan_type(described: Mapping[str, Any]) -> str:
    """Return the text of a type as a plan of DuckDB describes it.

    Raises:
        Refusal: it is one that no other engine has.
    """
    id_, info = described["id"], described.get("type_info")
    if id_ == "NULL":
        return NULL
    if info is None:
        return str(id_)
    if id_ == "DECIMAL":
        return f"DECIMAL({info['width']},{info['scale']})"
    if id_ == "LIST":
        return plan_type(info["child_type"]) + "[]"
    if id_ in ("STRUCT", "TUPLE"):
        fields = (
            f"{quoted(one['first'])} {plan_type(one['second'])}"
            if one["first"]
            else plan_type(one["second"])
            for one in info["child_types"]
        )
        return f"{id_}({', '.join(fields)})"
    if id_ == "MAP":
        key, value = info["child_type"]["type_info"]["child_types"]
        return f"MAP({plan_type(key['second'])}, {plan_type(value['second'])})"
    if id_ == "ENUM":
        return f"ENUM({', '.join(literal(value) for value in info['values'])})"
    if id_ == "VARCHAR" and info.get("alias") == "JSON":
        return "JSON"
    if id_ == "VARCHAR" and info.get("collation"):
        raise Refusal("text with a collation is compared otherwise in Spark.", "Compare lower(x).")
    raise Refusal(f"the type {info.get('alias') or id_} has no counterpart in Spark.")
