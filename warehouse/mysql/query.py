"""A SELECT on its way to MySQL, and what its errors mean for the file that it stands in."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import pymysql
from pymysql.connections import Connection

from warehouse.errors import WarehouseError, quoted_from
from warehouse.mysql.broken_views import check_view
from warehouse.mysql.columns import TableKey, quote
from warehouse.mysql.protocol import Field, Statement, close, prepare
from warehouse.mysql.server_errors import SAFE, error_number, translate
from warehouse.mysql.session import optional, rows
from warehouse.mysql.url import Server
from warehouse.project.source_query import QueryFacts, TableName, expand_star, line_of

ONLY_COLUMNS = "/* warehouse: asks for the columns, and for no row */ "

_SYNTAX, _NO_COLUMN, _NO_TABLE, _NO_DATABASE = 1064, 1054, 1146, 1049
_DENIED = (1142, 1143)
_TABLES = """
SELECT table_name FROM information_schema.tables WHERE table_schema = %s
"""
_COLUMNS = """
SELECT column_name FROM information_schema.columns WHERE table_schema = %s AND table_name = %s
"""


@dataclass(frozen=True)
class SourceQuery:
    """A SELECT, and where it comes from.

    Attributes:
        name: Of the source.
        sql: One SELECT in MySQL's dialect.
        facts: What is told of it without asking.
        at: Names the place of one of its lines.
    """

    name: str
    sql: str
    facts: QueryFacts
    at: Callable[[int], str]

    @property
    def named(self) -> str:
        """How people call what it reads."""
        table = self.facts.plain_of
        return f"`{table.name}`" if table else self.name

    @property
    def place(self) -> str:
        """Where it begins."""
        return self.at(1)

    def tables(self, database: str) -> list[TableKey]:
        """Return the tables that it names; without a database they are in this one."""
        return sorted((t.database or database, t.name) for t in self.facts.reads or ())


def whole_table(table: str) -> SourceQuery:
    """Return the query that reads a table as it is."""
    name = TableName("", table)
    facts = QueryFacts(frozenset({name}), constant=True, star_of=name, plain_of=name)
    return SourceQuery(table, f"SELECT * FROM {quote(table)}", facts, lambda _: f"`{table}`")


def ask_columns(
    connection: Connection[Any], server: Server, query: SourceQuery
) -> tuple[SourceQuery, tuple[Field, ...], str]:
    """Have MySQL tell the columns of a query. It reads no row.

    Returns:
        The query, whose `*` gave way to columns where the account may not read all of them; its
        columns; and those it may not read, in words.

    Raises:
        WarehouseError: MySQL does not take the query; names file and line.
    """
    try:
        fields = fields_of(connection, query.sql)
        hidden = ""
    except pymysql.MySQLError as error:
        narrowed = _narrowed(connection, server, query, error)
        if narrowed is None:
            raise _explained(connection, server, query, error) from None
        query, hidden = narrowed
        try:
            fields = fields_of(connection, query.sql)
        except pymysql.MySQLError as second:
            raise _explained(connection, server, query, second) from None
    _check_names(query, [field.name for field in fields])
    return query, fields, hidden


def fields_of(connection: Connection[Any], sql: str) -> tuple[Field, ...]:
    """Prepare a statement, and return the columns that its result would have."""
    statement: Statement = prepare(connection, ONLY_COLUMNS + sql)
    close(connection, statement)
    return statement.fields


def _check_names(query: SourceQuery, names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name.lower() in seen:
            raise WarehouseError(
                f"{query.at(line_of(query.sql, name))}: two columns are called {name}.",
                safe=SAFE,
                todo="Give one of them another name: … AS another_name.",
            )
        seen.add(name.lower())


def _narrowed(
    connection: Connection[Any], server: Server, query: SourceQuery, error: pymysql.MySQLError
) -> tuple[SourceQuery, str] | None:
    """Return a `select *` of what the account may read of a table, and what it may not.

    MySQL names columns that the account may use in another way. Of others only the gap in their
    numbers shows, and of those behind the last one not even that.
    """
    table = query.facts.star_of
    if error_number(error) not in _DENIED or table is None:
        return None
    described = rows(
        connection,
        "SELECT column_name, ordinal_position, privileges FROM information_schema.columns "
        "WHERE table_schema = %s AND table_name = %s ORDER BY ordinal_position",
        table.database or server.database,
        table.name,
    )
    readable = [str(name) for name, _, rights in described if "select" in str(rights).lower()]
    if not readable:
        return None
    numbers = {int(number) for _, number, _ in described}
    named = [f"`{name}`" for name, *_ in described if name not in readable]
    gaps = [f"column {n}" for n in sorted({*range(1, max(numbers) + 1)} - numbers)]
    hidden = ", ".join([*named, *gaps]) or f"columns behind column {max(numbers)}"
    columns = ", ".join(map(quote, readable))
    return replace(query, sql=expand_star(query.sql, columns)), hidden


def _explained(
    connection: Connection[Any], server: Server, query: SourceQuery, error: pymysql.MySQLError
) -> WarehouseError:
    """Say where in the file MySQL found a fault, and what it may mean."""
    number = error_number(error)
    tables = query.tables(server.database)
    text = quoted_from(server.redact(str(error.args[-1])))
    if number == _SYNTAX:
        found = re.search(r" at line (\d+)$", text)
        line = int(found[1]) if found else 1
        return WarehouseError(
            f"{query.at(line)}: MySQL at {server.name} cannot parse the query: {text}",
            safe=SAFE,
            todo="Correct the file.",
        )
    for database, table in tables:
        check_view(connection, server, database, table)
    if number == _NO_COLUMN and (found := re.search(r"column '([^']+)'", text)):
        name = found[1].rpartition(".")[2]
        known = [str(c) for t in tables for (c,) in optional(connection, _COLUMNS, *t)]
        return WarehouseError(
            f"{query.at(line_of(query.sql, name))}: MySQL at {server.name} knows no column "
            f"{found[1]} there.{_close(name, known)}",
            safe=SAFE,
            todo="Correct the file.",
        )
    if number in (_NO_TABLE, _NO_DATABASE, *_DENIED):
        for database, table in tables:
            known = [str(name) for (name,) in optional(connection, _TABLES, database)]
            if table not in known:
                return WarehouseError(
                    f"{query.at(line_of(query.sql, table))}: MySQL at {server.name} shows this "
                    f"account no table `{table}`.{_close(table, known)}",
                    safe=SAFE,
                    todo="Correct the file, or ask for SELECT on the table.",
                )
    return translate(error, server, query.place)


def _close(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(dict.fromkeys(known)), n=3)
    return f" Did you mean {' or '.join(close)}?" if close else ""
