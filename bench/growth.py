"""`python -m bench growth`: how long views take on DuckDB and on Spark while the orders grow.

It asks no server: the orders are made in DuckDB, and written as Parquet for Spark.
"""

from __future__ import annotations

import os
import platform
import resource
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import click
import duckdb

from bench import results
from bench.child import CPUS
from bench.load import HOME, cpu, dry_option, say
from bench.orders import TYPES
from bench.results import Section
from bench.spark import SIZE, cluster_seconds, memory_mb
from warehouse.engines import progress_bar
from warehouse.engines.spark.cluster import Cluster, run_cluster
from warehouse.engines.spark.installed import find_spark
from warehouse.engines.spark.session import connected
from warehouse.engines.spark.translate import translate
from warehouse.engines.translated_views import Outcome, translate_views
from warehouse.project.project import load_project
from warehouse.project.quoting import literal, quoted

TABLES = ("mysql_orders", "mysql_orders_daily")
_FILE_BYTES = 64_000_000
_ORDERS = """
CREATE TABLE mysql_orders AS SELECT
  seq::UBIGINT AS id,
  (1 + (seq * 7919) % 200000)::UINTEGER AS customer_id,
  ['pending', 'paid', 'shipped', 'completed', 'cancelled'][1 + seq % 5] AS status,
  (((seq * 104729) % 1000000)::DECIMAL(12, 2) * 0.01)::DECIMAL(12, 2) AS amount,
  ['EUR', 'USD', 'GBP'][1 + seq % 3] AS currency,
  DATE '2024-12-01' + (seq % 714)::INTEGER AS order_date,
  TIMESTAMP '2024-12-01' + to_microseconds((seq * 13) % 60000000 * 1000000 + (seq * 997) % 1000000)
    AS created_at,
  TIMESTAMPTZ '2024-12-01 00:00:00+00' + to_seconds((seq * 13) % 60000000) AS updated_at,
  (seq % 7 = 0)::TINYINT AS is_gift,
  (1 + seq % 9)::SMALLINT AS item_count,
  CASE WHEN seq % 5 > 0 THEN (seq % 100000) / 7 END AS weight,
  CASE WHEN seq % 3 > 0 THEN 'note for order ' || seq END AS note
FROM range(1, {rows} + 1) AS numbers(seq)
"""
"""The rows that `bench.orders` makes in MySQL."""


@dataclass(frozen=True)
class Took:
    """What a view took: seconds by the clock and of the processors, and megabytes of memory."""

    seconds: float
    cpu_seconds: float
    mb: float


@dataclass(frozen=True)
class Line:
    """A view at a number of orders, on both engines."""

    rows: int
    view: str
    duck: Took
    spark: Took


def measure(sizes: Sequence[int], names: Sequence[str], minutes: float) -> Iterator[list[Line]]:
    """Measure views at each number of orders; yield all that is measured after each.

    Args:
        sizes: The numbers of orders.
        names: The views.
        minutes: After so many no further number is begun.
    """
    ends = time.monotonic() + minutes * 60
    lines: list[Line] = []
    with (
        tempfile.TemporaryDirectory(dir=HOME) as name,
        run_cluster(find_spark(), Path(name), 0, SIZE, say) as cluster,
    ):
        for rows in sizes:
            if time.monotonic() > ends:
                return
            with tempfile.TemporaryDirectory(dir=name) as folder:
                for line in _measured(rows, names, Path(folder), cluster):
                    lines.append(line)
                    yield lines


def _measured(rows: int, names: Sequence[str], folder: Path, cluster: Cluster) -> Iterator[Line]:
    say(f"Making {rows:,} orders ...")
    database, parquet = folder / "orders.duckdb", folder / "parquet"
    make(database, parquet, rows)
    with connected(cluster.url) as session:
        views = _views_on_spark(session, parquet)
        for view in names:
            # A process of its own: its memory is this view's alone.
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
                duck = pool.submit(on_duckdb, database, view).result()
            spark = _on_spark(session, cluster, view, views[view])
            say(f"  {view}: {duck.seconds:.1f} s, on Spark {spark.seconds:.1f} s")
            yield Line(rows, view, duck, spark)


def make(database: Path, parquet: Path, rows: int) -> None:
    """Make orders in a file of DuckDB, with the project's views, and as files of Parquet."""
    with duckdb.connect(str(database)) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        progress_bar.only_in_a_terminal(connection)
        connection.execute(_ORDERS.format(rows=rows))
        connection.execute("CREATE VIEW mysql_orders_daily AS FROM mysql_orders")
        for view in load_project().views:
            connection.execute(f"CREATE VIEW {quoted(view.name)} AS {view.sql}")
        connection.execute(
            f"COPY mysql_orders TO {literal(str(parquet))} "
            f"(FORMAT parquet, COMPRESSION zstd, FILE_SIZE_BYTES {_FILE_BYTES})"
        )


def on_duckdb(database: Path, view: str) -> Took:
    """Compute all values of a view in DuckDB, in this process."""
    with duckdb.connect(str(database), read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        progress_bar.only_in_a_terminal(connection)
        columns = connection.sql(f"DESCRIBE {quoted(view)}").fetchall()
        before, began = time.process_time(), time.perf_counter()
        connection.execute(_question(view, [(name, type_) for name, type_, *_ in columns]))
        connection.fetchall()
        return Took(
            time.perf_counter() - began,
            time.process_time() - before,
            resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6,
        )


def _question(view: str, columns: Sequence[tuple[str, str]]) -> str:
    """Ask for all values of a view; a row of their greatest ones comes back."""
    wanted = [
        f"{'count' if type_.startswith('MAP') else 'max'}({quoted(name)})"
        for name, type_ in columns
    ]
    return f"SELECT count(*), {', '.join(wanted)} FROM {quoted(view)}"


def _views_on_spark(session: Any, parquet: Path) -> dict[str, Outcome]:
    for table in TABLES:
        session.read.parquet(str(parquet)).createOrReplaceTempView(table)
    views = translate_views(load_project().views, dict.fromkeys(TABLES, TYPES))
    for name, outcome in views.items():
        if outcome.translated:
            session.sql(outcome.translated.sql).createOrReplaceTempView(name)
    return views


def _on_spark(session: Any, cluster: Cluster, name: str, view: Outcome) -> Took:
    if view.translated is None:
        raise click.UsageError(str(view.refused))
    columns = view.translated.columns
    question = _question(name, columns)
    query = translate(question, {name: dict(columns)}, lambda line: f"bench:{line}")
    before, began = cluster_seconds(cluster), time.perf_counter()
    session.sql(query.sql).toArrow()
    seconds = time.perf_counter() - began
    return Took(seconds, cluster_seconds(cluster) - before, memory_mb(cluster))


def section(lines: Sequence[Line]) -> Section:
    """Describe what was measured."""
    body = [
        "| orders | all values of | DuckDB | its CPU | peak RSS | Spark | its CPU | it holds "
        "| Spark / DuckDB | of their CPU |",
        "|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    body += [
        f"| {line.rows:,} | {line.view} | {_shown(line.duck)} | {_shown(line.spark)} "
        f"| {line.spark.seconds / line.duck.seconds:.1f} "
        f"| {line.spark.cpu_seconds / line.duck.cpu_seconds:.1f} |"
        for line in lines
    ]
    load = os.getloadavg()[2] / CPUS
    body += [
        "",
        f"The cluster: {SIZE.words}, a master and a Connect server on this machine. The first view "
        "finds it cold. Each view on DuckDB runs in a process of its own.",
        "",
        f"Over the last 15 minutes {load:.1f} processes waited for each processor, this program's "
        "among them.",
    ]
    return Section(
        title="Growth",
        command=" ".join(["python -m bench growth", *sys.argv[1:]]),
        date=f"{datetime.now(UTC):%Y-%m-%d}",
        rows=max(line.rows for line in lines),
        server=f"DuckDB {duckdb.__version__}",
        system=f"Python {platform.python_version()}, {platform.system()}",
        cpus=CPUS,
        cpu=cpu(),
        table_mb=0,
        body=body,
    )


def _shown(took: Took) -> str:
    return f"{took.seconds:.1f} s | {took.cpu_seconds:.1f} s | {took.mb:,.0f} MB"


@click.command()
@click.option(
    "--rows", multiple=True, type=int, help="How many orders; may be given several times."
)
@click.option("--view", multiple=True, help="A view to measure; all of them without it.")
@click.option(
    "--minutes", default=60.0, show_default=True, help="After them, begin no more orders."
)
@dry_option
def main(rows: Sequence[int], view: Sequence[str], minutes: float, dry: bool) -> None:
    """Measure views on DuckDB and on Spark while the orders grow; write bench/RESULTS.md."""
    HOME.mkdir(exist_ok=True)
    sizes = rows or (5_000_000, 10_000_000, 20_000_000, 50_000_000)
    names = view or [view.name for view in load_project().views]
    lines: list[Line] = []
    for lines in measure(sizes, names, minutes):
        if not dry:
            results.keep(section(lines))  # what is measured stays, whatever comes after
    if lines:
        click.echo(section(lines).markdown())


if __name__ == "__main__":
    main()
