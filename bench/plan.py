"""`python -m bench.plan`: what it costs to see what a load would change, before it is published."""

from __future__ import annotations

import tempfile
from pathlib import Path
from statistics import median
from typing import Any

import click

from bench import results
from bench.load import HOME, Bench, bench, dry_option, patience_option
from bench.results import Section
from bench.way import Way

TURNS = 3


def plan(rows: int, patience: float) -> Section:
    """Measure a load, and plans of one in which nothing and in which some rows changed."""
    with (
        bench(rows, patience) as made,
        tempfile.TemporaryDirectory(dir=HOME) as folder,
    ):
        (Path(folder) / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
        section = made.section(f"Plan of a load of {rows:,} rows", "plan")
        load, same, some = (
            Way("a load, published"),
            Way("--plan, nothing changed"),
            Way(f"--plan, {rows // 100:,} rows changed, a hundred removed and a hundred added"),
        )
        section.ways = [load, same, some]
        for _ in range(TURNS):
            _measure(made, folder, "load", load)
        for _ in range(TURNS):
            _measure(made, folder, "plan", same)
        made.database.run(
            "UPDATE orders SET amount = amount + 1 WHERE id % 100 = 0",
            "DELETE FROM orders WHERE id <= 100",
            f"INSERT INTO orders SELECT id + {rows}, customer_id, status, amount, currency, "
            "order_date, created_at, updated_at, is_gift, item_count, weight, note FROM orders "
            "WHERE id BETWEEN 101 AND 200",
        )
        assets: list[dict[str, Any]] = []
        for _ in range(TURNS):
            assets = _measure(made, folder, "plan", some)
        section.body = _table(section.ways, assets)
        return section


def _measure(made: Bench, folder: str, what: str, way: Way) -> list[dict[str, Any]]:
    """Run it in a process of its own, in the warehouse of this folder. Returns what it shows."""
    outcome = made.once(["-m", "bench.ways.plan", what], {"BENCH_FOLDER": folder}, way.name)
    way.add(outcome)
    return list(outcome.said.get("assets", []))


def _table(ways: list[Way], assets: list[dict[str, Any]]) -> list[str]:
    lines = [
        "| what is done | seconds | each run | of these to compare | peak RSS |",
        "|---|--:|---|--:|--:|",
    ]
    for way in ways:
        each = " ".join(f"{seconds:.1f}" for seconds in way.seconds)
        compared = f"{median(way.asked_seconds):.1f}" if way.asked_seconds else "-"
        lines.append(f"| {way.name} | {way.typical:.1f} | {each} | {compared} | {way.peak} |")
    shown = "; ".join(
        f"`{one['name']}` {one['rows_before']:,} rows before, {one['rows_after']:,} after, "
        f"{one['added']:,} added, {one['removed']:,} removed, {one['changed']:,} changed"
        for one in assets
    )
    return [*lines, "", _WORDS.format(shown=shown)]


_WORDS = """Each is the whole command without the seconds of imports: it asks MySQL for all rows,
writes them into the private copy, and publishes it, or compares it with what everyone reads and
throws it away. What is compared: the table, and the views on it, which are computed for that on
both sides; the checks run as well. The last plan showed: {shown}."""


@click.command()
@click.option("--rows", default=5_000_000, show_default=True, help="How many orders.")
@patience_option
@dry_option
def main(rows: int, patience: float, dry: bool) -> None:
    """Measure plans, and write the results into bench/RESULTS.md."""
    section = plan(rows, patience)
    click.echo(section.markdown())
    if not dry:
        results.keep(section)


if __name__ == "__main__":
    main()
