"""The plan of a load: what MySQL says about the table becomes one SELECT."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pymysql
from pymysql.connections import Connection

from warehouse.days.ranges import all_days
from warehouse.errors import WarehouseError
from warehouse.mysql.broken_views import check_source
from warehouse.mysql.protocol import Field, close, prepare
from warehouse.mysql.server_errors import SAFE, plain_errors
from warehouse.mysql.session import as_connected, connect, optional, rows
from warehouse.mysql.types import DATED, TYPES, TypeRule, kind_of, precision
from warehouse.mysql.url import Server
from warehouse.mysql.version import table_version

SHOWN = 8
ONLY_COLUMNS = "/* warehouse: asks for the columns, and for no row */ "


@dataclass(frozen=True)
class Column:
    """One column on its way: its name, MySQL's type, DuckDB's, and the rule between the two.

    Attributes:
        kind: The name of the rule in the type map.
        key: Whether it is part of the table's primary key.
        nullable: Whether it may hold NULL.
    """

    name: str
    mysql_type: str
    kind: str
    duckdb_type: str
    comment: str = ""
    key: bool = False
    nullable: bool = True

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


@dataclass(frozen=True)
class Days:
    """Whole days of a column, as ranges whose last day is included."""

    column: str
    ranges: tuple[tuple[date, date], ...]

    @property
    def condition(self) -> str:
        """The days as SQL for MySQL. The column stands bare, so that an index on it serves."""
        column = quote(self.column)
        return "\nOR ".join(
            f"{column} >= '{first}' AND {column} < '{last + timedelta(days=1)}'"
            for first, last in self.ranges
        )

    @property
    def listed(self) -> list[date]:
        """Each of the days."""
        return [day for first, last in self.ranges for day in all_days(first, last)]

    @property
    def words(self) -> str:
        """The same for people; of many ranges only the first ones are named."""
        shown = ", ".join(
            f"{first}" if first == last else f"{first} to {last}"
            for first, last in self.ranges[:SHOWN]
        )
        more = len(self.ranges) - SHOWN
        return f"{shown} and {more} more" if more > 0 else shown


@dataclass(frozen=True)
class Plan:
    """A table in MySQL as it will be read.

    Attributes:
        rows_estimate: The server's own guess, for the progress bar only.
        fields: The columns of its SELECT, as MySQL told them.
        hidden: Which columns the account may not read, in words; empty if it may read all.
        binlog: Where the binary log stood before the SELECT, if the account may know: what was
            committed by then is in the load.
        asked_at: The server's clock at that time.
        asked_at_there: The same in the server's own time zone, as if that were UTC.
        version: The table's version at that time, see `table_version`.
    """

    server: Server
    table: str
    server_version: str
    columns: tuple[Column, ...]
    fields: tuple[Field, ...]
    hidden: str
    rows_estimate: int
    binlog: str | None
    gtid: str | None
    asked_at: datetime
    asked_at_there: datetime
    version: str | None
    comment: str = ""

    @property
    def mariadb(self) -> bool:
        """MariaDB and MySQL differ in a few session variables."""
        return "mariadb" in self.server_version.lower()

    def column(self, name: str) -> Column | None:
        """Return the column of that name, which MySQL compares without regard to case."""
        return next((c for c in self.columns if c.name.lower() == name.lower()), None)

    def asked_at_by(self, name: str) -> datetime:
        """Return the time of asking by the clock that a column is written by.

        A DATETIME says nothing of its zone: of UTC and the server's own the one that is behind, so
        that what may still have been going on never counts as over.
        """
        column = self.column(name)
        if column and column.mysql_type.startswith("timestamp"):
            return self.asked_at
        return min(self.asked_at, self.asked_at_there)

    def select(self, where: str | None = None, comment: str = "", days: Days | None = None) -> str:
        """Return the one SELECT, led by a comment that shows in the server's process list."""
        columns = ",\n  ".join(column.wire for column in self.columns)
        return self.query(columns, where, comment, days)

    def differs(self, fields: tuple[Field, ...]) -> str:
        """Say how the columns of a result differ from the planned ones; empty if they do not."""
        differences = [
            f"`{now.name}` is {_in_words(now)} now, and was {_in_words(planned)}"
            for planned, now in zip(self.fields, fields, strict=False)
            if _essence(planned) != _essence(now)
        ]
        return "; ".join(differences) or "their number" * (len(fields) != len(self.fields))

    @property
    def no_rows(self) -> str:
        """What DuckDB makes of the table, without any rows: a query of the same columns."""
        columns = ", ".join(
            f"CAST(NULL AS {column.duckdb_type}) AS {column.quoted}" for column in self.columns
        )
        return f"SELECT {columns} LIMIT 0"

    def query(self, columns: str, where: str | None, comment: str, days: Days | None) -> str:
        """Return a SELECT of these columns from the table, within the operator's WHERE and days."""
        lead = f"/* {comment.replace('*/', '')} */ " if comment else ""
        conditions = [where, days and days.condition]
        # The line breaks keep a `--` comment at the end of the operator's SQL from closing more.
        condition = "\nAND ".join(f"(\n{c}\n)" for c in conditions if c)
        limited = f"\nWHERE {condition}" if condition else ""
        return f"{lead}SELECT\n  {columns}\nFROM {quote(self.table)}{limited}"


def quote(name: str) -> str:
    """Quote an identifier for MySQL."""
    return "`" + name.replace("`", "``") + "`"


_COLUMNS = """
SELECT column_name, ordinal_position, data_type, column_type, is_nullable, column_key,
  column_comment, privileges
FROM information_schema.columns
WHERE table_schema = %s AND table_name = %s
ORDER BY ordinal_position
"""
_SIZE = """
SELECT table_rows, table_comment FROM information_schema.tables
WHERE table_schema = %s AND table_name = %s
"""
# MariaDB's JSON is a LONGTEXT with a check that the server adds by itself.
_JSON_CHECKS = """
SELECT check_clause FROM information_schema.check_constraints
WHERE constraint_schema = %s AND table_name = %s
"""


_CLOCK = "SELECT CONVERT_TZ(NOW(6), '+00:00', @@GLOBAL.time_zone)"


def describe(server: Server, table: str) -> Plan:
    """Connect, and plan how each column of a table travels, see `make_plan`."""
    with plain_errors(server), connect(server) as connection:
        return make_plan(connection, as_connected(server, connection), table)


def make_plan(connection: Connection[Any], server: Server, table: str) -> Plan:
    """Ask MySQL about a table and plan how each column travels.

    Raises:
        WarehouseError: no such table, or a column whose type has no rule; names it.
    """
    with plain_errors(server):
        version, now = map(str, rows(connection, "SELECT VERSION(), NOW(6)")[0])
        clock = optional(connection, _CLOCK)
        now_there = str(clock[0][0]) if clock and clock[0][0] else now
        described = rows(connection, _COLUMNS, server.database, table)
        check_source(connection, server, table, [str(name) for name, *_ in described])
        size = rows(connection, _SIZE, server.database, table)
        mariadb = "mariadb" in version.lower()
        definitions = [Definition(*row) for row in described]
        if mariadb:
            checks = optional(connection, _JSON_CHECKS, server.database, table)
            definitions = [
                _json_by_check(one, {clause for (clause,) in checks}) for one in definitions
            ]
        # Where none is readable, the server says so.
        readable = [one for one in definitions if one.readable] or definitions
        native = _fields(connection, table, [quote(one.name) for one in readable])
        columns = tuple(map(_column, [table] * len(native), readable, native))
        wire = [column.wire for column in columns]
        fields = (
            native if wire == [quote(c.name) for c in columns] else _fields(connection, table, wire)
        )
    estimate, about = size[0] if size else (0, "")
    binlog, gtid = _position(connection, mariadb)
    return Plan(
        server=server,
        table=table,
        server_version=version,
        columns=columns,
        fields=fields,
        hidden=_hidden(connection, table, definitions),
        rows_estimate=int(estimate or 0),
        binlog=binlog,
        gtid=gtid,
        asked_at=datetime.fromisoformat(now).replace(tzinfo=UTC),
        asked_at_there=datetime.fromisoformat(now_there).replace(tzinfo=UTC),
        version=table_version(connection, server.database, table),
        comment="" if about == "VIEW" else str(about or ""),  # MySQL says so of every view
    )


@dataclass(frozen=True)
class Definition:
    """A column as the definition of its table says it."""

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


def _json_by_check(column: Definition, checks: set[str]) -> Definition:
    """Call MariaDB's JSON by its name: it is a LONGTEXT with a check that the server adds."""
    is_json = column.data_type == "longtext" and f"json_valid({quote(column.name)})" in checks
    return replace(column, data_type="json") if is_json else column


def _fields(connection: Connection[Any], table: str, columns: list[str]) -> tuple[Field, ...]:
    """Have MySQL tell the columns of a SELECT. It reads no row."""
    statement = prepare(
        connection, f"{ONLY_COLUMNS}SELECT {', '.join(columns)} FROM {quote(table)}"
    )
    close(connection, statement)
    return statement.fields


def _column(table: str, definition: Definition, field: Field) -> Column:
    kind = kind_of(field, definition.data_type.lower())
    if kind is None:
        raise WarehouseError(
            f"The column `{table}`.`{field.name}` has the type {definition.column_type}, which has "
            "no rule yet.",
            safe="The table was not read, nothing was changed.",
            todo="Load from a MySQL view that leaves it out or casts it "
            "(WAREHOUSE_ORDERS_TABLE takes a view's name).",
        )
    return Column(
        name=definition.name,
        mysql_type=definition.column_type.lower(),
        kind=kind,
        duckdb_type=TYPES[kind].duckdb.format(p=precision(field), s=field.scale),
        comment=definition.comment or "",
        key=definition.key == "PRI",
        nullable=definition.nullable != "NO",
    )


def _essence(field: Field) -> tuple[object, ...]:
    """Return what decides how a column's values are read, and what they become."""
    kind = kind_of(field)
    digits = (precision(field), field.scale) if kind == "decimal" else ()
    return field.name, kind, field.type_code, *digits


def _in_words(field: Field) -> str:
    kind = kind_of(field) or f"of the type {field.type_code}"
    return f"{kind}({precision(field)},{field.scale})" if kind == "decimal" else kind


def _hidden(connection: Connection[Any], table: str, definitions: list[Definition]) -> str:
    """Say which columns of a table the account may not read.

    MySQL names those that the account may use in another way. Of others only the gap shows, and of
    those behind the last column not even that.
    """
    named = [f"`{one.name}`" for one in definitions if not one.readable]
    last = max(one.position for one in definitions)
    gaps = sorted({*range(1, last + 1)} - {one.position for one in definitions})
    try:
        close(connection, prepare(connection, f"{ONLY_COLUMNS}SELECT * FROM {quote(table)}"))
        return ""  # there are gaps where columns were dropped, too
    except pymysql.MySQLError:
        numbered = [f"column {number}" for number in gaps]
        return ", ".join([*named, *numbered]) or f"columns behind column {last}"


def check_days(plan: Plan, name: str) -> None:
    """See that a column has days.

    Raises:
        WarehouseError: it is not there, or of another type.
    """
    column = plan.column(name)
    if column is None or not column.has_days:
        raise WarehouseError(
            f"`{plan.table}` has no column `{name}` of the type DATE, DATETIME or TIMESTAMP"
            f"{f': it is {column.mysql_type}' if column else ''}.",
            safe=SAFE,
            todo="Only mysql_orders_daily needs it; mysql_orders loads the table without.",
        )


def _position(connection: Connection[Any], mariadb: bool) -> tuple[str | None, str | None]:
    """Return the binary log's file:offset and the GTID set, each if it may be seen."""
    status = "SHOW MASTER STATUS" if mariadb else "SHOW BINARY LOG STATUS"
    gtid = "SELECT @@GLOBAL.gtid_binlog_pos" if mariadb else "SELECT @@GLOBAL.gtid_executed"
    at = optional(connection, status)
    executed = optional(connection, gtid)
    return (
        f"{at[0][0]}:{at[0][1]}" if at else None,
        str(executed[0][0] or "") or None if executed else None,
    )
