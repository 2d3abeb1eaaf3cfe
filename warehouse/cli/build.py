"""The commands that ask MySQL."""

from __future__ import annotations

import difflib
import sys
import time
from collections import Counter
from collections.abc import Collection
from typing import TYPE_CHECKING

import click

from warehouse.cli.exit_codes import ExitCode
from warehouse.cli.output import errors_for_people, only_in_duckdb
from warehouse.cli.startup import importing_dagster
from warehouse.console.text import counted
from warehouse.errors import WarehouseError
from warehouse.settings import load_settings

if TYPE_CHECKING:
    import dagster as dg

    from warehouse.project.project import Project
    from warehouse.project.source_files import Source


@click.command()
@click.argument("selection", required=False)
@click.option("--partition", metavar="DAY", help="Only this day of a source with days.")
@click.option(
    "--partition-range", metavar="DAY...DAY", help="Only these days of it, with one query."
)
@click.option(
    "--force",
    is_flag=True,
    help="Publish a load that lost more rows than allowed, without a view that breaks, or although "
    "a check of severity block fails.",
)
@click.option("--keep-going", is_flag=True, help="Publish what could be loaded if a source fails.")
@click.option(
    "--plan", is_flag=True, help="Show what would change, and publish it only if you say so."
)
@click.option("--yes", is_flag=True, help="With --plan: publish it without a question.")
@click.option(
    "--format",
    "format_",
    type=click.Choice(("table", "json")),
    default="table",
    show_default=True,
    help="Of what --plan shows.",
)
def materialize(
    selection: str | None,
    partition: str | None,
    partition_range: str | None,
    force: bool,
    keep_going: bool,
    plan: bool,
    yes: bool,
    format_: str,
) -> None:
    """Build everything, or what SELECTION names.

    SELECTION is an asset's name (orders_summary) or any of Dagster's selection expressions
    (orders_cleaned+, group:analytics). Only sources ask MySQL; those with days only if they are
    named, and without a day for all days. Sources without days are read at one instant of MySQL
    and published together, or none of them is.

    The exit code is 3 if all was built and published, and a check of severity error failed. Nothing
    is published while a check of severity block fails; with --force it is, with exit code 3.

    With --plan all is loaded and compared with what everyone reads: for each table and view the
    rows that would be added, removed and changed, the columns, and each check. Then it asks whether
    to publish it. Without a terminal, or with another answer than y, it is thrown away, and the
    exit code is 4. Readers never wait; another load does, until you have answered.
    """
    with errors_for_people():
        from warehouse.cli.early import begin_early
        from warehouse.console import progress

        if plan:
            only_in_duckdb(load_settings(), "materialize --plan")
        progress.begin_to_narrate()
        with begin_early(selection, force=force, keep_going=keep_going, plan=plan) as run_id:
            with importing_dagster():
                from warehouse.cli.plan import run_plan
                from warehouse.cli.run import Request, run
            request = Request(
                selection, partition, partition_range, force, keep_going, run_id, plan
            )
            if plan:
                outcome = run_plan(request, yes=yes, format_=format_)
                if outcome.thrown_away:
                    sys.exit(ExitCode.THROWN_AWAY)
                failed = outcome.failed
            else:
                failed = run(request)
        _leave(failed)


@click.command()
@click.argument("sources", nargs=-1)
@click.option("--force", is_flag=True, help="Publish a load that lost more rows than allowed.")
def refresh(sources: tuple[str, ...], force: bool) -> None:
    """Load again what changed: those days of the SOURCES that differ from MySQL.

    Without any it is every source with days whose file names the column of a row's last change
    (`-- updated:`). A grouped query gives a fingerprint of each day; one more reads those that
    differ.

    The exit code is 3 if the days are published, and a check of severity error failed.
    """
    with errors_for_people():
        from warehouse.assets.refresh import compare_all
        from warehouse.console import progress
        from warehouse.project.project import load_project

        only_in_duckdb(load_settings(), "refresh")
        began = time.monotonic()
        progress.begin_to_narrate()
        chosen = _with_days(load_project(), sources)
        with compare_all(chosen, progress.narrate, "just refresh") as comparisons:
            compared = [one for one in comparisons if one.sure or not one.result().none]
            for one in comparisons:
                if one not in compared:
                    click.echo(one.result().words)
            if not compared:
                return
            with importing_dagster():  # not before: this takes longest, and mostly nothing changed
                from warehouse.cli.run import load_changed
            failed = load_changed(compared, began, force=force)
        _leave(failed)


def _with_days(project: Project, names: Collection[str]) -> list[Source]:
    """Return the sources with these names, or all that tell which of their days changed.

    Raises:
        WarehouseError: there is none.
    """
    known = {source.name: source for source in project.with_days}
    for name in names:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            raise WarehouseError(
                f"There is no source {name} with days.",
                safe="Nothing was run.",
                todo=(f"Did you mean {close[0]}? " if close else "")
                + f"Sources with days are: {', '.join(known) or 'none'}.",
            )
    chosen = [known[name] for name in names] or [one for one in known.values() if one.updated]
    if not chosen:
        raise WarehouseError(
            "No source tells which of its days changed.",
            safe="Nothing was run.",
            todo="Write `-- days:` and `-- updated:` into the file of one, under sql/sources.",
        )
    return chosen


def _leave(failed: Collection[dg.AssetCheckEvaluation]) -> None:
    """Leave with the exit code that tells failed checks from a failed load."""
    if failed:
        by_severity = Counter(
            str(check.metadata["severity"].value) if "severity" in check.metadata else "error"
            for check in failed
        )
        checks = " and ".join(
            f"{counted(count, 'check')} of severity {severity}"
            for severity, count in sorted(by_severity.items())
        )
        click.echo(
            f"The snapshot is published, and {checks} failed: the exit code is "
            f"{ExitCode.CHECK_FAILED:d}.",
            err=True,
        )
        sys.exit(ExitCode.CHECK_FAILED)
