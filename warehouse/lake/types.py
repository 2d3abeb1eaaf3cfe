"""How a column of DuckDB becomes one of Parquet that Spark reads exactly, as SQL.

Spark reads all integers, unsigned ones too, decimals of up to 38 digits, dates and times of a
microsecond. It knows no 128-bit integer, of which DuckDB's Parquet makes a DOUBLE, and no
interval, whose microseconds Parquet drops. Of UUID, TIME and JSON it makes an error or its own
type: as text they arrive as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from duckdb.sqltypes import DuckDBPyType

from warehouse.errors import WarehouseError
from warehouse.lake.manifest import SAFE
from warehouse.project.quoting import quoted

_LARGEST = "99999999999999999999999999999999999999"
"""Of DECIMAL(38,0)."""

_STORED: Mapping[str, str] = {
    "hugeint": "DECIMAL(38,0)",
    "uhugeint": "DECIMAL(38,0)",
    "timestamp_s": "TIMESTAMP",
    "timestamp_ms": "TIMESTAMP",
    "timestamp_ns": "TIMESTAMP",
    "timestamptz_ns": "TIMESTAMP WITH TIME ZONE",
    **dict.fromkeys(
        (
            *("interval", "time", "time_ns", "time with time zone"),
            *("uuid", "enum", "bit", "bignum", "null"),
        ),
        "VARCHAR",
    ),
}
"""What holds the values of a type that Parquet or Spark has not; the text is DuckDB's own."""

_AS_THEY_ARE = frozenset(
    [
        *("boolean", "varchar", "blob", "float", "double", "decimal"),
        *("tinyint", "smallint", "integer", "bigint"),
        *("utinyint", "usmallint", "uinteger", "ubigint"),
        *("date", "timestamp", "timestamp with time zone"),
    ]
)
_NESTED = frozenset({"list", "array", "struct", "map"})

_NOT_FINITE = "isinf({c})"
_FINER = "(isinf({{c}}::{0}) OR {{c}}::{0}::{0}_NS <> {{c}})"
_BAD: Mapping[str, tuple[str, str]] = {
    "hugeint": (
        f"({{c}} NOT BETWEEN -{_LARGEST}::HUGEINT AND {_LARGEST}::HUGEINT)",
        "have more than 38 digits",
    ),
    "uhugeint": (f"({{c}} > {_LARGEST}::UHUGEINT)", "have more than 38 digits"),
    "date": (_NOT_FINITE, "are infinite"),
    "timestamp": (_NOT_FINITE, "are infinite"),
    "timestamp_s": (_NOT_FINITE, "are infinite"),
    "timestamp_ms": (_NOT_FINITE, "are infinite"),
    "timestamp with time zone": (_NOT_FINITE, "are infinite"),
    "timestamp_ns": (_FINER.format("TIMESTAMP"), "are infinite or finer than a microsecond"),
    "timestamptz_ns": (_FINER.format("TIMESTAMPTZ"), "are infinite or finer than a microsecond"),
}
"""By type, SQL that is true of values which cannot be kept, and what is wrong with them."""

_TEXT_TOO = frozenset({*_NESTED, "interval", "time with time zone"})
"""Types of which DuckDB hashes different values alike: a month is equal to 30 days."""


@dataclass(frozen=True)
class StoredColumn:
    """A column on its way into Parquet.

    Attributes:
        type: DuckDB's.
        select: SQL for its values as the file holds them, with its name.
        hashed: SQL for what tells one value from another.
        bad: SQL that is true of a value which cannot be kept; empty if all can.
        wrong: What is wrong with such values.
    """

    name: str
    type: str
    select: str
    hashed: tuple[str, ...]
    bad: str = ""
    wrong: str = ""


def stored_columns(
    table: str, names: Sequence[str], types: Sequence[DuckDBPyType]
) -> list[StoredColumn]:
    """Return the columns of a table as they are stored.

    Args:
        table: Its name, for the error.
        names: Of the columns.
        types: Of the columns.

    Raises:
        WarehouseError: a column has a type that Spark would not get exactly.
    """
    return [_stored(table, name, type_) for name, type_ in zip(names, types, strict=True)]


def _stored(table: str, name: str, type_: DuckDBPyType) -> StoredColumn:
    try:
        target = cast_target(type_, _target)
    except _UnknownTypeError as error:
        raise WarehouseError(
            f"{table}.{name} is {type_}, and Parquet as Spark reads it has nothing that holds "
            f"{error} exactly.",
            safe=SAFE,
            todo="Cast the column, for example to VARCHAR, in the source or asset that makes it.",
        ) from None
    column = quoted(name)
    select = column if target == str(type_) else f"CAST({column} AS {target}) AS {column}"
    hashed = [column]
    if type_.id in ("float", "double"):
        hashed.append(f"signbit({column})")  # 0.0 and -0.0 are equal
    if type_.id in _TEXT_TOO:
        hashed.append(f"CAST({column} AS VARCHAR)")
    bad = _bad(column, type_)
    wrong = " or ".join(dict.fromkeys(_BAD[one][1] for one in _scalars(type_) if one in _BAD))
    return StoredColumn(name, str(type_), select, tuple(hashed), bad, wrong)


class _UnknownTypeError(Exception):
    """A type of which nothing is known; its text is the type."""


def cast_target(type_: DuckDBPyType, scalar: Callable[[DuckDBPyType], str]) -> str:
    """Return the type that a value is cast to before it goes into Parquet: often its own.

    Args:
        type_: Of the value.
        scalar: Returns it for a type that is not nested.
    """
    inner = _inner(type_)
    match type_.id:
        case "list":
            return f"{cast_target(inner['child'], scalar)}[]"
        case "array":
            return f"{cast_target(inner['child'], scalar)}[{inner['size']}]"
        case "struct":
            fields = (f"{quoted(name)} {cast_target(one, scalar)}" for name, one in inner.items())
            return f"STRUCT({', '.join(fields)})"
        case "map":
            key, value = (cast_target(inner[side], scalar) for side in ("key", "value"))
            return f"MAP({key}, {value})"
    return scalar(type_)


def _target(type_: DuckDBPyType) -> str:
    """Return the type of Parquet that holds a type which is not nested."""
    if type_.id == "varchar":
        return "VARCHAR"  # JSON, too
    if type_.id in _AS_THEY_ARE:
        return str(type_)
    if type_.id in _STORED:
        return _STORED[type_.id]
    raise _UnknownTypeError(type_)


def _bad(value: str, type_: DuckDBPyType, depth: int = 0) -> str:
    """Return SQL that is true if a value, or one inside it, cannot be kept; empty if all can."""
    inner = _inner(type_)
    item = f"item{depth}"
    match type_.id:
        case "list" | "array":
            items = f"CAST({value} AS {inner['child']}[])"
            return _any(items, item, _bad(item, inner["child"], depth + 1))
        case "map":
            sides = (("map_keys", "key"), ("map_values", "value"))
            found = [
                _any(f"{function}({value})", item, _bad(item, inner[side], depth + 1))
                for function, side in sides
            ]
            return _either(found)
        case "struct":
            return _either(
                [_bad(f"{value}.{quoted(name)}", one, depth) for name, one in inner.items()]
            )
    return _BAD[type_.id][0].format(c=value) if type_.id in _BAD else ""


def _any(items: str, item: str, bad: str) -> str:
    return f"len(list_filter({items}, lambda {item}: {bad})) > 0" if bad else ""


def _either(found: Sequence[str]) -> str:
    return " OR ".join(f"({one})" for one in found if one)


def _inner(type_: DuckDBPyType) -> dict[str, Any]:
    """Return what a nested type is made of: types, and the size of an array."""
    return dict(type_.children) if type_.id in _NESTED else {}


def _scalars(type_: DuckDBPyType) -> list[str]:
    """Return the types inside a type, or its own."""
    inner = [one for one in _inner(type_).values() if isinstance(one, DuckDBPyType)]
    return [name for one in inner for name in _scalars(one)] if inner else [type_.id]
