"""Numbers: arithmetic and rounding."""

from __future__ import annotations

from collections.abc import Callable

from warehouse.engines.refusal import Refusal
from warehouse.engines.spark.rule import Call, Rule, once, refuse

# An unsigned type is the next wider one in Spark. What leaves its range fails in a cast to the
# signed type of its size, half the range further down; no operand is written twice.
_SIGNED = {
    "UTINYINT": ("TINYINT", "128"),
    "USMALLINT": ("SMALLINT", "32768"),
    "UINTEGER": ("INT", "2147483648"),
    "UBIGINT": ("BIGINT", "9223372036854775808"),
}


def unsigned(number: str, duckdb_type: str, spark: str) -> str:
    """Write a whole number as an unsigned type that fails outside its range.

    Args:
        number: Spark's SQL of a DECIMAL(38,0).
        duckdb_type: The unsigned type.
        spark: Spark's type for it.
    """
    signed, half = _SIGNED[duckdb_type]
    half = f"CAST({half}BD AS DECIMAL(20,0))"
    return f"CAST(CAST({number} - {half} AS {signed}) + {half} AS {spark})"


def _unsigned(sign: str) -> Callable[[Call], str]:
    def write(call: Call) -> str:
        left, right = (f"CAST({arg} AS DECIMAL(20,0))" for arg in call.args)
        return unsigned(f"({left} {sign} {right})", call.type, call.spark_type)

    return write


def _divide(call: Call) -> str:
    """IEEE's division: by 0 it is infinite or NaN, where Spark fails."""
    left, right = call.args
    type_ = call.spark_type
    return "CAST({} AS {})".format(
        once(
            (f"CAST({left} AS DOUBLE)", f"CAST({right} AS DOUBLE)"),
            "CASE WHEN {1} <> 0D THEN {0} / {1} "
            "WHEN {1} = 0D AND ({0} = 0D OR ISNAN({0})) THEN DOUBLE('NaN') "
            "WHEN {1} = 0D THEN {0} * IF(CAST({1} AS STRING) = '-0.0', DOUBLE('-Infinity'), "
            "DOUBLE('Infinity')) END",
        ),
        type_,
    )


def _several_times(template: str) -> Callable[[Call], str]:
    """Return what fills a template that needs its operand more than once."""
    return lambda call: f"CAST({once(call.args, template)} AS {call.spark_type})"


def _round(call: Call) -> str:
    places = call.constant(1, "Write round(x, 2).") if len(call.args) > 1 else "0"
    if places is None or int(places) < 0:
        raise Refusal("Spark rounds before the point otherwise.", "Write round(x / 100) * 100.")
    return f"CAST(ROUND({call.args[0]}, {places}) AS {call.spark_type})"


_MINUS = "Spark's minus and abs keep 34 digits of a number, and round the rest away."
_FLOATS = "the last digit of such a function is the library's own, and Spark has another one."
_SHIFT = "what leaves the type is an error in DuckDB, and cut off in Spark."

RULES = (
    Rule("+(INT, INT)", "({0} + {1})", probes=("i + 1", "b + b", "si + si", "ti + ti", "i + i")),
    Rule("-(INT, INT)", "({0} - {1})", probes=("i - 1", "b - i", "ti - si")),
    Rule("*(INT, INT)", "({0} * {1})", probes=("i * 2", "b * b", "ti * ti", "si * 3")),
    Rule(
        "//(INT, INT)",
        "CAST(({0} DIV {1}) AS {type})",
        "Spark's DIV is a BIGINT.",
        probes=("i // 2", "i // -3", "b // 7", "b // -1", "i // (k - 5)"),
    ),
    Rule("%(INT, INT)", "({0} % {1})", probes=("i % 3", "i % -3", "b % 10", "i % (k - 5)")),
    Rule("-(INT)", "(- {0})", probes=("-i", "-b", "-ti")),
    Rule("+(INT|UINT|HUGEINT|DECIMAL|FLOAT)", "{0}", probes=("+i", "+u", "+d", "+f")),
    Rule(
        "abs(INT|FLOAT)",
        "ABS({0})",
        probes=("abs(i)", "abs(f)", "abs(b)"),
    ),
    Rule(
        "abs(DECIMAL|HUGEINT)",
        _several_times("IF({0} < 0, 0 - {0}, {0})"),
        _MINUS,
        probes=("abs(d)", "abs(h)", "abs(d38)"),
    ),
    Rule("abs(UINT)", "{0}", probes=("abs(u)", "abs(ui)")),
    Rule(
        "+(UINT, UINT)",
        _unsigned("+"),
        "Spark has no unsigned types: the range is checked.",
        probes=("ui + 1", "u + 1", "uti + uti", "usi + 1"),
    ),
    Rule(
        "-(UINT, UINT)",
        _unsigned("-"),
        "Spark has no unsigned types: the range is checked.",
        probes=("ui - 1", "u - 1", "uti - uti", "usi - usi"),
    ),
    Rule(
        "*(UINT, UINT)",
        _unsigned("*"),
        "Spark has no unsigned types: the range is checked.",
        probes=("ui * 2", "u * 1", "uti * uti", "usi * usi"),
    ),
    Rule("%(UINT, UINT)", "CAST({0} % {1} AS {type})", probes=("u % 10", "ui % 7", "uti % 3")),
    refuse(
        "//(UINT, UINT)",
        "Spark divides whole numbers as BIGINT.",
        "Cast both to BIGINT.",
        ("u // 2", "ui // 2"),
    ),
    Rule("+(HUGEINT, HUGEINT)", "CAST({0} + {1} AS {type})", probes=("h + 1", "h + b", "h + h")),
    Rule("-(HUGEINT, HUGEINT)", "CAST({0} - {1} AS {type})", probes=("h - 1", "h - b")),
    Rule("*(HUGEINT, HUGEINT)", "CAST({0} * {1} AS {type})", probes=("h * 2", "b::hugeint * b")),
    Rule("%(HUGEINT, HUGEINT)", "CAST({0} % {1} AS {type})", probes=("h % 10", "h % b")),
    Rule(
        "-(HUGEINT|DECIMAL)",
        "CAST(0 - {0} AS {type})",
        _MINUS,
        probes=("-h", "-d", "-d38", "-(-d38)"),
    ),
    refuse(
        "//(HUGEINT, HUGEINT)",
        "Spark divides whole numbers as BIGINT.",
        "Cast both to BIGINT.",
        ("h // 2",),
    ),
    Rule(
        "+(DECIMAL, DECIMAL)",
        "CAST({0} + {1} AS {type})",
        "The result has DuckDB's precision.",
        probes=("d + d", "d + 1", "d + d18", "d18 + 0.5", "i + 0.5", "d38 + 1"),
    ),
    Rule(
        "-(DECIMAL, DECIMAL)",
        "CAST({0} - {1} AS {type})",
        "The result has DuckDB's precision.",
        probes=("d - d18", "d - 1", "0.1 - d"),
    ),
    Rule(
        "*(DECIMAL, DECIMAL)",
        "CAST({0} * {1} AS {type})",
        "The result has DuckDB's precision.",
        probes=("d * d", "d * 3", "d * 0.19", "d18 * 2"),
    ),
    Rule(
        "%(DECIMAL, DECIMAL)", "CAST({0} % {1} AS {type})", probes=("d % 7", "d18 % 0.3", "d38 % 7")
    ),
    Rule(
        "/(FLOAT, FLOAT)",
        _divide,
        "Spark fails where it divides by 0.",
        probes=(
            "i / 2",
            "d / 3",
            "f / 0",
            "i / 0",
            "f / f",
            "1 / f",
            "d / d18",
            "u / 2",
            "b / 3",
            "b / '-0.0'::double",
            "fl / fl",
            "fl / 3",
        ),
    ),
    Rule("+(FLOAT, FLOAT)", "({0} + {1})", probes=("f + 1", "fl + fl", "d + f")),
    Rule("-(FLOAT, FLOAT)", "({0} - {1})", probes=("f - 1", "d - f", "fl - f")),
    Rule("*(FLOAT, FLOAT)", "({0} * {1})", probes=("f * 2", "fl * fl", "f * f")),
    Rule("-(FLOAT)", "(- {0})", probes=("-f", "-fl")),
    refuse(
        "//(FLOAT, FLOAT)",
        "Spark divides whole numbers alone.",
        "Cast both to BIGINT.",
        ("f // 2",),
    ),
    Rule(
        "round(DECIMAL, INT)",
        _round,
        "The result has DuckDB's precision.",
        probes=("round(d, 1)", "round(d18, 2)", "round(d, 5)", "round(d38, 3)"),
    ),
    Rule(
        "round(DECIMAL)",
        _round,
        "The result has DuckDB's precision.",
        probes=("round(d)", "round(d18)", "round(i + 0.5)", "round(d38)"),
    ),
    *(
        Rule(f"{name}(INT|UINT|HUGEINT)", "CAST({0} AS {type})", probes=probes)
        for name, probes in (
            ("round", ("round(i)", "round(u)", "round(h)", "round(ti)")),
            ("trunc", ("trunc(i)", "trunc(ui)")),
        )
    ),
    Rule(
        "floor(DECIMAL)",
        "CAST(FLOOR({0}) AS {type})",
        probes=("floor(d)", "floor(d18)", "floor(d38)"),
    ),
    Rule(
        "ceil(DECIMAL)", "CAST(CEIL({0}) AS {type})", probes=("ceil(d)", "ceil(d18)", "ceil(d38)")
    ),
    Rule("ceiling(DECIMAL)", "CAST(CEIL({0}) AS {type})", probes=("ceiling(d)",)),
    Rule(
        "trunc(DECIMAL)",
        _several_times("IF({0} < 0, CEIL({0}), FLOOR({0}))"),
        "Spark's trunc is one of dates.",
        probes=("trunc(d)", "trunc(d18)", "trunc(d38)"),
    ),
    Rule(
        "sign(FLOAT)",
        _several_times(
            "CASE WHEN {0} > 0D AND NOT ISNAN({0}) THEN 1 WHEN {0} < 0D THEN -1 "
            "WHEN {0} IS NOT NULL THEN 0 END"
        ),
        "Spark's sign is a DOUBLE.",
        probes=("sign(d)", "sign(f)"),
    ),
    Rule(
        "sign(INT|HUGEINT|DECIMAL|UINT)",
        "CAST(SIGN({0}) AS {type})",
        "Spark's sign is a DOUBLE.",
        probes=("sign(i)", "sign(b)", "sign(u)"),
    ),
    Rule("sqrt(FLOAT)", "SQRT({0})", probes=("sqrt(abs(d))", "sqrt(k)", "sqrt(i)", "sqrt(f)")),
    *(
        refuse(f"{name}(FLOAT)", _FLOATS, "Compute it in DuckDB.", (f"{name}(k + 1)",))
        for name in ("ln", "log", "log10", "log2", "exp", "sin", "cos", "tan", "atan", "cbrt")
    ),
    *(
        refuse(
            f"{name}(FLOAT, FLOAT)",
            _FLOATS,
            "Write x * x, or compute it in DuckDB.",
            (probe,),
        )
        for name, probe in (
            ("power", "power(k, 2)"),
            ("pow", "pow(k, 2)"),
            ("**", "k ** 2"),
            ("^", "k ^ 2"),
        )
    ),
    Rule("&(INT, INT)", "({0} & {1})", probes=("i & 3", "b & 255", "ti & si")),
    Rule("|(INT, INT)", "({0} | {1})", probes=("i | 3", "b | 255")),
    Rule("xor(INT, INT)", "({0} ^ {1})", probes=("xor(i, 3)", "xor(b, 255)")),
    Rule("~(INT)", "(~ {0})", probes=("~i", "~b")),
    refuse("<<(INT, INT)", _SHIFT, "Multiply by a power of 2.", ("si << 2",)),
    refuse(">>(INT, INT)", _SHIFT, "Divide by a power of 2 with //.", ("i >> 2",)),
    Rule(
        "isnan(FLOAT)",
        "({0} = DOUBLE('NaN'))",
        "Spark makes false of NULL.",
        probes=("isnan(f)", "isnan(fl)"),
    ),
)
