"""The commands that compare snapshots, and go back to one."""

from __future__ import annotations

from functools import partial

import click

from warehouse.cli.output import errors_for_people
from warehouse.console.terminal import say
from warehouse.settings import Settings, load_settings
from warehouse.store import snapshots
from warehouse.store.history import find


@click.command(context_settings={"ignore_unknown_options": True})  # -1 is a number
@click.argument("number", type=int)
def rollback(number: int) -> None:
    """Make the kept snapshot NUMBER the newest one again, as a new snapshot.

    NUMBER may be counted back from the newest one: -1 is the one before it.

    What came after it stays in its own snapshots as long as they are kept: a rollback can be
    rolled back.
    """
    with errors_for_people():
        settings = load_settings()
        if settings.spark is not None:
            _roll_lake_back(settings, number)
            return
        from warehouse.store import publish  # the other commands do not wait for what it imports

        before = find(settings.path, number)
        with publish.write(
            settings.path,
            keep=settings.keep_snapshots,
            keep_days=settings.keep_days,
            memory_limit=settings.memory_limit,
            who=f"rollback to {before.number}",
            base=before,
            say=say,
        ):
            pass
        now = snapshots.newest(settings.path)
        assert now is not None
        click.echo(
            f"Snapshot {now.number} is what snapshot {before.number} was. MySQL was not asked.",
            err=True,
        )


def _roll_lake_back(settings: Settings, number: int) -> None:
    """Make an older snapshot of the lake the newest one again."""
    from warehouse.assets.lake_books import going_back
    from warehouse.engines.spark.on_lake import lake_of
    from warehouse.lake.snapshots import roll_back
    from warehouse.lake.writers import noted

    lake = lake_of(settings)
    with noted(lake):
        before, now = roll_back(lake, number, merge=partial(going_back, lake), say=say)
    click.echo(
        f"{lake.shown}: snapshot {now.number} is what snapshot {before.number} was. MySQL was not "
        "asked.",
        err=True,
    )


@click.command()
@click.argument("table")
@click.option(
    "--old",
    metavar="N|TIME",
    help="Compare with this snapshot.  [default: the last one in which TABLE was different]",
)
@click.option("--new", metavar="N|TIME", help="Compare this snapshot.  [default: the newest]")
@click.option(
    "--key",
    metavar="COLUMN,...",
    help="What tells the rows apart.  [default: id, or else the first columns, as far as they do]",
)
def diff(table: str, old: str | None, new: str | None, key: str | None) -> None:
    """Show what changed in TABLE, a table or view, from one kept snapshot to another.

    Rows added, removed and changed, columns added, removed and retyped, and for each column how
    many values differ, with a few of them. NULL differs from any value, and NaN is equal to NaN.
    The exit code is 0, changed or not. With WAREHOUSE_SPARK, Spark compares snapshots of the lake.

    N is a snapshot's number, or counted back from the newest one (-1 is the one before it). TIME is
    local, such as "2026-11-20 14:00", and stands for the newest snapshot written by then.

    \b
      warehouse diff mysql_orders
      warehouse diff orders_summary --old 41 --new 42
      warehouse diff mysql_orders --old "2026-11-20 14:00"
      warehouse diff loads --key run_id,table_name
    """
    with errors_for_people():
        import warehouse

        names = [name.strip() for name in key.split(",")] if key else None
        click.echo(str(warehouse.diff(table, old, new, names)))
