"""Rows on their way into a table: a stream of record batches, and the one statement it feeds."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import duckdb
import pyarrow as pa

from warehouse.errors import WarehouseError
from warehouse.settings import load_settings
from warehouse.store import snapshots

SCHEMA = "main"


@dataclass
class TableStream:
    """Rows on their way into a table.

    Attributes:
        schema: Arrow schema of the batches.
        batches: The rows; nothing is read before the writer is ready.
        select: What the table holds: SQL over the columns of the batches.
        where: Which rows it holds: SQL over the columns of `select`.
        finish: Called after the last row, in the same transaction: what must be published with
            the table or not at all.
    """

    schema: pa.Schema
    batches: Iterator[pa.RecordBatch]
    select: str = "*"
    where: str = "true"
    finish: Callable[[duckdb.DuckDBPyConnection], Mapping[str, Any]] = lambda _: {}
    error: BaseException | None = field(default=None, init=False)
    _cancelled: threading.Event = field(default_factory=threading.Event, init=False)

    def reader(self) -> pa.RecordBatchReader:
        """Return the batches for DuckDB, which hides what they raise: `error` keeps it."""
        return pa.RecordBatchReader.from_batches(self.schema, self._kept())

    def cancel(self) -> None:
        """Make whoever waits for rows stop waiting."""
        self._cancelled.set()

    def check(self) -> None:
        """Called now and then while waiting for rows.

        Raises:
            KeyboardInterrupt: the rows are no longer wanted.
        """
        if self._cancelled.is_set():
            raise KeyboardInterrupt

    def _kept(self) -> Iterator[pa.RecordBatch]:
        try:
            yield from self.batches
        except BaseException as error:
            self.error = error
            raise


def insert(connection: duckdb.DuckDBPyConnection, table: str, stream: TableStream) -> int:
    """Create the table from the rows, or add them to it by name. Returns how many it holds more.

    Raises:
        WarehouseError: the table is there and has other columns, which it names; or DuckDB refuses
            a row. Whatever the batches raise is raised.
    """
    try:
        return _insert(connection, table, stream)
    except duckdb.Error as error:
        if stream.error:
            raise stream.error from None
        if isinstance(error, duckdb.OperationalError):
            raise  # the disk or the memory: the store says what to do
        raise WarehouseError(
            f"DuckDB refused rows of {table}: {str(error).splitlines()[0]}",
            safe=snapshots.SAFE,
        ) from None


def _insert(connection: duckdb.DuckDBPyConnection, table: str, stream: TableStream) -> int:
    name = f'{SCHEMA}."{table}"'
    if load_settings().memory_limit is None:
        snapshots.make_room(connection, len(stream.schema))
    connection.register("incoming", stream.reader())
    select = f"SELECT * FROM (SELECT {stream.select} FROM incoming) WHERE {stream.where}"
    if snapshots.has_table(connection, table):
        _check_columns(connection, table, select)
        statement = f"INSERT INTO {name} BY NAME {select}"
    else:
        statement = f"CREATE TABLE {name} AS {select}"
    ((count,),) = _interruptibly(connection, statement, stream)
    connection.unregister("incoming")
    return int(count)


def _check_columns(connection: duckdb.DuckDBPyConnection, table: str, select: str) -> None:
    """See that rows fit beside those of other partitions: nothing is rounded or left empty."""
    if changed := changed_columns(connection, table, select):
        raise WarehouseError(
            f"The columns of {table} changed: {changed}.",
            safe=snapshots.SAFE,
            todo="Load all of its partitions in one run: the table is then made anew.",
        )


def changed_columns(connection: duckdb.DuckDBPyConnection, table: str, select: str) -> str:
    """Say how the columns of a query differ from a table's, in name or type; empty if they do not.

    Args:
        connection: To the file with the table.
        table: Its name.
        select: The query.
    """
    there, come = (
        {(name, type_) for name, type_, *_ in connection.execute(f"DESCRIBE {what}").fetchall()}
        for what in (f'{SCHEMA}."{table}"', select)
    )
    if there == come:
        return ""
    told = {"new": come - there, "gone": there - come}
    return "; ".join(
        f"{what} are {', '.join(f'{name} {type_}' for name, type_ in sorted(columns))}"
        for what, columns in told.items()
        if columns
    )


def _interruptibly(
    connection: duckdb.DuckDBPyConnection, statement: str, stream: TableStream
) -> list[tuple[Any, ...]]:
    """Run a statement beside the main thread: inside DuckDB it would be deaf to Ctrl-C."""
    with ThreadPoolExecutor(1, thread_name_prefix="duckdb-writer") as pool:
        running = pool.submit(lambda: connection.execute(statement).fetchall())
        try:
            return running.result()
        except BaseException:
            stream.cancel()
            connection.interrupt()
            raise
