"""`python -m bench.start`: what a small load takes in all, against a bare import of Dagster."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from bench import results
from bench.load import HOME, bench, dry_option, patience_option
from bench.many import project
from bench.results import Section
from bench.way import Way

ROWS = 1_000
TURNS = 7


def start(patience: float) -> Section:
    """Measure both, in pairs."""
    with bench(ROWS, patience) as made, tempfile.TemporaryDirectory(dir=HOME) as folder:
        home = project(Path(folder), "orders")
        (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n", encoding="utf-8")
        section = made.section(f"Start of a load of {ROWS:,} rows", "start")
        ways = {"import": Way("python -c 'import dagster'"), "load": Way("just materialize")}
        for what, way in ways.items():  # compiles, and makes the history
            made.once(["-m", "bench.ways.start", what, str(home)], {}, f"{way.name}, to warm up")
        section.ways = [*ways.values()]
        for _ in range(TURNS):
            for what, way in ways.items():
                way.add(made.once(["-m", "bench.ways.start", what, str(home)], {}, way.name))
        return section


@click.command()
@patience_option
@dry_option
def main(patience: float, dry: bool) -> None:
    """Measure the start and the end of a small load, and write the results into RESULTS.md."""
    section = start(patience)
    click.echo(section.markdown())
    if not dry:
        results.keep(section)


if __name__ == "__main__":
    main()
