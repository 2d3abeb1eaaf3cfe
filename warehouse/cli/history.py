"""The command `history`: each snapshot, what it holds, and what it costs on the disk."""

from __future__ import annotations

import csv
import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import click

from warehouse.cli.explore import FORMATS
from warehouse.cli.output import errors_for_people
from warehouse.console.columns import Heading, print_table
from warehouse.console.terminal import say
from warehouse.settings import Settings, load_settings
from warehouse.store import disk_use, snapshots
from warehouse.store.disk_use import Use
from warehouse.store.history import writers

HEADINGS = (
    Heading("snapshot", right=True),
    Heading("written"),
    Heading("kept"),
    Heading("on disk", right=True),
    Heading("writer", least=20),
)


@dataclass(frozen=True)
class Line:
    """What is told of a snapshot; the fields are those of `--format json`."""

    number: int
    written_at: datetime
    writer: str
    kept: str | None
    bytes: int | None
    shared_bytes: int | None

    @property
    def cells(self) -> tuple[str, ...]:
        """The same for people."""
        cost = "" if self.kept is None else "shared"
        if self.bytes is not None:
            cost = f"{self.bytes / 1e6:,.1f} MB"
        local = f"{self.written_at.astimezone():%Y-%m-%d %H:%M:%S}"
        return str(self.number), local, self.kept or "", cost, self.writer


@click.command()
@click.option("--format", "format_", type=click.Choice(FORMATS), default="table", show_default=True)
def history(format_: str) -> None:
    """List the snapshots that led to the newest one, and which of them are still kept.

    \b
    kept     as a file, or as parts: what of it no newer snapshot has
    on disk  allocated for it alone; "shared" where that cannot be told
    writer   what was written, and by which run

    A snapshot that is kept can be opened, compared and gone back to; if it is kept as parts, the
    first to open it waits until it was put together. WAREHOUSE_KEEP_SNAPSHOTS and
    WAREHOUSE_KEEP_DAYS say which are kept. Times are local; JSON and CSV carry their offset.
    """
    with errors_for_people():
        settings = load_settings()
        if settings.spark is None:
            lines, taken = _of_file(settings.path)
        else:
            lines, taken = _of_lake(settings)
        if format_ == "table":
            _print(lines, taken)
        elif format_ == "json":
            click.echo(json.dumps([*map(_plain, lines)], ensure_ascii=False, indent=2))
        else:
            writer = csv.writer(sys.stdout, lineterminator="\n")
            writer.writerow(Line.__dataclass_fields__)
            writer.writerows(_plain(line).values() for line in lines)


def _of_file(path: Path) -> tuple[list[Line], int]:
    """Return the snapshots of the warehouse's file, and how many bytes they take."""
    uses = {one.number: use for one in snapshots.kept(path) if (use := disk_use.measure(one))}
    with snapshots.read(path) as connection:
        lines = [_line(*one, uses.get(one[0])) for one in writers(connection)]
    return lines, disk_use.total(list(uses.values()))


def _of_lake(settings: Settings) -> tuple[list[Line], int]:
    """Return the snapshots of the lake that Spark reads, and how many bytes they take."""
    from warehouse.engines.spark.on_lake import lake_of
    from warehouse.lake.snapshots import all_snapshots, bytes_of

    manifests = all_snapshots(lake_of(settings))
    holders = Counter(path for one in manifests for path in one.files)
    lines = []
    for one in manifests:
        own = sum(size for path, size in one.files.items() if holders[path] == 1)
        shared = sum(one.files.values()) - own
        lines.append(Line(one.number, one.written_at, one.writer, "files", own, shared))
    return lines, bytes_of(manifests)


def _line(number: int, written_at: datetime, writer: str, use: Use | None) -> Line:
    if use is None:
        return Line(number, written_at, writer, None, None, None)
    return Line(number, written_at, writer, "file" if use.whole else "parts", use.own, use.shared)


def _plain(line: Line) -> dict[str, object]:
    at = line.written_at.astimezone().isoformat(timespec="seconds")
    return {**vars(line), "written_at": at}


def _print(lines: Sequence[Line], taken: int) -> None:
    print_table(HEADINGS, [line.cells for line in lines])
    sys.stdout.flush()  # before what is said of it
    kept = sum(line.kept is not None for line in lines)
    say(f"\n{kept} of {len(lines)} are kept. They take {taken / 1e6:,.1f} MB on the disk.")
