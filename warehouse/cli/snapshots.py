"""The commands on the snapshots that are kept."""

from __future__ import annotations

import click

from warehouse.cli.people import errors_for_people, show
from warehouse.settings import load_settings
from warehouse.store import snapshots


@click.command()
def history() -> None:
    """List the snapshots that led to the newest one, and which of them are still kept."""
    with errors_for_people():
        path = load_settings().path
        numbers = [snapshot.number for snapshot in snapshots.kept(path)]
        with snapshots.read(path) as connection:
            show(
                connection.sql(
                    f"""
                    SELECT number, date_trunc('second', written_at) AS written_at, writer,
                      list_contains(?::BIGINT[], number) AS kept
                    FROM {snapshots.TABLE} ORDER BY number
                    """,
                    params=[numbers],
                )
            )


@click.command()
@click.argument("number", type=int)
def rollback(number: int) -> None:
    """Make the kept snapshot NUMBER the newest one again, as a new snapshot.

    What came after it stays in its own snapshots as long as they are kept: a rollback can be
    rolled back.
    """
    with errors_for_people():
        settings = load_settings()
        before = snapshots.find(settings.path, number)
        with snapshots.write(
            settings.path,
            keep=settings.keep_snapshots,
            memory_limit=settings.memory_limit,
            who=f"rollback to {before.number}",
            base=before,
            say=lambda text: click.echo(text, err=True),
        ):
            pass
        now = snapshots.newest(settings.path)
        assert now is not None
        click.echo(
            f"Snapshot {now.number} is what snapshot {before.number} was. MySQL was not asked.",
            err=True,
        )
