"""Aggregates; with OVER they are window functions."""

from __future__ import annotations

from collections.abc import Callable

from warehouse.engines.refusal import Refusal
from warehouse.engines.spark import literals
from warehouse.engines.spark.rule import Call, Rule, once, refuse
from warehouse.engines.spark.rules.casts import to_double
from warehouse.engines.spark.types import class_of

_FLAT = "INT|UINT|HUGEINT|DECIMAL|FLOAT|BOOLEAN|VARCHAR|JSON|UUID|BLOB|DATE|TIMESTAMP|TIMESTAMPTZ"
_ROW_ORDER = "the sum of floats depends on the order of the rows, which no two engines share."


def _sum(call: Call) -> str:
    return f"CAST({_wide_sum(call)} AS {call.spark_type})"


def _wide_sum(call: Call) -> str:
    """Write a sum in a type that its result fits: Spark's sum of BIGINT is a BIGINT."""
    wide = {"BIGINT": "DECIMAL(19,0)", "BOOLEAN": "INT"}.get(call.type_of(0))
    value = f"CAST({call.args[0]} AS {wide})" if wide else call.args[0]
    return f"SUM({call.distinct}{value}){call.over}"


def _average(call: Call) -> str:
    """DuckDB's avg of whole numbers is sum / count, in DOUBLE."""
    total = to_double(f"CAST({_wide_sum(call)} AS DECIMAL(38,0))", "HUGEINT")
    count = f"COUNT({call.distinct}{call.args[0]}){call.over}"
    return f"({total} / CAST(NULLIF({count}, 0) AS DOUBLE))"


def _listed(call: Call, value: str, kept: str = "") -> str:
    """Write an array of the values of an aggregate in the order of its ORDER BY.

    Args:
        call: The aggregate.
        value: Spark's SQL of what is collected.
        kept: A condition on the collected rows.

    Raises:
        Refusal: it has no ORDER BY.
    """
    if not call.node.orders:
        raise Refusal(
            "without ORDER BY it has no order that two engines share.",
            "Write the order into it: list(x order by y).",
        )
    if call.distinct or call.node.frame:
        raise Refusal(
            "Spark orders neither DISTINCT values nor those of a window.",
            "Take DISTINCT in a subquery.",
        )
    fields, checks = [], []
    for place, (key, order) in enumerate(zip(call.keys, call.node.orders, strict=True)):
        if class_of(order.key.type) not in _FLAT.split("|"):
            raise Refusal(f"Spark orders values of the type {order.key.type} otherwise.")
        fields.append(f"'k{place}', {key}")
        a, b = f"a.k{place}", f"b.k{place}"
        first, second = (b, a) if order.descending else (a, b)
        null = -1 if order.nulls_first else 1
        checks.append(
            f"WHEN {a} IS NULL AND {b} IS NOT NULL THEN {null} "
            f"WHEN {a} IS NOT NULL AND {b} IS NULL THEN {-null} "
            f"WHEN {first} < {second} THEN -1 WHEN {first} > {second} THEN 1"
        )
    row = f"NAMED_STRUCT({', '.join(fields)}, 'v', {value})"
    compared = f"(a, b) -> CASE {' '.join(checks)} ELSE 0 END"
    collected = f"COLLECT_LIST({row}){_both(call.over, kept)}"
    return f"TRANSFORM(ARRAY_SORT({collected}, {compared}), e -> e.v)"


def _both(filtered: str, kept: str) -> str:
    if not kept:
        return filtered
    given = filtered.removeprefix(" FILTER (WHERE ").removesuffix(")")
    return f" FILTER (WHERE {given} AND {kept})" if filtered else f" FILTER (WHERE {kept})"


def _list(call: Call) -> str:
    listed = _listed(call, call.args[0])
    return f"CAST(NULLIF({listed}, ARRAY()) AS {call.spark_type})"


def _text(call: Call) -> str:
    separator = (
        call.constant(1, "Write string_agg(x, ', ' order by y).") if len(call.args) > 1 else ","
    )
    if separator is None:
        raise Refusal("a separator of NULL makes NULL.", "Write a text.")
    listed = _listed(call, call.args[0], f"{call.args[0]} IS NOT NULL")
    return once((listed,), f"IF(SIZE({{0}}) > 0, ARRAY_JOIN({{0}}, {_braced(separator)}), NULL)")


def _braced(separator: str) -> str:
    return literals.text(separator).replace("{", "{{").replace("}", "}}")


def _first(call: Call) -> str:
    return f"TRY_ELEMENT_AT({_listed(call, call.args[0])}, 1)"


def _last(call: Call) -> str:
    return f"TRY_ELEMENT_AT({_listed(call, call.args[0])}, -1)"


def _any_value(call: Call) -> str:
    return f"TRY_ELEMENT_AT({_listed(call, call.args[0], f'{call.args[0]} IS NOT NULL')}, 1)"


def _by(function: str) -> Callable[[Call], str]:
    def write(call: Call) -> str:
        if len(call.args) != 2 or call.distinct or call.node.frame:
            raise Refusal("no rule knows this.", "Write list(x order by y)[1].")
        over = _both(call.over, f"{call.args[0]} IS NOT NULL")
        return f"{function}({call.args[0]}, {call.args[1]}){over}"

    return write


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
    refuse("sum(FLOAT)", _ROW_ORDER, "Write sum(x::decimal(p, s)).", ("sum(f)", "sum(fl)")),
    Rule(
        "avg(INT|HUGEINT)",
        _average,
        "Spark's avg rounds otherwise.",
        probes=("avg(i)", "avg(b)", "avg(u)", "avg(k) filter (bo)", "avg(distinct si)"),
    ),
    refuse(
        "avg(DECIMAL)",
        "DuckDB computes it by its plan, now one way and now another.",
        "Write sum(x) / count(x).",
        ("avg(d)",),
    ),
    refuse("avg(FLOAT)", _ROW_ORDER, "Write sum(x::decimal(p, s)) / count(x).", ("avg(f)",)),
    Rule(
        f"min({_FLAT})",
        "MIN({0}){over}",
        probes=("min(s)", "min(f)", "min(ts)", "min(d)", "min(u)", "min(bo)", "min(bl)"),
    ),
    Rule(
        f"max({_FLAT})",
        "MAX({0}){over}",
        probes=("max(s)", "max(f)", "max(tz)", "max(dt)", "max(uu)"),
    ),
    Rule("bool_and(BOOLEAN)", "BOOL_AND({0}){over}", probes=("bool_and(bo)",)),
    Rule("bool_or(BOOLEAN)", "BOOL_OR({0}){over}", probes=("bool_or(bo)", "bool_or(i > 0)")),
    Rule("bit_and(INT)", "BIT_AND({0}){over}", probes=("bit_and(k)",)),
    Rule("bit_or(INT)", "BIT_OR({0}){over}", probes=("bit_or(k)",)),
    Rule("bit_xor(INT)", "BIT_XOR({0}){over}", probes=("bit_xor(k)",)),
    Rule(
        "list(ANY)",
        _list,
        "Spark's collect_list leaves NULLs out, and has no order.",
        probes=(
            "list(i order by k)",
            "list(s order by k)",
            "list(k order by s desc nulls first, k)",
            "array_agg(g order by k desc)",
            "list(i order by k) filter (i > 0)",
        ),
    ),
    Rule(
        "array_agg(ANY)",
        _list,
        "Spark's collect_list leaves NULLs out, and has no order.",
        probes=("array_agg(i order by k)",),
    ),
    Rule("string_agg(VARCHAR)", _text, "Ordered as written.", probes=("string_agg(g order by k)",)),
    Rule(
        "string_agg(VARCHAR, VARCHAR)",
        _text,
        "Ordered as written.",
        probes=(
            "string_agg(g, ',' order by k)",
            "string_agg(s, ' {x} ' order by k desc)",
            "group_concat(g, '$' order by k)",
            "listagg(g, '-' order by k)",
        ),
    ),
    Rule("single value(ANY)", "FIRST({0})", "DuckDB checks a subquery that must be one value."),
    Rule(
        "first(ANY)",
        _first,
        "Ordered as written.",
        probes=("first(s order by k)", "first(s order by k desc)", "first(i)"),
    ),
    Rule(
        "last(ANY)",
        _last,
        "Ordered as written.",
        probes=("last(s order by k)", "last(i order by k)"),
    ),
    Rule(
        "any_value(ANY)",
        _any_value,
        "Ordered as written.",
        probes=("any_value(i order by k)", "any_value(s)"),
    ),
    Rule(
        f"arg_max(ANY, {_FLAT})",
        _by("MAX_BY"),
        "DuckDB leaves out rows whose value is NULL.",
        probes=("arg_max(s, k)", "max_by(i, k)", "arg_max(k, k) filter (bo)"),
    ),
    Rule(
        f"arg_min(ANY, {_FLAT})",
        _by("MIN_BY"),
        "DuckDB leaves out rows whose value is NULL.",
        probes=("arg_min(s, k)",),
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
    Rule(
        "median(INT)",
        "CAST(MEDIAN({0}){over} AS {type})",
        probes=("median(i)", "median(k)", "median(si)"),
    ),
    refuse(
        "median(ANY)",
        "Spark interpolates otherwise.",
        "Write quantiles by row_number() over (order by x).",
        ("median(d)", "median(f)"),
    ),
    refuse(
        "quantile_cont(ANY, ANY)",
        "Spark interpolates otherwise.",
        "Write quantiles by row_number() over (order by x).",
        ("quantile_cont(k, 0.3)",),
    ),
    refuse(
        "quantile_disc(ANY, ANY)",
        "Spark takes another row.",
        "Write quantiles by row_number() over (order by x).",
        ("quantile_disc(k, 0.3)",),
    ),
)
