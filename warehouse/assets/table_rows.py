"""The rows of one load on their way into a table, and what is published together with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import Any

import duckdb

from warehouse.assets.begin import Run, ask_for_rows
from warehouse.assets.receipts import counts, left_out, make_receipt
from warehouse.assets.source_queries import calendar_of
from warehouse.console.progress import Progress
from warehouse.days.zones import duckdb_day
from warehouse.mysql.extract import Extraction
from warehouse.mysql.plan import Days, Plan
from warehouse.mysql.undated import NOTHING, Outside, count_outside
from warehouse.project.quoting import literal, quoted
from warehouse.project.source_files import Source
from warehouse.project.view_files import View
from warehouse.store import cached_days, guard, ledger, snapshots
from warehouse.store.stream import TableStream
from warehouse.store.views import stored_versions, write_views


def stream(
    run: Run,
    source: Source,
    views: list[View],
    days: Days | None,
    extraction: Extraction,
    on_days: Callable[[Mapping[date, int]], None],
    *,
    guarded: bool,
) -> TableStream:
    """Return the rows on their way, with what is published together with them.

    Args:
        run: Which run.
        source: What is loaded.
        views: All views of the project.
        days: Only these days of it.
        extraction: The load, which may have begun.
        on_days: Told how many rows each of the days has, when they are stored.
        guarded: See to `guard_shrink` with the last row; who reads more after it does so later.

    Raises:
        WarehouseError: a view that works now would not work on the columns to come.
    """
    table = source.name
    if not extraction.begun:
        # Nobody waits for this load's turn to write before MySQL has sent something.
        waiting = Progress(run.say, table, 0)
        try:
            ask_for_rows(run, views, source, extraction, days, waiting.update)
        finally:
            waiting.close()
    plan = extraction.plan
    span = calendar_of(source).span if days else None
    all_days = days is not None and days.ranges == (span,)
    outside = _outside(run, source, plan, days) if days and all_days else NOTHING
    day = duckdb_day(quoted(days.column), days.zone) if days else ""

    def batches() -> Iterator[Any]:
        progress = Progress(run.say, table, 0 if days else plan.rows_estimate)

        def on_progress(rows: int, seconds: float) -> None:
            made.check()
            progress.update(rows, seconds)

        try:
            yield from extraction.batches(on_progress)
        finally:
            progress.close()

    def finish(connection: duckdb.DuckDBPyConnection) -> Mapping[str, Any]:
        if guarded:
            guard_shrink(run, connection, source)
        _comment(connection, table, plan)
        if days and span:
            if all_days:
                cached_days.forget(connection, table, day, *span)
            rows = cached_days.rows_by_day(connection, table, day, days.listed)
            asked_at = plan.asked_at_by(source.updated or days.column)
            cached_days.record(connection, table, rows, asked_at, run.run_id)
            on_days(rows)
        receipt = make_receipt(run.run_id, table, extraction)
        ledger.record(connection, receipt)
        # A view whose text changed with its columns goes out with them, in one snapshot.
        write_views(connection, views, only=stored_versions(connection))
        _say_changed(run, extraction)
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


def _say_changed(run: Run, extraction: Extraction) -> None:
    """Say which values have no counterpart here, and what MySQL warned of."""
    for kept, what in (
        (extraction.invalid_dates, "zero, partial or impossible dates"),
        (extraction.invalid_values, "values that are no UTF-8 or no JSON"),
    ):
        for column, invalid in kept.items():
            run.warn(
                f"`{column}`: {invalid.count:,} {what} in MySQL, NULL here; the first one is "
                f"that of {invalid.first}."
            )
    for text in extraction.warnings:
        run.warn(f"MySQL warned: {text}")


def _outside(run: Run, source: Source, plan: Plan, days: Days) -> Outside:
    """Count, and say, what a load of all days leaves out. A load of some days does not ask."""
    found = count_outside(
        plan,
        days,
        comment=f"warehouse outside of={plan.query.name} run={run.run_id}",
        budget_seconds=source.settings.query_budget_seconds,
    )
    if found.words:
        run.warn(found.words)
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


def guard_shrink(run: Run, connection: duckdb.DuckDBPyConnection, source: Source) -> None:
    """See that a load took no more from the table than is allowed.

    Raises:
        WarehouseError: it did.
    """
    settings = source.settings
    if run.force or not snapshots.newest(settings.path):
        return
    with snapshots.read(settings.path) as current:
        before = snapshots.count(current, source.name)
    after = snapshots.count(connection, source.name)
    own = source.max_shrink is not None
    allowed = source.max_shrink if source.max_shrink is not None else settings.max_shrink
    guard.check_shrink(source.name, before, after, allowed, "max_shrink" if own else "")
