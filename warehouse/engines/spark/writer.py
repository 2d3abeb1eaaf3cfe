"""Expressions in Spark's SQL: finds the rule of each function, and writes windows and orders."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import duckdb

from warehouse.engines.refusal import Refusal
from warehouse.engines.spark import literals
from warehouse.engines.spark.expression import (
    CAST,
    COLUMN,
    CONSTANT,
    TRY_CAST,
    Frame,
    Node,
    Order,
    Unknown,
)
from warehouse.engines.spark.rule import Call, constant
from warehouse.engines.spark.rules import RULES
from warehouse.engines.spark.rules.times import interval
from warehouse.engines.spark.types import class_of, field_names

Columns = Sequence[str | None]
"""Spark's SQL for each column that comes from below; None for one that Spark does not have."""

_BOUNDS = {
    "UNBOUNDED_PRECEDING": "UNBOUNDED PRECEDING",
    "UNBOUNDED_FOLLOWING": "UNBOUNDED FOLLOWING",
    "CURRENT_ROW": "CURRENT ROW",
    "EXPR_PRECEDING": "{} PRECEDING",
    "EXPR_FOLLOWING": "{} FOLLOWING",
}
_MICROS_A_DAY = 86_400_000_000
_WITHOUT_FRAME = (
    *("row_number", "rank", "rank_dense", "dense_rank", "percent_rank", "cume_dist", "ntile"),
    *("lag", "lead"),
)
"""The window functions that look at the whole partition, whatever the frame."""


def write(node: Node, columns: Columns) -> str:
    """Write an expression in Spark's SQL.

    Args:
        node: As DuckDB bound it.
        columns: What comes from below.

    Raises:
        Unknown: it has no equal in Spark; with its place.
    """
    try:
        return _write(node, columns)
    except Unknown:
        raise
    except Refusal as refusal:
        raise Unknown(refusal.why, node.place, refusal.instead, node.name) from None


def _write(node: Node, columns: Columns) -> str:
    if node.name == COLUMN:
        found = columns[node.index]
        if found is None:
            raise Refusal("Spark has no rowid.", "Read a column that tells the rows apart.")
        return found
    if node.name == CONSTANT and node.value is not None:
        return literals.nested(node.value, node.type, node.value["type"])
    if node.name in (CAST, TRY_CAST):
        held = constant(node)
        if held is None or isinstance(held, str):
            return literals.write(held, node.type)
        if class_of(node.type) == "TUPLE" and node.children[0].name == "row":
            return _write(_cast_each(node), columns)
    if node.type == "INTERVAL":
        raise Refusal(
            "an interval alone has no equal in Spark.",
            "Write date + interval in one expression, and date_diff for what lies between.",
        )
    rules = RULES.get(node.name, ())
    rule = next((rule for rule in rules if rule.fits(node)), None)
    if rule is None:
        operands = ", ".join(class_of(child.type) for child in node.children)
        raise Refusal(
            f"no rule says that Spark's {node.name}({operands}) gives the same answer.",
            "Write it with functions of docs/spark-sql.md, or compute it in a source.",
        )
    if rule.spark is None:
        return rule.write(Call(node, ()))
    # An interval is no value in Spark's SQL here: its rules read it from the node.
    args = tuple(
        "" if child.type == "INTERVAL" else write(child, columns) for child in node.children
    )
    keys = tuple(write(order.key, columns) for order in node.orders)
    return rule.write(Call(node, args, _after(node, columns), keys))


def _cast_each(node: Node) -> Node:
    """Cast the values of a row, and not the row: each of these casts has a rule."""
    (row,) = node.children
    types = [str(type_) for _, type_ in duckdb.sqltype(node.type).children]
    cast = tuple(
        value if value.type == type_ else Node(node.name, type_, (value,), value.place)
        for value, type_ in zip(row.children, types, strict=True)
    )
    return replace(row, type=node.type, children=cast)


def _after(node: Node, columns: Columns) -> str:
    """Write what follows an aggregate or a window function: FILTER and OVER."""
    parts = ""
    if node.filter:
        parts += f" FILTER (WHERE {write(node.filter, columns)})"
    if node.frame:
        parts += " IGNORE NULLS" * node.frame.ignore_nulls
        parts += f" OVER ({_window(node, node.frame, columns)})"
    return parts


def _window(node: Node, frame: Frame, columns: Columns) -> str:
    parts = []
    if frame.partitions:
        by = ", ".join(write(one, columns) for one in frame.partitions)
        parts.append(f"PARTITION BY {by}")
    if any(by and bound.endswith("_RANGE") for bound, by in _bounds(frame)):
        parts.append(f"ORDER BY {_counted_key(frame, columns)}")
    elif frame.orders:
        parts.append(f"ORDER BY {order_by(frame.orders, columns)}")
    elif node.name in _WITHOUT_FRAME or _within_rows(frame):
        raise Refusal(
            "a window without ORDER BY has no order that two engines share.",
            "Write an ORDER BY into OVER (…) that tells the rows apart.",
        )
    if node.name not in _WITHOUT_FRAME and (frame.orders or _within_rows(frame)):
        parts.append(_frame(frame))
    return " ".join(parts)


def _within_rows(frame: Frame) -> bool:
    bounds = {frame.start, frame.end} - {"UNBOUNDED_PRECEDING", "UNBOUNDED_FOLLOWING"}
    return any(not bound.endswith("RANGE") for bound in bounds)


def _frame(frame: Frame) -> str:
    units = set()
    bounds = []
    for bound, by in _bounds(frame):
        kind, _, unit = bound.rpartition("_")
        if bound in ("UNBOUNDED_PRECEDING", "UNBOUNDED_FOLLOWING"):
            kind, unit = bound, ""
        units.add(unit)
        if unit == "GROUPS" or kind not in _BOUNDS:
            raise Refusal("Spark's windows know ROWS and RANGE alone.", "Write ROWS or RANGE.")
        bounds.append(_BOUNDS[kind].format(_offset(unit, by)))
    unit = next(iter(units - {""}), "RANGE")
    if len(units - {""}) > 1:
        raise Refusal("Spark's windows know one unit alone.", "Write ROWS or RANGE.")
    return f"{unit} BETWEEN {bounds[0]} AND {bounds[1]}"


def _offset(unit: str, by: Node | None) -> str:
    if by is None:
        return ""
    if unit == "RANGE":
        return f"{_distance(by)}L"
    held = constant(by)
    if not isinstance(held, str) or not held.isdigit() or int(held) >= 2**31:
        raise Refusal(
            "Spark's windows take a constant number of rows.",
            "Write ROWS BETWEEN 7 PRECEDING AND CURRENT ROW.",
        )
    return held


def _bounds(frame: Frame) -> tuple[tuple[str, Node | None], tuple[str, Node | None]]:
    return (frame.start, frame.start_by), (frame.end, frame.end_by)


def _distance(by: Node) -> int:
    """Return how far a bound of RANGE is from the row: in the unit of `_counted_key`.

    DuckDB's plan holds the value at the bound: the key of the row, minus or plus a constant.
    """
    offset = by.children[1] if by.name in ("+", "-") and len(by.children) == 2 else by
    if offset.type == "INTERVAL":
        months, days, micros = interval(offset)
        found = None if months else days * _MICROS_A_DAY + micros
    else:
        held = constant(offset) if class_of(offset.type) == "INT" else None
        found = int(held) if isinstance(held, str) else None
    if found is None or not 0 <= found < 2**62:
        raise Refusal(
            "Spark's RANGE takes a constant whole number, or a constant interval of days or less.",
            "Write RANGE BETWEEN INTERVAL 7 DAY PRECEDING AND CURRENT ROW, or ROWS.",
        )
    return found


def _counted_key(frame: Frame, columns: Columns) -> str:
    """Write the one key of a window with RANGE as a BIGINT: a time as its microseconds."""
    (order,) = frame.orders
    written = {
        "INT": "CAST({} AS BIGINT)",
        "TIMESTAMP": "UNIX_MICROS(CAST({} AS TIMESTAMP))",
        "TIMESTAMPTZ": "UNIX_MICROS({})",
    }.get(class_of(order.key.type))
    if written is None:
        raise Refusal(
            "Spark's RANGE takes whole numbers and times alone.", "Write ROWS, or cast the key."
        )
    direction = "DESC" if order.descending else "ASC"
    nulls = "FIRST" if order.nulls_first else "LAST"
    return f"{written.format(write(order.key, columns))} {direction} NULLS {nulls}"


def order_by(orders: Iterable[Order], columns: Columns) -> str:
    """Write the keys of an ORDER BY in Spark's SQL."""
    keys: list[str] = []
    for order in orders:
        direction = "DESC" if order.descending else "ASC"
        nulls = "FIRST" if order.nulls_first else "LAST"
        written = write(order.key, columns)
        if class_of(order.key.type) in ("STRUCT", "TUPLE"):
            keys.append(f"({written} IS NULL) {'DESC' if order.nulls_first else 'ASC'}")
        keys += [
            f"{part} {direction} NULLS {nulls if part is written else _nested_nulls(order)}"
            for part in _parts(written, order.key.type)
        ]
    return ", ".join(keys)


def _nested_nulls(order: Order) -> str:
    """Inside a struct NULL is the greatest value for DuckDB, whatever is said of the whole one."""
    return "FIRST" if order.descending else "LAST"


def _parts(written: str, type_: str) -> list[str]:
    """Return the fields of a struct, from the left to the right; or the value itself.

    Raises:
        Refusal: it has no order that two engines share.
    """
    kind = class_of(type_)
    if kind in ("STRUCT", "TUPLE"):
        fields = duckdb.sqltype(type_).children
        names = field_names([name for name, _ in fields])
        return [
            part
            for name, (_, inner) in zip(names, fields, strict=True)
            for part in _parts(f"{written}.{name}", str(inner))
        ]
    if kind in ("LIST", "MAP", "ARRAY", "ENUM", "INTERVAL"):
        raise Refusal(
            f"Spark orders values of the type {type_} otherwise.", "Order by a number or a text."
        )
    return [written]
