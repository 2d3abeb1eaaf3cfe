"""Casts, those included that DuckDB writes itself where two operands have different types."""

from __future__ import annotations

from warehouse.engines.refusal import Refusal
from warehouse.engines.spark.rule import Call, Rule, fail, once, refuse
from warehouse.engines.spark.rules.numbers import unsigned
from warehouse.engines.spark.types import decimal

_EXACT = 2**53
"""Up to here each whole number is a DOUBLE."""
_HALF = 2**64
_YEARS = "Only times of the years 1 to 9999 can be shown as text."


def to_double(number: str, type_: str) -> str:
    """Write DuckDB's cast of a whole or decimal number to DOUBLE, its last digit included.

    A number of more than 64 bits without a fraction is not rounded once: its halves are
    (`CastBigintToFloating` in DuckDB). All others are rounded to the nearest DOUBLE.

    Args:
        number: Spark's SQL.
        type_: DuckDB's type of it.
    """
    precision, places = decimal(type_)
    if places or precision <= 18 or type_ in ("BIGINT", "UBIGINT"):
        return f"CAST({number} AS DOUBLE)"
    small = f"{{0}} BETWEEN -{_EXACT} AND {_EXACT}"
    return once((number,), f"CASE WHEN {small} THEN CAST({{0}} AS DOUBLE) ELSE {_HUGE} END")


_HUGE = (
    f"CASE WHEN {{0}} >= 0 AND {{0}} < {_HALF}BD THEN CAST({{0}} AS DOUBLE) "
    f"WHEN {{0}} < 0 AND {{0}} >= -{_HALF}BD THEN - CAST(-1 - {{0}} AS DOUBLE) - 1D "
    f"ELSE CAST(PMOD({{0}}, {_HALF}BD) AS DOUBLE) + "
    f"CAST(({{0}} - PMOD({{0}}, {_HALF}BD)) DIV {_HALF}BD AS DOUBLE) * {float(_HALF)!r}D END"
)


def _number_to_double(call: Call) -> str:
    if call.type != "DOUBLE":
        raise Refusal("Spark rounds to FLOAT otherwise.", "Cast to DOUBLE.")
    return to_double(call.args[0], call.type_of(0))


def _to_unsigned(call: Call) -> str:
    return unsigned(f"CAST({call.args[0]} AS DECIMAL(38,0))", call.type, call.spark_type)


def _rounded_to_unsigned(call: Call) -> str:
    return unsigned(f"CAST(ROUND({call.args[0]}) AS DECIMAL(38,0))", call.type, call.spark_type)


def _whole_to_float(call: Call) -> str:
    if call.type == "FLOAT" and call.type_of(0) not in ("TINYINT", "SMALLINT"):
        # Spark takes the cast to FLOAT out of one to DOUBLE around it, as if it lost nothing.
        raise Refusal("Spark does not always round to FLOAT.", "Cast to DOUBLE.")
    return f"CAST({call.args[0]} AS {call.spark_type})"


def _float_to_float(call: Call) -> str:
    if call.type != "DOUBLE":
        raise Refusal("Spark makes infinite what is too large for FLOAT.", "Keep it DOUBLE.")
    return f"CAST({call.args[0]} AS DOUBLE)"


def _float_to_whole(call: Call) -> str:
    """Round half to even, as DuckDB does; Spark cuts off, and takes 2^63 for a BIGINT."""
    failing = fail("A number is too large for its type.", call.spark_type)
    inside = f"CAST(RINT({{0}}) AS {call.spark_type})"
    template = f"CASE WHEN {{0}} >= 9223372036854775808D THEN {failing} ELSE {inside} END"
    return once((f"CAST({call.args[0]} AS DOUBLE)",), template)


def _boolean_to_whole(call: Call) -> str:
    return f"CAST(CAST({call.args[0]} AS INT) AS {call.spark_type})"


def time_to_text(time: str, shown: str) -> str:
    """Write a time as text, which fails outside the years that both engines show alike.

    Args:
        time: Spark's SQL.
        shown: A template of the text.
    """
    failing = fail(_YEARS, "STRING")
    return once(
        (time,), f"CASE WHEN YEAR({{0}}) NOT BETWEEN 1 AND 9999 THEN {failing} ELSE {shown} END"
    )


def _time_to_text(call: Call) -> str:
    return time_to_text(call.args[0], "CAST({0} AS STRING)")


def _zoned_to_text(call: Call) -> str:
    return f"({_time_to_text(call)} || '+00')"


_TEXT = "DuckDB and Spark read other texts as a number or a time."
_LOAD = "Load the column with its own type: cast it in the source's SELECT."
_SAME = "VARCHAR|JSON|UUID|ENUM"
_READ = "INT|UINT|HUGEINT|DECIMAL|FLOAT|BOOLEAN|DATE|TIMESTAMP|TIMESTAMPTZ|BLOB"

RULES = (
    Rule(
        "cast(INT|UINT|HUGEINT) -> INT",
        "CAST({0} AS {type})",
        probes=(
            "i::smallint",
            "b::int",
            "k::tinyint",
            "u::bigint",
            "ui::int",
            "h::bigint",
            "si::bigint",
        ),
    ),
    Rule(
        "cast(INT|UINT|HUGEINT) -> UINT",
        _to_unsigned,
        "Spark has no unsigned types: the range is checked.",
        probes=(
            "i::utinyint",
            "b::ubigint",
            "k::uinteger",
            "u::uinteger",
            "h::ubigint",
            "k::usmallint",
        ),
    ),
    Rule(
        "cast(INT|UINT|HUGEINT) -> HUGEINT",
        "CAST({0} AS {type})",
        probes=("b::hugeint", "u::hugeint"),
    ),
    Rule(
        "cast(INT|UINT|HUGEINT) -> DECIMAL",
        "CAST({0} AS {type})",
        probes=("i::decimal(12,2)", "k::decimal(3,1)", "u::decimal(38,10)", "h::decimal(38,0)"),
    ),
    Rule(
        "cast(DECIMAL) -> DECIMAL",
        "CAST({0} AS {type})",
        probes=("d18::decimal(20,2)", "d::decimal(5,1)", "d38::decimal(18,2)", "d::decimal(38,20)"),
    ),
    Rule(
        "cast(DECIMAL) -> INT|HUGEINT",
        "CAST(ROUND({0}) AS {type})",
        "DuckDB rounds, Spark cuts off.",
        probes=("d18::bigint", "d::int", "(k + 0.5)::int", "d38::hugeint", "(k - 10.5)::tinyint"),
    ),
    Rule(
        "cast(DECIMAL) -> UINT",
        _rounded_to_unsigned,
        "DuckDB rounds, Spark cuts off.",
        probes=("d::ubigint", "abs(d)::uinteger"),
    ),
    Rule(
        "cast(INT) -> FLOAT",
        _whole_to_float,
        probes=("i::double", "b::double", "ti::float", "si::float", "i::float"),
    ),
    Rule(
        "cast(UINT|HUGEINT|DECIMAL) -> FLOAT",
        _number_to_double,
        "DuckDB rounds whole numbers of more than 64 bits in several steps.",
        probes=(
            *("u::double", "h::double", "d::double", "d18::double", "d38::double"),
            *("d38::decimal(38,20)::double", "(k + 9007199254740993.5)::double"),
            "(k - 18014398509481987)::decimal(19,0)::double",
            "(h % 10000000000000000000)::decimal(20,0)::double",
        ),
    ),
    Rule("cast(FLOAT) -> FLOAT", _float_to_float, probes=("fl::double", "f::float")),
    Rule(
        "cast(FLOAT) -> INT",
        _float_to_whole,
        "DuckDB rounds half to even, Spark cuts off.",
        probes=("f::int", "f::bigint", "fl::bigint", "(k / 2)::int", "(k / 2)::tinyint"),
    ),
    refuse(
        "cast(FLOAT) -> UINT|HUGEINT|DECIMAL",
        "Spark rounds floats to them by another rule.",
        "Keep it DOUBLE, or load the column as DECIMAL.",
        ("f::decimal(10,2)", "f::ubigint"),
    ),
    Rule(
        "cast(BOOLEAN) -> INT", _boolean_to_whole, probes=("bo::int", "bo::bigint", "bo::tinyint")
    ),
    Rule("cast(BOOLEAN) -> UINT|HUGEINT", _boolean_to_whole, probes=("bo::ubigint", "bo::hugeint")),
    Rule(
        "cast(INT|UINT|HUGEINT|DECIMAL) -> BOOLEAN",
        "({0} <> 0)",
        probes=("i::boolean", "u::boolean", "d::boolean"),
    ),
    Rule(
        "cast(INT|UINT|HUGEINT|DECIMAL|BOOLEAN) -> VARCHAR",
        "CAST({0} AS STRING)",
        probes=(
            "i::varchar",
            "b::varchar",
            "u::varchar",
            "h::varchar",
            "d::varchar",
            "d38::varchar",
            "bo::varchar",
        ),
    ),
    Rule(
        "cast(DATE|TIMESTAMP) -> VARCHAR",
        _time_to_text,
        "Spark shows years after 9999 with a sign.",
        probes=("dt::varchar", "ts::varchar"),
    ),
    Rule(
        "cast(TIMESTAMPTZ) -> VARCHAR",
        _zoned_to_text,
        "Spark leaves the zone out. It is UTC.",
        probes=("tz::varchar",),
    ),
    refuse(
        "cast(FLOAT) -> VARCHAR",
        "Spark shows floats with other digits.",
        "Cast the number to DECIMAL(p, s) first.",
        ("f::varchar", "fl::varchar"),
    ),
    Rule(f"cast({_SAME}) -> {_SAME}", "{0}", probes=("uu::varchar", "js::varchar")),
    refuse(
        f"cast({_SAME}) -> {_READ}",
        _TEXT,
        _LOAD,
        ("s::int", "s::date", "s::double", "s::boolean"),
    ),
    refuse(
        f"try_cast({_SAME}) -> {_READ}",
        _TEXT,
        _LOAD,
        (
            "try_cast(s as int)",
            "try_cast(s as date)",
            "try_cast(s as double)",
            "try_cast(s as timestamp)",
            "try_cast(s as boolean)",
            "try_cast(s as decimal(10,2))",
        ),
    ),
    refuse(
        "cast(BLOB) -> VARCHAR",
        "Spark reads bytes as text otherwise.",
        "Write hex(x) in the source.",
        ("bl::varchar",),
    ),
    Rule("cast(TIMESTAMP) -> DATE", "CAST({0} AS DATE)", probes=("ts::date",)),
    Rule("cast(DATE) -> TIMESTAMP", "CAST({0} AS TIMESTAMP_NTZ)", probes=("dt::timestamp",)),
    Rule("cast(TIMESTAMPTZ) -> DATE", "CAST({0} AS DATE)", "In UTC.", probes=("tz::date",)),
    Rule(
        "cast(TIMESTAMPTZ) -> TIMESTAMP",
        "CAST({0} AS TIMESTAMP_NTZ)",
        "In UTC.",
        probes=("tz::timestamp",),
    ),
    Rule(
        "cast(TIMESTAMP|DATE) -> TIMESTAMPTZ",
        "CAST({0} AS TIMESTAMP)",
        "In UTC.",
        probes=("ts::timestamptz", "dt::timestamptz"),
    ),
)
