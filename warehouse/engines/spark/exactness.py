"""The columns of two snapshots on Spark: which of their values it tells apart as DuckDB does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Any, Protocol

import duckdb

from warehouse.engines.spark.types import class_of, decimal, spark_type


class ComparedColumn(Protocol):
    """A column that both snapshots have, with DuckDB's types."""

    @property
    def name(self) -> str:
        """In the table."""
        ...

    @property
    def old_type(self) -> str:
        """In the old snapshot."""
        ...

    @property
    def new_type(self) -> str:
        """In the new snapshot."""
        ...

    @property
    def compared_as(self) -> str:
        """The type that holds the values of both."""
        ...

    @property
    def alias(self) -> str:
        """Its name in queries."""
        ...

    @property
    def retyped(self) -> bool:
        """Whether its types differ."""
        ...


class Exactness(IntEnum):
    """What Spark's comparison of two values of a column is worth."""

    NONE = 0
    """Nothing: only DuckDB can compare them."""
    EQUAL = 1
    """What is equal to Spark is equal to DuckDB, and the other way round not always."""
    FULL = 2
    """Spark and DuckDB agree."""


_LOOSE = frozenset({"interval", "time with time zone"})
"""Stored as text, and DuckDB holds different texts for equal: a month is equal to 30 days."""

_WHOLE = ("INT", "UINT", "HUGEINT")
_NUMBERS = (*_WHOLE, "DECIMAL")
_TEXTS = ("VARCHAR", "JSON", "UUID", "ENUM")
_TIMES = ("DATE", "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS")
_RETYPED: Mapping[str, Sequence[str]] = {
    **dict.fromkeys(_WHOLE, _WHOLE),
    "DECIMAL": _NUMBERS,
    "DOUBLE": ("INT", "FLOAT", "DOUBLE"),
    "TEXT": _TEXTS,
    "TIMESTAMP": _TIMES,
    "TIMESTAMPTZ": (*_TIMES, "TIMESTAMPTZ"),
}
"""By the type in which values are compared, of which types both engines cast alike to it."""


def exactness(column: ComparedColumn) -> Exactness:
    """Return what Spark's comparison of the values of a column is worth."""
    if column.retyped:
        return Exactness.FULL if _casts_alike(column) else Exactness.NONE
    return _exactness(duckdb.sqltype(column.new_type))


def _exactness(parsed: Any) -> Exactness:
    match parsed.id:
        case "list" | "array":
            return _inside([parsed.children[0][1]])
        case "struct":
            return _inside([kid for _, kid in parsed.children])
        case "map":  # Spark's have no order
            return Exactness.NONE
    return Exactness.EQUAL if parsed.id in _LOOSE else Exactness.FULL


def _inside(kids: Sequence[Any]) -> Exactness:
    return min(map(_exactness, kids))


def _casts_alike(column: ComparedColumn) -> bool:
    kind = class_of(column.compared_as)
    if kind in _TEXTS:  # of one text, JSON and an ENUM make the same
        kind = "TEXT" if column.compared_as == "VARCHAR" else kind
    types = (column.old_type, column.new_type)
    if not all(class_of(type_) in _RETYPED.get(kind, ()) for type_ in types):
        return False
    if kind != "DECIMAL":
        return True
    # With fewer digits behind the point, each would round in its own way.
    return all(decimal(type_)[1] <= decimal(column.compared_as)[1] for type_ in types)


def value(column: ComparedColumn, of: str) -> str:
    """Return Spark's SQL for what is compared of a column.

    Args:
        column: Spark can compare it, see `exactness`.
        of: The relation that it belongs to.
    """
    plain = f"{of}.{column.alias}"
    return f"try_cast({plain} AS {spark_type(column.compared_as)})" if column.retyped else plain


def differs(column: ComparedColumn) -> str:
    """Return Spark's condition that the value changed from `o` to `n`."""
    test = f"NOT ({value(column, 'o')} <=> {value(column, 'n')})"
    if column.retyped:
        test += f" OR (o.{column.alias} IS NULL) <> (n.{column.alias} IS NULL)"
    return f"({test})"
