"""`python -m bench.cache`: what a cache saves MySQL, and the five assets downstream of `orders`.

Each way runs twice, each time in a process of its own: first with the load, and again with what the
first has cached. Writes RESULTS.md.
"""

from __future__ import annotations

import re
import tempfile

import click

from bench import results
from bench.load import HOME, Bench, bench, dry_option, patience_option, say
from bench.results import Section
from bench.way import Way
from tests.servers.launch import PASSWORD, READER

CACHER = "cacher"
WAYS = {
    "none": "no cache: each asset asks MySQL",
    "pickle": "pickled files (`pickle_cache`)",
    "mysql": "tables in MySQL (`mysql_cache`)",
    "warehouse": "this warehouse",
}
RUNS = {"first": "with the load", "again": "again"}

# Rows that the storage engines gave out; those of temporary tables are counted elsewhere.
_ROWS_READ = "SHOW GLOBAL STATUS LIKE 'Rows_read'"


def measure(made: Bench, way: Way, how: str, run: str, folder: str) -> dict[str, int]:
    """Run a way once, and add what it took and what it asked of MySQL.

    Returns:
        The rows of each of the five results.
    """
    database = made.database
    database.clear_log()
    before = rows_read(made)
    outcome = made.once(
        ["-m", "bench.ways.five", how, run],
        {"BENCH_FOLDER": folder, "BENCH_CACHE_URL": database.url("cache", CACHER)},
        way.name,
    )
    way.rows_read = rows_read(made) - before
    way.selects = selects(database.queries(READER), "orders")
    way.cache_selects = selects(database.queries(CACHER), r"cache_\w+")
    way.add(outcome)
    counts: dict[str, int] = outcome.said["counts"]
    return counts


def rows_read(made: Bench) -> int:
    """Return how many rows of tables the server has read so far."""
    return int(made.database.run(_ROWS_READ)[0][1])


def selects(queries: list[str], table: str) -> int:
    """Count the SELECTs of a table's rows."""
    read = re.compile(rf"^\s*(/\*.*?\*/\s*)?SELECT\b.*\bFROM\s+`?{table}\b", re.I | re.S)
    return sum(bool(read.search(query)) for query in queries)


def saving(rows: int, patience: float) -> Section:
    """Measure all ways, first and again, on so many orders.

    Raises:
        RuntimeError: two ways came to different results.
    """
    with bench(rows, patience, "--general-log=1") as made:
        made.database.run(
            "CREATE DATABASE cache CHARACTER SET utf8mb4",
            f"CREATE USER {CACHER}@'%' IDENTIFIED BY '{PASSWORD}'",
            f"GRANT SELECT, INSERT, CREATE, ALTER, DROP ON cache.* TO {CACHER}@'%'",
        )
        section = made.section(f"Saving: five assets downstream of {rows:,} orders", "cache")
        say("Warming up ...")
        truth: dict[str, int] = {}
        with tempfile.TemporaryDirectory(dir=HOME) as folder:
            for run in RUNS:
                truth = measure(made, Way("this warehouse"), "warehouse", run, folder)
        for how, name in WAYS.items():
            with tempfile.TemporaryDirectory(dir=HOME) as folder:
                for run, words in RUNS.items():
                    way = Way(f"{name} | {words}")
                    if (counts := measure(made, way, how, run, folder)) != truth:
                        raise RuntimeError(f"{way.name} came to {counts}, not {truth}")
                    section.ways.append(way)
        return section


@click.command()
@click.option("--rows", default=200_000, show_default=True, help="How many orders.")
@patience_option
@dry_option
def main(rows: int, patience: float, dry: bool) -> None:
    """Measure what a cache saves, and write the results into bench/RESULTS.md."""
    section = saving(rows, patience)
    click.echo(section.markdown())
    if not dry:
        results.keep(section)


if __name__ == "__main__":
    main()
