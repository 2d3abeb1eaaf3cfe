"""The commands that ask MySQL."""

from __future__ import annotations

import sys
import time
from collections.abc import Collection
from typing import TYPE_CHECKING

import click

from warehouse.cli.exit_codes import ExitCode
from warehouse.cli.output import errors_for_people
from warehouse.cli.startup import importing_dagster
from warehouse.console.text import counted

if TYPE_CHECKING:
    import dagster as dg


@click.command()
@click.argument("selection", required=False)
@click.option("--partition", metavar="DAY", help="Only this day of mysql_orders_daily.")
@click.option(
    "--partition-range", metavar="DAY...DAY", help="Only these days of it, with one query."
)
@click.option("--force", is_flag=True, help="Publish a load that lost more rows than allowed.")
def materialize(
    selection: str | None, partition: str | None, partition_range: str | None, force: bool
) -> None:
    """Build everything, or what SELECTION names.

    SELECTION is an asset's name (orders_summary) or any of Dagster's selection expressions
    (orders_cleaned+, group:analytics). Only mysql_orders and mysql_orders_daily ask MySQL; the
    second one only if it is named, and without a day for all days.

    The exit code is 3 if all was built and published, and a check of severity error failed.
    """
    with errors_for_people():
        with importing_dagster():
            from warehouse.cli.run import run
        failed = run(selection, partition=partition, partition_range=partition_range, force=force)
        _leave(failed)


@click.command()
@click.option("--force", is_flag=True, help="Publish a load that lost more rows than allowed.")
def refresh(force: bool) -> None:
    """Load again what changed: those days of mysql_orders_daily that differ from MySQL.

    A grouped query gives a fingerprint of each day; one more reads those that differ.

    The exit code is 3 if the days are published, and a check of severity error failed.
    """
    with errors_for_people():
        from warehouse.assets.refresh import compare
        from warehouse.console import progress

        began = time.monotonic()
        progress.begin_to_narrate()
        with compare(progress.narrate, "just refresh") as compared:
            if not compared.sure and (found := compared.result()).none:
                click.echo(found.words)
                return
            with importing_dagster():  # not before: this takes longest, and mostly nothing changed
                from warehouse.cli.run import load_changed
            failed = load_changed(compared, began, force=force)
        _leave(failed)


def _leave(failed: Collection[dg.AssetCheckEvaluation]) -> None:
    """Leave with the exit code that tells failed checks from a failed load."""
    if failed:
        click.echo(
            f"The snapshot is published, and {counted(len(failed), 'check')} of severity error "
            f"failed: the exit code is {ExitCode.CHECK_FAILED:d}.",
            err=True,
        )
        sys.exit(ExitCode.CHECK_FAILED)
