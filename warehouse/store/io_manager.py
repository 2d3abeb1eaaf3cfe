"""Dagster's DuckDB I/O manager on snapshots: outputs are published whole, inputs never block."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pandas as pd
import pyarrow as pa
from dagster._core.storage.db_io_manager import DbIOManager, DbTypeHandler, TableSlice
from dagster_duckdb.io_manager import DuckDbClient, DuckDBIOManager
from dagster_duckdb_pandas import DuckDBPandasTypeHandler

from warehouse.errors import step
from warehouse.settings import load_settings
from warehouse.store import preview, publish, snapshots
from warehouse.store.fixed_config import FixedConfig
from warehouse.store.stream import SCHEMA, TableStream, insert

Context = dg.OutputContext | dg.InputContext

FORCE_TAG = "warehouse/force"
"""A run with this tag publishes what a guard would refuse: a table that lost too many of its rows,
or a snapshot without a view that broke."""


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
        rows = insert(connection, table_slice.table, stream)
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
        count = insert(connection, table_slice.table, stream)
        return _metadata(context, connection, table_slice, count)


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
    about_rows: dict[str, Any] = {}
    if not context.has_asset_partitions or len(context.asset_partition_keys) == 1:
        count = "partition_row_count" if context.has_asset_partitions else "row_count"
        first = preview.first_rows(connection, DuckDbClient.get_select_statement(table_slice))
        about_rows = {f"dagster/{count}": rows, "preview": dg.MetadataValue.md(first)}
    return {
        **about_rows,
        "dagster/column_schema": column_schema(connection, table_slice.table),
        "dagster/storage_kind": "duckdb",
    }


def part_of(run: dg.DagsterRun) -> str:
    """Return what a run is a part of, for `publish.write`: itself, if nothing larger."""
    return run.tags.get("dagster/backfill") or run.run_id


def covers_all(keys: Sequence[str], partitions: dg.PartitionsDefinition[str] | None) -> bool:
    """Whether a run's partitions are all that there are: the table is then made anew."""
    return partitions is not None and set(keys) >= set(partitions.get_partition_keys())


def next_snapshot(
    context: dg.AssetExecutionContext | dg.OpExecutionContext,
    what: str,
    replacing: Sequence[str] = (),
) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
    """Write a snapshot from within an asset or an op, see `publish.write`."""
    settings = load_settings()
    return publish.write(
        settings.path,
        keep=settings.keep_snapshots,
        memory_limit=settings.memory_limit,
        who=f"{what}, run {context.run.run_id}",
        replacing=replacing,
        part_of=part_of(context.run),
        force=context.run.tags.get(FORCE_TAG) == "true",
        say=context.log.info,
    )


class SnapshotClient(DuckDbClient):
    """Where the I/O manager gets its connections: a private copy to write, a snapshot to read."""

    def __init__(self, path: Path, keep: int, memory_limit: str | None) -> None:
        self._path = path
        self._keep = keep
        self._memory_limit = memory_limit

    @contextmanager
    def connect(  # type: ignore[override]
        self, context: Context, table_slice: TableSlice
    ) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open the newest snapshot for an input, and a new one for an output."""
        doing = "Reading" if isinstance(context, dg.InputContext) else "Writing"
        with step(f"{doing} {table_slice.table}"), self._opened(context, table_slice) as connection:
            yield connection

    def _opened(
        self, context: Context, table_slice: TableSlice
    ) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
        if isinstance(context, dg.InputContext):
            return snapshots.read(self._path)
        whole = not context.has_asset_partitions or covers_all(
            context.asset_partition_keys, context.asset_partitions_def
        )
        return publish.write(
            self._path,
            keep=self._keep,
            memory_limit=self._memory_limit,
            who=f"{table_slice.table}, run {context.run_id}",
            replacing=[f'{SCHEMA}."{table_slice.table}"'] if whole else [],
            part_of=part_of(context.step_context.dagster_run),
            force=context.step_context.dagster_run.tags.get(FORCE_TAG) == "true",
            say=context.log.info,
        )

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


class WarehouseIOManager(FixedConfig, DuckDBIOManager):
    """Stores assets as tables in the warehouse's next snapshot.

    `database` is the link's path; empty, it is `WAREHOUSE_PATH` at the time of the run. No run's
    config can set it.
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
