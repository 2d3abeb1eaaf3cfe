"""An expression of a SELECT as DuckDB bound it: each function known, each type told, each cast
written out.

DuckDB's plan names columns by their place in what comes from below, never by a name.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from warehouse.engines.refusal import Refusal
from warehouse.engines.spark.types import plan_type

COLUMN, CONSTANT, CAST, TRY_CAST, CASE, LAMBDA = (
    *("column", "constant", "cast", "try_cast", "case", "lambda"),
)
OPERATORS = {
    "OPERATOR_IS_NULL": "is null",
    "OPERATOR_IS_NOT_NULL": "is not null",
    "OPERATOR_NOT": "not",
    "OPERATOR_COALESCE": "coalesce",
    "COMPARE_IN": "in",
    "COMPARE_NOT_IN": "not in",
    "CONJUNCTION_AND": "and",
    "CONJUNCTION_OR": "or",
}
"""What is no function in DuckDB's plans, and the name that it has here."""

_NOWHERE = 2**64 - 1
"""The place of what DuckDB adds itself, and of aggregates."""
_COMMON = {
    *("expression_class", "type", "alias", "query_location", "query_location_length"),
    *("return_type", "children"),
}
_KNOWN = {
    "BOUND_REF": {"index"},
    "BOUND_CONSTANT": {"value"},
    "BOUND_FUNCTION": {
        *("arguments", "qname", "has_serialize", "is_operator", "function_data"),
        *("named_arguments", "positional_arguments", "original_arguments"),
    },
    "BOUND_OPERATOR": set(),
    "BOUND_CONJUNCTION": set(),
    "BOUND_CASE": {"case_checks", "else_expr"},
    "BOUND_AGGREGATE": {
        *("arguments", "qname", "has_serialize", "function_data", "aggregate_type", "filter"),
        *("order_bys", "state_export", "original_arguments"),
    },
    "BOUND_UNNEST": {"child"},
    "BOUND_WINDOW": {
        *("arguments", "qname", "has_serialize", "function_data", "partitions", "orders"),
        *("filters", "ignore_nulls", "start", "end", "start_expr", "end_expr", "offset_expr"),
        *("default_expr", "exclude_clause", "distinct", "arg_orders", "sql_range_start"),
        *("sql_range_end", "sql_range_order_type", "sql_range_start_boundary"),
        *("sql_range_end_boundary", "sql_range_order_casts", "original_arguments"),
    },
}
"""What DuckDB 2.0 says of an expression. More than that is refused: its meaning is not known."""


@dataclass(frozen=True)
class Order:
    """One key of an ORDER BY."""

    key: Node
    descending: bool
    nulls_first: bool


@dataclass(frozen=True)
class Frame:
    """The window of a window function.

    Attributes:
        start: `UNBOUNDED_PRECEDING`, `CURRENT_ROW_RANGE`, `EXPR_PRECEDING_ROWS` and so on.
    """

    partitions: tuple[Node, ...]
    orders: tuple[Order, ...]
    start: str
    end: str
    start_by: Node | None
    end_by: Node | None
    ignore_nulls: bool


@dataclass(frozen=True)
class Node:
    """An expression.

    Attributes:
        name: DuckDB's function or operator, or one of `COLUMN`, `CONSTANT`, `CAST`, `CASE`.
        type: DuckDB's type of its value.
        place: Where it stands in the SQL: the first byte, and how many.
        index: Of a `COLUMN`, its place in what comes from below.
        value: Of a `CONSTANT`, as DuckDB's plan writes it.
        data: What DuckDB keeps of a function beside its operands.
    """

    name: str
    type: str
    children: tuple[Node, ...] = ()
    place: tuple[int, int] | None = None
    index: int = -1
    value: Any = None
    data: Mapping[str, Any] = field(default_factory=dict)
    distinct: bool = False
    filter: Node | None = None
    orders: tuple[Order, ...] = ()
    frame: Frame | None = None


def read(described: Mapping[str, Any]) -> Node:
    """Read an expression of a plan.

    Raises:
        Refusal: the plan says something of it that is not known here.
    """
    class_ = described["expression_class"]
    unknown = described.keys() - _COMMON - _KNOWN.get(class_, set())
    if class_ not in _KNOWN or any(described[key] for key in unknown):
        what = class_.removeprefix("BOUND_").lower().replace("_", " ")
        raise Unknown(f"no rule knows this {what}.", _place(described))
    try:
        return _READERS[class_](described)
    except Refusal as refusal:
        name = described.get("qname", {}).get("path", [""])[-1]
        raise Unknown(refusal.why, _place(described), refusal.instead, name) from None


class Unknown(Refusal):
    """A refusal that knows its place in the SQL, or the name that stands there."""

    def __init__(
        self, why: str, place: tuple[int, int] | None, instead: str = "", name: str = ""
    ) -> None:
        super().__init__(why, instead)
        self.place = place
        self.name = name


def _place(described: Mapping[str, Any]) -> tuple[int, int] | None:
    first, length = described["query_location"], described["query_location_length"]
    return (first, length) if first != _NOWHERE else None


def _type(described: Mapping[str, Any]) -> str:
    return plan_type(described["return_type"]) if "return_type" in described else "BOOLEAN"


def _column(described: Mapping[str, Any]) -> Node:
    return Node(COLUMN, _type(described), place=_place(described), index=described["index"])


def _constant(described: Mapping[str, Any]) -> Node:
    value = described["value"]
    return Node(CONSTANT, plan_type(value["type"]), place=_place(described), value=value)


def _function(described: Mapping[str, Any]) -> Node:
    name = described["qname"]["path"][-1]
    data = dict(described.get("function_data") or {})
    if name == "__cast":
        name = TRY_CAST if data["try_cast"] else CAST
    if names := described.get("named_arguments"):
        data["names"] = names
    return Node(name, _type(described), _children(described), _place(described), data=data)


def _operator(described: Mapping[str, Any]) -> Node:
    name = OPERATORS.get(described["type"], described["type"].lower())
    return Node(name, _type(described), _children(described), _place(described))


def _case(described: Mapping[str, Any]) -> Node:
    parts = [read(check[part]) for check in described["case_checks"] for part in _CHECK]
    parts.append(read(described["else_expr"]))
    return Node(CASE, _type(described), tuple(parts), _place(described))


_CHECK = ("when_expr", "then_expr")


def _aggregate(described: Mapping[str, Any]) -> Node:
    if described["state_export"] != "NONE":
        raise Refusal("the state of an aggregate is known to DuckDB alone.")
    return Node(
        described["qname"]["path"][-1],
        _type(described),
        _children(described),
        _place(described),
        data=described.get("function_data") or {},
        distinct=described["aggregate_type"] == "DISTINCT",
        filter=_maybe(described["filter"]),
        orders=read_orders((described["order_bys"] or {}).get("orders", ())),
    )


def _unnest(described: Mapping[str, Any]) -> Node:
    return Node("unnest", _type(described), (read(described["child"]),), _place(described))


def _window(described: Mapping[str, Any]) -> Node:
    if described["exclude_clause"] != "NO_OTHER":
        raise Refusal("Spark's windows know no EXCLUDE.", "Write the window without it.")
    if described["arg_orders"]:
        raise Refusal(
            "Spark's window functions take no order of their own.",
            "Write the ORDER BY in OVER (…) only.",
        )
    if described["distinct"]:
        raise Refusal(
            "Spark has no DISTINCT in a window.", "Count the distinct values in a GROUP BY first."
        )
    if described["offset_expr"] or described["default_expr"]:
        raise Refusal("no rule knows this window function.")
    name = described["type"].removeprefix("WINDOW_").lower()
    if name == "aggregate":
        name = described["qname"]["path"][-1]
        name = "count_star" if name == "count" and not described["children"] else name
    frame = Frame(
        partitions=tuple(read(one) for one in described["partitions"]),
        orders=read_orders(described["orders"]),
        start=described["start"],
        end=described["end"],
        start_by=_maybe(described["start_expr"]),
        end_by=_maybe(described["end_expr"]),
        ignore_nulls=described["ignore_nulls"],
    )
    return Node(
        name,
        _type(described),
        _children(described),
        _place(described),
        data=described.get("function_data") or {},
        filter=_maybe(described["filters"]),
        frame=frame,
    )


def _maybe(described: Mapping[str, Any] | None) -> Node | None:
    return read(described) if described else None


def _children(described: Mapping[str, Any]) -> tuple[Node, ...]:
    return tuple(read(child) for child in described.get("children", ()))


def read_orders(described: Sequence[Mapping[str, Any]]) -> tuple[Order, ...]:
    """Read the keys of an ORDER BY."""
    return tuple(
        Order(
            read(one["expression"]),
            descending=one["type"] == "DESCENDING",
            nulls_first=one["null_order"] == "NULLS FIRST",
        )
        for one in described
    )


_READERS = {
    "BOUND_REF": _column,
    "BOUND_CONSTANT": _constant,
    "BOUND_FUNCTION": _function,
    "BOUND_OPERATOR": _operator,
    "BOUND_CONJUNCTION": _operator,
    "BOUND_CASE": _case,
    "BOUND_AGGREGATE": _aggregate,
    "BOUND_UNNEST": _unnest,
    "BOUND_WINDOW": _window,
}


def columns_of(nodes: Collection[Node]) -> set[int]:
    """Return which columns expressions read."""
    found: set[int] = set()
    for node in nodes:
        if node.name == COLUMN:
            found.add(node.index)
        found |= columns_of(node.children)
    return found
