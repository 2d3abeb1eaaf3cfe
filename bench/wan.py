"""`python -m bench.wan`: a load over a thin line, with compression and without, beside dlt."""

from __future__ import annotations

from pathlib import Path

import click

from bench import results
from bench.load import bench, dlt_python, dry_option, patience_option, say
from bench.results import Section
from bench.way import Way
from tests.servers.thin_line import thin_line

TURNS = 2
TCP = "?prefer_socket=false"
"""Else ConnectorX, once it is connected to loopback, goes on over the server's socket: no line."""


def wan(rows: int, megabits: float, delay: float, with_dlt: bool, patience: float) -> Section:
    """Measure each way, in turn, over a line of so many Mbit/s and milliseconds there and back."""
    python = dlt_python() if with_dlt else None
    with bench(rows, patience) as made:
        near = made.database
        section = made.section(
            f"Line: {rows:,} rows over {megabits:g} Mbit/s, {delay:g} ms there and back", "wan"
        )
        ways: list[tuple[Way, str, Path | None, str]] = [
            (Way("this project"), "ours", None, ""),
            (Way("this project, `?compress=true`"), "ours", None, "?compress=true"),
        ]
        if python:
            dlt_ways = {"": TCP, ", `compress=fast`": f"{TCP}&compress=fast"}
            ways += [
                (Way(f"dlt, connectorx backend{words}"), "dlt_connectorx", python, parameters)
                for words, parameters in dlt_ways.items()
            ]
        section.ways = [way for way, *_ in ways]
        with thin_line((near.host, near.port), megabits * 1e6, delay / 1000) as port:
            for turn in range(TURNS):
                say(f"Turn {turn + 1} of {TURNS} ...")
                for way, module, program, parameters in ways:
                    url = near.url().replace(f":{near.port}/", f":{port}/") + parameters
                    made.measure(way, module, python=program, url=url)
        return section


@click.command()
@click.option("--rows", default=500_000, show_default=True, help="How many orders.")
@click.option("--megabits", default=16.0, show_default=True, help="What the line carries a second.")
@click.option("--delay", default=20.0, show_default=True, help="Milliseconds there and back.")
@click.option("--skip-dlt", is_flag=True, help="Without dlt, which is installed for it.")
@patience_option
@dry_option
def main(
    rows: int, megabits: float, delay: float, skip_dlt: bool, patience: float, dry: bool
) -> None:
    """Measure loads over a thin line, and write the results into bench/RESULTS.md."""
    section = wan(rows, megabits, delay, not skip_dlt, patience)
    click.echo(section.markdown())
    if not dry:
        results.keep(section)


if __name__ == "__main__":
    main()
