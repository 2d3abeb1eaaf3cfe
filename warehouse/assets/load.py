"""One load of a source: it is planned, compared with the last one, asked for, and told of."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from datetime import date

import dagster as dg

from warehouse.assets.automation import by_automation
from warehouse.assets.begin import Run, attribution, begin_together, same_as_last
from warehouse.assets.naming import Naming
from warehouse.assets.receipts import origin
from warehouse.assets.side_by_side import Loads
from warehouse.assets.source_queries import query_of
from warehouse.assets.source_server import server_of
from warehouse.assets.table_rows import stream
from warehouse.console.progress import Progress
from warehouse.console.text import counted
from warehouse.mysql.extract import Extraction, open_extraction
from warehouse.mysql.plan import Days
from warehouse.project.project import Project
from warehouse.project.source_files import Source
from warehouse.project.view_files import View
from warehouse.store import ledger, run_snapshot
from warehouse.store.io_manager import FORCE_TAG, KEEP_GOING_TAG
from warehouse.store.stream import TableStream

Result = dg.MaterializeResult[TableStream]


def run_of(context: dg.AssetExecutionContext | dg.OpExecutionContext) -> Run:
    """Return what a load has to know of the run of an asset or an op."""
    tags = context.run.tags
    return Run(
        run_id=context.run.run_id,
        force=tags.get(FORCE_TAG) == "true",
        keep_going=tags.get(KEEP_GOING_TAG) == "true",
        automatic=by_automation(context.run),
        say=context.log.info,
        warn=context.log.warning,
    )


def load_days(
    context: dg.AssetExecutionContext,
    source: Source,
    views: list[View],
    days: Days,
    naming: Naming,
) -> Iterator[Result]:
    """Load days of a source into its table with one SELECT; the other days stay as they are.

    Args:
        context: Of the asset.
        source: Its file.
        views: All views of the project.
        days: Which.
        naming: What the project's parts are called.
    """
    run = run_of(context)
    extraction = ask(run, source, days)
    if run.automatic and (last := same_as_last(source, extraction)):
        yield _unchanged(context, source, last, extraction, "partition_row_count")
        return

    def on_days(rows: Mapping[date, int]) -> None:
        for day, count in rows.items():
            context.add_asset_metadata(
                {"dagster/partition_row_count": count}, partition_key=day.isoformat()
            )

    rows = stream(run, source, views, days, extraction, on_days, guarded=True)
    yield dg.MaterializeResult(value=rows, metadata=origin(extraction, naming))
    say_loaded(run, source, extraction)


def load_whole(
    context: dg.AssetExecutionContext,
    source: Source,
    project: Project,
    loads: Loads,
    naming: Naming,
) -> Iterator[Result]:
    """Load a source into its table with one SELECT, at the instant that all of the run show.

    Args:
        context: Of the asset.
        source: Its file.
        project: All files.
        loads: The loads of the run.
        naming: What the project's parts are called.
    """
    run = run_of(context)
    if not loads.opened:
        begin_together(loads, _of_this_run(context, project, naming), project, run)
    progress = Progress(run.say, source.name, 0)
    began = time.monotonic()
    with loads.take(source, lambda: progress.update(0, time.monotonic() - began)) as extraction:
        progress.close()
        if run.automatic and (last := same_as_last(source, extraction)):
            yield _unchanged(context, source, last, extraction, "row_count")
            return
        rows = stream(
            run, source, list(project.views), None, extraction, lambda _: None, guarded=True
        )
        yield dg.MaterializeResult(value=rows, metadata=origin(extraction, naming))
        say_loaded(run, source, extraction)


def _of_this_run(
    context: dg.AssetExecutionContext, project: Project, naming: Naming
) -> list[Source]:
    """Return the sources that this process loads as a whole, in the order of their steps."""
    plan = context.get_step_execution_context().plan_data.execution_plan
    steps = [key for level in plan.get_steps_to_execute_by_level() for key in level]
    whole = {naming.step(source.name): source for source in project.whole}
    return [whole[step.key] for step in steps if step.key in whole]


def ask(run: Run, source: Source, days: Days) -> Extraction:
    """Plan the load of days of a source: MySQL is asked about it, not yet for its rows."""
    return open_extraction(
        server_of(source, run.say),
        query_of(source),
        days=days,
        comment=attribution(run.run_id, source),
        budget_seconds=source.settings.query_budget_seconds,
    )


def say_loaded(run: Run, source: Source, extraction: Extraction) -> None:
    """Say what came, and where it is."""
    run.say(
        f"{counted(extraction.rows, 'row')} came in {extraction.seconds:.1f} s, into the table "
        f"{source.name} of {source.settings.path}; everything downstream reads that file, "
        "not MySQL."
    )


def _unchanged(
    context: dg.AssetExecutionContext,
    source: Source,
    last: ledger.LastLoad,
    extraction: Extraction,
    count: str,
) -> Result:
    """Record that what the file holds is what MySQL holds, and why nothing was read."""
    run_snapshot.skip(source.settings.path, context.run.run_id, source.name)
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
