"""Named parameters of a query as literals, for an engine that takes none."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import duckdb
from sqlglot.dialects.duckdb import DuckDB
from sqlglot.tokenizer_core import TokenType

from warehouse.errors import WarehouseError
from warehouse.project.quoting import literal

_BARE = frozenset(
    ["BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UBIGINT", "DECIMAL"]
)
"""Types whose text is their literal."""

_LED = {"DATE": "DATE", "TIMESTAMP": "TIMESTAMP", "TIMESTAMP WITH TIME ZONE": "TIMESTAMPTZ"}
"""What stands before the text of a moment."""


def inlined(query: str, values: Mapping[str, Any]) -> str:
    """Return a query in which each `$name` is the literal of its value.

    Args:
        query: In DuckDB's dialect.
        values: By name, values of Python as DuckDB takes them.

    Raises:
        WarehouseError: a value has no literal.
    """
    found = DuckDB().tokenize(query)
    parts: list[str] = []
    end = 0
    for mark, name in pairwise(found):
        if mark.token_type is TokenType.PARAMETER and name.text in values:
            parts += [query[end : mark.start], _literal(name.text, values[name.text])]
            end = name.end + 1
    return "".join([*parts, query[end:]])


def _literal(name: str, value: Any) -> str:
    """Return how DuckDB writes a value, with its type."""
    with duckdb.connect() as connection:
        typed = connection.execute("SELECT $1 AS value", [value])
        ((_, type_, *_),) = typed.description
        ((text,),) = connection.execute("SELECT CAST($1 AS VARCHAR)", [value]).fetchall()
    if text is None:
        return "NULL"
    kind = str(type_)
    if kind.partition("(")[0] in _BARE:
        return f"({text})"
    if kind == "VARCHAR":
        return literal(text)
    if kind in _LED:
        return f"{_LED[kind]} {literal(text)}"
    if kind.endswith("[]"):
        listed = ", ".join(_literal(name, one) for one in value)
        return f"[{listed}]"
    raise WarehouseError(
        f"${name} is a value of type {kind}, which cannot be sent to Spark.",
        todo="Write it into the query as a text, a number or a date.",
    )
