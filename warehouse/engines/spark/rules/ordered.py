"""Aggregates whose answer depends on the order of the rows: they say which."""

from __future__ import annotations

from collections.abc import Callable

from warehouse.engines.refusal import Refusal
from warehouse.engines.spark import literals
from warehouse.engines.spark.rule import Call, Rule, once
from warehouse.engines.spark.types import class_of

_FLAT = "INT|UINT|HUGEINT|DECIMAL|FLOAT|BOOLEAN|VARCHAR|JSON|UUID|BLOB|DATE|TIMESTAMP|TIMESTAMPTZ"


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
)
