"""Which column of which table each column of a result is, as MySQL tells its clients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, build_scope

from warehouse.sample.tables import Table


@dataclass(frozen=True)
class Origin:
    """A column of a table.

    Attributes:
        alias: What the query calls the table, or the derived table that the column comes through.
        table: The table's name.
        column: The column's name in it.
        nullable: Whether the result may have NULL in it: outer joins and roll-ups add some.
        key: Whether the column is one of the primary key.
    """

    alias: str
    table: str
    column: str
    nullable: bool
    key: bool


def origins(query: exp.Expr, tables: Sequence[Table]) -> list[Origin | None]:
    """Return the origin of each column of a query's result.

    Args:
        query: Names a table by its name alone.
        tables: Those that there are.

    Returns:
        None for an expression. An empty list where it cannot be told.
    """
    schema: dict[str, object] = {
        table.name: {column.name: column.duckdb_type for column in table.columns}
        for table in tables
    }
    try:
        qualified = qualify(
            query.copy(), dialect="duckdb", schema=schema, validate_qualify_columns=False
        )
        scope = build_scope(qualified)
    except SqlglotError:  # what DuckDB understands and sqlglot does not
        return []
    if scope is None or not isinstance(scope.expression, exp.Select):
        return []  # a UNION makes columns of its own
    if any(projection.is_star for projection in scope.expression.selects):
        return []
    known = {table.name: table for table in tables}
    return [_origin(scope, projection, known) for projection in scope.expression.selects]


def _origin(scope: Scope, projection: exp.Expr, tables: dict[str, Table]) -> Origin | None:
    column = projection.unalias()
    if not isinstance(column, exp.Column):
        return None
    source = scope.sources.get(column.table)
    if isinstance(source, exp.Table):
        found = _of_table(tables.get(source.name), column)
    elif isinstance(source, Scope) and isinstance(source.expression, exp.Select):
        inner = {one.alias_or_name: one for one in source.expression.selects}
        name = _renamed(source, column.name, list(inner))
        found = _origin(source, inner[name], tables) if name in inner else None
    else:
        found = None
    if found is None:
        return None
    select = scope.expression
    nullable = found.nullable or column.table in _outer(select) or _rolled_up(select)
    return replace(found, alias=column.table, nullable=nullable)


def _of_table(table: Table | None, column: exp.Column) -> Origin | None:
    for one in table.columns if table else ():
        if table and one.name == column.name:
            return Origin(column.table, table.name, one.name, one.nullable, one.name in table.key)
    return None


def _renamed(source: Scope, name: str, inner: list[str]) -> str:
    """Return what a derived table calls a column that its alias renames: `(SELECT …) AS t(a)`."""
    parent = source.expression.parent
    alias = parent.args.get("alias") if parent else None
    names = [one.name for one in alias.columns] if isinstance(alias, exp.TableAlias) else []
    return inner[names.index(name)] if name in names else name


def _rolled_up(select: exp.Expr) -> bool:
    """Whether a SELECT adds rows of totals, in which a grouped column is NULL."""
    group = select.args.get("group")
    return bool(group and any(group.args.get(kind) for kind in ("rollup", "cube", "grouping_sets")))


def _outer(select: exp.Expr) -> set[str]:
    """Return the tables of a SELECT whose rows an outer join may leave out."""
    start = select.args.get("from_")
    before = {start.alias_or_name} if start else set()
    outer: set[str] = set()
    for join in select.args.get("joins") or ():
        if join.side in ("LEFT", "FULL"):
            outer.add(join.alias_or_name)
        if join.side in ("RIGHT", "FULL"):
            outer |= before
        before.add(join.alias_or_name)
    return outer
