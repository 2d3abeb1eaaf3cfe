"""How a column of MySQL reaches Spark by JDBC: what MySQL is asked for, and what Spark makes of it.

JDBC drivers have a type of their own for most of MySQL's, and change values on the way: a zero
date becomes an error, a FLOAT loses digits, a text that is not UTF-8 gets other characters. So
MySQL is asked for plain integers, doubles, text and bytes, and Spark rebuilds the values from
those. The names of the rules are those of the type map of MySQL's side.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class WireRule:
    """How the values of a type travel.

    Attributes:
        wire: What MySQL is asked for; `{c}` is the quoted column.
        rebuild: SQL for Spark that makes the value, of type `{type}`, of the wire's `{w}`.
        may_fail: Whether there are values without a counterpart, which become NULL.
    """

    wire: str
    rebuild: str = "CAST({w} AS {type})"
    may_fail: bool = False


# As bytes in UTF-8: of text the driver would make characters, whatever the bytes are.
_TEXT = "CAST(CONVERT({c} USING utf8mb4) AS BINARY)"
_DIGITS = "CAST({c} AS CHAR)"
_UTF8 = "try_validate_utf8(CAST({w} AS STRING))"
# MySQL's years begin with 0, those of DuckDB's dates here with 1.
_AFTER_ZERO = "CASE WHEN {w} NOT LIKE '0000-%' THEN TRY_CAST({w} AS {type}) END"
# As DuckDB writes an interval of a time: without zeros at the end of a fraction.
_TIME = (
    "CASE WHEN {w} = '-00:00:00' THEN '00:00:00' "
    "WHEN {w} LIKE '%.%' THEN rtrim('.', rtrim('0', {w})) ELSE {w} END"
)

# DuckDB refuses JSON that Spark takes: numbers that are too large, halves of a surrogate pair, and
# what has something behind it, which shows where it is the end of a list and of an object.
_STRINGS = r"'\"(?:[^\"\\\\]|\\\\.)*\"'"
_LARGE = r"'[0-9][eE][+-]?[0-9]{{3}}|[0-9]{{300}}'"
_PAIR = r"'\\\\u[dD][89abAB][0-9a-fA-F]{{2}}\\\\u[dD][c-fC-F][0-9a-fA-F]{{2}}'"
_HALF = r"'\\\\u[dD][89a-fA-F]'"
_JSON = (
    f"CASE WHEN try_parse_json(concat('[', {_UTF8}, ']')) IS NOT NULL "
    f"AND try_parse_json(concat('{{{{\"a\":', {_UTF8}, '}}}}')) IS NOT NULL "
    f"AND NOT regexp_replace({_UTF8}, {_STRINGS}, '') RLIKE {_LARGE} "
    f"AND NOT regexp_replace({_UTF8}, {_PAIR}, '') RLIKE {_HALF} THEN {_UTF8} END"
)

# Little-endian floats of four bytes each: sign, eight bits of exponent, 23 of mantissa.
_VECTOR = (
    "transform(transform(sequence(0, CAST(length({w}) / 4 AS INT) - 1), i -> "
    "CAST(conv(concat(hex(substring({w}, 4 * i + 4, 1)), hex(substring({w}, 4 * i + 3, 1)), "
    "hex(substring({w}, 4 * i + 2, 1)), hex(substring({w}, 4 * i + 1, 1))), 16, 10) AS BIGINT)), "
    "b -> CAST((CASE WHEN b >= 2147483648 THEN -1D ELSE 1D END) * "
    "CASE WHEN (shiftright(b, 23) & 255) = 0 THEN CAST(b & 8388607 AS DOUBLE) * power(2D, -149) "
    "ELSE CAST((b & 8388607) + 8388608 AS DOUBLE) "
    "* power(2D, CAST((shiftright(b, 23) & 255) - 150 AS DOUBLE)) END AS FLOAT))"
)

_NUMBER = WireRule("{c}")
_NUMBER_OF = WireRule("{c} + 0")
_TEXT_RULE = WireRule(_TEXT, _UTF8, may_fail=True)
_BYTES = WireRule("{c}", "{w}")
_ASCII = WireRule(_DIGITS)

WIRE: dict[str, WireRule] = {
    **dict.fromkeys(
        (
            *("smallint", "smallint unsigned"),
            *("mediumint", "mediumint unsigned", "int", "int unsigned"),
            *("bigint", "bigint unsigned"),
        ),
        _NUMBER,
    ),
    # Of a TINYINT(1) Spark would make a BOOLEAN.
    **dict.fromkeys(("tinyint", "tinyint unsigned", "year", "bit", "bit(1)"), _NUMBER_OF),
    **dict.fromkeys(
        ("decimal", "decimal (p > 38)", "float(m,d)", "double(m,d)", "uuid", "inet", "null"), _ASCII
    ),
    # A FLOAT is sent with six digits as text, and with all of them as a DOUBLE.
    "float": WireRule("{c} * 1e0"),
    "double": _NUMBER,
    "date": WireRule(_DIGITS, _AFTER_ZERO, may_fail=True),
    "datetime": WireRule(_DIGITS, _AFTER_ZERO, may_fail=True),
    "timestamp": WireRule(_DIGITS, _AFTER_ZERO, may_fail=True),
    "time": WireRule(_DIGITS, _TIME),
    "text": _TEXT_RULE,
    "enum": _TEXT_RULE,
    "set": _TEXT_RULE,
    "json": WireRule(_TEXT, _JSON, may_fail=True),
    "blob": _BYTES,
    "geometry": WireRule("ST_AsWKB({c})", "{w}"),
    "vector": WireRule("{c}", _VECTOR),
}

_SPARK = {
    "UTINYINT": "SMALLINT",
    "USMALLINT": "INT",
    "INTEGER": "INT",
    "UINTEGER": "BIGINT",
    "UBIGINT": "DECIMAL(20,0)",
    "TIMESTAMP": "TIMESTAMP_NTZ",
    "TIMESTAMPTZ": "TIMESTAMP",
    "BLOB": "BINARY",
    "FLOAT[]": "ARRAY<FLOAT>",
    # Parquet loses an interval's microseconds.
    **dict.fromkeys(("VARCHAR", "JSON", "UUID", "INTERVAL"), "STRING"),
    **{
        same: same
        for same in ("TINYINT", "SMALLINT", "BIGINT", "FLOAT", "DOUBLE", "BOOLEAN", "DATE")
    },
}


def spark_type(duckdb_type: str) -> str:
    """Return the type of Spark that holds the values of one of DuckDB's."""
    if re.fullmatch(r"DECIMAL\(\d+,\d+\)", duckdb_type):
        return duckdb_type
    return _SPARK[duckdb_type]
