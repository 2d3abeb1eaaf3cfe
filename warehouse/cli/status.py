"""The command `status`: what `status_report` found, as one table and a few sentences."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from warehouse.cli.output import errors_for_people
from warehouse.cli.startup import importing_dagster
from warehouse.console.terminal import say
from warehouse.console.text import counted
from warehouse.settings import Settings, load_settings
from warehouse.store import open_files as holders

if TYPE_CHECKING:
    from warehouse.assets.run_history import History
    from warehouse.cli.status_report import Asset, Held, Kept


@click.command()
def status() -> None:
    """Show what the warehouse holds, how old it is, and who holds it open.

    \b
    rows        of a view too, if they are counted in half a second
    age         since MySQL was asked; loaded says when
    freshness   until when a source is fresh (WAREHOUSE_FRESHNESS_MINUTES)
    last run    what became of it; ended says when, run which one
    next load   if `just dev` runs
    source      the table in MySQL, or view

    Below stand the processes that have a snapshot open. MySQL is not asked. A terminal shows as
    much as fits, and times of today, and of the next 24 hours, without their day; a pipe shows all
    of it.
    """
    with errors_for_people():
        settings = load_settings()
        _status(settings)


def _status(settings: Settings) -> None:
    from warehouse.cli import status_report, status_table
    from warehouse.console.columns import print_table

    now = datetime.now(UTC)
    kept: Sequence[Kept] = ()
    if settings.spark is None:
        _say_writer(settings.path, now)
        found = status_report.assets(settings.path)
        kept = status_report.files(settings.path)
        held = status_report.held(settings.path, kept)
    else:
        from warehouse.cli import lake_status

        found, held = lake_status.look(settings)
    history = _history([asset.name for asset in found], now)
    tick = None
    if history and history.reloading:
        from warehouse.assets.automation import every_minutes

        tick = every_minutes(settings.freshness_minutes)
    outlook = status_report.outlook(found, history, settings.freshness_minutes, tick, now)
    moments = status_table.Moments(now, short=sys.stdout.isatty())
    server, rows = status_table.rows(found, outlook, moments)
    print_table(status_table.HEADINGS, rows)
    if opened := status_table.opened(kept):
        click.echo("\n" + "\n".join(opened))
    sys.stdout.flush()  # before what is said of it
    where = "on the disk" if settings.spark is None else "in the lake"
    _say_more(held, where, found, history, server)


def _say_writer(path: Path, now: datetime) -> None:
    if writer := holders.writer(path):
        from warehouse.cli.status_table import Moments

        whole = Moments(now, short=False)
        say(
            f"A snapshot is being written since {whole.clock(writer.since)} "
            f"({whole.age(writer.since)}) by {writer.name}. Readers see the last whole one."
        )


def _history(names: list[str], now: datetime) -> History | None:
    """Open the run history if there is one: to look at it must not make it."""
    from warehouse.assets import run_history as runs

    if not runs.there():
        return None
    with importing_dagster():
        import dagster  # noqa: F401
    try:
        with runs.history() as instance:
            return runs.look(instance, names, now)
    except OSError as error:  # another user's: whoever may read the file sees the rest
        say(f"The run history in {runs.home()} cannot be read: {error.strerror}.")
        return None


def _say_more(
    held: Held,
    where: str,
    found: Sequence[Asset],
    history: History | None,
    server: str,
) -> None:
    from warehouse.cli.status_table import apart, size

    lines = [
        f"Snapshot {held.number}, {size(held.bytes)}: {held.place}. "
        f"{counted(held.count, 'snapshot')} {where}, {size(held.total)}."
    ]
    if server:
        lines.append(f"The sources are tables at {server}.")
    lines += apart(found)
    if uncounted := [asset.name for asset in found if asset.rows is None]:
        lines.append(f"To count takes longer: the rows of {', '.join(uncounted)}.")
    if history is None:
        lines.append("There is no run history here to read: runs that failed are not known.")
    if history and history.reloading:
        lines.append(
            "`just dev` runs here, or did until a minute ago: it loads what is stale, and "
            "changed in MySQL."
        )
    elif history and history.developing:
        lines.append(
            "`just dev` runs here with its sensor stale_sources switched off: no stale source "
            "is loaded by itself."
        )
    else:
        lines.append("Nothing is loaded by itself unless `just dev` runs.")
    say("\n" + "\n".join(lines))
