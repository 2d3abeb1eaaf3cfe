"""A source on Spark: the cluster's executors ask MySQL, and its rows become files of the lake."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

import dagster as dg

from warehouse.assets.begin import Run, attribution
from warehouse.assets.lake_books import mark
from warehouse.assets.load import run_of
from warehouse.assets.naming import Naming
from warehouse.assets.on_spark.lake_run import LakeRun, Loaded, lake_run_of
from warehouse.assets.on_spark.read import SparkLoad, load_by_spark
from warehouse.assets.receipts import receipt_of
from warehouse.assets.source_queries import calendar_of, query_of
from warehouse.assets.source_server import server_of
from warehouse.assets.upstream import column_lineage
from warehouse.console.text import counted
from warehouse.engines.spark.session import connected
from warehouse.errors import SAFE, WarehouseError
from warehouse.lake.changes import Change, NewDays
from warehouse.lake.manifest import Column, DataFile, LakeTable
from warehouse.lake.place import full_url
from warehouse.lake.prune import prune
from warehouse.mysql.plan import Days, Plan, check_days, describe
from warehouse.project.project import Project
from warehouse.project.source_files import Source
from warehouse.store import ledger
from warehouse.store.audit import Verdict
from warehouse.store.reviewing import report


def load(
    context: dg.AssetExecutionContext,
    source: Source,
    project: Project,
    naming: Naming,
    days: Days | None = None,
) -> Iterator[dg.MaterializeResult[Any]]:
    """Load a source, or some days of it, into files of the lake.

    The last source of a run publishes what all of them wrote, as one snapshot.

    Args:
        context: Of the asset.
        source: Its file.
        project: All files.
        naming: What the project's parts are called.
        days: Which days; None for the whole source.

    Raises:
        WarehouseError: MySQL, Spark or the lake refuses, or a guard does; nothing is published.
    """
    run = run_of(context)
    lake_run = lake_run_of(
        run.run_id, lambda: LakeRun(project, run, _awaited(context, project, naming))
    )
    try:
        result = _load(context, source, run, lake_run, naming, days)
    except Exception:
        if run.keep_going and lake_run.without(source.name):
            _publish(context, project, lake_run, naming)
        raise
    if lake_run.complete:
        _publish(context, project, lake_run, naming)
    yield result


def _load(
    context: dg.AssetExecutionContext,
    source: Source,
    run: Run,
    lake_run: LakeRun,
    naming: Naming,
    days: Days | None,
) -> dg.MaterializeResult[Any]:
    settings = source.settings
    assert settings.spark
    if settings.mysql_url_of(source.server) is None:
        raise WarehouseError(
            f"{source.name} is from the embedded sample server, which Spark cannot read.",
            safe=SAFE,
            todo="Load it without WAREHOUSE_SPARK, and send it to the lake with `just publish`; or "
            "set WAREHOUSE_MYSQL_URL to a MySQL that the cluster reaches.",
        )
    server = server_of(source, run.say)
    plan = describe(server, query_of(source))
    if days:
        check_days(plan, days.column)
    last = lake_run.last_loads.get(source.name)
    if run.automatic and last and _same(last, plan, days, lake_run.table(source.name)):
        lake_run.without(source.name)
        return _unchanged(context, plan, last)
    lake_run.note_position(server)
    run.say(f"Spark's executors query MySQL: {plan.named} at {server.name}.")
    began = time.monotonic()
    folder = lake_run.new_folder(source.name)
    with connected(settings.spark) as session:
        done = load_by_spark(
            session,
            plan,
            full_url(lake_run.lake, folder),
            days=days,
            comment=attribution(run.run_id, source),
            connections=settings.connections,
            budget_seconds=settings.query_budget_seconds,
            say=run.say,
        )
    seconds = time.monotonic() - began
    change = _change(lake_run, source, done, days, run)
    receipt = _receipt(run, source, done, seconds, days)
    rows_by_day = _rows_by_day(done, days)
    table = lake_run.add(source, Loaded(change, receipt, rows_by_day, plan))
    run.say(
        f"{counted(done.written.rows, 'row')} came in {seconds:.1f} s over "
        f"{counted(done.connections, 'connection')}, into {lake_run.lake.shown}/{folder}."
    )
    for column, count in done.written.invalid.items():
        run.warn(f"`{column}`: {count:,} values in MySQL have no counterpart, and are NULL here.")
    for day, count in rows_by_day.items():
        context.add_asset_metadata(
            {"dagster/partition_row_count": count}, partition_key=day.isoformat()
        )
    return dg.MaterializeResult(metadata=_metadata(plan, receipt, table, days, naming))


def _same(last: ledger.LastLoad, plan: Plan, days: Days | None, table: LakeTable | None) -> bool:
    """Whether the same query would bring the same rows now that the table holds."""
    asked = last.query.partition("*/")[2].strip()
    if not plan.version or last.version != plan.version or asked != plan.select("", days):
        return False
    # Another writer may have replaced since what that load wrote.
    files = [one for one in (table.files if table else ()) if not days or one.day in days.listed]
    written = all(one.identity.startswith(mark(last.run_id)) for one in files)
    return written and sum(one.rows for one in files) == last.rows


def _awaited(context: dg.AssetExecutionContext, project: Project, naming: Naming) -> set[str]:
    """Return the sources that a run loads in this process."""
    plan = context.get_step_execution_context().plan_data.execution_plan
    steps = {*plan.step_keys_to_execute}
    return {one.name for one in project.sources if naming.step(one.name) in steps}


def _publish(
    context: dg.AssetExecutionContext, project: Project, lake_run: LakeRun, naming: Naming
) -> None:
    settings, say = project.settings, context.log.info

    def keep(failed: Sequence[Verdict]) -> None:
        forced = run_of(context).force
        report(context.instance, context.run, failed, naming.prefix, published=forced)

    if manifest := lake_run.publish(keep):
        say(
            f"{lake_run.lake.shown}: snapshot {manifest.number} is published; everything "
            "downstream reads it, not MySQL."
        )
        prune(lake_run.lake, keep=settings.keep_snapshots, days=settings.keep_days, say=say)


def _change(
    lake_run: LakeRun, source: Source, done: SparkLoad, days: Days | None, run: Run
) -> Change:
    """Return what was loaded: the table, or some days of it."""
    start = len(lake_run.lake.url) + 1
    files = tuple(
        DataFile(
            f"{done.folder[start:]}/{file.path}",
            file.rows,
            file.bytes,
            file.day,
            f"{mark(run.run_id)}{file.path}",
        )
        for file in done.written.files
    )
    columns = tuple(Column(c.name, c.duckdb_type, c.comment or None) for c in done.plan.columns)
    if days is None:
        return LakeTable(columns, files)
    return NewDays(columns, files, frozenset(days.listed), *calendar_of(source).span)


def _rows_by_day(done: SparkLoad, days: Days | None) -> dict[date, int]:
    rows = dict.fromkeys(days.listed if days else (), 0)
    for file in done.written.files:
        if file.day in rows:
            rows[file.day] += file.rows
    return rows


def _receipt(
    run: Run, source: Source, done: SparkLoad, seconds: float, days: Days | None
) -> ledger.Receipt:
    """Return the receipt of a load. Its query is ours: Spark puts its own SELECT around it."""
    plan = done.plan
    dated = {column.name for column in plan.columns if column.has_days}
    invalid = done.written.invalid
    return receipt_of(
        plan,
        run_id=run.run_id,
        table=source.name,
        seconds=seconds,
        rows=done.written.rows,
        size=sum(file.bytes for file in done.written.files),
        query=plan.select(attribution(run.run_id, source), days),
        invalid_dates={name: count for name, count in invalid.items() if name in dated},
        invalid_values={name: count for name, count in invalid.items() if name not in dated},
        first_invalid={},
        instant=done.instant.words,
    )


def _metadata(
    plan: Plan, receipt: ledger.Receipt, table: LakeTable, days: Days | None, naming: Naming
) -> Mapping[str, Any]:
    """Return what the UI shows."""
    lineage = column_lineage(plan, naming)
    return {
        "source": f"{plan.server.address}/{receipt.source_table}",
        "server_version": plan.server_version,
        "query": dg.MetadataValue.md(f"```sql\n{receipt.query}\n```"),
        "select_statements": 1,
        "seconds": receipt.seconds,
        "bytes": receipt.bytes,
        "rows_per_second": round(receipt.rows / max(receipt.seconds, 1e-3)),
        "instant": receipt.instant,
        "dagster/storage_kind": "parquet",
        "dagster/column_schema": dg.TableSchema(
            [dg.TableColumn(c.name, c.type, description=c.comment) for c in table.columns]
        ),
        **({} if days else {"dagster/row_count": receipt.rows}),
        **({"dagster/column_lineage": lineage} if lineage else {}),
    }


def _unchanged(
    context: dg.AssetExecutionContext, plan: Plan, last: ledger.LastLoad
) -> dg.MaterializeResult[Any]:
    """Record that what the lake holds is what MySQL holds."""
    reason = (
        f"{plan.named} has not changed since the load of {last.started_at:%Y-%m-%d %H:%M:%S} "
        f"({plan.version}): no row was asked for."
    )
    context.log.info(reason)
    return dg.MaterializeResult(
        metadata={"skipped": reason, "select_statements": 0, "dagster/row_count": last.rows}
    )
