"""Dagster's DuckDB I/O manager on snapshots: outputs are published whole, inputs never block."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
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
from warehouse.store import preview, publish, run_snapshot, snapshots
from warehouse.store.fixed_config import FixedConfig
from warehouse.store.run_events import steps, was_stopped
from warehouse.store.stream import SCHEMA, TableStream, insert

Context = dg.OutputContext | dg.InputContext

IO_MANAGER_KEY = "io_manager"
KEEP_GOING_TAG = "warehouse/keep_going"
"""A run with this tag publishes what it could load, although something failed."""
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


@contextmanager
def next_snapshot(
    context: dg.AssetExecutionContext | dg.OpExecutionContext,
    what: str,
    replacing: Sequence[str] = (),
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Write from within an asset or an op: into the snapshot of its run, or into one of its own."""
    written = run_snapshot.of_run(context.run.run_id)
    if written is not None:
        with written.turn(replacing) as connection:
            yield connection
        return
    path = load_settings().path
    with _copy(path, context.run, what, context.log.info, replacing) as connection:
        yield connection


def _copy(
    path: Path,
    run: dg.DagsterRun,
    what: str,
    say: Callable[[str], None],
    replacing: Sequence[str] = (),
) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
    """Open a private copy for a run, see `publish.write`."""
    settings = load_settings()
    return publish.write(
        path,
        keep=settings.keep_snapshots,
        memory_limit=settings.memory_limit,
        who=f"{what}, run {run.run_id}",
        replacing=replacing,
        part_of=part_of(run),
        force=run.tags.get(FORCE_TAG) == "true",
        say=say,
    )


def awaited(context: dg.OutputContext) -> set[str]:
    """Return what the run of an output writes in this process: its tables, and its views."""
    step = context.step_context
    plan = step.plan_data.execution_plan
    names: set[str] = set()
    for key in plan.step_keys_to_execute:
        planned = plan.get_step_by_key(key)
        if key == run_snapshot.VIEWS:
            names.add(key)
            continue
        node = step.job_def.get_node(planned.node_handle)
        for output in planned.step_outputs:
            definition = node.output_def_named(output.name)
            asset = output.properties.asset_key
            nothing = definition.dagster_type.kind.name == "NOTHING"
            if asset and not nothing and definition.io_manager_key == IO_MANAGER_KEY:
                names.add(asset.path[-1])
    return names


class SnapshotClient(DuckDbClient):
    """Where the I/O manager gets its connections: a private copy to write, a snapshot to read."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def connect(  # type: ignore[override]
        self, context: Context, table_slice: TableSlice
    ) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open what the run sees for an input, and the snapshot that it writes for an output."""
        if isinstance(context, dg.InputContext):
            inside = getattr(context, "_step_context", None)  # none where an asset's value is asked
            run_id = inside.run_id if inside else ""
            with (
                step(f"Reading {table_slice.table}"),
                run_snapshot.read_for_run(self._path, run_id) as connection,
            ):
                yield connection
            return
        run = context.step_context.dagster_run
        table = f'{SCHEMA}."{table_slice.table}"'
        whole = not context.has_asset_partitions or covers_all(
            context.asset_partition_keys, context.asset_partitions_def
        )
        with step(f"Writing {table_slice.table}"):
            written = run_snapshot.open_for_run(
                run.run_id,
                lambda: _copy(
                    self._path, run, ", ".join(sorted(awaited(context))), context.log.info
                ),
                awaited(context),
            )
            with written.turn([table] if whole else []) as connection:
                yield connection
            run_snapshot.note_done(run.run_id, table_slice.table)

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
            db_client=SnapshotClient(path),
            database=str(path),
            schema=SCHEMA,
            io_manager_name="WarehouseIOManager",
            default_load_type=self.default_load_type(),
        )

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        """Decide on what the run wrote and did not publish: something that it awaited is missing.

        It is published if nothing failed, or if the run has the tag `warehouse/keep_going`; a run
        that was stopped publishes nothing.
        """
        run = context.run
        written = run_snapshot.close_run(run.run_id) if run else None
        if not run or not written:
            return
        ended = steps(context, dg.DagsterEventType.STEP_SUCCESS, dg.DagsterEventType.STEP_SKIPPED)
        failed = steps(context, dg.DagsterEventType.STEP_FAILURE)
        planned = set(run.step_keys_to_execute or ())
        stopped = any(map(was_stopped, failed.values()))
        keep_going = failed and not stopped and run.tags.get(KEEP_GOING_TAG) == "true"
        if (ended and not failed and planned <= {*ended}) or keep_going:
            written.restore(Path(self.database) if self.database else load_settings().path)
            written.publish()
        else:
            written.discard()
