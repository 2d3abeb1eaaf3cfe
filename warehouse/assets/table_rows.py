"""The rows of one load on their way into a table, and what is published together with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import Any

import dagster as dg
import duckdb

from warehouse.assets.receipts import counts, left_out, make_receipt
from warehouse.assets.source_queries import calendar_of
from warehouse.console.progress import Progress
from warehouse.days.zones import duckdb_day
from warehouse.errors import WarehouseError
from warehouse.mysql.extract import Extraction
from warehouse.mysql.plan import Days, Plan
from warehouse.mysql.undated import NOTHING, Outside, count_outside
from warehouse.project.quoting import literal, quoted
from warehouse.project.source_files import Source
from warehouse.project.view_files import View
from warehouse.store import cached_days, guard, ledger, snapshots
from warehouse.store.io_manager import FORCE_TAG
from warehouse.store.stream import TableStream, changed_columns
from warehouse.store.views import find_broken, stored_versions, table_columns, write_views

Context = dg.AssetExecutionContext | dg.OpExecutionContext


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
    check_views(context, views, source, extraction)
    planned = extraction.plan
    # Nobody waits for this load's turn to write before MySQL has sent something.
    _begin(context, table, days, extraction)
    plan = extraction.plan
    if plan is not planned:
        check_views(context, views, source, extraction)
    span = calendar_of(source).span if days else None
    all_days = days is not None and days.ranges == (span,)
    outside = _outside(context, source, plan, days) if days and all_days else NOTHING
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


def _outside(context: Context, source: Source, plan: Plan, days: Days) -> Outside:
    """Count, and say, what a load of all days leaves out. A load of some days does not ask."""
    found = count_outside(
        plan,
        days,
        comment=f"warehouse outside of={plan.query.name} run={context.run.run_id}",
        budget_seconds=source.settings.query_budget_seconds,
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
    settings = source.settings
    if context.run.tags.get(FORCE_TAG) == "true" or not snapshots.newest(settings.path):
        return
    with snapshots.read(settings.path) as current:
        before = snapshots.count(current, source.name)
    after = snapshots.count(connection, source.name)
    own = source.max_shrink is not None
    allowed = source.max_shrink if source.max_shrink is not None else settings.max_shrink
    guard.check_shrink(source.name, before, after, allowed, "max_shrink" if own else "")


def check_views(
    context: Context, views: list[View], source: Source, extraction: Extraction
) -> None:
    """See that no view that works now would break, before MySQL is asked for a row.

    A view that never worked, and one whose new text does not fit, fails by itself later.

    Raises:
        WarehouseError: one would; names file and line, and how to publish all the same.
    """
    settings = source.settings
    if context.run.tags.get(FORCE_TAG) == "true" or not snapshots.newest(settings.path):
        return
    table = source.name
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
    say_query(context, extraction, days)
    progress = Progress(context.log.info, table, 0)
    try:
        extraction.begin(progress.update)
    finally:
        progress.close()


def say_query(context: Context, extraction: Extraction, days: Days | None) -> None:
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
