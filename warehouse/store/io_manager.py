"""Dagster's DuckDB I/O manager on snapshots: outputs are published whole, inputs never block."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pandas as pd
import pyarrow as pa
from dagster._core.storage.db_io_manager import DbIOManager, DbTypeHandler, TableSlice
from dagster_duckdb.io_manager import DuckDbClient, DuckDBIOManager
from dagster_duckdb_pandas import DuckDBPandasTypeHandler

from warehouse.errors import WarehouseError
from warehouse.settings import load_settings
from warehouse.store import preview, snapshots

SCHEMA = "main"

PART_OF_TAG = "warehouse/part_of"
"""Runs with the same value are parts of one refresh: history counts them as one."""
Context = dg.OutputContext | dg.InputContext


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


class ArrowStreamHandler(DbTypeHandler[pa.RecordBatchReader]):
    """Writes a stream of record batches without ever holding more than a few of them."""

    @property
    def supported_types(self) -> Sequence[type[object]]:
        """Arrow's own reader, and a stream that also says what to do with the rows."""
        return [pa.RecordBatchReader, TableStream]

    def handle_output(
        self,
        context: dg.OutputContext,
        table_slice: TableSlice,
        obj: pa.RecordBatchReader | TableStream,
        connection: duckdb.DuckDBPyConnection,
    ) -> Mapping[str, Any]:
        """Store the rows in the table, which is made if it is not there."""
        stream = obj if isinstance(obj, TableStream) else TableStream(obj.schema, iter(obj))
        try:
            rows = _insert(connection, table_slice.table, stream)
        except duckdb.Error as error:
            if stream.error:
                raise stream.error from None
            if isinstance(error, duckdb.OperationalError):
                raise  # the disk or the memory: the store says what to do
            raise WarehouseError(
                f"DuckDB refused rows of {table_slice.table}: {str(error).splitlines()[0]}",
                safe=snapshots.SAFE,
            ) from None
        finished = stream.finish(connection)
        return {**_metadata(context, connection, table_slice, rows), **finished}

    def load_input(
        self,
        context: dg.InputContext,  # noqa: ARG002
        table_slice: TableSlice,
        connection: duckdb.DuckDBPyConnection,
    ) -> pa.RecordBatchReader:
        """Read the table as a stream, on a cursor of its own that outlives the connection."""
        query = DuckDbClient.get_select_statement(table_slice)
        return connection.cursor().sql(query).to_arrow_reader()


class DataFrameHandler(DuckDBPandasTypeHandler):
    """The stock handler, but columns go by name and an empty DataFrame makes an empty table."""

    def handle_output(
        self,
        context: dg.OutputContext,
        table_slice: TableSlice,
        obj: pd.DataFrame,
        connection: duckdb.DuckDBPyConnection,
    ) -> Mapping[str, Any]:
        """Store the rows in the table, which is made if it is not there."""
        rows = pa.Table.from_pandas(obj, preserve_index=False)
        stream = TableStream(rows.schema, iter(rows.to_batches()))
        count = _insert(connection, table_slice.table, stream)
        return _metadata(context, connection, table_slice, count)


def _insert(connection: duckdb.DuckDBPyConnection, table: str, stream: TableStream) -> int:
    """Create the table from the rows, or add them to it by name. Returns how many it holds more.

    Raises:
        WarehouseError: the table is there and has other columns; names them.
    """
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
    there, come = (
        {(name, type_) for name, type_, *_ in connection.execute(f"DESCRIBE {what}").fetchall()}
        for what in (f'{SCHEMA}."{table}"', select)
    )
    if there == come:
        return
    new, old = (
        ", ".join(f"{name} {type_}" for name, type_ in sorted(columns)) or "nothing"
        for columns in (come - there, there - come)
    )
    raise WarehouseError(
        f"The columns of {table} changed: new are {new}; gone are {old}.",
        safe=snapshots.SAFE,
        todo="Load all of its partitions in one run: the table is then made anew.",
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


def column_schema(connection: duckdb.DuckDBPyConnection, relation: str) -> dg.TableSchema:
    """Return a table's or view's columns as the UI shows them, with their comments."""
    described = connection.execute(
        "SELECT column_name, data_type, comment FROM duckdb_columns() "
        "WHERE schema_name = ? AND table_name = ? ORDER BY column_index",
        [SCHEMA, relation],
    ).fetchall()
    return dg.TableSchema(
        [dg.TableColumn(name, type_, description=comment) for name, type_, comment in described]
    )


def _metadata(
    context: dg.OutputContext,
    connection: duckdb.DuckDBPyConnection,
    table_slice: TableSlice,
    rows: int,
) -> dict[str, Any]:
    """Return what the UI shows of a stored table."""
    # A range of partitions shares this metadata: what is told of all is true of none of them.
    told: dict[str, Any] = {}
    if not context.has_asset_partitions or len(context.asset_partition_keys) == 1:
        count = "partition_row_count" if context.has_asset_partitions else "row_count"
        first = preview.first_rows(connection, DuckDbClient.get_select_statement(table_slice))
        told = {f"dagster/{count}": rows, "preview": dg.MetadataValue.md(first)}
    return {
        **told,
        "dagster/column_schema": column_schema(connection, table_slice.table),
        "dagster/storage_kind": "duckdb",
    }


def part_of(run: dg.DagsterRun) -> str:
    """Return what a run is a part of, for `snapshots.write`: itself, if nothing larger."""
    return run.tags.get(PART_OF_TAG) or run.tags.get("dagster/backfill") or run.run_id


class SnapshotClient(DuckDbClient):
    """Where the I/O manager gets its connections: a private copy to write, a snapshot to read."""

    def __init__(self, path: Path, keep: int, memory_limit: str | None) -> None:
        self._path = path
        self._keep = keep
        self._memory_limit = memory_limit

    def connect(  # type: ignore[override]
        self, context: Context, table_slice: TableSlice
    ) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
        """Open the newest snapshot for an input, and a new one for an output."""
        if isinstance(context, dg.InputContext):
            return snapshots.read(self._path)
        whole = not table_slice.partition_dimensions or self._covers_all(table_slice)
        return snapshots.write(
            self._path,
            keep=self._keep,
            memory_limit=self._memory_limit,
            who=f"{table_slice.table}, run {context.run_id}",
            replacing=[f'{SCHEMA}."{table_slice.table}"'] if whole else [],
            part_of=part_of(context.step_context.dagster_run),
            say=context.log.info,
        )

    def _covers_all(self, table_slice: TableSlice) -> bool:
        """Whether no row of the newest snapshot's table lies outside the slice."""
        if not snapshots.newest(self._path):
            return False
        with snapshots.read(self._path) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            if not snapshots.has_table(connection, table_slice.table):
                return False
            inside = connection.sql(DuckDbClient.get_select_statement(table_slice)).count("*")
            ((rows,),) = inside.fetchall()
            return bool(rows == snapshots.count(connection, table_slice.table))

    @staticmethod
    def delete_table_slice(
        context: dg.OutputContext, table_slice: TableSlice, connection: duckdb.DuckDBPyConnection
    ) -> None:
        """Delete the partitions to be written; a whole table is gone already."""
        if table_slice.partition_dimensions and snapshots.has_table(connection, table_slice.table):
            DuckDbClient.delete_table_slice(context, table_slice, connection)

    @staticmethod
    def get_table_name(table_slice: TableSlice) -> str:
        """Name the table as SQL does in this file."""
        return f"warehouse.{table_slice.schema}.{table_slice.table}"


class WarehouseIOManager(DuckDBIOManager):
    """Stores assets as tables in the warehouse's next snapshot.

    `database` is the link's path; empty, it is `WAREHOUSE_PATH` at the time of the run.
    """

    database: str = ""

    @staticmethod
    def type_handlers() -> Sequence[DbTypeHandler[Any]]:
        """Streams of record batches, and DataFrames."""
        return [ArrowStreamHandler(), DataFrameHandler()]

    @staticmethod
    def default_load_type() -> type | None:
        """What an input without a type becomes."""
        return pd.DataFrame

    def create_io_manager(self, context: dg.InitResourceContext) -> DbIOManager:  # noqa: ARG002
        """Build Dagster's manager of tables on our client."""
        settings = load_settings()
        path = Path(self.database) if self.database else settings.path
        return DbIOManager(
            type_handlers=self.type_handlers(),
            db_client=SnapshotClient(path, settings.keep_snapshots, settings.memory_limit),
            database=str(path),
            schema=SCHEMA,
            io_manager_name="WarehouseIOManager",
            default_load_type=self.default_load_type(),
        )
