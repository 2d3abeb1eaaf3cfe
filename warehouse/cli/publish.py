"""The command `publish`: the tables of the newest snapshot go to the lake, as Parquet."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from warehouse.cli.output import errors_for_people
from warehouse.console.columns import Heading, print_table
from warehouse.console.terminal import QUIET
from warehouse.console.text import counted
from warehouse.errors import WarehouseError

if TYPE_CHECKING:
    from warehouse.lake.manifest import DataFile
    from warehouse.lake.place import Lake
    from warehouse.lake.publish import Publication, PublishedTable
    from warehouse.settings import Settings

HEADINGS = (
    Heading("table", least=20),
    Heading("rows", right=True),
    Heading("seconds", right=True),
    Heading("written", right=True),
    Heading("kept", right=True),
    Heading("days written", style=lambda _: QUIET),
)


@click.command()
@click.argument("tables", nargs=-1, metavar="[TABLE]...")
@click.option(
    "--remove", "removed", multiple=True, metavar="TABLE", help="Take this out of the lake."
)
def publish(tables: tuple[str, ...], removed: tuple[str, ...]) -> None:
    """Send the tables of the newest snapshot to the lake, as Parquet for Apache Spark.

    WAREHOUSE_LAKE names the lake. Without TABLE it is all tables: those of sources and of Python
    assets, loads and cached_days. Views are not sent: Spark computes them.

    Only what changed is written, a table with days day by day. A new snapshot of the lake shows all
    of it at once; if nothing changed there is none. Snapshots of the lake stay as those of the
    warehouse do (WAREHOUSE_KEEP_SNAPSHOTS, WAREHOUSE_KEEP_DAYS).
    """
    with errors_for_people():
        from warehouse.assets.publication import publish_tables
        from warehouse.console import progress
        from warehouse.lake.place import open_lake
        from warehouse.project.project import load_project

        began = time.monotonic()
        progress.begin_to_narrate()
        project = load_project()
        settings = project.settings
        lake = open_lake(_lake_url(settings))
        done = publish_tables(project, lake, tables, removed, progress.narrate)
        _print(done, _shown(lake, settings), time.monotonic() - began)
        _prune(settings, lake)


def _lake_url(settings: Settings) -> str:
    if settings.lake is None:
        raise WarehouseError(
            "WAREHOUSE_LAKE is not set: there is no lake to publish to.",
            todo="Set it to a folder that all machines share, or to the URL of an object store: "
            "docs/lake.md.",
        )
    return settings.lake


def _shown(lake: Lake, settings: Settings) -> str:
    """Return the place of a lake, from the project folder if it is in there."""
    root = Path(lake.root)
    inside = lake.is_local and root.is_relative_to(settings.folder)
    return str(root.relative_to(settings.folder)) if inside else lake.shown


def _print(done: Publication, place: str, seconds: float) -> None:
    if done.tables:
        print_table(HEADINGS, [_line(one) for one in done.tables])
    written = [file for one in done.tables for file in one.written]
    new = "" if done.is_new else " Nothing changed: there is no new one."
    click.echo(
        f"\n{counted(len(done.tables), 'table')} in {seconds:.1f} s. "
        f"{counted(len(written), 'file')} written, {_size(written)}.\n"
        f"{place}: snapshot {done.snapshot.number}.{new}"
    )


def _line(one: PublishedTable) -> Sequence[str]:
    days = len({file.day for file in one.written if file.day})
    return (
        one.name,
        f"{one.rows:,}",
        f"{one.seconds:.1f}",
        _size(one.written) if one.written else "",
        _size(one.kept) if one.kept else "",
        f"{days:,} of {counted(one.days, 'day')}" if one.days else "",
    )


def _size(files: Sequence[DataFile]) -> str:
    return _bytes(sum(file.bytes for file in files))


def _bytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB" if size >= 1e6 else f"{size / 1e3:,.0f} kB"


def _prune(settings: Settings, lake: Lake) -> None:
    from warehouse.lake.prune import prune

    def warn(text: str) -> None:
        click.echo(text, err=True)

    gone = prune(lake, keep=settings.keep_snapshots, days=settings.keep_days, say=warn)
    if gone.snapshots or gone.files:
        warn(
            f"{counted(gone.snapshots, 'snapshot')} and {counted(gone.files, 'file')} of the lake "
            f"were pruned, {_bytes(gone.bytes)}."
        )
