"""The command `check-engine`: which views and checks would run on Spark with equal answers."""

from __future__ import annotations

import difflib
import json
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import click

from warehouse.cli.exit_codes import ExitCode
from warehouse.cli.output import errors_for_people
from warehouse.console.terminal import say
from warehouse.console.text import counted
from warehouse.errors import WarehouseError
from warehouse.store import snapshots

if TYPE_CHECKING:
    from warehouse.engines.translated_views import Outcome
    from warehouse.project.project import Project


@click.command("check-engine")
@click.argument("names", nargs=-1)
@click.option(
    "--format",
    "format_",
    type=click.Choice(("text", "json")),
    default="text",
    show_default=True,
)
def check_engine(names: tuple[str, ...], format_: str) -> None:
    """Say of each view and check whether it would run on Spark with equal answers.

    NAMES are views, or assets whose checks are meant; without any it is all of them.

    \b
      warehouse check-engine
      warehouse check-engine orders_cleaned order_stats
      warehouse check-engine --format json

    Neither Spark nor MySQL is asked: the types of the tables are those of the newest snapshot. A
    file that is refused is shown with its line, the reason, and what to write instead. The exit
    code is 1 if there is one.
    """
    with errors_for_people():
        from warehouse.project.project import load_project

        project = load_project()
        outcomes = _chosen(_outcomes(project), names)
        if format_ == "json":
            plain = [_plain(outcome) for outcome in outcomes]
            click.echo(json.dumps(plain, ensure_ascii=False, indent=2))
        else:
            for outcome in outcomes:
                click.echo(_line(outcome))
        refused = sum(outcome.refused is not None for outcome in outcomes)
        say(
            f"\n{counted(len(outcomes), 'file')}, {refused or 'none'} refused. "
            "What Spark runs, and what to write instead: docs/spark-sql.md."
        )
        if refused:
            sys.exit(ExitCode.FAILED)


def _outcomes(project: Project) -> list[Outcome]:
    # The other commands do not wait for what it imports.
    from warehouse.engines.translated_views import translate_checks, translate_views
    from warehouse.store.views import table_columns

    with snapshots.read(project.settings.path) as connection:
        tables = table_columns(connection)
    views = translate_views(project.views, tables)
    return [*views.values(), *translate_checks(project.checks, tables, views)]


def _chosen(outcomes: Sequence[Outcome], names: Iterable[str]) -> list[Outcome]:
    """Return what was asked for.

    Raises:
        WarehouseError: there is no view and no check of that name.
    """
    wanted = set(names)
    known = {outcome.view.name for outcome in outcomes} | {
        outcome.view.group for outcome in outcomes
    }
    for name in sorted(wanted - known):
        close = difflib.get_close_matches(name, known, n=1)
        raise WarehouseError(
            f"There is no view and no check {name}.",
            todo=f"Did you mean {close[0]}?" if close else f"There are {', '.join(sorted(known))}.",
        )
    return [
        outcome
        for outcome in outcomes
        if not wanted or wanted & {outcome.view.name, outcome.view.group}
    ]


def _line(outcome: Outcome) -> str:
    if outcome.refused is None:
        return f"{outcome.view.at(1)}: runs on Spark"
    return " ".join(str(outcome.refused).split())


def _plain(outcome: Outcome) -> dict[str, object]:
    refused = outcome.refused
    return {
        "name": outcome.view.name,
        "group": outcome.view.group,
        "file": outcome.view.at(1).rpartition(":")[0],
        "runs": refused is None,
        "place": refused.place if refused else None,
        "construct": refused.construct if refused else None,
        "why": refused.why if refused else None,
        "instead": refused.instead if refused else None,
    }
