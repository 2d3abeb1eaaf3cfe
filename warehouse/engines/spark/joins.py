"""Joins of DuckDB's plan as Spark's SQL: written ones, and those that subqueries become."""

from __future__ import annotations

from typing import Any

from warehouse.engines.refusal import Refusal
from warehouse.engines.spark.expression import Node, read
from warehouse.engines.spark.rule import fail
from warehouse.engines.spark.steps import Operator, OperatorWriter, Relation, Steps
from warehouse.engines.spark.types import spark_type
from warehouse.engines.spark.writer import write

COMPARISONS = {
    "COMPARE_EQUAL": "=",
    "COMPARE_NOTEQUAL": "<>",
    "COMPARE_LESSTHAN": "<",
    "COMPARE_GREATERTHAN": ">",
    "COMPARE_LESSTHANOREQUALTO": "<=",
    "COMPARE_GREATERTHANOREQUALTO": ">=",
    "COMPARE_NOT_DISTINCT_FROM": "<=>",
}
WRITTEN = {
    "INNER": "JOIN",
    "LEFT": "LEFT JOIN",
    "RIGHT": "RIGHT JOIN",
    "OUTER": "FULL JOIN",
    "FULL": "FULL JOIN",
}
ONE_SIDE = {"SEMI": "LEFT SEMI JOIN", "ANTI": "LEFT ANTI JOIN"}


def _join(steps: Steps, operator: Operator) -> Relation:
    left, right = (steps.relation(child) for child in operator["children"])
    kind = operator["join_type"]
    if operator["duplicate_eliminated_columns"] or operator["delim_flipped"]:
        raise Refusal("no rule knows this subquery.", "Write it as a join.")
    conditions = [_condition(one) for one in operator["conditions"]]
    if kind == "MARK":
        return _mark(steps, operator, left, right, conditions)
    if kind == "SINGLE":
        return _single(steps, operator, left, right, conditions)
    on = " AND ".join(
        f"{write(a, left.columns('l'))} {sign} {write(b, right.columns('r'))}"
        for a, sign, b in conditions
    )
    return _written(steps, operator, left, right, on)


def _condition(described: Any) -> tuple[Node, str, Node]:
    sign = COMPARISONS.get(described.get("comparison"))
    if sign is None:
        raise Refusal("no rule knows what this join compares.", "Write ON a = b, and a WHERE.")
    left, right = read(described["left"]), read(described["right"])
    return left, sign, right


def _any_join(steps: Steps, operator: Operator) -> Relation:
    left, right = (steps.relation(child) for child in operator["children"])
    both = [*left.columns("l"), *right.columns("r")]
    on = write(read(operator["condition"]), both)
    return _written(steps, operator, left, right, on)


def _cross(steps: Steps, operator: Operator) -> Relation:
    left, right = (steps.relation(child) for child in operator["children"])
    rest = f"FROM {left.name} AS l CROSS JOIN {right.name} AS r"
    return _sides(steps, {}, left, right, rest)


def _written(
    steps: Steps, operator: Operator, left: Relation, right: Relation, on: str
) -> Relation:
    kind = operator["join_type"]
    word = WRITTEN.get(kind) or ONE_SIDE.get(kind)
    if word is None:
        raise Refusal(f"no rule knows a join of the kind {kind}.")
    rest = f"FROM {left.name} AS l {word} {right.name} AS r ON {on or 'TRUE'}"
    if kind in ONE_SIDE:
        return _sides(steps, operator, left, Relation(right.name, ()), rest)
    return _sides(steps, operator, left, right, rest)


def _sides(
    steps: Steps, operator: Operator, left: Relation, right: Relation, rest: str
) -> Relation:
    """Add a step that returns the columns of both sides, or those of them that are wanted."""
    expressions: list[str] = []
    types: list[str | None] = []
    for relation, alias, wanted in (
        (left, "l", operator.get("left_projection_map")),
        (right, "r", operator.get("right_projection_map")),
    ):
        for place in wanted or range(len(relation.types)):
            expressions.append(relation.columns(alias)[place] or "NULL")
            types.append(relation.types[place])
    return steps.select(expressions, types, rest, False)


def _mark(
    steps: Steps,
    operator: Operator,
    left: Relation,
    right: Relation,
    conditions: list[tuple[Node, str, Node]],
) -> Relation:
    """Write IN (SELECT …) and EXISTS: the rows of the left side, and whether one is on the right.

    A comparison with NULL makes it NULL. Where only true rows are wanted, that is as good as false.
    """
    signs = [sign for _, sign, _ in conditions]
    if any(sign not in ("=", "<=>") for sign in signs):
        raise Refusal("Spark has no ANY of other than =.", "Compare with min(…) or max(…).")
    places = list(operator["left_projection_map"] or range(len(left.types)))
    three_valued = "=" in signs and len(places) not in operator.get("only_true", ())
    if three_valued and signs.count("=") > 1:
        raise Refusal(
            "NULL in one of several compared columns is told otherwise here.",
            "Write EXISTS or NOT EXISTS (SELECT … WHERE a.x = b.x).",
        )
    keys = ", ".join(
        f"{write(b, right.columns())} AS k{place}" for place, (_, _, b) in enumerate(conditions)
    )
    found = steps.add(f"SELECT DISTINCT {keys}, TRUE AS found FROM {right.name} AS s", ())
    compared = [
        f"{write(a, left.columns('l'))} {sign} {{}}.k{place}"
        for place, (a, sign, _) in enumerate(conditions)
    ]
    on = " AND ".join(compared).replace("{}", "r")
    rest = f"FROM {left.name} AS l LEFT JOIN {found.name} AS r ON {on}"
    mark = "r.found IS NOT NULL"
    if three_valued:
        # Of a correlated subquery only the rows of the same outer row count.
        place = signs.index("=")
        others = [f"k{at}" for at, sign in enumerate(signs) if sign == "<=>"]
        by = f" GROUP BY {', '.join(others)}" if others else ""
        listed = ", ".join([*others, "COUNT(*) AS n", f"COUNT_IF(k{place} IS NULL) AS nulls"])
        counted = steps.add(f"SELECT {listed} FROM {found.name} AS s{by}", ())
        same = " AND ".join(compared[:place] + compared[place + 1 :]).replace("{}", "n") or "TRUE"
        rest += f" LEFT JOIN {counted.name} AS n ON {same}"
        value = write(conditions[place][0], left.columns("l"))
        mark = (
            "CASE WHEN r.found THEN TRUE WHEN COALESCE(n.n, 0) = 0 THEN FALSE "
            f"WHEN {value} IS NULL OR n.nulls > 0 THEN CAST(NULL AS BOOLEAN) ELSE FALSE END"
        )
    expressions = [left.columns("l")[place] or "NULL" for place in places]
    types = [left.types[place] for place in places]
    return steps.select([*expressions, mark], [*types, "BOOLEAN"], rest, False)


def _single(
    steps: Steps,
    operator: Operator,
    left: Relation,
    right: Relation,
    conditions: list[tuple[Node, str, Node]],
) -> Relation:
    """Write a correlated subquery that is one value: of several, DuckDB fails."""
    if any(sign not in ("=", "<=>") for _, sign, _ in conditions):
        raise Refusal("no rule knows this subquery.", "Write it as a join.")
    keys = [write(b, right.columns()) for _, _, b in conditions]
    named = [f"{key} AS k{place}" for place, key in enumerate(keys)]
    values = [f"FIRST(c{place}) AS c{place}" for place in range(len(right.types))]
    listed = ", ".join([*named, *values, "COUNT(*) AS n"])
    by = f" GROUP BY {', '.join(keys)}" if keys else ""
    grouped = steps.add(f"SELECT {listed} FROM {right.name} AS s{by}", right.types)
    on = " AND ".join(
        f"{write(a, left.columns('l'))} {sign} r.k{place}"
        for place, (a, sign, _) in enumerate(conditions)
    )
    rest = f"FROM {left.name} AS l LEFT JOIN {grouped.name} AS r ON {on or 'TRUE'}"
    checked = [
        _checked(column, type_)
        for column, type_ in zip(right.columns("r"), right.types, strict=True)
    ]
    wanted_left = operator["left_projection_map"] or range(len(left.types))
    wanted_right = operator["right_projection_map"] or range(len(right.types))
    expressions = [left.columns("l")[place] or "NULL" for place in wanted_left]
    types = [left.types[place] for place in wanted_left]
    expressions += [checked[place] or "NULL" for place in wanted_right]
    types += [right.types[place] for place in wanted_right]
    return steps.select(expressions, types, rest, False)


def _checked(column: str | None, type_: str | None) -> str | None:
    if column is None or type_ is None:
        return None
    failing = fail("A subquery returned several rows.", spark_type(type_))
    return f"CASE WHEN r.n > 1 THEN {failing} ELSE {column} END"


OPERATORS: dict[str, OperatorWriter] = {
    "COMPARISON_JOIN": _join,
    "ANY_JOIN": _any_join,
    "CROSS_PRODUCT": _cross,
}
