"""One load of a source: it is planned, compared with the last one, asked for, and told of."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

import dagster as dg
from pymysql.connections import Connection

from warehouse.assets.naming import Naming
from warehouse.assets.receipts import origin
from warehouse.assets.side_by_side import Loads
from warehouse.assets.source_queries import query_of
from warehouse.assets.source_server import source_server
from warehouse.assets.table_rows import Context, check_views, say_query, stream
from warehouse.console.progress import Progress
from warehouse.console.text import counted
from warehouse.mysql.extract import Extraction, open_extraction
from warehouse.mysql.instant import Instant
from warehouse.mysql.plan import Days, make_plan
from warehouse.mysql.session import answer_soon
from warehouse.project.project import Project
from warehouse.project.source_files import Source
from warehouse.project.view_files import View
from warehouse.store import ledger, snapshots
from warehouse.store.stream import TableStream

Result = dg.MaterializeResult[TableStream]


def load_days(
    context: dg.AssetExecutionContext,
    source: Source,
    views: list[View],
    days: Days,
    naming: Naming,
    *,
    unless_unchanged: bool = False,
) -> Iterator[Result]:
    """Load days of a source into its table with one SELECT; the other days stay as they are.

    Args:
        context: Of the asset.
        source: Its file.
        views: All views of the project.
        days: Which.
        naming: What the project's parts are called.
        unless_unchanged: Ask MySQL for the tables' versions first, and for no rows if they are
            those of the last load.
    """
    extraction = ask(context, source, days)
    if unless_unchanged and (last := _same_as_last(source, extraction)):
        yield _unchanged(context, last, extraction, "partition_row_count")
        return

    def on_days(rows: Mapping[date, int]) -> None:
        for day, count in rows.items():
            context.add_asset_metadata(
                {"dagster/partition_row_count": count}, partition_key=day.isoformat()
            )

    rows = stream(context, source, views, days, extraction, on_days, guarded=True)
    yield dg.MaterializeResult(value=rows, metadata=origin(extraction, naming))
    say_loaded(context, source, extraction)


def load_whole(
    context: dg.AssetExecutionContext,
    source: Source,
    project: Project,
    loads: Loads,
    naming: Naming,
    *,
    unless_unchanged: bool = False,
) -> Iterator[Result]:
    """Load a source into its table with one SELECT, at the instant that all of the run show.

    Args:
        context: Of the asset.
        source: Its file.
        project: All files.
        loads: The loads of the run.
        naming: What the project's parts are called.
        unless_unchanged: As in `load_days`.
    """
    settings = project.settings
    views = list(project.views)
    server = source_server(settings, context.log.info)

    def begin(one: Source, session: Connection[Any], instant: Instant) -> Extraction:
        answer_soon(session)
        plan = make_plan(session, server, query_of(one))
        comment = _attribution(context, one)
        begun = Extraction(plan, None, comment, settings.query_budget_seconds, session, instant)
        if not (unless_unchanged and _same_as_last(one, begun)):
            check_views(context, views, one, begun)
            say_query(context, begun, None)
            begun.begin()
        return begun

    loads.open(
        _of_this_run(context, project, naming),
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
        if unless_unchanged and (last := _same_as_last(source, extraction)):
            yield _unchanged(context, last, extraction, "row_count")
            return
        rows = stream(context, source, views, None, extraction, lambda _: None, guarded=True)
        yield dg.MaterializeResult(value=rows, metadata=origin(extraction, naming))
        say_loaded(context, source, extraction)


def _of_this_run(
    context: dg.AssetExecutionContext, project: Project, naming: Naming
) -> list[Source]:
    """Return the sources that this process loads as a whole, in the order of their steps."""
    plan = context.get_step_execution_context().plan_data.execution_plan
    steps = [key for level in plan.get_steps_to_execute_by_level() for key in level]
    whole = {naming.step(source.name): source for source in project.whole}
    return [whole[step.key] for step in steps if step.key in whole]


def ask(context: Context, source: Source, days: Days) -> Extraction:
    """Plan the load of days of a source: MySQL is asked about it, not yet for its rows."""
    settings = source.settings
    return open_extraction(
        source_server(settings, context.log.info),
        query_of(source),
        days=days,
        comment=_attribution(context, source),
        budget_seconds=settings.query_budget_seconds,
    )


def _attribution(context: Context, source: Source) -> str:
    """Return the comment by which the DBA sees who asks."""
    return f"warehouse asset={source.name} run={context.run.run_id}"


def say_loaded(context: Context, source: Source, extraction: Extraction) -> None:
    """Say what came, and where it is."""
    context.log.info(
        f"{counted(extraction.rows, 'row')} came in {extraction.seconds:.1f} s, into the table "
        f"{source.name} of {source.settings.path}; everything downstream reads that file, "
        "not MySQL."
    )


def _same_as_last(source: Source, extraction: Extraction) -> ledger.LastLoad | None:
    """Return the last load if the same query would bring the same rows now."""
    path = source.settings.path
    if not extraction.plan.version or not snapshots.newest(path):
        return None
    with snapshots.read(path) as connection:
        last = ledger.last_load(connection, source.name)
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
