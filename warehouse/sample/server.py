"""A server speaking MySQL's wire protocol in this process, over `data/orders.csv`.

Clients see MySQL: `information_schema`, MySQL's functions, its types on the wire. Behind it an
in-memory DuckDB answers; sqlglot translates between the two dialects.
"""

from __future__ import annotations

import asyncio
import logging
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import Context
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import sqlglot
from mysql_mimic import ResultSet, Session
from mysql_mimic.errors import ErrorCode, MysqlError
from sqlglot import exp

from warehouse.errors import WarehouseError
from warehouse.sample.generate import CSV
from warehouse.sample.protocol import Column, ExactServer

DATABASE = "shop"
TABLE = "orders"
USER = "sample"
VERSION = "8.0.29-mysql-mimic"

# name, MySQL type, nullable, DuckDB type, comment: what CREATE TABLE says in a real MySQL.
COLUMNS = [
    ("id", "bigint unsigned", True, "UBIGINT", "Order number"),
    ("customer_id", "int unsigned", True, "UINTEGER", "Who ordered"),
    ("status", "varchar(20)", False, "VARCHAR", "Where the order stands, as the shop wrote it"),
    ("amount", "decimal(12,2)", False, "DECIMAL(12,2)", "Order total; negative for a refund"),
    ("currency", "char(3)", False, "VARCHAR", "ISO 4217 code of the amount"),
    ("order_date", "date", False, "DATE", "Day of the order, UTC"),
    ("created_at", "datetime(6)", False, "TIMESTAMP", "Moment of the order, UTC"),
    ("updated_at", "timestamp", False, "TIMESTAMP", "Last change of the row"),
    ("is_gift", "tinyint(1)", False, "TINYINT", "1: wrapped as a gift"),
    ("item_count", "smallint", False, "SMALLINT", "Items in the order"),
    ("weight", "double", True, "DOUBLE", "Kilograms, if weighed"),
    ("note", "varchar(80)", True, "VARCHAR", "What the customer asked for"),
]

# MySQL's own, which DuckDB lacks or knows as something else.
_MACROS = [
    "unix_timestamp(t) AS epoch_us(t) // 1000000",
    "to_seconds(t) AS (epoch_us(t) + 62167219200000000) // 1000000",
    "microsecond(t) AS epoch_us(t) % 1000000",
    "conv(digits, from_base, to_base) AS ('0x' || digits)::UBIGINT",  # hexadecimal ones
]

_SET = re.compile(r"SET SESSION (.*)", re.DOTALL)
_ASSIGNMENT = re.compile(r"(?:SESSION )?(\w+) = ('[^']*'|\w+)")
_SHOW = re.compile(r"SHOW SESSION VARIABLES WHERE variable_name IN \((.*)\)")
_VARIABLES = {
    "character_set_client": "utf8mb4",
    "character_set_connection": "utf8mb4",
    "character_set_results": "utf8mb4",
    "sql_mode": "",
    "time_zone": "SYSTEM",
    "net_write_timeout": "60",
}
"""Those of a session that a client may ask for by name, as MySQL shows them."""

OnQuery = Callable[[str], None]


@dataclass(frozen=True)
class SampleServer:
    """A running sample server."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """Where to reach it, in the form of `WAREHOUSE_MYSQL_URL`."""
        return f"mysql+pymysql://{USER}@{self.host}:{self.port}/{DATABASE}"


@contextmanager
def serve(
    port: int = 0, csv: Path = CSV, on_query: OnQuery = lambda _: None
) -> Iterator[SampleServer]:
    """Run the server on a loopback port, on a thread of its own, for the length of a `with`.

    Args:
        port: 0 takes a free one.
        csv: The orders.
        on_query: Called with the text of each query.
    """
    # Both log, as warnings, each statement of a client that MySQL would know and they do not.
    logging.getLogger("mysql_mimic").setLevel(logging.CRITICAL)
    logging.getLogger("sqlglot").setLevel(logging.ERROR)
    database = _load(csv)
    server = ExactServer(lambda: _Session(database.cursor(), on_query))
    # The loop holds the context that it is made in; a run's holds, after an error, the whole run.
    apart = Context()
    loop = apart.run(asyncio.new_event_loop)
    try:
        apart.run(loop.run_until_complete, server.start_server(host="127.0.0.1", port=port))
    except OSError as error:
        loop.close()
        raise WarehouseError(
            f"The sample server cannot listen on port {port}: {error.strerror}.",
            todo="Name another port, or 0 for a free one.",
        ) from None
    host, bound = server.sockets()[0].getsockname()[:2]
    thread = threading.Thread(target=loop.run_forever, name="sample-mysql", daemon=True)
    thread.start()
    try:
        yield SampleServer(host, bound)
    finally:
        asyncio.run_coroutine_threadsafe(_hang_up(server), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _hang_up(server: ExactServer) -> None:
    """Take no more clients, and end the sessions of those that are there."""
    # Python 3.11 reports a session that is cancelled as an error of its own.
    asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)
    server.close()
    sessions = asyncio.all_tasks() - {asyncio.current_task()}
    for session in sessions:
        session.cancel()
    await asyncio.gather(*sessions, return_exceptions=True)


def _load(csv: Path) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    columns = {name: duckdb_type for name, _, _, duckdb_type, _ in COLUMNS}
    connection.read_csv(
        str(csv), header=True, dtype=columns, na_values=r"\N", encoding="utf-8"
    ).create(TABLE)
    for macro in _MACROS:
        connection.execute(f"CREATE MACRO {macro}")
    connection.execute(
        "CREATE TABLE information_schema_columns (table_schema VARCHAR, table_name VARCHAR, "
        "column_name VARCHAR, ordinal_position INTEGER, data_type VARCHAR, column_type VARCHAR, "
        "is_nullable VARCHAR, column_key VARCHAR, column_comment VARCHAR, privileges VARCHAR)"
    )
    for position, (name, mysql_type, nullable, _, comment) in enumerate(COLUMNS, 1):
        base = mysql_type.split("(")[0].split()[0]
        connection.execute(
            "INSERT INTO information_schema_columns VALUES (?, ?, ?, ?, ?, ?, ?, '', ?, 'select')",
            [
                *(DATABASE, TABLE, name, position, base, mysql_type),
                *("YES" if nullable else "NO", comment),
            ],
        )
    connection.execute(
        f"CREATE VIEW information_schema_tables AS SELECT '{DATABASE}' AS table_schema, "
        f"'{TABLE}' AS table_name, 'BASE TABLE' AS table_type, count(*) AS table_rows, "
        "100 AS avg_row_length, 'Orders of the sample shop, with the dirt that real tables have' "
        "AS table_comment, NULL::VARCHAR AS engine, NULL::TIMESTAMP AS create_time, "
        f"NULL::TIMESTAMP AS update_time FROM {TABLE}"
    )
    return connection


class _Session(Session):  # type: ignore[misc]  # mysql-mimic ships no types
    """One client's session."""

    def __init__(self, database: duckdb.DuckDBPyConnection, on_query: OnQuery) -> None:
        super().__init__()
        self.variables.set("version", VERSION, force=True)
        self._database = database
        self._on_query = on_query
        self._variables = dict(_VARIABLES)
        self.middlewares.insert(0, self._information_schema)

    async def handle_query(self, sql: str, attrs: dict[str, str]) -> Any:
        self._on_query(sql)
        if found := _SET.fullmatch(sql):
            for name, value in _ASSIGNMENT.findall(found[1]):
                if name in self._variables:
                    self._variables[name] = value.strip("'")
            return None
        if found := _SHOW.fullmatch(sql):
            names = found[1].replace("'", "").split(", ")
            listed = [(name, self._variables[name]) for name in names if name in self._variables]
            return ResultSet(listed, [Column(name, "VARCHAR") for name in ("name", "value")])
        return await super().handle_query(sql, attrs)

    def columns_of(self, sql: str) -> list[Column]:
        """Return the columns of a SELECT, without reading a row."""
        try:
            expression = sqlglot.parse_one(sql, dialect="mysql")
            relation = self._database.sql(self._translated(expression))
        except (duckdb.Error, sqlglot.errors.SqlglotError) as error:
            raise MysqlError(str(error).splitlines()[0], code=ErrorCode.PARSE_ERROR) from error
        return _columns(zip(relation.columns, relation.types, strict=True))

    async def schema(self) -> dict[str, Any]:
        # For SHOW TABLES and the like, which mysql-mimic answers by itself.
        return {DATABASE: {TABLE: {name: mysql_type for name, mysql_type, *_ in COLUMNS}}}

    async def _information_schema(self, query: Any) -> Any:
        """Answer what a client reads of information_schema from the columns above."""
        tables = list(query.expression.find_all(exp.Table))
        schemas = {table.db.lower() for table in tables}
        names = {table.name.lower() for table in tables}
        if schemas != {"information_schema"} or not names <= {"columns", "tables"}:
            return await query.next()
        expression = query.expression.copy()
        for table in expression.find_all(exp.Table):
            table.replace(exp.to_table(f"information_schema_{table.name.lower()}"))
        return self._run(expression)

    async def query(self, expression: exp.Expression, sql: str, attrs: dict[str, str]) -> Any:  # noqa: ARG002
        return self._run(expression)

    def _translated(self, expression: exp.Expr) -> str:
        """Return a statement in DuckDB's dialect."""
        for table in expression.find_all(exp.Table):
            if table.db and table.db.lower() == DATABASE:
                table.set("db", None)
        for cast in list(expression.find_all(exp.Cast)):
            if cast.is_type(exp.DType.CHARACTER_SET):
                cast.replace(cast.this)  # all text is UTF-8
        return expression.sql(dialect="duckdb")

    def _run(self, expression: exp.Expression) -> Any:
        try:
            result = self._database.execute(self._translated(expression))
        except duckdb.Error as error:
            raise MysqlError(str(error).splitlines()[0], code=ErrorCode.PARSE_ERROR) from error
        if result.description is None:
            return None
        columns = _columns((name, type_) for name, type_, *_ in result.description)
        return ResultSet(result.fetchall(), columns)


_MOMENTS = {name for name, mysql_type, *_ in COLUMNS if mysql_type == "timestamp"}


def _columns(described: Iterable[tuple[str, Any]]) -> list[Column]:
    """Return the columns of a result of DuckDB, which has one type for DATETIME and TIMESTAMP."""
    return [
        Column(name, str(type_), moment=str(type_) == "TIMESTAMP" and name in _MOMENTS)
        for name, type_ in described
    ]
