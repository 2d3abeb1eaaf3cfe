"""`python -m bench.values`: tables of large values, at the default settings; ten times the rows.

Each is a table that nobody tuned anything for: documents, attachments, a view of which MySQL tells
no row's length.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import click

from bench import results
from bench.load import HOME, Bench, bench, dry_option, patience_option, say
from bench.many import project
from bench.results import Section
from bench.way import Way

TIMES = 10


@dataclass(frozen=True)
class Values:
    """A table of large values.

    Attributes:
        name: In words.
        rows: How many.
        body: An expression over `seq`, the number of the row.
        view: Whether it is read by way of a view.
    """

    name: str
    rows: int
    body: str
    view: bool = False

    def fill(self, made: Bench, times: int) -> int:
        """Make the table anew with so many times the rows. Returns the MB of its values."""
        last = self.rows * times
        made.database.run(
            "DROP VIEW IF EXISTS seen",
            "DROP TABLE IF EXISTS large",
            "CREATE TABLE large (id INT PRIMARY KEY, body LONGBLOB)",
            f"INSERT INTO large SELECT seq, {self.body} FROM seq_1_to_{last}",
            "ANALYZE TABLE large",
            "CREATE VIEW seen AS SELECT * FROM large",
        )
        return int(made.database.run("SELECT SUM(LENGTH(body)) DIV 1000000 FROM large")[0][0])


def _repeated(size: str) -> str:
    return f"REPEAT(UNHEX(SHA2(seq, 512)), ({size}) DIV 64)"


TABLES = (
    Values("2,000 rows of 97 kB", 2_000, _repeated("97280")),
    Values("300 rows of 1 MB", 300, _repeated("1048576")),
    Values("300 rows of 2 MB", 300, _repeated("2097152")),
    Values(
        "100,000 small rows, 60 of 8 MB among them",
        100_060,
        _repeated("IF(seq % 1667 = 0, 8388608, 192)"),
    ),
    Values("a view of 2,000 rows of 60 kB", 2_000, _repeated("61440"), view=True),
)


def values(patience: float, largest_gb: float) -> Section:
    """Measure each table, and with ten times its rows where that is not larger than allowed."""
    with bench(1, patience, "--max-allowed-packet=64M") as made:
        section = made.section(f"Values: large ones, and {TIMES} times the rows", "values")
        for table in TABLES:
            megabytes = 0
            for times in (1, TIMES):
                if megabytes * times > largest_gb * 1000:
                    say(f"  {table.name}, {times} times: {megabytes * times:,} MB, left out")
                    section.left_out.append(f"{times} times {table.name}")
                    continue
                megabytes = table.fill(made, times)
                source = "seen" if table.view else "large"
                way = Way(table.name if times == 1 else f"{times} times as many")
                with tempfile.TemporaryDirectory(dir=HOME) as folder:
                    home = project(Path(folder) / "project", source)
                    env = {"BENCH_FOLDER": folder}
                    way.add(made.once(["-m", "bench.ways.many", str(home)], env, way.name))
                way.bytes = megabytes * 1_000_000
                section.ways.append(way)
        return section


@click.command()
@click.option(
    "--largest-gb", default=7.0, show_default=True, help="Tables of more GB are left out."
)
@patience_option
@dry_option
def main(largest_gb: float, patience: float, dry: bool) -> None:
    """Measure tables of large values, and write the results into bench/RESULTS.md."""
    section = values(patience, largest_gb)
    click.echo(section.markdown())
    if not dry:
        results.keep(section)


if __name__ == "__main__":
    main()
