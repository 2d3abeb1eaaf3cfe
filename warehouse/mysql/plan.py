"""The plan of a load: what MySQL says about the table becomes one SELECT."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from pymysql.connections import Connection

from warehouse.errors import WarehouseError
from warehouse.mysql.missing import check_source
from warehouse.mysql.session import SAFE, as_connected, connect, optional, plain_errors, rows
from warehouse.mysql.types import TYPES, TypeRule
from warehouse.mysql.url import Server
from warehouse.mysql.version import table_version
from warehouse.ranges import all_days

BATCH_ROWS = 16_384
BATCH_BYTES = 32 * 1024 * 1024
SHOWN = 8


@dataclass(frozen=True)
class Column:
    """One column on its way: its name, MySQL's type, DuckDB's, and the rule between the two."""

    name: str
    mysql_type: str
    nullable: bool
    rule: TypeRule
    duckdb_type: str
    comment: str = ""

    @property
    def quoted(self) -> str:
        """Its name, quoted for DuckDB."""
        return '"' + self.name.replace('"', '""') + '"'

    @property
    def wire(self) -> str:
        """What the SELECT asks MySQL for."""
        column = quote(self.name)
        value = self.rule.wire.format(c=column)
        if self.rule.lowest is not None and self.nullable:
            # A true NULL stays NULL; an invalid date travels as a value that no date has.
            value = f"IFNULL({value}, IF({column} IS NULL, NULL, {self.rule.lowest - 1}))"
        return value if value == column else f"{value} AS {column}"

    @property
    def rebuild(self) -> str:
        """What DuckDB makes of the wire value: an expression over the column of that name."""
        name = self.quoted
        value = self.rule.rebuild.format(w=name, type=self.duckdb_type)
        if self.rule.lowest is not None:
            value = f"CASE WHEN {name} >= {self.rule.lowest} THEN {value} END"
        return f"{value} AS {name}"


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
        batch_rows: Rows a record batch, so that a batch of wide rows stays small.
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
    rows_estimate: int
    batch_rows: int
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
SELECT column_name, data_type, column_type, is_nullable, numeric_precision, numeric_scale,
  column_comment
FROM information_schema.columns
WHERE table_schema = %s AND table_name = %s
ORDER BY ordinal_position
"""
_SIZE = """
SELECT table_rows, avg_row_length, table_comment FROM information_schema.tables
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
        json_checks: set[str] = set()
        mariadb = "mariadb" in version.lower()
        if mariadb:
            json_checks = {
                clause for (clause,) in optional(connection, _JSON_CHECKS, server.database, table)
            }
    estimate, row_bytes, about = size[0] if size else (0, 0, "")
    binlog, gtid = _position(connection, mariadb)
    return Plan(
        server=server,
        table=table,
        server_version=version,
        columns=tuple(_column(table, json_checks, *row) for row in described),
        rows_estimate=int(estimate or 0),
        batch_rows=max(64, min(BATCH_ROWS, BATCH_BYTES // max(int(row_bytes or 0), 1))),
        binlog=binlog,
        gtid=gtid,
        asked_at=datetime.fromisoformat(now).replace(tzinfo=UTC),
        asked_at_there=datetime.fromisoformat(now_there).replace(tzinfo=UTC),
        version=table_version(connection, server.database, table),
        comment="" if about == "VIEW" else str(about or ""),  # MySQL says so of every view
    )


def check_days(plan: Plan, name: str) -> None:
    """See that a column has days.

    Raises:
        WarehouseError: it is not there, or of another type.
    """
    column = plan.column(name)
    if column is None or column.rule.lowest is None:
        raise WarehouseError(
            f"`{plan.table}` has no column `{name}` of the type DATE, DATETIME or TIMESTAMP"
            f"{f': it is {column.mysql_type}' if column else ''}.",
            safe=SAFE,
            todo="Only mysql_orders_daily needs it; mysql_orders loads the table without.",
        )


def _column(
    table: str,
    json_checks: set[str],
    name: str,
    data_type: str,
    column_type: str,
    nullable: str,
    precision: int | None,
    scale: int | None,
    comment: str,
) -> Column:
    kind = data_type.lower()
    column_type = column_type.lower()
    if kind == "decimal" and precision is not None and precision > 38:
        kind = "decimal (p > 38)"
    elif kind in ("float", "double") and "(" in column_type:
        kind += "(m,d)"
    elif column_type == "bit(1)":
        kind = "bit(1)"
    elif kind == "longtext" and f"json_valid({quote(name)})" in json_checks:
        kind = "json"
    elif "int" in kind and "unsigned" in column_type:
        kind += " unsigned"
    rule = TYPES.get(kind)
    if rule is None:
        raise WarehouseError(
            f"The column `{table}`.`{name}` has the type {column_type}, which has no rule yet.",
            safe="The table was not read, nothing was changed.",
            todo="Load from a MySQL view that leaves it out or casts it "
            "(WAREHOUSE_ORDERS_TABLE takes a view's name).",
        )
    return Column(
        name=name,
        mysql_type=column_type,
        nullable=nullable == "YES",
        rule=rule,
        duckdb_type=rule.duckdb.format(p=precision, s=scale),
        comment=comment or "",
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
