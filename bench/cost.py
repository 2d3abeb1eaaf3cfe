"""`python -m bench.cost`: what this project's statement costs a server, against the plain one."""

from __future__ import annotations

import click

from bench import results
from bench.load import bench, dry_option, patience_option
from bench.results import Section
from bench.way import Way
from tests.servers.launch import KINDS

NAMES = {"plain": "`SELECT * FROM orders`", "own": "this project's statement"}


def cost(kind: str, rows: int, turns: int, patience: float) -> Section:
    """Measure both statements on one kind of server, by either protocol."""
    with bench(rows, patience, kind=kind) as made:
        server = made.section("", "cost").server
        section = made.section(f"Cost of {rows:,} rows to {server}", "cost")
        env = {"BENCH_SERVER": str(made.server)}
        outcome = made.once(["-m", "bench.ways.cost", str(rows), str(turns)], env, server)
        for protocol in ("text", "binary"):
            for name, shown in NAMES.items():
                took = outcome.said["took"][f"{protocol} {name}"]
                way = Way(f"{shown}, {protocol} rows")
                way.seconds = [seconds for seconds, _ in took]
                way.server_seconds = [worked for _, worked in took]
                way.others = [] if outcome.others is None else [outcome.others]
                section.ways.append(way)
        return section


@click.command()
@click.option("--rows", default=2_000_000, show_default=True, help="How many orders.")
@click.option("--turns", default=9, show_default=True, help="How often each is measured.")
@patience_option
@dry_option
def main(rows: int, turns: int, patience: float, dry: bool) -> None:
    """Measure on both kinds of server, and write the results into bench/RESULTS.md."""
    for kind in KINDS:
        section = cost(kind, rows, turns, patience)
        click.echo(section.markdown())
        if not dry:
            results.keep(section)


if __name__ == "__main__":
    main()
