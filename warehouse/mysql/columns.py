"""The columns of a query: what MySQL says of its result, and of the tables behind it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pymysql.connections import Connection
from pymysql.constants import FLAG

from warehouse.errors import WarehouseError
from warehouse.mysql.protocol import Field
from warehouse.mysql.session import optional, rows
from warehouse.mysql.types import DATED, TYPES, TypeRule, kind_of, precision

TableKey = tuple[str, str]
"""Database and table."""

_COLUMNS = """
SELECT table_schema, table_name, column_name, ordinal_position, data_type, column_type, is_nullable,
  column_key, column_comment, privileges
FROM information_schema.columns
WHERE ({tables})
ORDER BY ordinal_position
"""
# MariaDB's JSON is a LONGTEXT with a check that the server adds by itself.
_JSON_CHECKS = """
SELECT constraint_schema, table_name, check_clause FROM information_schema.check_constraints
WHERE ({tables})
"""


def quote(name: str) -> str:
    """Quote an identifier for MySQL."""
    return "`" + name.replace("`", "``") + "`"


@dataclass(frozen=True)
class Definition:
    """A column as the definition of its table says it."""

    schema: str
    table: str
    name: str
    position: int
    data_type: str
    column_type: str
    nullable: str
    key: str
    comment: str
    privileges: str

    @property
    def readable(self) -> bool:
        """Whether the account may read it."""
        return "select" in self.privileges.lower()


@dataclass(frozen=True)
class Column:
    """One column on its way: its name, MySQL's type, DuckDB's, and the rule between the two.

    Attributes:
        kind: The name of the rule in the type map.
        key: Whether it is part of the primary key of its table.
        nullable: Whether it may hold NULL.
        origin: The table and the column that it is, as it is; None for an expression.
    """

    name: str
    mysql_type: str
    kind: str
    duckdb_type: str
    comment: str = ""
    key: bool = False
    nullable: bool = True
    origin: tuple[str, str, str] | None = None

    @property
    def rule(self) -> TypeRule:
        """Its row in the type map."""
        return TYPES[self.kind]

    @property
    def has_days(self) -> bool:
        """Whether it holds dates."""
        return self.kind in DATED

    @property
    def quoted(self) -> str:
        """Its name, quoted for DuckDB."""
        return '"' + self.name.replace('"', '""') + '"'

    @property
    def wire(self) -> str:
        """What the SELECT asks MySQL for."""
        column = quote(self.name)
        value = self.rule.wire.format(c=column)
        return value if value == column else f"{value} AS {column}"

    @property
    def rebuild(self) -> str:
        """What DuckDB makes of the decoded value: an expression over the column of that name."""
        return f"{self.rule.rebuild.format(w=self.quoted, type=self.duckdb_type)} AS {self.quoted}"

    @property
    def valid(self) -> str | None:
        """What tells DuckDB which decoded values have a counterpart; None where all have."""
        return self.rule.valid.format(w=self.quoted) if self.rule.valid else None


def definitions(
    connection: Connection[Any], tables: Collection[TableKey], mariadb: bool
) -> list[Definition]:
    """Return the columns of these tables that the account sees."""
    if not tables:
        return []
    values = [value for table in tables for value in table]
    each = " OR ".join(["(table_schema = %s AND table_name = %s)"] * len(tables))
    found = [Definition(*row) for row in rows(connection, _COLUMNS.format(tables=each), *values)]
    if not mariadb:
        return found
    each = each.replace("table_schema", "constraint_schema")
    checks = set(optional(connection, _JSON_CHECKS.format(tables=each), *values))
    return [
        replace(one, data_type="json")
        if one.data_type == "longtext"
        and (one.schema, one.table, f"json_valid({quote(one.name)})") in checks
        else one
        for one in found
    ]


def make_columns(
    fields: Sequence[Field], defined: Sequence[Definition], named: str
) -> tuple[Column, ...]:
    """Return the columns of a result.

    Args:
        fields: What MySQL says of the result.
        defined: The columns of the tables that it comes from.
        named: The query, as people know it.

    Raises:
        WarehouseError: the type of a column has no rule; names it.
    """
    by_origin = {(one.schema.lower(), one.table.lower(), one.name.lower()): one for one in defined}
    return tuple(_column(field, by_origin, named) for field in fields)


def _column(
    field: Field, by_origin: Mapping[tuple[str, str, str], Definition], named: str
) -> Column:
    origin = (field.schema, field.table, field.column)
    defined = by_origin.get((origin[0].lower(), origin[1].lower(), origin[2].lower()))
    kind = kind_of(field, defined.data_type.lower() if defined else "")
    if kind is None:
        raise WarehouseError(
            f"The column `{field.name}` of {named} has the type "
            f"{defined.column_type if defined else field.type_code}, which has no rule yet.",
            safe="No row was asked for, nothing was changed.",
            todo="Leave it out of the SELECT, or cast it there.",
        )
    duckdb_type = TYPES[kind].duckdb.format(p=precision(field), s=field.scale)
    if defined is None:
        not_null = bool(field.flags & FLAG.NOT_NULL)
        return Column(field.name, _spelled(kind, field), kind, duckdb_type, nullable=not not_null)
    return Column(
        name=field.name,
        mysql_type=defined.column_type.lower(),
        kind=kind,
        duckdb_type=duckdb_type,
        comment=defined.comment or "",
        key=defined.key == "PRI",
        nullable=defined.nullable != "NO",
        origin=(defined.schema, defined.table, defined.name),
    )


def as_sent(column: Column, sent: Field) -> Column:
    """Return a column of an expression as its values come.

    MySQL may put the result of a query into a table of its own before it sends it, and choose
    another type there than it told of the query itself: INT instead of BIGINT for a DATEDIFF in a
    window function.
    """
    kind = kind_of(sent)
    decided = column.origin or column.kind == "null"  # NULL comes as bytes without any
    if decided or kind is None or {column.rule.wire, TYPES[kind].wire} != {"{c}"}:
        return column
    duckdb_type = TYPES[kind].duckdb.format(p=precision(sent), s=sent.scale)
    return replace(column, mysql_type=_spelled(kind, sent), kind=kind, duckdb_type=duckdb_type)


def _spelled(kind: str, field: Field) -> str:
    """Return the type of an expression as MySQL would write it."""
    if kind.startswith("decimal"):
        return f"decimal({precision(field)},{field.scale})"
    if kind in ("datetime", "timestamp") and field.scale:
        return f"{kind}({field.scale})"
    return kind


def essence(field: Field) -> tuple[object, ...]:
    """Return what decides how a column's values are read, and what they become."""
    kind = kind_of(field)
    digits = (precision(field), field.scale) if kind == "decimal" else ()
    return field.name, kind, field.type_code, *digits


def in_words(field: Field) -> str:
    """Say of what type a column of a result is."""
    kind = kind_of(field)
    return _spelled(kind, field) if kind else f"of the type {field.type_code}"
