"""Comparisons, NULL, AND and OR, CASE and what becomes one."""

from __future__ import annotations

from collections.abc import Callable

from warehouse.engines.refusal import Refusal
from warehouse.engines.spark.rule import Call, Rule, refuse
from warehouse.engines.spark.types import FLOATS

_FLAT = "INT|UINT|HUGEINT|DECIMAL|FLOAT|BOOLEAN|VARCHAR|JSON|UUID|BLOB|DATE|TIMESTAMP|TIMESTAMPTZ"
_NESTED = "STRUCT|TUPLE"


def _compared(sign: str, probes: tuple[str, ...]) -> Rule:
    return Rule(f"{sign}({_FLAT}, {_FLAT})", f"({{0}} {sign} {{1}})", probes=probes)


def _case(call: Call) -> str:
    *checks, otherwise = call.args
    pairs = zip(checks[::2], checks[1::2], strict=True)
    whens = " ".join(f"WHEN {when} THEN {then}" for when, then in pairs)
    return f"CASE {whens} ELSE {otherwise} END"


def _in(call: Call) -> str:
    value, *others = call.args
    if any(kind in call.type_of(0) for kind in ("STRUCT(", "TUPLE(", "[]", "MAP(")):
        raise Refusal("rows with NULLs are compared otherwise.", "Compare column by column.")
    return f"({value} IN ({', '.join(others)}))"


def _of_all(function: str) -> Callable[[Call], str]:
    def write(call: Call) -> str:
        if len(call.args) == 1:
            return call.args[0]
        if function != "COALESCE" and call.type in FLOATS:
            raise Refusal("of 0.0 and -0.0 each engine takes another one.", "Write CASE.")
        return f"{function}({', '.join(call.args)})"

    return write


def _joined(word: str) -> Rule:
    def write(call: Call) -> str:
        return f"({f' {word} '.join(call.args)})"

    return Rule(
        f"{word.lower()}(BOOLEAN, ...)", write, probes=(f"i > 0 {word} bo", f"bo {word} null")
    )


_ROWS = "inside rows, NULL is the greatest value for DuckDB and the smallest one for Spark."
_COLUMNS = "Compare column by column."

RULES = (
    _compared(
        "=",
        (
            "i = b",
            "s = 'é'",
            "f = f",
            "f = 0",
            "dt = '2024-02-29'",
            "tz = ts",
            "u = b",
            "d = i",
            "bl = bl",
            "uu = uu",
            "bo = (i > 0)",
        ),
    ),
    Rule(
        f"!=({_FLAT}, {_FLAT})", "({0} <> {1})", probes=("i <> b", "s <> ''", "f != 0", "dt <> ts")
    ),
    _compared(
        "<", ("u < b", "s < 'a'", "f < 0", "ts < dt", "d < f", "bl < 'b'::blob", "uu < '8'::uuid")
    ),
    _compared(">", ("u > b", "s > 'a'", "f > 1e300", "ts > '2024-01-01'", "tz > ts")),
    _compared("<=", ("i <= b", "s <= s", "f <= f")),
    _compared(">=", ("i >= 0", "s >= 'B'", "f >= 0")),
    Rule(
        f"IS DISTINCT FROM({_FLAT}|{_NESTED}, {_FLAT}|{_NESTED})",
        "(NOT ({0} <=> {1}))",
        probes=(
            "i is distinct from b",
            "(k, i) is distinct from (k, 1)",
            "f is distinct from f",
            "(s, i) is distinct from (g, null)",
        ),
    ),
    Rule(
        f"IS NOT DISTINCT FROM({_FLAT}|{_NESTED}, {_FLAT}|{_NESTED})",
        "({0} <=> {1})",
        probes=("i is not distinct from null", "(k, s) is not distinct from (k, g)"),
    ),
    *(
        refuse(f"{sign}({_NESTED}, {_NESTED})", _ROWS, _COLUMNS, (f"(k, i) {sign} (1, b)",))
        for sign in ("<", ">", "<=", ">=")
    ),
    Rule(f"=({_NESTED}, {_NESTED})", "({0} = {1})", probes=("(k, i) = (1, b)", "(k, s) = (k, s)")),
    Rule(f"!=({_NESTED}, {_NESTED})", "(NOT ({0} = {1}))", probes=("(k, i) <> (1, b)",)),
    _joined("AND"),
    _joined("OR"),
    Rule(
        "error(VARCHAR)",
        "RAISE_ERROR({0})",
        "DuckDB adds it to a subquery that must be one value.",
        probes=("error('always')", "case when k < 0 then error('none is below 0') else k end"),
    ),
    Rule('cast("NULL")', "CAST({0} AS {type})"),
    Rule("not(BOOLEAN)", "(NOT {0})", probes=("not bo", "not (i > 0)")),
    Rule("is null(ANY)", "({0} IS NULL)", probes=("i is null", "s is null", "f is null")),
    Rule("is not null(ANY)", "({0} IS NOT NULL)", probes=("i is not null", "tz is not null")),
    Rule(
        "case(ANY, ...)",
        _case,
        "Each branch is cast to the type of the whole.",
        probes=(
            "case when i > 0 then 'p' when i < 0 then 'n' end",
            "case when k % 2 = 0 then i else d end",
            "if(i > 0, 1, 2)",
            "nullif(i, 1)",
            "case i when 1 then 'a' else s end",
        ),
    ),
    Rule(
        "coalesce(ANY, ...)",
        _of_all("COALESCE"),
        "Each operand is cast to the type of the whole.",
        probes=("coalesce(i, d, f)", "ifnull(i, 0)", "coalesce(s, g, '')", "coalesce(ts, dt)"),
    ),
    Rule(
        "in(ANY, ...)",
        _in,
        probes=("i in (1, null)", "s in ('a', 'e')", "k in (1, 2.5)", "dt in ('2024-02-29')"),
    ),
    Rule(
        "not in(ANY, ...)",
        lambda call: f"(NOT {_in(call)})",
        probes=("i not in (1, 2)", "i not in (1, null)"),
    ),
    Rule(
        f"greatest({_FLAT}, ...)",
        _of_all("GREATEST"),
        probes=("greatest(i, b)", "greatest(s, g)", "greatest(dt, ts)"),
    ),
    Rule(f"least({_FLAT}, ...)", _of_all("LEAST"), probes=("least(i, 3, null)", "least(d, i)")),
)
