"""Aggregates; with OVER they are window functions."""

from __future__ import annotations

from warehouse.engines.refusal import Refusal
from warehouse.engines.spark.rule import Call, Rule, fail, refuse

_FLAT = "INT|UINT|HUGEINT|DECIMAL|FLOAT|BOOLEAN|VARCHAR|JSON|UUID|BLOB|DATE|TIMESTAMP|TIMESTAMPTZ"


_BY_PLAN = "DuckDB computes it by its plan, now one way and now another."
_EXACT = 2**53
"""Up to here each whole number is a DOUBLE."""
_ROW_ORDER = "the sum of floats depends on the order of the rows, which no two engines share."


def _sum(call: Call) -> str:
    return f"CAST({_wide_sum(call)} AS {call.spark_type})"


def _wide_sum(call: Call) -> str:
    """Write a sum in a type that its result fits: Spark's sum of BIGINT is a BIGINT."""
    wide = {"BIGINT": "DECIMAL(19,0)", "BOOLEAN": "INT"}.get(call.type_of(0))
    value = f"CAST({call.args[0]} AS {wide})" if wide else call.args[0]
    return f"SUM({call.distinct}{value}){call.over}"


def _average(call: Call) -> str:
    """DuckDB computes avg by its plan, now as doubles and now with more digits; up to 2^53 both are
    equal.
    """
    if call.type_of(0) in ("BIGINT", "HUGEINT"):
        raise Refusal(_BY_PLAN, "Write sum(x) / count(x).")
    failing = fail("The sum in avg(x) is too large: write sum(x) / count(x).", "DOUBLE")
    total = f"SUM({call.distinct}{call.args[0]}){call.over}"
    count = f"COUNT({call.distinct}{call.args[0]}){call.over}"
    return (
        f"CASE WHEN {total} NOT BETWEEN -{_EXACT} AND {_EXACT} THEN {failing} "
        f"ELSE CAST({total} AS DOUBLE) / CAST(NULLIF({count}, 0) AS DOUBLE) END"
    )


RULES = (
    Rule(
        "count_star()",
        "COUNT(*){over}",
        probes=("count(*)", "count(*) filter (where i > 0)", "count()"),
    ),
    Rule(
        "count(ANY)",
        "COUNT({distinct}{0}){over}",
        probes=(
            "count(i)",
            "count(distinct i)",
            "count(distinct s)",
            "count(distinct (g, bo))",
            "count(i) filter (bo)",
        ),
    ),
    Rule(
        "sum(INT|HUGEINT|BOOLEAN|DECIMAL)",
        _sum,
        "Spark's sum of BIGINT leaves its type.",
        probes=(
            "sum(i)",
            "sum(b)",
            "sum(si)",
            "sum(u)",
            "sum(d)",
            "sum(d18)",
            "sum(distinct i)",
            "sum(i) filter (i > 0)",
            "sum(bo::int)",
            "sum(k)",
            "sum(ui)",
        ),
    ),
    refuse("sum(FLOAT)", _ROW_ORDER, "Load the column as DECIMAL.", ("sum(f)", "sum(fl)")),
    Rule(
        "avg(INT|HUGEINT)",
        _average,
        "Spark's avg rounds otherwise.",
        probes=("avg(i)", "avg(si)", "avg(k) filter (bo)", "avg(distinct si)", "avg(b)", "avg(u)"),
    ),
    refuse(
        "avg(DECIMAL)",
        _BY_PLAN,
        "Write sum(x) / count(x).",
        ("avg(d)",),
    ),
    refuse("avg(FLOAT)", _ROW_ORDER, "Load the column as DECIMAL.", ("avg(f)",)),
    Rule(
        f"min({_FLAT})",
        "MIN({0}){over}",
        probes=("min(s)", "min(f + 0)", "min(ts)", "min(d)", "min(u)", "min(bo)", "min(bl)"),
    ),
    Rule(
        f"max({_FLAT})",
        "MAX({0}){over}",
        probes=("max(s)", "max(f + 0)", "max(tz)", "max(dt)", "max(uu)"),
    ),
    Rule("bool_and(BOOLEAN)", "BOOL_AND({0}){over}", probes=("bool_and(bo)",)),
    Rule("bool_or(BOOLEAN)", "BOOL_OR({0}){over}", probes=("bool_or(bo)", "bool_or(i > 0)")),
    Rule("bit_and(INT)", "BIT_AND({0}){over}", probes=("bit_and(k)",)),
    Rule("bit_or(INT)", "BIT_OR({0}){over}", probes=("bit_or(k)",)),
    Rule("bit_xor(INT)", "BIT_XOR({0}){over}", probes=("bit_xor(k)",)),
    Rule(
        "single value(ANY)",
        "FIRST({0})",
        "DuckDB checks a subquery that must be one value.",
        probes=("(select k from t where k = 3)", "(select k from t where k < 3)"),
    ),
    *(
        refuse(f"{name}(FLOAT)", _ROW_ORDER, "Compute it in DuckDB.", (f"{name}(k)",))
        for name in (
            "stddev",
            "stddev_samp",
            "stddev_pop",
            "variance",
            "var_samp",
            "var_pop",
            "kurtosis",
            "skewness",
            "product",
        )
    ),
    *(
        refuse(f"{name}(FLOAT, FLOAT)", _ROW_ORDER, "Compute it in DuckDB.", (f"{name}(k, i)",))
        for name in ("corr", "covar_pop", "covar_samp", "regr_slope")
    ),
    refuse(
        "mode(ANY)",
        "of several most frequent values each engine takes another one.",
        "Write arg_max over a GROUP BY.",
        ("mode(bo)",),
    ),
    refuse(
        "approx_count_distinct(ANY)",
        "the estimate is the engine's own.",
        "Write count(distinct x).",
        ("approx_count_distinct(g)",),
    ),
    refuse("histogram(ANY)", "Spark has none.", "Write a GROUP BY.", ("histogram(bo)",)),
)
