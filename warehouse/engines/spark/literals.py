"""Constants as Spark's SQL writes them, each with exactly the type that DuckDB's is there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Context, Decimal
from typing import Any

from warehouse.engines.refusal import Refusal
from warehouse.engines.spark.types import class_of, decimal, field_names, plan_type, spark_type

_ESCAPED = {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\0": "\\u0000"}
# `${…}` is replaced by Spark before it parses, even in a text.
_ESCAPED["$"] = "\\u0024"
_SUFFIX = {"TINYINT": "Y", "SMALLINT": "S", "UTINYINT": "S", "BIGINT": "L", "UINTEGER": "L"}
_EPOCH = datetime(1970, 1, 1)
_EXACT = Context(prec=100)
_SPECIAL = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}


def text(value: str) -> str:
    """Write a text."""
    return "'" + "".join(_ESCAPED.get(character, character) for character in value) + "'"


def shown(value: Mapping[str, Any], type_: str) -> str | None:
    """Return a constant of a plan as DuckDB shows it; None for NULL.

    Raises:
        Refusal: it is of a type without constants here.
    """
    if value["is_null"]:
        return None
    held = value["value"]
    kind = class_of(type_)
    if kind in ("VARCHAR", "JSON", "ENUM"):
        return str(held)
    if kind == "BOOLEAN":
        return "true" if held else "false"
    if kind in ("INT", "UINT", "HUGEINT"):
        return str(_whole(held))
    if kind == "DECIMAL":
        return f"{Decimal(_whole(held)).scaleb(-decimal(type_)[1], _EXACT):f}"
    if kind == "FLOAT":
        return repr(float(held))
    if kind == "DATE":
        return (_day(held)).isoformat()
    if kind == "TIMESTAMP":
        return _moment(held).isoformat(sep=" ")
    if kind == "TIMESTAMPTZ":
        return _moment(held).isoformat(sep=" ") + "+00"
    raise Refusal(f"a constant of the type {type_} has no counterpart in Spark.")


def write(shown_as: str | None, type_: str) -> str:
    """Write a constant from what DuckDB shows of it.

    Raises:
        Refusal: Spark cannot have such a value.
    """
    spark = spark_type(type_)
    if shown_as is None:
        return f"CAST(NULL AS {spark})"
    kind = class_of(type_)
    if kind in ("VARCHAR", "JSON", "ENUM", "UUID"):
        return text(shown_as)
    if kind == "BOOLEAN":
        return shown_as.upper()
    if kind in ("INT", "UINT") and not spark.startswith("DECIMAL"):
        number = f"{shown_as}{_SUFFIX.get(type_, '')}"
        # The smallest of a type is no literal: Spark reads the sign and the number apart.
        return f"CAST('{shown_as}' AS {spark})" if shown_as.startswith("-") else number
    if kind in ("UINT", "HUGEINT", "DECIMAL"):
        return f"CAST('{shown_as}' AS {spark})"
    if kind == "FLOAT":
        return f"CAST('{_SPECIAL.get(shown_as.lower(), shown_as)}' AS {spark})"
    if kind in ("DATE", "TIMESTAMP", "TIMESTAMPTZ"):
        return _time(shown_as, kind)
    if kind == "BLOB":
        return f"X'{_bytes(shown_as).hex()}'"
    raise Refusal(f"a constant of the type {type_} has no counterpart in Spark.")


def nested(value: Mapping[str, Any], type_: str, info: Mapping[str, Any]) -> str:
    """Write a constant of a plan; a list, too."""
    if class_of(type_) == "LIST" and not value["is_null"]:
        child = info["type_info"]["child_type"]
        kids = (nested(one, type_[:-2], child) for one in value["value"]["children"])
        return f"CAST(ARRAY({', '.join(kids)}) AS {spark_type(type_)})"
    if class_of(type_) in ("STRUCT", "TUPLE") and not value["is_null"]:
        fields = info["type_info"]["child_types"]
        names = field_names([one["first"] for one in fields])
        parts = (
            f"{text(name[1:-1].replace('``', '`'))}, "
            + nested(one, plan_type(kid["second"]), kid["second"])
            for name, kid, one in zip(names, fields, value["value"]["children"], strict=True)
        )
        return f"NAMED_STRUCT({', '.join(parts)})"
    return write(shown(value, type_), type_)


def _bytes(shown_as: str) -> bytes:
    """Return the bytes that DuckDB shows as text, most of them as `\\x0A`."""
    parts = re.split(r"\\x([0-9A-F]{2})", shown_as)
    return b"".join(
        bytes.fromhex(part) if place % 2 else part.encode("ascii")
        for place, part in enumerate(parts)
    )


def _time(shown_as: str, kind: str) -> str:
    if not shown_as[:4].isdigit() or shown_as[4] != "-" or shown_as.endswith("BC"):
        raise Refusal(
            f"{shown_as} is no time that Spark can have.", "Stay between the years 1 and 9999."
        )
    name = {"DATE": "DATE", "TIMESTAMP": "TIMESTAMP_NTZ", "TIMESTAMPTZ": "TIMESTAMP_LTZ"}[kind]
    zone = ":00" if kind == "TIMESTAMPTZ" else ""
    return f"{name}'{shown_as}{zone}'"


def _whole(held: Any) -> int:
    """Return an integer, which a plan writes in two halves where it is wider than 64 bits."""
    if isinstance(held, Mapping):
        return int((held["upper"] << 64) + held["lower"])
    return int(held)


def _day(held: Any) -> date:
    return _after_epoch(timedelta(days=1), held).date()


def _moment(held: Any) -> datetime:
    return _after_epoch(timedelta(microseconds=1), held)


def _after_epoch(unit: timedelta, held: Any) -> datetime:
    try:
        return _EPOCH + unit * int(held)
    except OverflowError:
        raise Refusal(
            "a time before the year 1 or after 9999 is none for Spark.",
            "Stay between the years 1 and 9999.",
        ) from None
