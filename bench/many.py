"""`python -m bench.many`: several tables in one run, against one table of as many rows."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from bench import results
from bench.load import HOME, Bench, bench, dry_option, patience_option
from bench.results import Section
from bench.way import Way

TABLES = 8
TURNS = 3


def project(folder: Path, *tables: str) -> Path:
    """Make a project folder with a source for each of these tables."""
    sources = folder / "sql" / "sources"
    sources.mkdir(parents=True)
    (folder / "checks").mkdir()
    for table in tables:
        (sources / f"{table}.sql").write_text(f"select * from {table}\n", encoding="utf-8")
    return folder


def split(made: Bench, rows: int) -> list[str]:
    """Make tables that together hold the orders, one after the other."""
    names = [f"orders_{number}" for number in range(TABLES)]
    each = rows // TABLES
    for number, name in enumerate(names):
        made.database.run(
            f"DROP TABLE IF EXISTS {name}",
            f"CREATE TABLE {name} LIKE orders",
            f"INSERT INTO {name} SELECT * FROM orders "
            f"WHERE id > {number * each} AND id <= {(number + 1) * each}",
            f"ANALYZE TABLE {name}",
        )
    return names


def many(rows: int, patience: float) -> Section:
    """Measure both, in turn."""
    with bench(rows, patience) as made, tempfile.TemporaryDirectory(dir=HOME) as folder:
        one = project(Path(folder) / "one", "orders")
        several = project(Path(folder) / "several", *split(made, rows))
        section = made.section(f"Tables: {TABLES} in one run, of {rows:,} rows together", "many")
        ways = [
            (Way(f"one table of {rows:,} rows"), one),
            (Way(f"{TABLES} tables of {rows // TABLES:,} rows, one instant"), several),
        ]
        section.ways = [way for way, _ in ways]
        for _ in range(TURNS):
            for way, home in ways:
                with tempfile.TemporaryDirectory(dir=HOME) as into:
                    env = {"BENCH_FOLDER": into}
                    way.add(made.once(["-m", "bench.ways.many", str(home)], env, way.name))
        return section


@click.command()
@click.option("--rows", default=5_000_000, show_default=True, help="How many orders.")
@patience_option
@dry_option
def main(rows: int, patience: float, dry: bool) -> None:
    """Measure several tables, and write the results into bench/RESULTS.md."""
    section = many(rows, patience)
    click.echo(section.markdown())
    if not dry:
        results.keep(section)


if __name__ == "__main__":
    main()
