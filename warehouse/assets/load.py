"""One load: MySQL's rows on their way into a table of the warehouse, and all that goes with it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import Any

import dagster as dg
import duckdb
from pymysql.connections import Connection

from warehouse.assets.receipts import counts, left_out, make_receipt, origin
from warehouse.assets.side_by_side import Loads
from warehouse.assets.source_queries import calendar_of, query_of
from warehouse.assets.source_server import source_server
from warehouse.console.progress import Progress
from warehouse.console.text import counted
from warehouse.days.zones import duckdb_day
from warehouse.errors import WarehouseError
from warehouse.mysql.extract import Extraction, open_extraction
from warehouse.mysql.instant import Instant
from warehouse.mysql.plan import Days, Plan, make_plan
from warehouse.mysql.session import answer_soon
from warehouse.mysql.undated import NOTHING, Outside, count_outside
from warehouse.project.project import Project
from warehouse.project.quoting import literal, quoted
from warehouse.project.source_files import Source
from warehouse.project.view_files import View
from warehouse.settings import load_settings
from warehouse.store import cached_days, guard, ledger, snapshots
from warehouse.store.io_manager import FORCE_TAG
from warehouse.store.stream import TableStream, changed_columns
from warehouse.store.views import find_broken, stored_versions, table_columns, write_views

Context = dg.AssetExecutionContext | dg.OpExecutionContext
Result = dg.MaterializeResult[TableStream]


def load_days(
    context: dg.AssetExecutionContext,
    source: Source,
    views: list[View],
    days: Days,
    *,
    unless_unchanged: bool = False,
) -> Iterator[Result]:
    """Load days of a source into its table with one SELECT; the other days stay as they are.

    Args:
        context: Of the asset.
        source: Its file.
        views: All views of the project.
        days: Which.
        unless_unchanged: Ask MySQL for the tables' versions first, and for no rows if they are
            those of the last load.
    """
    extraction = ask(context, source, days)
    if unless_unchanged and (last := _same_as_last(source.name, extraction)):
        yield _unchanged(context, last, extraction, "partition_row_count")
        return

    def on_days(rows: Mapping[date, int]) -> None:
        for day, count in rows.items():
            context.add_asset_metadata(
                {"dagster/partition_row_count": count}, partition_key=day.isoformat()
            )

    rows = stream(context, source, views, days, extraction, on_days, guarded=True)
    yield dg.MaterializeResult(value=rows, metadata=origin(extraction))
    say_loaded(context, source.name, extraction)


def load_whole(
    context: dg.AssetExecutionContext,
    source: Source,
    project: Project,
    loads: Loads,
    *,
    unless_unchanged: bool = False,
) -> Iterator[Result]:
    """Load a source into its table with one SELECT, at the instant that all of the run show.

    Args:
        context: Of the asset.
        source: Its file.
        project: All files.
        loads: The loads of the run.
        unless_unchanged: As in `load_days`.
    """
    settings = load_settings()
    views = list(project.views)
    server = source_server(settings, context.log.info)

    def begin(one: Source, session: Connection[Any], instant: Instant) -> Extraction:
        answer_soon(session)
        comment = f"warehouse asset={one.name} run={context.run.run_id}"
        plan = make_plan(session, server, query_of(one))
        begun = Extraction(plan, None, comment, settings.query_budget_seconds, session, instant)
        if not (unless_unchanged and _same_as_last(one.name, begun)):
            _check_views(context, views, one.name, begun)
            _say_query(context, begun, None)
            begun.begin()
        return begun

    loads.open(
        _of_this_run(context, project),
        server,
        settings.connections,
        begin,
        budget_seconds=settings.query_budget_seconds,
        say=context.log.info,
    )
    progress = Progress(context.log.info, source.name, 0)
    began = time.monotonic()
    with loads.take(source, lambda: progress.update(0, time.monotonic() - began)) as extraction:
        progress.close()
        if unless_unchanged and (last := _same_as_last(source.name, extraction)):
            yield _unchanged(context, last, extraction, "row_count")
            return
        rows = stream(context, source, views, None, extraction, lambda _: None, guarded=True)
        yield dg.MaterializeResult(value=rows, metadata=origin(extraction))
        say_loaded(context, source.name, extraction)


def _of_this_run(context: dg.AssetExecutionContext, project: Project) -> list[Source]:
    """Return the sources that this process loads as a whole, in the order of their steps."""
    plan = context.get_step_execution_context().plan_data.execution_plan
    steps = [key for level in plan.get_steps_to_execute_by_level() for key in level]
    whole = {source.name: source for source in project.whole}
    return [whole[step.key] for step in steps if step.key in whole]


def ask(context: Context, source: Source, days: Days | None = None) -> Extraction:
    """Plan the load of a source: MySQL is asked about it, not yet for its rows."""
    settings = load_settings()
    return open_extraction(
        source_server(settings, context.log.info),
        query_of(source),
        days=days,
        comment=f"warehouse asset={source.name} run={context.run.run_id}",
        budget_seconds=settings.query_budget_seconds,
    )


def say_loaded(context: Context, table: str, extraction: Extraction) -> None:
    """Say what came, and where it is."""
    context.log.info(
        f"{counted(extraction.rows, 'row')} came in {extraction.seconds:.1f} s, into the table "
        f"{table} of {load_settings().path}; everything downstream reads that file, not MySQL."
    )


def _same_as_last(table: str, extraction: Extraction) -> ledger.LastLoad | None:
    """Return the last load if the same query would bring the same rows now."""
    path = load_settings().path
    if not extraction.plan.version or not snapshots.newest(path):
        return None
    with snapshots.read(path) as connection:
        last = ledger.last_load(connection, table)
    version = extraction.plan.version
    query = _without_comment(extraction.sql)
    if last and version and last.version == version and _without_comment(last.query) == query:
        return last
    return None


def _without_comment(sql: str) -> str:
    return sql.partition("*/")[2]


def _unchanged(
    context: dg.AssetExecutionContext,
    last: ledger.LastLoad,
    extraction: Extraction,
    count: str,
) -> Result:
    """Record that what the file holds is what MySQL holds, and why nothing was read."""
    loaded = f"{last.started_at:%Y-%m-%d %H:%M:%S}"
    reason = (
        f"{extraction.plan.named} has not changed since the load of {loaded} "
        f"({extraction.plan.version}): no row was asked for."
    )
    context.log.info(reason)
    return dg.MaterializeResult(
        metadata={
            "skipped": reason,
            "source_version": extraction.plan.version or "",
            "select_statements": 0,
            f"dagster/{count}": last.rows,
        }
    )


def _check_views(context: Context, views: list[View], table: str, extraction: Extraction) -> None:
    """See that no view that works now would break, before MySQL is asked for a row.

    A view that never worked, and one whose new text does not fit, fails by itself later.

    Raises:
        WarehouseError: one would; names file and line, and how to publish all the same.
    """
    settings = load_settings()
    if context.run.tags.get(FORCE_TAG) == "true" or not snapshots.newest(settings.path):
        return
    with snapshots.read(settings.path) as connection:
        stored = stored_versions(connection)
        if snapshots.has_table(connection, table) and not changed_columns(
            connection, table, extraction.plan.no_rows
        ):
            return
        tables = table_columns(connection)
    tables[table] = {c.name: c.duckdb_type for c in extraction.plan.columns}
    worked = [view for view in views if stored.get(view.name) == view.version]
    for error in find_broken(worked, tables).values():
        raise WarehouseError(
            f"{error.what} This view works now, and would break.",
            safe=error.safe,
            todo="Change its file to what the new columns are, or publish without it: --force, "
            "in the UI the run tag warehouse/force=true.",
        )


def _begin(context: Context, table: str, days: Days | None, extraction: Extraction) -> None:
    """Send the SELECT, and wait for the first rows."""
    if extraction.begun:
        return
    _say_query(context, extraction, days)
    progress = Progress(context.log.info, table, 0)
    try:
        extraction.begin(progress.update)
    finally:
        progress.close()


def _say_query(context: Context, extraction: Extraction, days: Days | None) -> None:
    plan = extraction.plan
    what = plan.named + (f", {days.words}," if days else "")
    guessed = plan.rows_estimate and not days
    about = f", about {plan.rows_estimate:,} rows" if guessed else ""
    context.log.info(
        f"Querying MySQL: one SELECT of {what} at {plan.server.name} "
        f"(MySQL {plan.server_version}{about})."
    )
    if plan.hidden:
        context.log.warning(
            f"The account may not read all columns of {plan.named}: left out are {plan.hidden}."
        )


def stream(
    context: Context,
    source: Source,
    views: list[View],
    days: Days | None,
    extraction: Extraction,
    on_days: Callable[[Mapping[date, int]], None],
    *,
    guarded: bool,
) -> TableStream:
    """Return the rows on their way, with what is to be published together with them.

    Args:
        context: Of the asset or the op.
        source: What is loaded.
        views: All views of the project.
        days: Only these days of it.
        extraction: The load, not begun.
        on_days: Told how many rows each of the days has, when they are stored.
        guarded: See to `guard_shrink` with the last row; who reads more after it does so later.

    Raises:
        WarehouseError: a view that works now would not work on the columns to come.
    """
    table = source.name
    _check_views(context, views, table, extraction)
    planned = extraction.plan
    # Nobody waits for this load's turn to write before MySQL has sent something.
    _begin(context, table, days, extraction)
    plan = extraction.plan
    if plan is not planned:
        _check_views(context, views, table, extraction)
    span = calendar_of(source).span if days else None
    all_days = days is not None and days.ranges == (span,)
    outside = _outside(context, plan, days) if days and all_days else NOTHING
    day = duckdb_day(quoted(days.column), days.zone) if days else ""

    def batches() -> Iterator[Any]:
        progress = Progress(context.log.info, table, 0 if days else plan.rows_estimate)

        def on_progress(rows: int, seconds: float) -> None:
            made.check()
            progress.update(rows, seconds)

        try:
            yield from extraction.batches(on_progress)
        finally:
            progress.close()

    def finish(connection: duckdb.DuckDBPyConnection) -> Mapping[str, Any]:
        if guarded:
            guard_shrink(context, connection, source)
        _comment(connection, table, plan)
        if days and span:
            if all_days:
                cached_days.forget(connection, table, day, *span)
            rows = cached_days.rows_by_day(connection, table, day, days.listed)
            asked_at = plan.asked_at_by(source.updated or days.column)
            cached_days.record(connection, table, rows, asked_at, context.run.run_id)
            on_days(rows)
        receipt = make_receipt(context.run.run_id, table, extraction)
        ledger.record(connection, receipt)
        # A view whose text changed with its columns goes out with them, in one snapshot.
        write_views(connection, views, only=stored_versions(connection))
        _say_changed(context, extraction)
        return {**counts(receipt), **left_out(outside)}

    made = TableStream(
        schema=extraction.schema,
        batches=batches(),
        select=", ".join(column.rebuild for column in plan.columns),
        valid={column.name: column.valid for column in plan.columns if column.valid},
        on_invalid=extraction.note_invalid,
        where=_within(day, days) if days else "true",
        finish=finish,
    )
    return made


def _say_changed(context: Context, extraction: Extraction) -> None:
    """Say which values have no counterpart here, and what MySQL warned of."""
    for kept, what in (
        (extraction.invalid_dates, "zero, partial or impossible dates"),
        (extraction.invalid_values, "values that are no UTF-8 or no JSON"),
    ):
        for column, invalid in kept.items():
            context.log.warning(
                f"`{column}`: {invalid.count:,} {what} in MySQL, NULL here; the first one is "
                f"that of {invalid.first}."
            )
    for text in extraction.warnings:
        context.log.warning(f"MySQL warned: {text}")


def _outside(context: Context, plan: Plan, days: Days) -> Outside:
    """Count, and say, what a load of all days leaves out. A load of some days does not ask."""
    found = count_outside(
        plan,
        days,
        comment=f"warehouse outside of={plan.query.name} run={context.run.run_id}",
        budget_seconds=load_settings().query_budget_seconds,
    )
    if found.words:
        context.log.warning(found.words)
    return found


def _within(day: str, days: Days) -> str:
    """Return the days as SQL for DuckDB: an impossible date, NULL by now, is of none of them."""
    listed = ", ".join(f"'{one}'" for one in days.listed)
    return f"({day}) IN ({listed})"


def _comment(connection: duckdb.DuckDBPyConnection, table: str, plan: Plan) -> None:
    """Carry the comments of MySQL's table and columns over, for `describe` and the UI."""
    told = {f"TABLE {quoted(table)}": plan.comment}
    for column in plan.columns:
        told[f"COLUMN {quoted(table)}.{quoted(column.name)}"] = column.comment
    for what, comment in told.items():
        if comment:
            connection.execute(f"COMMENT ON {what} IS {literal(comment)}")


def guard_shrink(context: Context, connection: duckdb.DuckDBPyConnection, source: Source) -> None:
    """See that a load took no more from the table than is allowed.

    Raises:
        WarehouseError: it did.
    """
    settings = load_settings()
    if context.run.tags.get(FORCE_TAG) == "true" or not snapshots.newest(settings.path):
        return
    with snapshots.read(settings.path) as current:
        before = snapshots.count(current, source.name)
    after = snapshots.count(connection, source.name)
    own = source.max_shrink is not None
    allowed = source.max_shrink if source.max_shrink is not None else settings.max_shrink
    guard.check_shrink(source.name, before, after, allowed, "max_shrink" if own else "")
