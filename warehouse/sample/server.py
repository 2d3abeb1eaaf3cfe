"""A server speaking MySQL's wire protocol in this process, over the tables of the sample.

Clients see MySQL: `information_schema`, MySQL's functions, its types on the wire. Behind it an
in-memory DuckDB answers; sqlglot translates between the two dialects.
"""

from __future__ import annotations

import asyncio
import logging
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import Context
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb
import sqlglot
from mysql_mimic import ResultSet, Session
from mysql_mimic.errors import ErrorCode, MysqlError
from mysql_mimic.schema import Column as SchemaColumn
from mysql_mimic.schema import InfoSchema, show_statement_to_info_schema_query
from mysql_mimic.session import mysql_function_mapping
from mysql_mimic.variable_processor import VariableProcessor
from sqlglot import exp

from warehouse.errors import WarehouseError
from warehouse.sample.calendar import SampleCalendar
from warehouse.sample.database import DESCRIBED, INFORMATION_SCHEMA, SampleDatabase
from warehouse.sample.origins import origins
from warehouse.sample.protocol import Column, ExactServer
from warehouse.sample.tables import DATABASE, ORDERS, TABLES, Table
from warehouse.sample.translate import named, rolled_up, with_clock, without_schema

USER = "sample"
VERSION = "8.0.29-mysql-mimic"
COLUMNS = ORDERS.columns
"""Those of the orders."""

_SET = re.compile(r"SET SESSION (.*)", re.DOTALL)
_ASSIGNMENT = re.compile(r"(?:SESSION )?(\w+) = ('[^']*'|\w+)")
_SHOW = re.compile(r"SHOW SESSION VARIABLES WHERE variable_name IN \((.*)\)")
_START = re.compile(r"\s*(?:/\*.*?\*/\s*)*START\s+TRANSACTION\b.*", re.DOTALL | re.IGNORECASE)
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
    database: SampleDatabase

    @property
    def url(self) -> str:
        """Where to reach it, in the form of `WAREHOUSE_MYSQL_URL`."""
        return f"mysql+pymysql://{USER}@{self.host}:{self.port}/{DATABASE}"


@contextmanager
def serve(
    port: int = 0,
    tables: Sequence[Table] = TABLES,
    on_query: OnQuery = lambda _: None,
    calendar: SampleCalendar | None = None,
) -> Iterator[SampleServer]:
    """Run the server on a loopback port, on a thread of its own, for the length of a `with`.

    Args:
        port: 0 takes a free one.
        tables: What it serves.
        on_query: Called with the text of each query.
        calendar: Which days it shows; None for those of the files, just as they are.
    """
    # Both log, as warnings, each statement of a client that MySQL would know and they do not.
    logging.getLogger("mysql_mimic").setLevel(logging.CRITICAL)
    logging.getLogger("sqlglot").setLevel(logging.ERROR)
    database = SampleDatabase(tables, calendar)
    server = ExactServer(lambda: _Session(database.session(), tables, on_query))
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
        yield SampleServer(host, bound, database)
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


class _Session(Session):  # type: ignore[misc]  # mysql-mimic ships no types
    """One client's session."""

    def __init__(
        self, database: duckdb.DuckDBPyConnection, tables: Sequence[Table], on_query: OnQuery
    ) -> None:
        super().__init__()
        self.variables.set("version", VERSION, force=True)
        self._database = database
        self._tables = tables
        self._on_query = on_query
        self._variables = dict(_VARIABLES)
        # sqlglot would answer a SELECT without a table, and knows few functions.
        self.middlewares.remove(self._static_query_middleware)
        self.middlewares.insert(0, self._clock)

    async def handle_query(self, sql: str, attrs: dict[str, str]) -> Any:
        self._on_query(sql)
        if _START.fullmatch(sql):  # the rows never change: each moment is the same
            return None
        if found := _SET.fullmatch(sql):
            for name, value in _ASSIGNMENT.findall(found[1]):
                if name in self._variables:
                    self._variables[name] = value.strip("'")
            return None
        if found := _SHOW.fullmatch(sql):
            names = found[1].replace("'", "").split(", ")
            listed = [(name, self._variables[name]) for name in names if name in self._variables]
            return ResultSet(listed, [Column(name, "VARCHAR") for name in ("name", "value")])
        with _mysql_errors():
            return await super().handle_query(sql, attrs)

    def columns_of(self, sql: str) -> list[Column]:
        """Return the columns of a SELECT, without reading a row."""
        self.timestamp = datetime.now(tz=self.timezone())
        with _mysql_errors():
            query = named(sqlglot.parse_one(sql, dialect="mysql"))
            query = with_clock(query, self._now())
            functions = mysql_function_mapping(self)
            with VariableProcessor(functions, self.variables, query).set_variables():
                query = _translated(query)
                relation = self._database.sql(query.sql(dialect="duckdb"))
        return self._columns(query, zip(relation.columns, relation.types, strict=True))

    async def schema(self) -> Any:
        # For SHOW TABLES and the like, which mysql-mimic answers by itself.
        return InfoSchema.from_columns(
            [
                SchemaColumn(
                    name=column.name,
                    type=column.mysql_type,
                    table=table.name,
                    is_nullable=column.nullable,
                    comment=column.comment,
                    schema=DATABASE,
                )
                for table in self._tables
                for column in table.columns
            ]
        )

    async def _query_info_schema(self, expression: exp.Expr) -> Any:
        if {table.name.lower() for table in expression.find_all(exp.Table)} <= DESCRIBED:
            return self._run(expression)
        return await super()._query_info_schema(expression)

    async def _show(self, expression: exp.Show) -> Any:
        if expression.name.upper() != "COLUMNS":
            return await super()._show(expression)
        query = show_statement_to_info_schema_query(expression, self.database)
        for column in query.find_all(exp.Column):
            if column.name == "data_type":  # mysql-mimic shows a type without its length
                column.set("this", exp.to_identifier("column_type"))
        return self._run(query)

    async def _clock(self, query: Any) -> Any:
        """Give a query its names and its moment, before mysql-mimic puts texts for them."""
        if isinstance(query.expression, exp.Query):
            query.expression = with_clock(named(query.expression), self._now())
        return await query.next()

    def _now(self) -> datetime:
        return self.timestamp.replace(tzinfo=None)

    async def query(self, expression: exp.Expression, sql: str, attrs: dict[str, str]) -> Any:  # noqa: ARG002
        return self._run(expression)

    def _run(self, expression: exp.Expr) -> Any:
        query = _translated(expression)
        result = self._database.execute(query.sql(dialect="duckdb"))
        if result.description is None:
            return None
        described = [(name, type_) for name, type_, *_ in result.description]
        return ResultSet(result.fetchall(), self._columns(query, described))

    def _columns(self, query: exp.Expr, described: Iterable[tuple[str, Any]]) -> list[Column]:
        """Return the columns of a result of DuckDB, with what the query says of their origin."""
        columns = list(described)
        known = origins(query, self._tables)
        if len(known) != len(columns):
            known = [None] * len(columns)
        return [
            Column(name, str(type_), origin)
            for (name, type_), origin in zip(columns, known, strict=True)
        ]


def _translated(query: exp.Expr) -> exp.Expr:
    """Return a query as DuckDB understands it, with the names of its tables."""
    query = rolled_up(without_schema(query))
    for cast in list(query.find_all(exp.Cast)):
        if cast.is_type(exp.DType.CHARACTER_SET):
            cast.replace(cast.this)  # all text is UTF-8
    for table in query.find_all(exp.Table):
        if table.db.lower() == "information_schema":
            named_so = exp.to_table(f"{INFORMATION_SCHEMA}{table.name.lower()}")
            table.replace(exp.alias_(named_so, table.alias or table.name, table=True))
    return query


@contextmanager
def _mysql_errors() -> Iterator[None]:
    """Turn what DuckDB and sqlglot say of a query into an error of MySQL: the first line."""
    try:
        yield
    except (duckdb.Error, sqlglot.errors.SqlglotError) as error:
        message = str(error).splitlines()[0]
        raise MysqlError(message, code=ErrorCode.PARSE_ERROR) from error
