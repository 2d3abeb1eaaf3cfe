"""DuckDB's logical plan as Spark's SQL: each operator becomes one step, a name in a WITH.

The columns of a step are called `c0`, `c1` and so on, in the order of DuckDB's plan. Only the last
SELECT gives them the names that the user wrote. Each FROM names what it reads with AS: without it,
Spark takes `FROM x WHERE (y)` for an `x` that is called `WHERE`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from warehouse.engines.refusal import Refusal
from warehouse.engines.spark.types import identifier, spark_type

Operator = Mapping[str, Any]
"""An operator of the plan, as `json_serialize_plan` writes it."""

_KNOWN = {
    *("type", "children", "expressions", "table_index", "only_true", "counted"),
    *("arguments", "at_clause", "column_indexes", "extra_info", "function_data", "names"),
    *("has_pushed_projection", "has_serialize", "input_table_names", "input_table_types"),
    *("named_parameters", "ordinality_idx", "parameters", "projected_input", "projection_ids"),
    *("qname", "returned_types", "row_group_order_options", "scan_partition_indices"),
    *("source_ordinality", "table_filters", "table_filters_by_projection", "projection_map"),
    *("aggregate_index", "distinct_validity", "group_index", "grouping_functions", "groups"),
    *("grouping_sets", "groupings_index", "orders", "projections", "limit_val", "offset_val"),
    *("unpruned_offset", "window_index", "allow_out_of_order", "column_count", "setop_all"),
    *("distinct_targets", "distinct_type", "order_by", "conditions", "condition", "join_type"),
    *("delim_flipped", "duplicate_eliminated_columns", "left_projection_map", "mark_index"),
    *("mark_types", "right_projection_map", "ctename", "materialize", "bound_columns"),
    *("chunk_types", "cte_index", "is_recurring", "expr_types", "unnest_index"),
    *("internal_types", "key_targets", "payload_aggregates", "ref_recurring", "union_all"),
    *("sample_options", "bindings", "return_types"),
}
"""What DuckDB 2.0 says of its operators. More than that is refused: its meaning is not known."""


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
        operators: What writes each operator, by its name.
        refused: Why the others are refused: the reason, what to write instead, the word of SQL.
        prefix: How the names of the steps begin: as no table does.
        written: The SQL of each step, by its name.
        shared: The steps that a CTE of DuckDB's plan stands for, by its number there.
    """

    operators: Mapping[str, OperatorWriter]
    refused: Mapping[str, tuple[str, str, str]]
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
        if odd := sorted(key for key in operator.keys() - _KNOWN if operator[key]):
            raise Refusal(f"no rule knows what {', '.join(odd)} means in a plan of DuckDB's.")
        if type_ not in self.operators:
            unknown = (f"no rule knows DuckDB's {type_.lower().replace('_', ' ')}.", "", "")
            raise Refusal(*self.refused.get(type_, unknown))
        return self.operators[type_](self, operator)

    def below(self, operator: Operator) -> Relation:
        """Translate the one operator below another one."""
        (child,) = operator["children"]
        return self.relation(child)

    def kept(self, below: Relation, wanted: Sequence[int], rest: str) -> Relation:
        """Add a step that returns the columns from below, or those of them that are wanted."""
        places = list(wanted) or list(range(len(below.types)))
        expressions = [f"c{place}" for place in places]
        types = [below.types[place] for place in places]
        return self.select(expressions, types, rest, below.ordered)


OperatorWriter = Callable[[Steps, Operator], Relation]


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
    return f"WITH {chain}\nSELECT {listed} FROM {last.name} AS s"
