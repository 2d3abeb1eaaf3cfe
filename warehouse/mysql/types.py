"""The type map: how each MySQL type travels, and what it becomes in DuckDB. One table.

`wire` is what the SELECT asks for, with `{c}` for the column. Native types travel as they are.
What a driver would round, wrap or refuse travels as text or as an integer, and `duckdb` and
`rebuild` make the exact value of it. `arrow` is the type in the stream.

A date may be zero (`0000-00-00`), partial (`2024-00-15`) or impossible (`2024-02-30`) in MySQL,
on MariaDB and on MySQL alike. Just these become NULL. DATEDIFF and TIMESTAMPDIFF give NULL for the
first two but count an impossible one on into the next month, hence the guard; and they take the
year 0 for a common year, hence `lowest`. A NULL on the wire stands for an invalid date where the
column is NOT NULL; in a nullable one the plan sends a value under `lowest`, so that true NULLs and
invalid dates can be told apart and counted.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

_YEAR_ONE_DAYS = -719_162  # 0001-01-01, in days from 1970-01-01
_YEAR_ONE_MICROSECONDS = _YEAR_ONE_DAYS * 86_400 * 10**6


@dataclass(frozen=True)
class TypeRule:
    """One row of the type map.

    Attributes:
        wire: SQL for MySQL; `{c}` is the quoted column.
        arrow: The Arrow type of the wire value; a list of floats travels as its bytes.
        duckdb: The DuckDB type; `{p}` and `{s}` are precision and scale.
        rebuild: SQL for DuckDB that makes the value, of type `{type}`, of the wire value `{w}`.
        lowest: Wire values under it are invalid dates.
    """

    wire: str
    arrow: pa.DataType
    duckdb: str
    rebuild: str = "{w}"
    lowest: int | None = None


def _native(arrow: pa.DataType, duckdb: str) -> TypeRule:
    return TypeRule("{c}", arrow, duckdb)


def _text(duckdb: str) -> TypeRule:
    return TypeRule("CAST({c} AS CHAR)", pa.string(), duckdb, "CAST({w} AS {type})")


def _possible(wire: str) -> str:
    # Most days are under the 29th, so most rows pay for one comparison only.
    return (
        "IF(DAYOFMONTH({c}) > 28 AND DAYOFMONTH({c}) > DAYOFMONTH(LAST_DAY({c})), NULL, "
        + wire
        + ")"
    )


_MICROSECONDS = "TIMESTAMPDIFF(MICROSECOND, '1970-01-01', {c})"
_STRING = _native(pa.string(), "VARCHAR")
_BYTES = _native(pa.binary(), "BLOB")
_WKB = TypeRule("ST_AsWKB({c})", pa.binary(), "BLOB")

# The text protocol prints a FLOAT with six digits; as a DOUBLE it prints with all of them.
# Multiplying keeps the sign of -0.0, which adding 0 would lose.
_FLOAT = TypeRule("{c} * 1e0", pa.float64(), "FLOAT", "CAST({w} AS {type})")

TYPES: dict[str, TypeRule] = {
    "tinyint": _native(pa.int8(), "TINYINT"),
    "tinyint unsigned": _native(pa.uint8(), "UTINYINT"),
    "smallint": _native(pa.int16(), "SMALLINT"),
    "smallint unsigned": _native(pa.uint16(), "USMALLINT"),
    "mediumint": _native(pa.int32(), "INTEGER"),
    "mediumint unsigned": _native(pa.uint32(), "UINTEGER"),
    "int": _native(pa.int32(), "INTEGER"),
    "int unsigned": _native(pa.uint32(), "UINTEGER"),
    "bigint": _native(pa.int64(), "BIGINT"),
    "bigint unsigned": _native(pa.uint64(), "UBIGINT"),
    "year": _native(pa.int16(), "SMALLINT"),
    "decimal": _text("DECIMAL({p},{s})"),
    "decimal (p > 38)": _text("VARCHAR"),
    "float": _FLOAT,
    "float(m,d)": _text("FLOAT"),
    "double": _native(pa.float64(), "DOUBLE"),
    # Stored with more digits than it has by definition: as text it is what MySQL says it is.
    "double(m,d)": _text("DOUBLE"),
    "bit(1)": TypeRule("CAST({c} AS UNSIGNED)", pa.uint64(), "BOOLEAN", "CAST({w} AS {type})"),
    "bit": TypeRule("CAST({c} AS UNSIGNED)", pa.uint64(), "UBIGINT"),
    "date": TypeRule(
        _possible("DATEDIFF({c}, '1970-01-01')"),
        pa.int32(),
        "DATE",
        "DATE '1970-01-01' + {w}",
        _YEAR_ONE_DAYS,
    ),
    "datetime": TypeRule(
        _possible(_MICROSECONDS),
        pa.int64(),
        "TIMESTAMP",
        "make_timestamp({w})",
        _YEAR_ONE_MICROSECONDS,
    ),
    "timestamp": TypeRule(
        _MICROSECONDS, pa.int64(), "TIMESTAMPTZ", "make_timestamptz({w})", _YEAR_ONE_MICROSECONDS
    ),
    "time": _text("INTERVAL"),
    "char": _STRING,
    "varchar": _STRING,
    "tinytext": _STRING,
    "text": _STRING,
    "mediumtext": _STRING,
    "longtext": _STRING,
    "enum": _STRING,
    "set": _STRING,
    "binary": _BYTES,
    "varbinary": _BYTES,
    "tinyblob": _BYTES,
    "blob": _BYTES,
    "mediumblob": _BYTES,
    "longblob": _BYTES,
    "json": _text("JSON"),
    "uuid": _text("UUID"),
    "inet4": _text("VARCHAR"),
    "inet6": _text("VARCHAR"),
    # VECTOR_TO_STRING rounds to six digits; the column's own bytes are little-endian floats.
    "vector": TypeRule("CAST({c} AS BINARY)", pa.list_(pa.float32()), "FLOAT[]"),
    "geometry": _WKB,
    "point": _WKB,
    "linestring": _WKB,
    "polygon": _WKB,
    "multipoint": _WKB,
    "multilinestring": _WKB,
    "multipolygon": _WKB,
    "geometrycollection": _WKB,
    "geomcollection": _WKB,
}
