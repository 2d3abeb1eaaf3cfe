"""One load: MySQL's rows on their way into a table of the warehouse, and all that goes with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import dagster as dg
import duckdb

from warehouse.assets.source_server import source
from warehouse.assets.tables import KNOWN_TABLES, UPDATED
from warehouse.console.progress import Progress
from warehouse.console.text import counted
from warehouse.days.calendar import span
from warehouse.mysql.extract import Extraction, Invalid, open_extraction
from warehouse.mysql.plan import Days, Plan
from warehouse.mysql.undated import NOTHING, Outside, count_outside
from warehouse.project.quoting import literal, quoted
from warehouse.project.view_files import View, load_views
from warehouse.settings import Settings, load_settings
from warehouse.store import cached_days as store_days
from warehouse.store import guard, ledger, snapshots
from warehouse.store.stream import TableStream, changed_columns
from warehouse.store.views import check_views, stored_versions, write_views

FORCE_TAG = "warehouse/force"
"""A run with this tag publishes a table that lost more than `WAREHOUSE_MAX_SHRINK` of its rows."""

Context = dg.AssetExecutionContext | dg.OpExecutionContext
Result = dg.MaterializeResult[TableStream]


def load(
    context: dg.AssetExecutionContext,
    table: str,
    days: Days | None = None,
    *,
    unless_unchanged: bool = False,
) -> Iterator[Result]:
    """Load `WAREHOUSE_ORDERS_TABLE` of `WAREHOUSE_MYSQL_URL` into a table with one SELECT.

    Args:
        context: Of the asset.
        table: In the file.
        days: Only these days of it, which replace the same days in the file.
        unless_unchanged: Ask MySQL for the table's version first, and for no rows if it is that of
            the last load.
    """
    settings = load_settings()
    extraction = ask(context, table, days)
    if unless_unchanged and (last := _same_as_last(settings, table, extraction)):
        yield _unchanged(context, last, extraction, "partition_row_count" if days else "row_count")
        return

    def on_days(rows: Mapping[date, int]) -> None:
        for day, count in rows.items():
            context.add_asset_metadata(
                {"dagster/partition_row_count": count}, partition_key=day.isoformat()
            )

    rows = stream(context, table, days, extraction, on_days, guarded=True)
    yield dg.MaterializeResult(value=rows, metadata=origin(extraction))
    say_loaded(context, table, extraction)


def ask(context: Context, table: str, days: Days | None = None) -> Extraction:
    """Plan the load of a table: MySQL is asked about it, not yet for its rows."""
    settings = load_settings()
    return open_extraction(
        source(settings, context.log.info),
        settings.orders_table,
        where=settings.orders_where,
        days=days,
        comment=f"warehouse asset={table} run={context.run.run_id}",
        budget_seconds=settings.query_budget_seconds,
    )


def say_loaded(context: Context, table: str, extraction: Extraction) -> None:
    """Say what came, and where it is."""
    context.log.info(
        f"{counted(extraction.rows, 'row')} came in {extraction.seconds:.1f} s, into the table "
        f"{table} of {load_settings().path}; everything downstream reads that file, not MySQL."
    )


def _same_as_last(settings: Settings, table: str, extraction: Extraction) -> ledger.LastLoad | None:
    """Return the last load if the same query would bring the same rows now."""
    # What a WHERE leaves may depend on the clock, or on other tables.
    if settings.orders_where or not snapshots.newest(settings.path):
        return None
    with snapshots.read(settings.path) as connection:
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
        f"`{extraction.plan.table}` has not changed since the load of {loaded} "
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


def _check_views(settings: Settings, views: list[View], table: str, extraction: Extraction) -> None:
    """See that the views will work on the columns to come, before MySQL is asked for a row."""
    tables: dict[str, dict[str, str]] = {}
    if snapshots.newest(settings.path):
        with snapshots.read(settings.path) as connection:
            stored = stored_versions(connection)
            if (
                snapshots.has_table(connection, table)
                and not changed_columns(connection, table, extraction.plan.no_rows)
                and all(stored.get(view.name) in (None, view.version) for view in views)
            ):
                return  # they work on these columns now
            for name, column, type_ in connection.execute(
                "SELECT table_name, column_name, data_type FROM duckdb_columns() "
                "WHERE schema_name = 'main' AND NOT internal "
                "AND table_name IN (SELECT table_name FROM duckdb_tables())"
            ).fetchall():
                tables.setdefault(name, {})[column] = type_
    tables[table] = {c.name: c.duckdb_type for c in extraction.plan.columns}
    check_views(views, tables)


def _begin(context: Context, table: str, days: Days | None, extraction: Extraction) -> None:
    """Send the SELECT, and wait for the first rows."""
    plan = extraction.plan
    what = f"`{plan.table}`" + (f", {days.words}," if days else "")
    about = "" if days else f", about {plan.rows_estimate:,} rows"
    context.log.info(
        f"Querying MySQL: one SELECT of {what} at {plan.server.name} "
        f"(MySQL {plan.server_version}{about})."
    )
    if plan.hidden:
        context.log.warning(
            f"The account may not read all columns of `{plan.table}`: left out are {plan.hidden}."
        )
    progress = Progress(context.log.info, table, 0)
    try:
        extraction.begin(progress.update)
    finally:
        progress.close()


def stream(
    context: Context,
    table: str,
    days: Days | None,
    extraction: Extraction,
    on_days: Callable[[Mapping[date, int]], None],
    *,
    guarded: bool,
) -> TableStream:
    """Return the rows on their way, with what is to be published together with them.

    Args:
        context: Of the asset or the op.
        table: In the file.
        days: Only these days of it.
        extraction: The load, not begun.
        on_days: Told how many rows each of the days has, when they are stored.
        guarded: See to `guard_shrink` with the last row; who reads more after it does so later.

    Raises:
        WarehouseError: a view would not work on the columns to come.
    """
    settings = load_settings()
    views = load_views(KNOWN_TABLES)
    _check_views(settings, views, table, extraction)
    planned = extraction.plan
    # Nobody waits for this load's turn to write before MySQL has sent something.
    _begin(context, table, days, extraction)
    plan = extraction.plan
    if plan is not planned:
        _check_views(settings, views, table, extraction)
    all_days = days is not None and days.ranges == (span(),)
    outside = _outside(context, plan, days) if days and all_days else NOTHING

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
            guard_shrink(context, connection, table)
        _comment(connection, table, plan)
        if days:
            if all_days:
                store_days.forget(connection, table, days.column, *span())
            rows = store_days.rows_by_day(connection, table, days.column, days.listed)
            asked_at = plan.asked_at_by(UPDATED)
            store_days.record(connection, table, rows, asked_at, context.run.run_id)
            on_days(rows)
        receipt = _receipt(context.run.run_id, table, extraction)
        ledger.record(connection, receipt)
        # A view whose text changed with its columns goes out with them, in one snapshot.
        write_views(connection, views, only=stored_versions(connection))
        _say_changed(context, extraction)
        return {**_counts(receipt), **left_out(outside)}

    made = TableStream(
        schema=extraction.schema,
        batches=batches(),
        select=", ".join(column.rebuild for column in plan.columns),
        valid={column.name: column.valid for column in plan.columns if column.valid},
        on_invalid=extraction.note_invalid,
        where=_within(days) if days else "true",
        finish=finish,
    )
    return made


def _counted(invalid: Mapping[str, Invalid]) -> dict[str, int]:
    return {column: one.count for column, one in invalid.items()}


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
    settings = load_settings()
    found = count_outside(
        plan,
        days,
        where=settings.orders_where,
        comment=f"warehouse outside of={plan.table} run={context.run.run_id}",
        budget_seconds=settings.query_budget_seconds,
    )
    if found.words:
        context.log.warning(found.words)
    return found


def left_out(outside: Outside) -> dict[str, Any]:
    """Return for the UI what no load of days brings, if there is any."""
    return {"left_out": outside.words} if outside.words else {}


def _within(days: Days) -> str:
    """Return the days as SQL for DuckDB: an impossible date, NULL by now, is of none of them."""
    listed = ", ".join(f"'{day}'" for day in days.listed)
    return f'"{days.column}"::DATE IN ({listed})'


def _comment(connection: duckdb.DuckDBPyConnection, table: str, plan: Plan) -> None:
    """Carry the comments of MySQL's table and columns over, for `describe` and the UI."""
    told = {f"TABLE {quoted(table)}": plan.comment}
    for column in plan.columns:
        told[f"COLUMN {quoted(table)}.{quoted(column.name)}"] = column.comment
    for what, comment in told.items():
        if comment:
            connection.execute(f"COMMENT ON {what} IS {literal(comment)}")


def guard_shrink(context: Context, connection: duckdb.DuckDBPyConnection, table: str) -> None:
    """See that a load took no more from the table than is allowed.

    Raises:
        WarehouseError: it did.
    """
    settings = load_settings()
    if context.run.tags.get(FORCE_TAG) == "true" or not snapshots.newest(settings.path):
        return
    with snapshots.read(settings.path) as current:
        before = snapshots.count(current, table)
    guard.check_shrink(table, before, snapshots.count(connection, table), settings.max_shrink)


def _receipt(run_id: str, table: str, extraction: Extraction) -> ledger.Receipt:
    plan = extraction.plan
    return ledger.Receipt(
        started_at=datetime.now(UTC) - timedelta(seconds=extraction.seconds),
        table_name=table,
        rows=extraction.rows,
        seconds=round(extraction.seconds, 3),
        bytes=extraction.bytes,
        host=plan.server.socket or plan.server.host,
        port=plan.server.port,
        database=plan.server.database,
        source_table=plan.table,
        server_version=plan.server_version,
        binlog_position=plan.binlog,
        gtid=plan.gtid,
        source_version=plan.version,
        query=extraction.sql,
        invalid_dates=_counted(extraction.invalid_dates),
        invalid_values=_counted(extraction.invalid_values),
        first_invalid={column: invalid.first for column, invalid in extraction.invalid.items()},
        hidden_columns=plan.hidden or None,
        run_id=run_id,
    )


def origin(extraction: Extraction) -> dict[str, Any]:
    """Return the part of the receipt that is known before the first row, for the UI."""
    plan = extraction.plan
    return {
        "source": f"{plan.server.address}/{plan.table}",
        "server_version": plan.server_version,
        "query": dg.MetadataValue.md(f"```sql\n{extraction.sql}\n```"),
        "select_statements": 1,
    } | {
        name: value
        for name, value in {
            "binlog_position": plan.binlog,
            "gtid": plan.gtid,
            "source_version": plan.version,
            "hidden_columns": plan.hidden,
        }.items()
        if value
    }


def _counts(receipt: ledger.Receipt) -> dict[str, Any]:
    """Return the part of the receipt that was counted on the way, for the UI."""
    return {
        "seconds": receipt.seconds,
        "bytes": receipt.bytes,
        "rows_per_second": round(receipt.rows / max(receipt.seconds, 1e-3)),
        "invalid_dates": dg.MetadataValue.json(dict(receipt.invalid_dates)),
        "invalid_values": dg.MetadataValue.json(
            {
                column: {"count": count, "first": receipt.first_invalid[column]}
                for column, count in receipt.invalid_values.items()
            }
        ),
    }
