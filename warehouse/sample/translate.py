"""A SELECT of MySQL's dialect, as DuckDB understands it and with the names that MySQL gives."""

from __future__ import annotations

from datetime import datetime

from sqlglot import exp

from warehouse.sample.tables import DATABASE

_MOMENTS = (exp.CurrentTimestamp, exp.UtcTimestamp, exp.Localtime, exp.Localtimestamp)
_NAMES_OF_MOMENTS = ("NOW", "SYSDATE")
_DAYS = (exp.CurrentDate, exp.UtcDate)


def with_clock(query: exp.Expr, now: datetime) -> exp.Expr:
    """Put the moment of the query where it asks for it, as MySQL does: one for all rows."""

    def moment(node: exp.Expr) -> exp.Expr:
        by_name = isinstance(node, exp.Anonymous) and node.name.upper() in _NAMES_OF_MOMENTS
        if by_name or isinstance(node, _MOMENTS):
            digits = node.find(exp.Literal)
            step = 10 ** (6 - int(digits.name if digits else 0))
            kept = now.replace(microsecond=now.microsecond // step * step)
            return exp.cast(exp.Literal.string(str(kept)), exp.DType.TIMESTAMP)
        if isinstance(node, _DAYS):
            return exp.cast(exp.Literal.string(str(now.date())), exp.DType.DATE)
        return node

    return query.transform(moment)


def named(query: exp.Expr) -> exp.Expr:
    """Name each expression that a SELECT gives no name by its text, as MySQL does."""
    query = query.copy()
    for select in query.find_all(exp.Select):
        for projection in select.expressions:
            if isinstance(projection, exp.Alias | exp.Column | exp.Star) or projection.is_star:
                continue
            name = projection.name if projection.is_string else projection.sql(dialect="mysql")
            projection.replace(exp.alias_(projection.copy(), name, quoted=True))
    return query


def without_schema(query: exp.Expr) -> exp.Expr:
    """Name the tables of the shop by their names alone."""
    query = query.copy()
    for node in query.find_all(exp.Table, exp.Column):
        if node.text("db").lower() == DATABASE:
            node.set("db", None)
    return query


def rolled_up(query: exp.Expr) -> exp.Expr:
    """Write MySQL's `GROUP BY a, b WITH ROLLUP` as DuckDB's `GROUP BY ROLLUP (a, b)`."""
    query = query.copy()
    for group in query.find_all(exp.Group):
        if group.args.get("rollup") and group.expressions:
            group.set("rollup", [exp.Rollup(expressions=group.expressions)])
            group.set("expressions", [])
    return query
