"""DuckDB's logical plan as Spark's SQL: each operator becomes one step, a name in a WITH.

The columns of a step are called `c0`, `c1` and so on, in the order of DuckDB's plan. Only the last
SELECT gives them the names that the user wrote.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from warehouse.engines.refusal import Refusal
from warehouse.engines.spark.expression import (
    COLUMN,
    columns_of,
    read,
    read_orders,
)
from warehouse.engines.spark.types import identifier, plan_type, spark_type
from warehouse.engines.spark.writer import order_by, write

Operator = Mapping[str, Any]
_GENERATED = 2**64 - 1
"""The number of an aggregate's groups if DuckDB wrote it, and not the user."""


@dataclass(frozen=True)
class Relation:
    """What a step returns.

    Attributes:
        name: The name of the step.
        types: DuckDB's types of its columns; None for a column that Spark does not have.
        ordered: Whether its rows come in an order.
    """

    name: str
    types: tuple[str | None, ...]
    ordered: bool = False

    def columns(self, alias: str = "") -> list[str | None]:
        """Return Spark's SQL for each column."""
        prefix = f"{alias}." if alias else ""
        return [f"{prefix}c{place}" if type_ else None for place, type_ in enumerate(self.types)]


@dataclass
class Steps:
    """The steps of one query, as they are found.

    Attributes:
        prefix: How the names of the steps begin: as no table does.
        written: The SQL of each step, by its name.
        shared: The steps that a CTE of DuckDB's plan stands for, by its number there.
    """

    prefix: str = "step"
    written: dict[str, str] = field(default_factory=dict)
    shared: dict[int, Relation] = field(default_factory=dict)

    def add(self, sql: str, types: Sequence[str | None], *, ordered: bool = False) -> Relation:
        """Add a step; its SELECT names its columns c0, c1 and so on."""
        name = f"{self.prefix}{len(self.written) + 1}"
        self.written[name] = sql
        return Relation(name, tuple(types), ordered)

    def select(
        self, expressions: Sequence[str], types: Sequence[str | None], rest: str, ordered: bool
    ) -> Relation:
        """Add a step that selects expressions."""
        listed = ", ".join(
            f"{expression} AS c{place}" for place, expression in enumerate(expressions)
        )
        return self.add(f"SELECT {listed or '0 AS c0'} {rest}", types, ordered=ordered)

    def relation(self, operator: Operator) -> Relation:
        """Translate an operator, and what is below it.

        Raises:
            Refusal: Spark has no equal of it.
        """
        type_ = operator["type"].removeprefix("LOGICAL_")
        if type_ not in OPERATORS:
            unknown = (f"no rule knows DuckDB's {type_.lower().replace('_', ' ')}.", "", "")
            raise Refusal(*REFUSED.get(type_, unknown))
        return OPERATORS[type_](self, operator)

    def below(self, operator: Operator) -> Relation:
        """Translate the one operator below another one."""
        (child,) = operator["children"]
        return self.relation(child)


def _read_table(steps: Steps, operator: Operator) -> Relation:
    function = operator["qname"]["path"][-1]
    if function in ("range", "generate_series"):
        return _numbers(steps, operator, function)
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
            type_ = _column_type(types[index["index"]], f"{table}.{names[index['index']]}")
            wanted.append((identifier(names[index["index"]]), type_))
        else:
            wanted.append(("NULL", None))
    if operator["projection_ids"]:
        wanted = [wanted[place] for place in operator["projection_ids"]]
    expressions = [name for name, _ in wanted]
    return steps.select(
        expressions, [type_ for _, type_ in wanted], f"FROM {identifier(table)}", False
    )


def _column_type(described: Mapping[str, Any], column: str) -> str:
    try:
        type_ = plan_type(described)
        spark_type(type_)
    except Refusal as refusal:
        raise Refusal(f"the column {column}: {refusal.why}", refusal.instead) from None
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
    expressions = [write(node, below.columns()) for node in nodes]
    types = [node.type for node in nodes]
    return steps.select(expressions, types, f"FROM {below.name}", below.ordered)


def _one_row(steps: Steps, operator: Operator) -> Relation:
    del operator
    return steps.add("SELECT 0 AS c0", [None])


def _no_row(steps: Steps, operator: Operator) -> Relation:
    del operator
    return steps.add("SELECT 0 AS c0 WHERE FALSE", [None])


def _filter(steps: Steps, operator: Operator) -> Relation:
    nodes = [read(one) for one in operator["expressions"]]
    alone = {node.index for node in nodes if node.name == COLUMN}
    alone -= columns_of([node for node in nodes if node.name != COLUMN])
    (child,) = operator["children"]
    # Of IN (SELECT …) as a whole condition only the true rows stay: NULL is as good as false.
    below = steps.relation({**child, "only_true": alone})
    conditions = " AND ".join(f"({write(node, below.columns())})" for node in nodes)
    rest = f"FROM {below.name} WHERE {conditions}"
    return _kept(steps, below, operator["projection_map"], rest)


def _kept(steps: Steps, below: Relation, wanted: Sequence[int], rest: str) -> Relation:
    """Add a step that returns the columns from below, or those of them that are wanted."""
    places = list(wanted) or list(range(len(below.types)))
    expressions = [f"c{place}" for place in places]
    types = [below.types[place] for place in places]
    return steps.select(expressions, types, rest, below.ordered)


def _order(steps: Steps, operator: Operator) -> Relation:
    below = steps.below(operator)
    keys = order_by(read_orders(operator["orders"]), below.columns())
    # A SELECT of its own: ORDER BY would see the names that a SELECT gives to other columns.
    ordered = steps.add(
        f"SELECT * FROM {below.name} ORDER BY {keys}", below.types, ordered=True
    )
    if not operator["projections"]:
        return ordered
    return _kept(steps, ordered, operator["projections"], f"FROM {ordered.name}")


def _limit(steps: Steps, operator: Operator) -> Relation:
    below = steps.below(operator)
    if not below.ordered:
        raise Refusal(
            "without ORDER BY another engine returns other rows than DuckDB.",
            "Write an ORDER BY that tells the rows apart before LIMIT.",
            "limit",
        )
    rest = f"FROM {below.name}"
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
    return _kept(steps, below, (), rest)


def _aggregate(steps: Steps, operator: Operator) -> Relation:
    below = steps.below(operator)
    groups = [read(one) for one in operator["groups"]]
    nodes = [read(one) for one in operator["expressions"]]
    if operator["groupings_index"] == _GENERATED and not groups and [
        node.name for node in nodes
    ] == ["first", "count_star"]:
        # Of a subquery that must be one value: DuckDB takes the first, and fails if there are more.
        nodes = [replace(nodes[0], name="single value"), nodes[1]]
    if operator["grouping_functions"]:
        raise Refusal("no rule knows grouping().", "Write UNION ALL of one GROUP BY each.")
    keys = [write(node, below.columns()) for node in groups]
    types = [node.type for node in (*groups, *nodes)]
    kept = [column for column in below.columns() if column]
    # Keys by a name of their own: GROUP BY 1 would be a place, and not a constant.
    named = ", ".join([*kept, *(f"{key} AS k{place}" for place, key in enumerate(keys))])
    source = steps.add(f"SELECT {named or '0 AS c0'} FROM {below.name}", below.types)
    expressions = [f"k{place}" for place in range(len(keys))]
    expressions += [write(node, below.columns()) for node in nodes]
    return steps.select(
        expressions, types, f"FROM {source.name}{_grouping(operator, len(keys))}", False
    )


def _grouping(operator: Operator, keys: int) -> str:
    sets = [sorted(one) for one in operator["grouping_sets"]]
    everything = list(range(keys))
    if sets and sets != [everything]:
        written = ", ".join(f"({', '.join(f'k{place}' for place in one)})" for one in sets)
        return f" GROUP BY GROUPING SETS ({written})"
    return f" GROUP BY {', '.join(f'k{place}' for place in everything)}" if keys else ""


def _window(steps: Steps, operator: Operator) -> Relation:
    below = steps.below(operator)
    nodes = [read(one) for one in operator["expressions"]]
    expressions = [column or "NULL" for column in below.columns()]
    expressions += [write(node, below.columns()) for node in nodes]
    types = [*below.types, *(node.type for node in nodes)]
    return steps.select(expressions, types, f"FROM {below.name}", False)


def _distinct(steps: Steps, operator: Operator) -> Relation:
    below = steps.below(operator)
    targets = [read(one) for one in operator["distinct_targets"]]
    if operator["distinct_type"] == "DISTINCT":
        if columns_of(targets) != set(range(len(below.types))):
            raise Refusal("no rule knows a DISTINCT of some columns.")
        return steps.add(f"SELECT DISTINCT * FROM {below.name}", below.types)
    if not operator["order_by"]:
        raise Refusal(
            "DISTINCT ON without ORDER BY keeps any of the rows.",
            "Write an ORDER BY that tells the rows apart.",
        )
    by = ", ".join(write(one, below.columns()) for one in targets)
    keys = order_by(read_orders(operator["order_by"]["orders"]), below.columns())
    ranked = steps.add(
        f"SELECT *, ROW_NUMBER() OVER (PARTITION BY {by} ORDER BY {keys}) AS rank "
        f"FROM {below.name}",
        below.types,
    )
    return _kept(steps, ranked, (), f"FROM {ranked.name} WHERE rank = 1")


def _set(word: str) -> Callable[[Steps, Operator], Relation]:
    def write_set(steps: Steps, operator: Operator) -> Relation:
        parts = [steps.relation(child) for child in operator["children"]]
        everything = " ALL" if operator["setop_all"] else ""
        sql = f" {word}{everything} ".join(f"SELECT * FROM {part.name}" for part in parts)
        return steps.add(sql, parts[0].types)

    return write_set


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


def _unnest(steps: Steps, operator: Operator) -> Relation:
    below = steps.below(operator)
    nodes = [read(one) for one in operator["expressions"]]
    if len(nodes) != 1 or nodes[0].name != "unnest" or not nodes[0].children[0].type.endswith("[]"):
        raise Refusal(
            "Spark unnests one list at a time.", "Unnest one list in each SELECT."
        )
    listed = write(nodes[0].children[0], below.columns())
    expressions = [*(column or "NULL" for column in below.columns()), f"EXPLODE({listed})"]
    types = [*below.types, nodes[0].type]
    return steps.select(expressions, types, f"FROM {below.name}", False)


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


def finish(steps: Steps, last: Relation, columns: Sequence[tuple[str, str]]) -> str:
    """Return the whole query: the steps, and a SELECT that gives the columns their names.

    Raises:
        Refusal: Spark cannot have one of the names or types.
    """
    listed = ", ".join(
        f"CAST(c{place} AS {spark_type(type_)}) AS {identifier(name)}"
        for place, (name, type_) in enumerate(columns)
    )
    chain = ",\n".join(f"{name} AS ({sql})" for name, sql in steps.written.items())
    return f"WITH {chain}\nSELECT {listed} FROM {last.name}"


OPERATORS: dict[str, Callable[[Steps, Operator], Relation]] = {
    "GET": _read_table,
    "PROJECTION": _project,
    "DUMMY_SCAN": _one_row,
    "EMPTY_RESULT": _no_row,
    "FILTER": _filter,
    "ORDER_BY": _order,
    "LIMIT": _limit,
    "AGGREGATE_AND_GROUP_BY": _aggregate,
    "WINDOW": _window,
    "DISTINCT": _distinct,
    "UNION": _set("UNION"),
    "EXCEPT": _set("EXCEPT"),
    "INTERSECT": _set("INTERSECT"),
    "EXPRESSION_GET": _values,
    "UNNEST": _unnest,
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
