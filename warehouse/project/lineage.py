"""Which columns the columns of a SELECT are made of, read from its SQL.

Told by sqlglot, which knows less than DuckDB: what it cannot tell is left out, with a reason, and
never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import sqlglot
from sqlglot import exp
from sqlglot.lineage import Node, to_node
from sqlglot.optimizer import Scope, build_scope
from sqlglot.optimizer.qualify import qualify
from sqlglot.schema import MappingSchema, Schema

DIALECT = "duckdb"
_UNNAMED = re.compile(r"_col_\d+")
_WHOLE = (exp.Star, exp.Columns, exp.TableColumn)
"""What stands for several columns: a `*` that cannot be spelled out, `columns(...)`, a table."""


class Column(NamedTuple):
    """A column of a table or view."""

    table: str
    name: str


@dataclass(frozen=True)
class Lineage:
    """Where the columns of a SELECT come from, one step back.

    Attributes:
        sources: For each column those that its values are made of: none for a constant or a count
            of rows. Columns that only filter, group or sort are not among them.
        unchanged: The columns that are another one as it is, and that one.
        unknown: The columns of which it cannot be told, and why.
    """

    sources: dict[str, list[Column]] = field(default_factory=dict)
    unchanged: dict[str, Column] = field(default_factory=dict)
    unknown: dict[str, str] = field(default_factory=dict)


def trace(
    sql: str,
    columns: Sequence[str],
    tables: Mapping[str, Collection[str]],
    dialect: str = DIALECT,
) -> Lineage:
    """Tell of each column of a SELECT which columns it is made of.

    Args:
        sql: One SELECT.
        columns: The columns that it has.
        tables: The columns of each table and view that it may read.
        dialect: Of the SELECT, as sqlglot calls it.
    """
    found = Lineage()
    try:
        schema = MappingSchema(
            {table: dict.fromkeys(names, "VARCHAR") for table, names in tables.items()},
            dialect=dialect,
        )
        scope = _scope(sql, schema, dialect)
        selected = _selected(scope)
        if len(selected) != len(columns):
            raise ValueError(f"{len(selected)} columns can be told of {len(columns)}")
    except Exception as error:  # whatever the parser of another project may raise
        return Lineage(unknown=dict.fromkeys(columns, _first_line(error)))
    spelled = {
        Column(table.lower(), name.lower()): Column(table, name)
        for table, names in tables.items()
        for name in names
    }
    for place, (column, name) in enumerate(zip(columns, selected, strict=True)):
        try:
            if not _same(column, name):
                raise ValueError(f"{name} stands in its place")
            node = to_node(place, scope, dialect, schema, trim_selects=False)
            leaves = _leaves(node)
            if strange := leaves - spelled.keys():
                raise ValueError(f"{'.'.join(min(strange))} is not known")
            sources = {spelled[leaf] for leaf in leaves}
        except Exception as error:
            found.unknown[column] = _first_line(error)
            continue
        found.sources[column] = sorted(sources)
        if len(sources) == 1 and _is_unchanged(node):
            found.unchanged[column] = next(iter(sources))
    return found


def _scope(sql: str, schema: Schema, dialect: str) -> Scope:
    """Parse a SELECT, with stars spelled out and each column under its table's name."""
    scope = build_scope(
        qualify(
            sqlglot.parse_one(sql, dialect=dialect),
            dialect=dialect,
            schema=schema,
            validate_qualify_columns=False,
            identify=False,
        )
    )
    if scope is None:
        raise ValueError("it is not a SELECT")
    return scope


def _selected(scope: Scope) -> list[str]:
    assert isinstance(scope.expression, exp.Selectable)
    return [select.alias_or_name for select in scope.expression.selects]


def _same(column: str, name: str) -> bool:
    """Whether DuckDB and sqlglot mean the same column: each names what has no name its own way."""
    told_apart = re.fullmatch(rf"{re.escape(name)}[_:]\d+", column, re.IGNORECASE)
    return bool(column.lower() == name.lower() or _UNNAMED.fullmatch(name) or told_apart)


def _leaves(node: Node) -> set[Column]:
    """Return the columns of tables at the end of all ways, in lower case.

    Raises:
        ValueError: a way ends nowhere.
    """
    leaves = set()
    for step in node.walk():
        if isinstance(step.expression, exp.Placeholder):
            raise ValueError(f"{step.name} cannot be told")
        for whole in step.expression.find_all(*_WHOLE):
            if not isinstance(whole.parent, exp.Count):
                raise ValueError("the columns are not named")
        # A table function reads no table.
        if isinstance(step.expression, exp.Table) and step.expression.name:
            name = sqlglot.parse_one(step.name, into=exp.Column).name
            leaves.add(Column(step.expression.name.lower(), name.lower()))
    return leaves


def _is_unchanged(node: Node) -> bool:
    """Whether nothing is done to the values on any way."""
    if isinstance(node.expression, exp.Table):
        return True
    bare = isinstance(node.expression.unalias(), exp.Column)
    return bare and all(_is_unchanged(step) for step in node.downstream)


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
