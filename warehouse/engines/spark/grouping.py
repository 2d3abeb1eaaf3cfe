"""The operators of DuckDB's plan that group rows, number them, part them and put them together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from warehouse.engines.refusal import Refusal
from warehouse.engines.spark.expression import COLUMN, columns_of, read, read_orders
from warehouse.engines.spark.steps import Operator, OperatorWriter, Relation, Steps
from warehouse.engines.spark.types import spark_type
from warehouse.engines.spark.writer import order_by, write

_GENERATED = 2**64 - 1
"""The number of an aggregate's groups if DuckDB wrote it, and not the user."""


def _aggregate(steps: Steps, operator: Operator) -> Relation:
    groups = [read(one) for one in operator["groups"]]
    nodes = [read(one) for one in operator["expressions"]]
    # Of rows that are only counted any will do.
    counted = not groups and all(one.name == "count_star" and not one.filter for one in nodes)
    (child,) = operator["children"]
    below = steps.relation({**child, "counted": counted})
    if (
        operator["groupings_index"] == _GENERATED
        and not groups
        and [node.name for node in nodes] == ["first", "count_star"]
    ):
        # Of a subquery that must be one value: DuckDB takes the first, and fails if there are more.
        nodes = [replace(nodes[0], name="single value"), nodes[1]]
    marks: list[list[int]] = operator["grouping_functions"]
    types = [node.type for node in (*groups, *nodes)] + ["BIGINT"] * len(marks)
    written = [write(node, below.columns()) for node in (*groups, *nodes)]
    keys = written[: len(groups)]
    if any(node.name != COLUMN for node in groups):
        # Keys by a name of their own: GROUP BY 1 would be a place, and not a constant.
        named = [f"{key} AS k{place}" for place, key in enumerate(keys)]
        keys = [f"k{place}" for place in range(len(keys))]
        below = steps.add(f"SELECT *, {', '.join(named)} FROM {below.name} AS s", below.types)
    sets = [sorted(one) for one in operator["grouping_sets"]] or [[*range(len(keys))]]
    aggregates = written[len(keys) :]

    def select(shown: Sequence[str], marked: Sequence[str], by: str) -> Relation:
        # A total without aggregates is one row, and Spark's SELECT would be one for each.
        source = f"{below.name} AS s{by}" if by or aggregates else "RANGE(1) AS s"
        return steps.select([*shown, *aggregates, *marked], types, f"FROM {source}", False)

    return _union_all([select(*one) for one in _grouping_sets(sets, keys, types, marks)], steps)


def _grouping_sets(
    sets: Sequence[Sequence[int]],
    keys: Sequence[str],
    types: Sequence[str],
    marks: Sequence[Sequence[int]],
) -> Iterator[tuple[Sequence[str], Sequence[str], str]]:
    """Yield what is shown of the keys, the values of grouping(), and the GROUP BY.

    Of no rows, DuckDB makes one row for each grand total, and Spark's GROUPING SETS none. So a
    total is a SELECT without GROUP BY. With grouping() each set is a SELECT, which knows its value.
    """
    together = [one for one in sets if one and not marks]
    if together == [[*range(len(keys))]]:
        yield keys, (), f" GROUP BY {', '.join(keys)}"
    elif together:
        listed = ", ".join(f"({', '.join(keys[place] for place in one)})" for one in together)
        yield keys, (), f" GROUP BY GROUPING SETS ({listed})"
    for one in sets:
        if marks or not one:
            shown = [
                key if place in one else f"CAST(NULL AS {spark_type(type_)})"
                for place, (key, type_) in enumerate(zip(keys, types, strict=False))
            ]
            by = f" GROUP BY {', '.join(keys[place] for place in one)}" if one else ""
            yield shown, [_grouping(mark, one) for mark in marks], by


def _grouping(keys: Sequence[int], present: Sequence[int]) -> str:
    """Return the value of grouping(): a bit for each key, the last one lowest, 1 if it is absent.

    https://duckdb.org/docs/current/sql/query_syntax/grouping_sets
    """
    bits = "".join("0" if key in present else "1" for key in keys)
    return f"CAST({int(bits, 2)} AS BIGINT)"


def _union_all(parts: Sequence[Relation], steps: Steps) -> Relation:
    if len(parts) == 1:
        return parts[0]
    sql = " UNION ALL ".join(f"SELECT * FROM {part.name}" for part in parts)
    return steps.add(sql, parts[0].types)


def _window(steps: Steps, operator: Operator) -> Relation:
    below = steps.below(operator)
    nodes = [read(one) for one in operator["expressions"]]
    expressions = [column or "NULL" for column in below.columns()]
    expressions += [write(node, below.columns()) for node in nodes]
    types = [*below.types, *(node.type for node in nodes)]
    return steps.select(expressions, types, f"FROM {below.name} AS s", False)


def _distinct(steps: Steps, operator: Operator) -> Relation:
    below = steps.below(operator)
    targets = [read(one) for one in operator["distinct_targets"]]
    if operator["distinct_type"] == "DISTINCT":
        if columns_of(targets) != set(range(len(below.types))):
            raise Refusal("no rule knows a DISTINCT of some columns.")
        return steps.add(f"SELECT DISTINCT * FROM {below.name} AS s", below.types)
    if not operator["order_by"]:
        raise Refusal(
            "DISTINCT ON without ORDER BY keeps any of the rows.",
            "Write an ORDER BY that tells the rows apart.",
        )
    by = ", ".join(write(one, below.columns()) for one in targets)
    keys = order_by(read_orders(operator["order_by"]["orders"]), below.columns())
    ranked = steps.add(
        f"SELECT *, ROW_NUMBER() OVER (PARTITION BY {by} ORDER BY {keys}) AS rank "
        f"FROM {below.name} AS s",
        below.types,
    )
    return steps.kept(ranked, (), f"FROM {ranked.name} AS s WHERE rank = 1")


def _set(word: str) -> OperatorWriter:
    def write_set(steps: Steps, operator: Operator) -> Relation:
        parts = [steps.relation(child) for child in operator["children"]]
        everything = " ALL" if operator["setop_all"] else ""
        sql = f" {word}{everything} ".join(f"SELECT * FROM {part.name}" for part in parts)
        return steps.add(sql, parts[0].types)

    return write_set


def _unnest(steps: Steps, operator: Operator) -> Relation:
    below = steps.below(operator)
    nodes = [read(one) for one in operator["expressions"]]
    if any(not node.children[0].type.endswith("[]") for node in nodes):
        raise Refusal("Spark unnests lists alone.", "Name the fields: x.a, x.b.", "unnest")
    lists = [write(node.children[0], below.columns()) for node in nodes]
    columns = [column or "NULL" for column in below.columns()]
    types = [*below.types, *(node.type for node in nodes)]
    if len(nodes) == 1:
        return steps.select(
            [*columns, f"EXPLODE({lists[0]})"], types, f"FROM {below.name} AS s", False
        )
    # The lists side by side; the shorter ones are filled up with NULL.
    named = ", ".join(
        f"COALESCE({one}, CAST(ARRAY() AS {spark_type(node.children[0].type)})) AS l{place}"
        for place, (one, node) in enumerate(zip(lists, nodes, strict=True))
    )
    beside = steps.add(f"SELECT *, {named} FROM {below.name} AS s", below.types)
    zipped = ", ".join(f"l{place}" for place in range(len(lists)))
    rows = steps.add(
        f"SELECT *, EXPLODE(ARRAYS_ZIP({zipped})) AS z FROM {beside.name} AS s", below.types
    )
    parts = [f"z.l{place}" for place in range(len(lists))]
    return steps.select([*columns, *parts], types, f"FROM {rows.name} AS s", False)


OPERATORS: dict[str, OperatorWriter] = {
    "AGGREGATE_AND_GROUP_BY": _aggregate,
    "WINDOW": _window,
    "DISTINCT": _distinct,
    "UNION": _set("UNION"),
    "EXCEPT": _set("EXCEPT"),
    "INTERSECT": _set("INTERSECT"),
    "UNNEST": _unnest,
}
