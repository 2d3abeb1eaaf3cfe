"""The type map: what each MySQL type is on the wire, and what it becomes in DuckDB. One table.

What the server says of a column of a result names the row: `kind_of`. Values travel in the binary
protocol as the server holds them; `wire` is what is asked for instead where that would not be the
value that MySQL shows. `rebuild` is the exact value in DuckDB's SQL.

A date may be zero (`0000-00-00`), partial (`2024-00-15`) or impossible (`2024-02-30`) in MySQL, a
text may hold bytes that are not UTF-8, and MariaDB's JSON may be none. Just these have no
counterpart: they become NULL, and are counted.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
from pymysql.constants import FIELD_TYPE, FLAG

from warehouse.mysql import decode, decode_times
from warehouse.mysql.decode import Decoder
from warehouse.mysql.protocol import Field

BINARY_CHARSET = 63
NOT_FIXED = 31
"""The scale of floating-point numbers without a number of digits."""
LARGEST_PRECISION = 38
"""Of DuckDB's DECIMAL. MySQL's goes up to 65."""


@dataclass(frozen=True)
class TypeRule:
    """One row of the type map.

    Attributes:
        decode: Reads the values of a block.
        arrow: Their Arrow type.
        duckdb: The DuckDB type; `{p}` and `{s}` are precision and scale.
        rebuild: SQL for DuckDB that makes the value, of type `{type}`, of the decoded value `{w}`.
        valid: SQL for DuckDB that tells which decoded values `{w}` have a counterpart; None where
            the decoder does.
        wire: What MySQL is asked for; `{c}` is the quoted column.
    """

    decode: Decoder
    arrow: pa.DataType
    duckdb: str
    rebuild: str = "{w}"
    valid: str | None = None
    wire: str = "{c}"


def _number(dtype: str, arrow: pa.DataType, duckdb: str) -> TypeRule:
    return TypeRule(decode.number(dtype), arrow, duckdb)


def _text(duckdb: str, *, wire: str = "{c}", valid: str | None = None) -> TypeRule:
    return TypeRule(decode.text, pa.string(), duckdb, "CAST({w} AS {type})", valid, wire)


TYPES: dict[str, TypeRule] = {
    "tinyint": _number("i1", pa.int8(), "TINYINT"),
    "tinyint unsigned": _number("u1", pa.uint8(), "UTINYINT"),
    "smallint": _number("<i2", pa.int16(), "SMALLINT"),
    "smallint unsigned": _number("<u2", pa.uint16(), "USMALLINT"),
    "mediumint": _number("<i4", pa.int32(), "INTEGER"),
    "mediumint unsigned": _number("<u4", pa.uint32(), "UINTEGER"),
    "int": _number("<i4", pa.int32(), "INTEGER"),
    "int unsigned": _number("<u4", pa.uint32(), "UINTEGER"),
    "bigint": _number("<i8", pa.int64(), "BIGINT"),
    "bigint unsigned": _number("<u8", pa.uint64(), "UBIGINT"),
    "year": _number("<i2", pa.int16(), "SMALLINT"),
    "decimal": _text("DECIMAL({p},{s})"),
    "decimal (p > 38)": TypeRule(decode.text, pa.string(), "VARCHAR"),
    "float": _number("<f4", pa.float32(), "FLOAT"),
    "double": _number("<f8", pa.float64(), "DOUBLE"),
    # Stored with more digits than they have by definition: as text they are what MySQL shows.
    "float(m,d)": _text("FLOAT", wire="CAST({c} AS CHAR)"),
    "double(m,d)": _text("DOUBLE", wire="CAST({c} AS CHAR)"),
    "bit(1)": TypeRule(decode.bits, pa.uint64(), "BOOLEAN", "CAST({w} AS {type})"),
    "bit": TypeRule(decode.bits, pa.uint64(), "UBIGINT"),
    "date": TypeRule(decode_times.date, pa.int32(), "DATE", "DATE '1970-01-01' + {w}"),
    "datetime": TypeRule(decode_times.moment, pa.int64(), "TIMESTAMP", "make_timestamp({w})"),
    "timestamp": TypeRule(decode_times.moment, pa.int64(), "TIMESTAMPTZ", "make_timestamptz({w})"),
    "time": TypeRule(decode_times.duration, pa.int64(), "INTERVAL", "to_microseconds({w})"),
    "text": TypeRule(decode.text, pa.string(), "VARCHAR"),
    "enum": TypeRule(decode.text, pa.string(), "VARCHAR"),
    "set": TypeRule(decode.text, pa.string(), "VARCHAR"),
    "blob": TypeRule(decode.binary, pa.binary(), "BLOB"),
    # MariaDB takes as JSON what DuckDB does not.
    "json": _text("JSON", valid="json_valid({w})"),
    "uuid": _text("UUID"),
    "inet": TypeRule(decode.text, pa.string(), "VARCHAR"),
    # VECTOR_TO_STRING rounds to six digits; the column's own bytes are little-endian floats.
    "vector": TypeRule(decode.floats, pa.list_(pa.float32()), "FLOAT[]"),
    "geometry": TypeRule(decode.binary, pa.binary(), "BLOB", wire="ST_AsWKB({c})"),
    "null": TypeRule(decode.text, pa.string(), "VARCHAR"),
}
"""The names are MySQL's; `text` and `blob` stand for all types of that kind, CHAR and BINARY
among them."""

DATED = ("date", "datetime", "timestamp")
"""The types that have days."""

VECTOR = 242
"""Of MySQL 9, not yet in PyMySQL."""

_KINDS = {
    FIELD_TYPE.TINY: "tinyint",
    FIELD_TYPE.SHORT: "smallint",
    FIELD_TYPE.INT24: "mediumint",
    FIELD_TYPE.LONG: "int",
    FIELD_TYPE.LONGLONG: "bigint",
    FIELD_TYPE.YEAR: "year",
    FIELD_TYPE.DECIMAL: "decimal",
    FIELD_TYPE.NEWDECIMAL: "decimal",
    FIELD_TYPE.FLOAT: "float",
    FIELD_TYPE.DOUBLE: "double",
    FIELD_TYPE.BIT: "bit",
    FIELD_TYPE.DATE: "date",
    FIELD_TYPE.NEWDATE: "date",
    FIELD_TYPE.DATETIME: "datetime",
    FIELD_TYPE.TIMESTAMP: "timestamp",
    FIELD_TYPE.TIME: "time",
    FIELD_TYPE.VARCHAR: "text",
    FIELD_TYPE.VAR_STRING: "text",
    FIELD_TYPE.STRING: "text",
    FIELD_TYPE.TINY_BLOB: "text",
    FIELD_TYPE.MEDIUM_BLOB: "text",
    FIELD_TYPE.LONG_BLOB: "text",
    FIELD_TYPE.BLOB: "text",
    FIELD_TYPE.ENUM: "enum",
    FIELD_TYPE.SET: "set",
    FIELD_TYPE.JSON: "json",
    FIELD_TYPE.GEOMETRY: "geometry",
    FIELD_TYPE.NULL: "null",
    VECTOR: "vector",
}

_TOLD_BY_DEFINITION = {"json": "json", "uuid": "uuid", "inet4": "inet", "inet6": "inet"} | {
    "vector": "vector"
}
"""What MariaDB's results call a text or bytes, and the column's definition does not."""


def precision(field: Field) -> int:
    """Return how many digits a DECIMAL has: its length is that of the text, with sign and point."""
    signed = not field.flags & FLAG.UNSIGNED
    return field.length - signed - (field.scale > 0)


def kind_of(field: Field, defined: str = "") -> str | None:
    """Return the name of a column's row in the type map.

    Args:
        field: What the server says of it.
        defined: The type in the definition of the table that it comes from, if it does; MariaDB's
            results leave some types out.

    Returns:
        None if the type has no row.
    """
    kind = _KINDS.get(field.type_code)
    unsigned = bool(field.flags & FLAG.UNSIGNED)
    if kind == "text":
        if defined in _TOLD_BY_DEFINITION:
            return _TOLD_BY_DEFINITION[defined]
        if field.flags & (FLAG.ENUM | FLAG.SET):
            return "enum" if field.flags & FLAG.ENUM else "set"
        return "blob" if field.charset == BINARY_CHARSET else "text"
    if kind == "decimal" and precision(field) > LARGEST_PRECISION:
        return "decimal (p > 38)"
    if kind in ("float", "double") and field.scale != NOT_FIXED:
        return f"{kind}(m,d)"
    if kind == "bit" and field.length == 1:
        return "bit(1)"
    if unsigned and kind is not None and f"{kind} unsigned" in TYPES:
        return f"{kind} unsigned"
    return kind
