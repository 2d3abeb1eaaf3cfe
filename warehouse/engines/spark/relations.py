"""The operators of DuckDB's plan that read tables, and those that keep, order and compute rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from warehouse.engines.refusal import Refusal
from warehouse.engines.spark.expression import COLUMN, columns_of, read, read_orders
from warehouse.engines.spark.steps import Operator, OperatorWriter, Relation, Steps
from warehouse.engines.spark.types import identifier, plan_type, spark_type
from warehouse.engines.spark.writer import order_by, write


def _read_table(steps: Steps, operator: Operator) -> Relation:
    function = operator["qname"]["path"][-1]
    if function in ("range", "generate_series"):
        return _numbers(steps, operator, function)
    if function == "unnest":
        raise Refusal("Spark unnests in a SELECT.", "Write select k, unnest(list) as x.", "unnest")
    if function != "seq_scan":
        raise Refusal(
            f"Spark has no table function {function}().", "Load what it reads as a source."
        )
    given = (
        *("at_clause", "projected_input", "scan_partition_indices", "row_group_order_options"),
        *("parameters", "named_parameters"),
    )
    filters = operator["table_filters"]
    odd = [key for key in given if operator[key]]
    odd += [key for key in ("filters", "multi_column_filters") if filters[key]]
    if odd or operator["extra_info"]["sample_options"]:
        raise Refusal(f"no rule knows how a table is read here ({', '.join(odd)}).")
    table = operator["function_data"]["table"]
    names, types = operator["names"], operator["returned_types"]
    wanted: list[tuple[str, str | None]] = []
    for index in operator["column_indexes"]:
        if index["child_indexes"]:
            raise Refusal("no rule knows how a part of a column is read.")
        if index["index"] < len(names):
            type_ = _column_type(types[index["index"]], table, names[index["index"]])
            wanted.append((identifier(names[index["index"]]), type_))
        else:
            wanted.append(("NULL", None))
    if operator["projection_ids"]:
        wanted = [wanted[place] for place in operator["projection_ids"]]
    expressions = [name for name, _ in wanted]
    return steps.select(
        expressions, [type_ for _, type_ in wanted], f"FROM {identifier(table)} AS s", False
    )


def _column_type(described: Mapping[str, Any], table: str, column: str) -> str:
    try:
        type_ = plan_type(described)
        spark_type(type_)
    except Refusal as refusal:
        why = f"the column {table}.{column}: {refusal.why}"
        raise Refusal(why, refusal.instead, construct=column) from None
    return type_


def _numbers(steps: Steps, operator: Operator, function: str) -> Relation:
    given = [one["value"] for one in operator["parameters"] if not one["is_null"]]
    if not all(isinstance(one, int) for one in given) or not 1 <= len(given) <= 3:
        raise Refusal(f"Spark's range takes whole numbers alone, {function}() more.")
    start, end = given[:2] if len(given) > 1 else (0, given[0])
    step = given[2] if len(given) > 2 else 1
    if step == 0:
        raise Refusal("a step of 0 never ends.")
    if function == "generate_series":
        end += 1 if step > 0 else -1
    return steps.add(f"SELECT id AS c0 FROM RANGE({start}, {end}, {step})", ["BIGINT"])


def _project(steps: Steps, operator: Operator) -> Relation:
    below = steps.below(operator)
    nodes = [read(one) for one in operator["expressions"]]
    types = [node.type for node in nodes]
    if [node.index for node in nodes] == [*range(len(below.types))] and all(below.types):
        return below  # the columns as they are
    expressions = [write(node, below.columns()) for node in nodes]
    return steps.select(expressions, types, f"FROM {below.name} AS s", below.ordered)


def _one_row(steps: Steps, operator: Operator) -> Relation:
    del operator
    return steps.add("SELECT 0 AS c0", [None])


def _no_row(steps: Steps, operator: Operator) -> Relation:
    types = [plan_type(one) for one in operator["return_types"]]
    expressions = [f"CAST(NULL AS {spark_type(type_)})" for type_ in types]
    return steps.select(expressions, types, "FROM (SELECT 0) AS s WHERE FALSE", False)


def _filter(steps: Steps, operator: Operator) -> Relation:
    nodes = [read(one) for one in operator["expressions"]]
    alone = {node.index for node in nodes if node.name == COLUMN}
    alone -= columns_of([node for node in nodes if node.name != COLUMN])
    (child,) = operator["children"]
    # Of IN (SELECT …) as a whole condition only the true rows stay: NULL is as good as false.
    below = steps.relation({**child, "only_true": alone})
    conditions = " AND ".join(f"({write(node, below.columns())})" for node in nodes)
    rest = f"FROM {below.name} AS s WHERE {conditions}"
    return steps.kept(below, operator["projection_map"], rest)


def _order(steps: Steps, operator: Operator) -> Relation:
    below = steps.below(operator)
    keys = order_by(read_orders(operator["orders"]), below.columns())
    # A SELECT of its own: ORDER BY would see the names that a SELECT gives to other columns.
    ordered = steps.add(
        f"SELECT * FROM {below.name} AS s ORDER BY {keys}", below.types, ordered=True
    )
    if not operator["projections"]:
        return ordered
    return steps.kept(ordered, operator["projections"], f"FROM {ordered.name} AS s")


def _any_rows_do(limit: Operator) -> bool:
    """Whether it does not matter which rows a LIMIT keeps: EXISTS counts them."""
    (child,) = limit["children"]
    values = limit["limit_val"]
    none = values["type"] == "CONSTANT_VALUE" and values["constant_integer"] == 0
    alike = child["type"] == "LOGICAL_PROJECTION" and all(
        one["type"] == "VALUE_CONSTANT" for one in child["expressions"]
    )
    return none or alike or bool(limit.get("counted"))


def _limit(steps: Steps, operator: Operator) -> Relation:
    (child,) = operator["children"]
    any_rows_do = _any_rows_do(operator)
    below = steps.relation({**child, "counted": any_rows_do})
    if not below.ordered and not any_rows_do:
        raise Refusal(
            "without ORDER BY another engine returns other rows than DuckDB.",
            "Write an ORDER BY that tells the rows apart before LIMIT.",
            "limit",
        )
    rest = f"FROM {below.name} AS s"
    for word, key in (("LIMIT", "limit_val"), ("OFFSET", "offset_val")):
        given = operator[key]
        if given["type"] == "CONSTANT_VALUE":
            rest += f" {word} {given['constant_integer']}"
        elif given["type"] != "UNSET":
            raise Refusal(
                "Spark's LIMIT takes a constant number of rows.",
                "Write LIMIT n, or qualify row_number() over (order by …) <= n.",
                "limit",
            )
    return steps.kept(below, (), rest)


def _values(steps: Steps, operator: Operator) -> Relation:
    below = steps.below(operator)
    rows = [[read(one) for one in row] for row in operator["expressions"]]
    types = [plan_type(one) for one in operator["expr_types"]]
    selects = [
        "SELECT "
        + ", ".join(f"{write(node, below.columns())} AS c{at}" for at, node in enumerate(row))
        for row in rows
    ]
    return steps.add(" UNION ALL ".join(selects), types)


def _cte(steps: Steps, operator: Operator) -> Relation:
    definition, query = operator["children"]
    steps.shared[operator["table_index"]] = steps.relation(definition)
    return steps.relation(query)


def _cte_reference(steps: Steps, operator: Operator) -> Relation:
    if operator["is_recurring"] or operator["cte_index"] not in steps.shared:
        raise Refusal(
            "Spark's recursive queries have limits of their own.",
            "Write range(…), or a join for each level.",
        )
    return steps.shared[operator["cte_index"]]


OPERATORS: dict[str, OperatorWriter] = {
    "GET": _read_table,
    "PROJECTION": _project,
    "DUMMY_SCAN": _one_row,
    "EMPTY_RESULT": _no_row,
    "FILTER": _filter,
    "ORDER_BY": _order,
    "LIMIT": _limit,
    "EXPRESSION_GET": _values,
    "MATERIALIZED_CTE": _cte,
    "CTE_REF": _cte_reference,
}
REFUSED: dict[str, tuple[str, str, str]] = {
    "ASOF_JOIN": (
        "Spark's SQL has none.",
        "Join, and keep the newest with qualify row_number() over (…) = 1.",
        "asof join",
    ),
    "POSITIONAL_JOIN": (
        "rows have no place in Spark.",
        "Join on a column that tells the rows apart.",
        "positional join",
    ),
    "RECURSIVE_CTE": (
        "Spark's recursive queries have limits of their own.",
        "Write range(…), or a join for each level.",
        "recursive",
    ),
    "SAMPLE": (
        "a sample is another one each time.",
        "Filter by a column, such as id % 100 = 0.",
        "sample",
    ),
}
"""The operators that Spark has no equal of: why, what to write instead, and the word of SQL."""
