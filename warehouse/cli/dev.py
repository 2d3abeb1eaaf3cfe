"""The command that runs Dagster's UI."""

from __future__ import annotations

import click

from warehouse.cli.output import errors_for_people
from warehouse.console.terminal import say


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "-p", "--port", type=click.IntRange(0, 65535), help="3000, or a free one; 0 takes a free one."
)
@click.option(
    "--log-level",
    type=click.Choice(["critical", "error", "warning", "info", "debug"], case_sensitive=False),
    default="warning",
    show_default=True,
    help="Of Dagster's services; `info` tells of each look that they take, twice a minute.",
)
def dev(host: str, port: int | None, log_level: str) -> None:
    """Run Dagster's UI, with what loads stale sources, until Ctrl-C.

    It answers requests to this machine by loopback's names, and by those in WAREHOUSE_UI_HOSTS;
    pages of another origin can change nothing.
    """
    with errors_for_people():
        from warehouse.ui.dev import run

        run(host, port, log_level, say)
