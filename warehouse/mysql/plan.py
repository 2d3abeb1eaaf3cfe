"""The plan of a load: what MySQL says about a query becomes one SELECT."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from pymysql.connections import Connection

from warehouse.days.ranges import all_days
from warehouse.days.zones import UTC_NAME, begins, ends, mysql_day
from warehouse.errors import WarehouseError
from warehouse.mysql.columns import (
    Column,
    TableKey,
    as_sent,
    definitions,
    essence,
    in_words,
    make_columns,
    quote,
)
from warehouse.mysql.protocol import Field
from warehouse.mysql.query import SourceQuery, ask_columns, fields_of
from warehouse.mysql.server_errors import SAFE, plain_errors
from warehouse.mysql.session import as_connected, connect, optional, rows
from warehouse.mysql.url import Server
from warehouse.mysql.version import table_version

SHOWN = 8


@dataclass(frozen=True)
class Days:
    """Whole days of a column, as ranges whose last day is included, in a time zone."""

    column: str
    ranges: tuple[tuple[date, date], ...]
    zone: str = UTC_NAME

    @property
    def condition(self) -> str:
        """The days as SQL for MySQL. The column stands bare, so that an index on it serves.

        Rows of a neighbouring day come along where clocks are put back over midnight.
        """
        column = quote(self.column)
        return "\nOR ".join(
            f"{column} >= '{self.begins(first)}' AND {column} < '{self.ends(last)}'"
            for first, last in self.ranges
        )

    def begins(self, day: date) -> date | datetime:
        """Return when a day begins, by UTC."""
        return day if self.zone == UTC_NAME else begins(day, self.zone)

    def ends(self, day: date) -> date | datetime:
        """Return when a day is over, by UTC."""
        return day + timedelta(days=1) if self.zone == UTC_NAME else ends(day, self.zone)

    @property
    def mysql_day(self) -> str:
        """The day of a row, as SQL for MySQL."""
        first, last = self.ranges[0][0], self.ranges[-1][1]
        return mysql_day(quote(self.column), first, last, self.zone)

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
    """A query in MySQL as it will be read.

    Attributes:
        fields: The columns of the SELECT that is sent, as MySQL told them.
        hidden: Which columns the account may not read, in words; empty if it may read all.
        rows_estimate: The server's own guess, for the progress bar only.
        binlog: Where the binary log stood before the SELECT, if the account may know: what was
            committed by then is in the load.
        asked_at: The server's clock at that time.
        asked_at_there: The same in the server's own time zone, as if that were UTC.
        version: That of the tables which it reads, see `table_version`; None if it cannot be told.
        comment: The table's, if it reads just one.
        tables: The columns of each table that it reads, as far as the account sees them.
    """

    server: Server
    query: SourceQuery
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
    tables: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def named(self) -> str:
        """How people call what it reads."""
        return self.query.named

    @property
    def table(self) -> TableKey | None:
        """The table whose rows it takes one by one, so that its indexes serve; else None."""
        plain = self.query.facts.plain_of
        return (plain.database or self.server.database, plain.name) if plain else None

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
        if column and column.kind == "timestamp":
            return self.asked_at
        return min(self.asked_at, self.asked_at_there)

    def days_of(self, days: Days) -> Days:
        """Return the days as those of this query's column: a DATE has no time zone."""
        column = self.column(days.column)
        dated = column is not None and column.kind == "date"
        return replace(days, zone=UTC_NAME) if dated else days

    def select(self, comment: str = "", days: Days | None = None) -> str:
        """Return the one SELECT, led by a comment that shows in the server's process list."""
        return self.ask(",\n  ".join(column.wire for column in self.columns), comment, days)

    def ask(self, columns: str, comment: str, days: Days | None = None, where: str = "") -> str:
        """Return a SELECT of these columns from the query, within days and a condition."""
        lead = f"/* {comment.replace('*/', '')} */ " if comment else ""
        conditions = [where, self.days_of(days).condition if days else ""]
        condition = " AND ".join(f"({one})" for one in conditions if one)
        limited = f"\nWHERE {condition}" if condition else ""
        # The line breaks keep a `--` comment at the end of the query from closing more.
        source = f"(\n{self.query.sql}\n) AS source"
        return f"{lead}SELECT\n  {columns}\nFROM {source}{limited}"

    def differs(self, fields: tuple[Field, ...]) -> str:
        """Say how the columns of a result differ from the planned ones; empty if they do not."""
        differences = [
            f"`{now.name}` is {in_words(now)} now, and was {in_words(planned)}"
            for planned, now in zip(self.fields, fields, strict=False)
            if essence(planned) != essence(now)
        ]
        return "; ".join(differences) or "their number" * (len(fields) != len(self.fields))

    @property
    def no_rows(self) -> str:
        """What DuckDB makes of the query, without any rows: a query of the same columns."""
        columns = ", ".join(
            f"CAST(NULL AS {column.duckdb_type}) AS {column.quoted}" for column in self.columns
        )
        return f"SELECT {columns} LIMIT 0"


_SIZE = """
SELECT table_rows, table_comment FROM information_schema.tables
WHERE table_schema = %s AND table_name = %s
"""
_CLOCK = "SELECT CONVERT_TZ(NOW(6), '+00:00', @@GLOBAL.time_zone)"


def describe(server: Server, query: SourceQuery) -> Plan:
    """Connect, and plan how each column of a query travels, see `make_plan`."""
    with plain_errors(server), connect(server) as connection:
        return make_plan(connection, as_connected(server, connection), query)


def make_plan(connection: Connection[Any], server: Server, query: SourceQuery) -> Plan:
    """Ask MySQL about a query and plan how each column travels.

    Raises:
        WarehouseError: MySQL does not take the query, or a column's type has no rule; names it.
    """
    with plain_errors(server, query.place):
        version, now = map(str, rows(connection, "SELECT VERSION(), NOW(6)")[0])
        clock = optional(connection, _CLOCK)
        now_there = str(clock[0][0]) if clock and clock[0][0] else now
        mariadb = "mariadb" in version.lower()
        query, told, hidden = ask_columns(connection, server, query)
        tables = query.tables(server.database)
        origins = {(field.schema, field.table) for field in told if field.table} | {*tables}
        defined = definitions(connection, origins, mariadb)
        columns = make_columns(told, defined, query.named)
        size = rows(connection, _SIZE, *tables[0]) if len(tables) == 1 else []
        estimate, about = size[0] if size else (0, "")
        binlog, gtid = _position(connection, mariadb)
        plan = Plan(
            server=server,
            query=query,
            server_version=version,
            columns=columns,
            fields=(),
            hidden=hidden,
            rows_estimate=int(estimate or 0) if query.facts.plain_of else 0,
            binlog=binlog,
            gtid=gtid,
            asked_at=datetime.fromisoformat(now).replace(tzinfo=UTC),
            asked_at_there=datetime.fromisoformat(now_there).replace(tzinfo=UTC),
            version=_version(connection, query, tables),
            comment="" if about == "VIEW" else str(about or ""),  # MySQL says so of every view
            tables={
                name: tuple(
                    one.name for one in defined if (one.schema, one.table) == (schema, name)
                )
                for schema, name in tables
            },
        )
        sent = fields_of(connection, plan.select())
        columns = tuple(map(as_sent, plan.columns, sent))
        return replace(plan, columns=columns, fields=sent)


def _version(
    connection: Connection[Any], query: SourceQuery, tables: Sequence[TableKey]
) -> str | None:
    """Return the version of all tables that a query reads; None if its answer may differ anyway."""
    if query.facts.reads is None or not query.facts.constant or not tables:
        return None
    versions = {name: table_version(connection, schema, name) for schema, name in tables}
    if None in versions.values() or len(versions) < len(tables):
        return None
    if len(versions) == 1:
        return next(iter(versions.values()))
    return "; ".join(f"{name}: {version}" for name, version in versions.items())


def check_days(plan: Plan, name: str) -> None:
    """See that a column has days.

    Raises:
        WarehouseError: it is not there, or of another type.
    """
    column = plan.column(name)
    if column is None or not column.has_days:
        raise WarehouseError(
            f"{plan.query.place}: {plan.named} has no column `{name}` of the type DATE, DATETIME "
            f"or TIMESTAMP{f': it is {column.mysql_type}' if column else ''}.",
            safe=SAFE,
            todo="Correct the note days, or have the SELECT bring such a column.",
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
