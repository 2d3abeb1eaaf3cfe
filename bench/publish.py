"""`python -m bench.publish`: what it costs to send a table to the lake, and to send it again."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from bench import results
from bench.child import run, wait_for_quiet
from bench.load import COMPILED, HOME, dry_option, patience_option, say
from bench.results import Section
from bench.store import Store, section_without_server
from bench.way import Way

TURNS = 3
DAY = "order_date"


def publish(rows: int, patience: float) -> Section:
    """Measure the table as a whole and by day: first all of it, then nothing, then one day."""
    HOME.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=HOME) as name:
        folder = Path(name)
        store = Store(folder, patience)
        say(f"Making a warehouse of {rows:,} orders ...")
        store.do("orders", rows)
        title = f"Publish: {rows:,} orders to the lake"
        section = section_without_server("publish", title, store.mb, rows)
        whole, by_day, same, day = section.ways = [
            Way("all of it, a table without days"),
            Way("all of it, day by day"),
            Way("nothing changed, day by day"),
            Way("one row of a day changed, day by day"),
        ]
        written = {}
        for turn in range(TURNS):
            lake = folder / f"lake{turn}"
            written[whole.name] = _measure(whole, folder, [str(folder / f"whole{turn}")], patience)
            written[by_day.name] = _measure(by_day, folder, [str(lake), DAY], patience)
            written[same.name] = _measure(same, folder, [str(lake), DAY], patience)
        for _ in range(TURNS):
            store.do("row", 1)
            written[day.name] = _measure(day, folder, [str(lake), DAY], patience)
        section.body = _table(section.ways, written)
        return section


def _measure(
    way: Way, folder: Path, arguments: Sequence[str], patience: float
) -> Mapping[str, Any]:
    """Publish in a process of its own. Returns what it says."""
    subprocess.run(["sync"], check=True)  # what others wrote would be waited for here
    wait_for_quiet(patience)
    command = [sys.executable, "-m", "bench.ways.publish", *arguments]
    outcome = run(command, {"BENCH_FOLDER": str(folder), **COMPILED}, server=0)
    way.add(outcome)
    say(f"  {way.name}: {outcome.said['seconds']:.2f} s")
    return outcome.said


def _table(ways: Sequence[Way], written: Mapping[str, Mapping[str, Any]]) -> list[str]:
    lines = [
        "| what is sent | seconds | each run | files | written | kept | peak RSS |",
        "|---|--:|---|--:|--:|--:|--:|",
    ]
    for way in ways:
        each = " ".join(f"{seconds:.2f}" for seconds in way.seconds)
        said = written[way.name]
        lines.append(
            f"| {way.name} | {way.typical:.2f} | {each} | {said['files']:,} | "
            f"{said['bytes'] / 1e6:,.1f} MB | {said['kept_bytes'] / 1e6:,.1f} MB | {way.peak} |"
        )
    return [*lines, "", _WORDS]


_WORDS = """Each is a process of its own, from the opening of the snapshot to the published manifest
of the lake, every file synced: a lake in a folder of the same disk. Python's start is not in the
seconds."""


@click.command()
@click.option("--rows", default=5_000_000, show_default=True, help="How many orders.")
@patience_option
@dry_option
def main(rows: int, patience: float, dry: bool) -> None:
    """Measure `just publish`, and write the results into bench/RESULTS.md."""
    section = publish(rows, patience)
    click.echo(section.markdown())
    if not dry:
        results.keep(section)


if __name__ == "__main__":
    main()
