"""`python -m bench.refresh`: what it costs to load one changed day again, against a load of all."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from bench import results
from bench.load import HOME, Bench, bench, dry_option, patience_option
from bench.results import Section, Way

INDEXES = {
    "an index on (order_date, updated_at)": "(order_date, updated_at)",
    "an index on order_date": "(order_date)",
    "no index": None,
}
FIRST_DAY = "2024-12-01"
TURNS = 3


def measure(made: Bench, folder: str, what: str, way: Way) -> None:
    """Run a load or a refresh in a process of its own, in the warehouse of this folder."""
    env = {"BENCH_FOLDER": folder, "WAREHOUSE_DAILY_START": FIRST_DAY}
    way.add(made.once(["-m", "bench.ways.days", what], env, way.name))


def change(made: Bench, day: int) -> None:
    """Change a hundred orders of one day, a moment ago."""
    made.database.run(
        "SET time_zone = '+00:00'",
        "UPDATE orders SET amount = amount + 1, updated_at = NOW() - INTERVAL 5 SECOND "
        f"WHERE order_date = '{FIRST_DAY}' + INTERVAL {100 + day} DAY LIMIT 100",
    )


def refresh(rows: int, patience: float) -> Section:
    """Measure a load of all days, and a refresh of one with each kind of index."""
    with (
        bench(rows, patience) as made,
        tempfile.TemporaryDirectory(dir=HOME) as folder,
    ):
        (Path(folder) / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
        section = made.section(f"Refresh of one day of 714 in {rows:,} rows", "refresh")
        full = Way("all days")
        section.ways = [full]
        for _ in range(2):
            measure(made, folder, "full", full)
        day = 0
        for name, columns in INDEXES.items():
            way = Way(f"one changed day, {name}")
            section.ways.append(way)
            if columns:
                made.database.run(f"CREATE INDEX measured ON orders {columns}")
            for _ in range(TURNS):
                day += 1
                change(made, day)
                measure(made, folder, "refresh", way)
            if columns:
                made.database.run("DROP INDEX measured ON orders")
        return section


@click.command()
@click.option("--rows", default=5_000_000, show_default=True, help="How many orders.")
@patience_option
@dry_option
def main(rows: int, patience: float, dry: bool) -> None:
    """Measure a refresh, and write the results into bench/RESULTS.md."""
    section = refresh(rows, patience)
    click.echo(section.markdown())
    if not dry:
        results.keep("refresh", section)


if __name__ == "__main__":
    main()
