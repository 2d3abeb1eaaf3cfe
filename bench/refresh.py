"""`python -m bench.refresh`: what it costs to load one changed day again, against a load of all."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from bench import results
from bench.load import HOME, Bench, bench, dry_option, patience_option
from bench.results import Section
from bench.way import Way

BOTH = "(order_date, updated_at)"
INDEXES = {f"an index on {BOTH}": BOTH, "an index on order_date": "(order_date)", "no index": None}
FIRST_DAY, DAYS = "2024-12-01", 714
TURNS = 3


def measure(made: Bench, folder: str, what: str, way: Way) -> None:
    """Run a load or a refresh in a process of its own, in the warehouse of this folder."""
    env = {"BENCH_FOLDER": folder, "WAREHOUSE_DAILY_START": FIRST_DAY}
    way.add(made.once(["-m", "bench.ways.days", what], env, way.name))


def give_days(made: Bench, number: str) -> None:
    """Give each order the day of this number, an expression over its id."""
    made.database.run(
        f"UPDATE orders SET order_date = '{FIRST_DAY}' + INTERVAL ({number}) DAY, "
        "updated_at = updated_at",
        "ANALYZE TABLE orders",
    )


def change(made: Bench, day: int) -> None:
    """Change a hundred orders of one day, a moment ago."""
    made.database.run(
        "SET time_zone = '+00:00'",
        "UPDATE orders SET amount = amount + 1, updated_at = NOW() - INTERVAL 5 SECOND "
        f"WHERE order_date = '{FIRST_DAY}' + INTERVAL {100 + day} DAY LIMIT 100",
    )


@contextmanager
def index(made: Bench, columns: str | None) -> Iterator[None]:
    """Have an index for the length of a `with`."""
    if columns is None:
        yield
        return
    made.database.run(f"CREATE INDEX measured ON orders {columns}")
    yield
    made.database.run("DROP INDEX measured ON orders")


def refresh(rows: int, patience: float) -> Section:
    """Measure a load of all days, and a refresh of one with each kind of index."""
    with (
        bench(rows, patience) as made,
        tempfile.TemporaryDirectory(dir=HOME) as folder,
    ):
        (Path(folder) / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
        section = made.section(f"Refresh of one day of {DAYS} in {rows:,} rows", "refresh")
        full, nothing = Way("all days"), Way(f"nothing changed, an index on {BOTH}")
        section.ways = [full, nothing]
        # As a shop's orders come, one day after the other.
        give_days(made, f"(id - 1) * {DAYS} DIV {rows}")
        for _ in range(TURNS):
            measure(made, folder, "full", full)
        with index(made, BOTH):
            for _ in range(TURNS):
                measure(made, folder, "refresh", nothing)
        for name, columns in INDEXES.items():
            section.ways.append(_one_day(made, folder, f"one changed day, {name}", columns))
        give_days(made, f"id % {DAYS}")
        measure(made, folder, "refresh", Way("all days, to begin anew"))
        name = f"one changed day, its orders all over the table, an index on {BOTH}"
        section.ways.append(_one_day(made, folder, name, BOTH))
        return section


def _one_day(made: Bench, folder: str, name: str, columns: str | None) -> Way:
    way = Way(name)
    with index(made, columns):
        for turn in range(TURNS):
            change(made, turn)
            measure(made, folder, "refresh", way)
    return way


@click.command()
@click.option("--rows", default=5_000_000, show_default=True, help="How many orders.")
@patience_option
@dry_option
def main(rows: int, patience: float, dry: bool) -> None:
    """Measure a refresh, and write the results into bench/RESULTS.md."""
    section = refresh(rows, patience)
    click.echo(section.markdown())
    if not dry:
        results.keep(section)


if __name__ == "__main__":
    main()
