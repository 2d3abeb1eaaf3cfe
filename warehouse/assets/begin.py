"""The sources of a run that are loaded as a whole begin together. Needs no Dagster.

So the command line connects, plans and asks MySQL while Dagster is still being imported.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pymysql.connections import Connection

from warehouse.assets.side_by_side import Loads
from warehouse.assets.source_queries import query_of
from warehouse.assets.source_server import server_of
from warehouse.errors import WarehouseError
from warehouse.mysql.extract import Extraction
from warehouse.mysql.instant import Instant
from warehouse.mysql.plan import Days, make_plan
from warehouse.mysql.session import answer_soon
from warehouse.mysql.url import Server
from warehouse.project.project import Project
from warehouse.project.source_files import Source
from warehouse.project.view_files import View
from warehouse.store import ledger, snapshots
from warehouse.store.stream import changed_columns
from warehouse.store.views import find_broken, stored_versions, table_columns


@dataclass(frozen=True)
class Run:
    """What a load has to know of its run.

    Attributes:
        run_id: Dagster's.
        force: Whether it publishes what a guard would refuse.
        keep_going: Whether it goes on without what cannot be loaded.
        automatic: Whether a condition asked for it: then a source that did not change is not read.
        say: Told what is done.
        warn: Told what is odd.
    """

    run_id: str
    force: bool
    keep_going: bool
    automatic: bool
    say: Callable[[str], None]
    warn: Callable[[str], None]


def begin_together(loads: Loads, sources: Sequence[Source], project: Project, run: Run) -> None:
    """Open the sessions of a run, and begin its sources: each server's show one instant of it.

    Args:
        loads: Those of the run.
        sources: In the order in which they will be taken.
        project: All files.
        run: Which run.

    Raises:
        WarehouseError: a server cannot be reached, or is not known.
    """
    settings = project.settings
    budget = settings.query_budget_seconds

    def begin(source: Source, session: Connection[Any], server: Server, at: Instant) -> Extraction:
        answer_soon(session)
        plan = make_plan(session, server, query_of(source))
        begun = Extraction(plan, None, attribution(run.run_id, source), budget, session, at)
        if not (run.automatic and same_as_last(source, begun)):
            ask_for_rows(run, project.views, source, begun)
        return begun

    by_server: dict[str, list[Source]] = {}
    for source in sources:
        by_server.setdefault(source.server, []).append(source)
    for some in by_server.values():
        try:
            server = server_of(some[0], run.say)
            loads.open(
                server, some, settings.connections, begin, budget_seconds=budget, say=run.say
            )
        except WarehouseError as error:
            if not run.keep_going:
                raise
            loads.refuse(some, error)


def attribution(run_id: str, source: Source) -> str:
    """Return the comment by which the DBA sees who asks."""
    return f"warehouse asset={source.name} run={run_id}"


def ask_for_rows(
    run: Run,
    views: Sequence[View],
    source: Source,
    extraction: Extraction,
    days: Days | None = None,
    on_wait: Callable[[int, float], None] = lambda _, __: None,
) -> None:
    """Send the SELECT of a load, and wait for the first rows.

    Args:
        run: Of the load.
        views: All views of the project.
        source: What is loaded.
        extraction: The load, not begun.
        days: Only these days of it.
        on_wait: Called while it waits, with no rows and the seconds so far.

    Raises:
        WarehouseError: MySQL refuses; or a view that works now would not work on the columns to
            come.
    """
    check_views(run, views, source, extraction)
    planned = extraction.plan
    _say_query(run, extraction, days)
    extraction.begin(on_wait)
    if extraction.plan is not planned:  # the table was altered meanwhile
        check_views(run, views, source, extraction)


def _say_query(run: Run, extraction: Extraction, days: Days | None) -> None:
    """Say what MySQL is asked."""
    plan = extraction.plan
    what = plan.named + (f", {days.words}," if days else "")
    guessed = plan.rows_estimate and not days
    about = f", about {plan.rows_estimate:,} rows" if guessed else ""
    run.say(
        f"Querying MySQL: one SELECT of {what} at {plan.server.name} "
        f"(MySQL {plan.server_version}{about})."
    )
    if plan.hidden:
        run.warn(
            f"The account may not read all columns of {plan.named}: left out are {plan.hidden}."
        )


def same_as_last(source: Source, extraction: Extraction) -> ledger.LastLoad | None:
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


def check_views(run: Run, views: Sequence[View], source: Source, extraction: Extraction) -> None:
    """See that no view that works now would break, before MySQL is asked for a row.

    A view that never worked, and one whose new text does not fit, fails by itself later.

    Raises:
        WarehouseError: one would; names file and line, and how to publish all the same.
    """
    path, table = source.settings.path, source.name
    if run.force or not snapshots.newest(path):
        return
    with snapshots.read(path) as connection:
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
