"""The command `history`: each snapshot, what it holds, and what it costs on the disk."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import click

from warehouse.cli.explore import FORMATS
from warehouse.cli.output import errors_for_people
from warehouse.console.columns import Heading, print_table
from warehouse.console.terminal import say
from warehouse.settings import load_settings
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
        path = load_settings().path
        uses = {one.number: use for one in snapshots.kept(path) if (use := disk_use.of(one))}
        with snapshots.read(path) as connection:
            lines = [_line(*one, uses.get(one[0])) for one in writers(connection)]
        if format_ == "table":
            _print(lines, list(uses.values()))
        elif format_ == "json":
            click.echo(json.dumps([*map(_plain, lines)], ensure_ascii=False, indent=2))
        else:
            writer = csv.writer(sys.stdout, lineterminator="\n")
            writer.writerow(Line.__dataclass_fields__)
            writer.writerows(_plain(line).values() for line in lines)


def _line(number: int, written_at: datetime, writer: str, use: Use | None) -> Line:
    if use is None:
        return Line(number, written_at, writer, None, None, None)
    return Line(number, written_at, writer, "file" if use.whole else "parts", use.own, use.shared)


def _plain(line: Line) -> dict[str, object]:
    at = line.written_at.astimezone().isoformat(timespec="seconds")
    return {**vars(line), "written_at": at}


def _print(lines: Sequence[Line], uses: Sequence[Use]) -> None:
    print_table(HEADINGS, [line.cells for line in lines])
    sys.stdout.flush()  # before what is said of it
    taken = disk_use.together(uses) / 1e6
    say(f"\n{len(uses)} of {len(lines)} are kept. They take {taken:,.1f} MB on the disk.")
