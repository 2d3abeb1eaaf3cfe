"""`python -m bench.store`: what a write costs in warehouses of two sizes, and their history."""

from __future__ import annotations

import platform
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import click

from bench import results
from bench.child import CPUS, Outcome, run, wait_for_quiet
from bench.load import COMPILED, HOME, cpu, dry_option, patience_option, say
from bench.results import Section
from bench.way import Way
from warehouse.store import disk_use, file_system, prune
from warehouse.store.snapshots import kept

TURNS = 5
EARLIER = 4
"""So many writes leave a spare file that lacks what such writes change."""

SNAPSHOTS = 24
"""As many as the usual settings keep at most: 10, and one a day for 14 days."""

DAILY_MB = 115
"""The table of 5,000,000 orders, about."""


class Store:
    """A folder with a warehouse, and programs that write there."""

    def __init__(self, folder: Path, patience: float, keep: int | None = None) -> None:
        """Begin without a warehouse. So many snapshots are kept; as many as usual, if not said."""
        self.folder = folder
        self._keep = {"BENCH_KEEP": str(keep)} if keep else {}
        self.written: dict[str, list[float]] = {}
        self._patience = patience

    def do(self, what: str, number: int) -> Outcome:
        """Run a program of `bench.ways.write`."""
        env: Mapping[str, str] = {"BENCH_FOLDER": str(self.folder), **self._keep, **COMPILED}
        command = [sys.executable, "-m", "bench.ways.write", what, str(number)]
        return run(command, env, server=0)

    def fill(self, mb: int, orders: int = 0) -> Store:
        """Make a warehouse of so many MB, so many orders included."""
        say(f"Making a warehouse of {mb:,} MB ...")
        self.do("fill", mb - (DAILY_MB if orders else 0))
        if orders:
            self.do("orders", orders)
        return self

    @property
    def mb(self) -> float:
        """The size of its newest snapshot."""
        return (self.folder / "warehouse.duckdb").stat().st_size / 1e6

    def drop_spare(self) -> None:
        """Remove the file into which the next write would write; its snapshot is kept as parts."""
        for one in kept(self.folder / "warehouse.duckdb")[: -prune.WHOLE]:
            one.file.unlink(missing_ok=True)

    def measure(self, what: str, name: str, *, spare: bool = True) -> Way:
        """Measure a write, when the snapshots that are kept come from such writes, too."""
        way = Way(name)
        if spare:
            self.do(what, EARLIER)
        for _ in range(TURNS):
            if not spare:
                self.drop_spare()
            # What other writes left for the system to write would be waited for here.
            subprocess.run(["sync"], check=True)
            wait_for_quiet(self._patience)
            outcome = self.do(what, 1)
            way.add(outcome)
            written = outcome.said["written_bytes"] / 1e6
            self.written.setdefault(name, []).append(written)
            say(f"  {name}: {outcome.said['seconds']:.2f} s, {written:,.1f} MB written")
            if "day_bytes" in outcome.said:
                way.bytes = outcome.said["day_bytes"]
        return way


def store(mb: int, rows: int, patience: float) -> Section:
    """Measure a view, a table and a day."""
    HOME.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=HOME) as folder:
        empty, small, large = (Store(Path(folder) / name, patience) for name in "esl")
        for one in (empty, small, large):
            one.folder.mkdir()
        small.fill(mb // 10)
        large.fill(mb, rows)
        title = f"Store: a write in a warehouse of {large.mb / 1000:.1f} GB"
        section = section_without_server("store", title, large.mb, rows)
        section.ways = [
            small.measure("view", f"a view, {small.mb:,.0f} MB"),
            large.measure("view", f"a view, {large.mb:,.0f} MB"),
            large.measure("view", f"a view, {large.mb:,.0f} MB, by a full copy", spare=False),
            empty.measure("table", "a table of 100,000 rows, nothing else"),
            small.measure("table", f"a table of 100,000 rows, {small.mb:,.0f} MB"),
            large.measure("table", f"a table of 100,000 rows, {large.mb:,.0f} MB"),
            large.measure("day", f"a day of {rows:,} rows, {large.mb:,.0f} MB"),
        ]
        written = {**empty.written, **small.written, **large.written}
        section.body = _table(section.ways, written)
        return section


def section_without_server(program: str, title: str, mb: float, rows: int) -> Section:
    """Describe this call of a program that asks no server."""
    return Section(
        title=title,
        command=" ".join(["python -m bench", program, *sys.argv[1:]]),
        date=f"{datetime.now(UTC):%Y-%m-%d}",
        rows=rows,
        server=f"no server, {file_system.kind(HOME) or 'a file system'}",
        system=f"Python {platform.python_version()}, {platform.system()}",
        cpus=CPUS,
        cpu=cpu(),
        table_mb=mb,
    )


def _table(ways: Sequence[Way], written: Mapping[str, Sequence[float]]) -> list[str]:
    lines = ["| what is written | seconds | each run | written to disk |", "|---|--:|---|--:|"]
    for way in ways:
        each = " ".join(f"{seconds:.2f}" for seconds in way.seconds)
        lines.append(
            f"| {way.name} | {way.typical:.2f} | {each} | {median(written[way.name]):,.1f} MB |"
        )
    rows = ways[-1].bytes or 0
    return [*lines, "", _WORDS.format(day=rows / 1e6)]


def history(mb: int, patience: float) -> Section:
    """Measure what many snapshots cost, and how long it takes to open the oldest one."""
    HOME.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=HOME) as folder:
        few = Store(Path(folder), patience, keep=prune.WHOLE).fill(mb)
        none = few.measure("view", f"a view, {prune.WHOLE} snapshots kept, none as parts")
        many = Store(Path(folder), patience, keep=SNAPSHOTS)
        for _ in range(SNAPSHOTS // 2):
            many.do("view", 1)
            many.do("table", 1)
        view = many.measure("view", f"a view, {SNAPSHOTS} snapshots kept")
        table = many.measure("table", f"a table of 100,000 rows, {SNAPSHOTS} snapshots kept")
        for _ in range(SNAPSHOTS // 2):
            many.do("view", 1)
            many.do("table", 1)
        snapshots = kept(Path(folder) / "warehouse.duckdb")
        uses = [use for one in snapshots if (use := disk_use.measure(one))]
        opened, again = Way("the oldest one, opened"), Way("the oldest one, opened again")
        for _ in range(3):
            wait_for_quiet(patience)
            opened.add(many.do("oldest", 1))
            again.add(many.do("oldest", 1))
            snapshots[0].file.unlink()
        section = section_without_server(
            "store", f"Store: {SNAPSHOTS} snapshots of {many.mb / 1000:.1f} GB", many.mb, 0
        )
        section.ways = [none, view, table, opened, again]
        section.body = _history_table(section.ways, uses)
        return section


def _history_table(ways: Sequence[Way], uses: Sequence[disk_use.Use]) -> list[str]:
    parts = [(use.own or 0) / 1e6 for use in uses if not use.whole]
    return [
        "| what | seconds | each run |",
        "|---|--:|---|",
        *(
            f"| {way.name} | {way.typical:.2f} | {' '.join(f'{s:.2f}' for s in way.seconds)} |"
            for way in ways
        ),
        "",
        f"All {len(uses)} snapshots take {disk_use.total(uses) / 1e6:,.0f} MB on the disk: "
        f"{len(uses) - len(parts)} are files, and {len(parts)} are kept as parts of "
        f"{median(parts or [0]):,.1f} MB (the median), {max(parts, default=0):,.1f} MB at most. "
        "They come from a view and a table of 100,000 rows, written in turn.",
    ]


_WORDS = """Each is a write by a process of its own, without MySQL and Dagster: from the wait for
the lock to the removal of the oldest snapshot. The newest snapshots come from four such
writes before, so that a spare file is there, and lacks what those wrote: "written to disk" is what
this takes, and the write itself, as the system counts (`write_bytes` in `/proc/self/io`). The rows
of the day have {day:,.2f} MB as they come from MySQL."""


@click.command()
@click.option("--mb", default=2_000, show_default=True, help="How large the warehouse is.")
@click.option("--rows", default=5_000_000, show_default=True, help="How many orders it holds.")
@click.option("--only", type=click.Choice(["writes", "history"]), help="Measure one of the two.")
@patience_option
@dry_option
def main(mb: int, rows: int, only: str | None, patience: float, dry: bool) -> None:
    """Measure writes and the history, and write the results into bench/RESULTS.md."""
    for name in ("writes", "history"):
        if only in (None, name):
            section = store(mb, rows, patience) if name == "writes" else history(mb, patience)
            click.echo(section.markdown())
            if not dry:
                results.keep(section)


if __name__ == "__main__":
    main()
