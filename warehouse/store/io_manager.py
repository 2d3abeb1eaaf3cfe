"""Dagster's DuckDB I/O manager on snapshots: outputs are published whole, inputs never block."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
from dagster._core.storage.db_io_manager import DbIOManager, DbTypeHandler, TableSlice
from dagster_duckdb.io_manager import DuckDbClient, DuckDBIOManager
from pydantic import Field

from warehouse.errors import SAFE, WarehouseError, step
from warehouse.settings import Settings, load_settings
from warehouse.store import publish, run_snapshot, snapshots
from warehouse.store.fixed_config import FixedConfig
from warehouse.store.handlers import LASTING, ArrowHandler, TablesIOManager
from warehouse.store.reviewing import FORCE_TAG as FORCE_TAG
from warehouse.store.reviewing import Reviewing
from warehouse.store.run_events import failing, steps, was_stopped
from warehouse.store.stream import SCHEMA

Context = dg.OutputContext | dg.InputContext

IO_MANAGER_KEY = "io_manager"
KEEP_GOING_TAG = "warehouse/keep_going"
"""A run with this tag publishes what it could load, although something failed."""


def part_of(run: dg.DagsterRun) -> str:
    """Return what a run is a part of, for `publish.write`: itself, if nothing larger."""
    return run.tags.get("dagster/backfill") or run.run_id


def covers_all(keys: Sequence[str], partitions: dg.PartitionsDefinition[str] | None) -> bool:
    """Whether a run's partitions are all that there are: the table is then made again."""
    return partitions is not None and set(keys) >= set(partitions.get_partition_keys())


@contextmanager
def next_snapshot(
    context: dg.AssetExecutionContext | dg.OpExecutionContext,
    settings: Settings,
    what: str,
    tables: Collection[str] = (),
    replacing: Sequence[str] = (),
    prefix: Sequence[str] = (),
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Write from within an asset or an op: into the snapshot of its run, or into one of its own.

    Args:
        context: Of the asset or op.
        settings: Of the project.
        what: Is written, in words.
        tables: Which are written.
        replacing: See `publish.write`.
        prefix: What the keys of the project's assets begin with.
    """
    run, path = context.run, settings.path
    reviewing = Reviewing(settings, context.instance, run, (*prefix,), context.log.info)
    written = run_snapshot.of_run(path, run.run_id)
    if written is None and run_snapshot.reviewer(path):
        written = run_snapshot.open_for_run(
            path, run.run_id, lambda names: _copy(reviewing, what, names), set(), set()
        )
    if written is not None:
        with written.turn(tables, replacing) as connection:
            yield connection
        return
    with _copy(reviewing, what, tables, replacing) as connection:
        yield connection


def _copy(
    reviewing: Reviewing, what: str, tables: Collection[str], replacing: Sequence[str] = ()
) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
    """Open a private copy for a run, see `publish.write`."""
    settings, run = reviewing.settings, reviewing.run
    return publish.write(
        settings.path,
        keep=settings.keep_snapshots,
        keep_days=settings.keep_days,
        memory_limit=settings.memory_limit,
        who=f"{what}, run {run.run_id}",
        replacing=replacing,
        part_of=part_of(run),
        force=reviewing.force,
        review=partial(reviewing.review, tables),
        say=reviewing.say,
    )


def awaited(context: dg.OutputContext, views_step: str) -> set[str]:
    """Return what the run of an output writes in this process: its tables, and its views.

    Tables are the outputs of the same I/O manager; an executor that gives each step a process of
    its own leaves those of one step.
    """
    step = context.step_context
    plan = step.plan_data.execution_plan
    own = step.job_def.get_node(step.node_handle).output_def_named(context.name).io_manager_key
    names: set[str] = set()
    for key in plan.step_keys_to_execute:
        planned = plan.get_step_by_key(key)
        if key == views_step:
            names.add(run_snapshot.VIEWS)
            continue
        node = step.job_def.get_node(planned.node_handle)
        for output in planned.step_outputs:
            definition = node.output_def_named(output.name)
            asset = output.properties.asset_key
            nothing = definition.dagster_type.kind.name == "NOTHING"
            if asset and not nothing and definition.io_manager_key == own:
                names.add(asset.path[-1])
    return names


def _check_name(table: str) -> None:
    """See that an asset does not take the place of a table that the warehouse keeps for itself.

    Raises:
        WarehouseError: it would.
    """
    if table.lower() in publish.BOOKKEEPING:
        raise WarehouseError(
            f"An asset cannot be stored as {table}: the warehouse keeps a table of that name.",
            safe=SAFE,
            todo="Give the asset another name.",
        )


class SnapshotClient(DuckDbClient):
    """Where the I/O manager gets its connections: a private copy to write, a snapshot to read."""

    def __init__(self, settings: Settings, views_step: str, prefix: tuple[str, ...]) -> None:
        self._settings = settings
        self._views_step = views_step
        self._prefix = prefix

    @contextmanager
    def connect(  # type: ignore[override]
        self, context: Context, table_slice: TableSlice
    ) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open what the run sees for an input, and the snapshot that it writes for an output.

        Raises:
            WarehouseError: the settings have everything run on Spark, which has no part in this.
        """
        if self._settings.spark is not None:
            raise WarehouseError(
                f"WAREHOUSE_SPARK is set, and Python assets use tables of DuckDB's file: "
                f"{table_slice.table}.",
                safe=SAFE,
                todo="Run it with WAREHOUSE_SPARK=off, and send its table to the lake: "
                "`just publish`.",
            )
        if isinstance(context, dg.InputContext):
            inside = getattr(context, "_step_context", None)  # none where an asset's value is asked
            run_id = inside.run_id if inside else ""
            with ExitStack() as reading:
                reading.enter_context(step(f"Reading {table_slice.table}"))
                connection = run_snapshot.open_for_reading(self._settings.path, run_id)
                if context.dagster_type.typing_type not in LASTING:
                    reading.enter_context(connection)
                yield connection
            return
        _check_name(table_slice.table)
        run = context.step_context.dagster_run
        table = f'{SCHEMA}."{table_slice.table}"'
        whole = not context.has_asset_partitions or covers_all(
            context.asset_partition_keys, context.asset_partitions_def
        )
        settings = self._settings
        with step(f"Writing {table_slice.table}"):
            tables = awaited(context, self._views_step)
            reviewing = Reviewing(
                settings, context.step_context.instance, run, self._prefix, context.log.info
            )
            written = run_snapshot.open_for_run(
                settings.path,
                run.run_id,
                lambda names: _copy(reviewing, ", ".join(sorted(tables)), names),
                tables,
                set(context.step_context.plan_data.execution_plan.step_keys_to_execute),
            )
            with written.turn([table_slice.table], [table] if whole else []) as connection:
                yield connection
            run_snapshot.note_done(settings.path, run.run_id, table_slice.table)

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

    `database` is the link's path; empty, it is what the settings of the project folder `home` say
    at the time of the run. No run's config can set either. `views_step` is the step that writes the
    project's views, `key_prefix` what the keys of its assets begin with.
    """

    database: str = ""
    home: str = ""
    views_step: str = run_snapshot.VIEWS
    key_prefix: list[str] = Field(default=[])

    @staticmethod
    def type_handlers() -> Sequence[DbTypeHandler[Any]]:
        """Streams of record batches, Arrow tables, relations, and DataFrames."""
        from warehouse.store.data_frames import DataFrameHandler

        return [ArrowHandler(), DataFrameHandler()]

    @staticmethod
    def default_load_type() -> type | None:
        """What an input without a type becomes."""
        from pandas import DataFrame

        return DataFrame

    def _settings(self) -> Settings:
        found = load_settings(Path(self.home) if self.home else None)
        return found.model_copy(update={"path": Path(self.database)}) if self.database else found

    def create_io_manager(self, context: dg.InitResourceContext) -> DbIOManager:  # noqa: ARG002
        """Build Dagster's manager of tables on our client."""
        settings = self._settings()
        client = SnapshotClient(settings, self.views_step, (*self.key_prefix,))
        return TablesIOManager(client, str(settings.path), settings.memory_limit)

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        """Decide on what the run wrote and did not publish: something that it awaited is missing.

        It is published if nothing failed, or if the run has the tag `warehouse/keep_going`; a run
        that was stopped publishes nothing.
        """
        run = context.run
        path = self._settings().path
        written = run_snapshot.close_run(path, run.run_id) if run else None
        if not run or not written:
            return
        ended = steps(context, dg.DagsterEventType.STEP_SUCCESS, dg.DagsterEventType.STEP_SKIPPED)
        failures = steps(context, dg.DagsterEventType.STEP_FAILURE)
        failed = written.steps & {*failures}
        stopped = any(was_stopped(failures[key]) for key in failed)
        keep_going = failed and not stopped and run.tags.get(KEEP_GOING_TAG) == "true"
        if (not failed and written.steps <= {*ended}) or keep_going:
            with failing():
                written.restore(path)
                written.publish()
        else:
            written.discard()
