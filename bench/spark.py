"""`python -m bench.spark`: the views on DuckDB and on Spark, and both ways into the lake."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import click

from bench import results
from bench.child import process_seconds
from bench.load import HOME, Bench, bench, dry_option, patience_option, say
from bench.results import Section
from warehouse.assets.on_spark.read import load_by_spark
from warehouse.assets.publication import publish_tables
from warehouse.assets.source_queries import query_of
from warehouse.assets.source_server import server_of
from warehouse.engines.engine import Engine, catalog_of
from warehouse.engines.spark.cluster import Cluster, run_cluster
from warehouse.engines.spark.cluster_settings import Size
from warehouse.engines.spark.installed import find_spark
from warehouse.engines.spark.session import connected
from warehouse.lake.place import open_lake
from warehouse.mysql.plan import describe
from warehouse.project.project import load_project
from warehouse.project.quoting import quoted
from warehouse.serve.newest import open_engine
from warehouse.settings import load_settings

SIZE = Size(workers=2, cores=1, memory=2048)
CONNECTIONS = (1, 2, 4)
_MB = 1e6


@dataclass(frozen=True)
class Took:
    """What something took: seconds by the clock, and of the processors."""

    seconds: float
    cpu_seconds: float


def spark(rows: int, patience: float) -> Section:
    """Measure a cluster of two workers on this machine against DuckDB in this process."""
    with (
        bench(rows, patience) as made,
        tempfile.TemporaryDirectory(dir=HOME) as name,
    ):
        folder = Path(name)
        section = made.section(f"Spark: {rows:,} orders", "spark")
        _configure(made, folder)
        loaded = _timed(None, _materialize)
        lake = folder / "lake"
        published = _timed(
            None, lambda: publish_tables(load_project(), open_lake(str(lake)), say=say)
        )
        began = time.perf_counter()
        with run_cluster(find_spark(), folder, 0, SIZE, say) as cluster:
            started = time.perf_counter() - began
            os.environ["WAREHOUSE_LAKE"] = str(lake)
            views = list(_views(cluster))
            ranges = list(_ranges(cluster, folder))
            section.body = _body(cluster, started, loaded, published, views, ranges)
        return section


def _configure(made: Bench, folder: Path) -> None:
    for name in [name for name in os.environ if name.startswith("WAREHOUSE_")]:
        del os.environ[name]
    os.environ |= {
        "WAREHOUSE_MYSQL_URL": made.database.url(),
        "WAREHOUSE_PATH": str(folder / "warehouse.duckdb"),
        "DAGSTER_HOME": str(folder),
        "WAREHOUSE_DAILY_START": "2024-12-01",
    }
    (folder / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    made.database.run(
        "CREATE TABLE customers (id INT PRIMARY KEY, name VARCHAR(40))",
        "INSERT INTO customers VALUES (1, 'one')",
    )


def _materialize() -> None:
    from warehouse.cli.run import Request, run

    run(Request(None))
    run(Request("mysql_orders_daily+"))


def _views(cluster: Cluster) -> Iterator[tuple[str, Took, Took]]:
    """Compute each view in DuckDB and on Spark; the first query of a table comes first."""
    names = ["mysql_orders", *(view.name for view in load_project().views)]
    for name in names:
        with _engine(None) as duck:
            on_duckdb = _timed(None, partial(_compute, duck, name))
        with _engine(cluster.url) as remote:
            on_spark = _timed(cluster, partial(_compute, remote, name))
        say(f"  {name}: {on_duckdb.seconds:.1f} s, on Spark {on_spark.seconds:.1f} s")
        yield name, on_duckdb, on_spark


@contextmanager
def _engine(url: str | None) -> Iterator[Engine]:
    os.environ.pop("WAREHOUSE_SPARK", None)
    if url:
        os.environ["WAREHOUSE_SPARK"] = url
    with closing(open_engine(load_settings())) as engine:
        yield engine
    os.environ.pop("WAREHOUSE_SPARK", None)


def _compute(engine: Engine, name: str) -> None:
    """Compute all values of a table or view; a row of their greatest ones comes here."""
    columns = catalog_of(engine).sql(f"from {name} limit 0")
    wanted = ["count(*)"] + [
        f"count({quoted(column)})" if type_.id == "map" else f"max({quoted(column)})"
        for column, type_ in zip(columns.columns, columns.types, strict=True)
    ]
    engine.sql(f"select {', '.join(wanted)} from {name}").fetchall()


def _ranges(cluster: Cluster, folder: Path) -> Iterator[tuple[int, Took]]:
    """Have the executors read the orders over so many connections."""
    source = load_project().by_name["mysql_orders"]
    for count in CONNECTIONS:
        with connected(cluster.url) as session:
            plan = describe(server_of(source, say), query_of(source))
            url = f"file://{folder}/read{count}"
            load = partial(load_by_spark, session, plan, url, connections=count, say=say)
            took = _timed(cluster, load)
        yield count, took


def _timed(cluster: Cluster | None, work: Callable[[], object]) -> Took:
    """Do something, and count the processors' time of this process and of the cluster."""
    before, began = _cpu(cluster), time.perf_counter()
    work()
    return Took(time.perf_counter() - began, _cpu(cluster) - before)


def _cpu(cluster: Cluster | None) -> float:
    return time.process_time() + cluster_seconds(cluster)


def cluster_seconds(cluster: Cluster | None) -> float:
    """Return the processors' time that a cluster has taken."""
    return sum(map(process_seconds, _processes(cluster)))


def _processes(cluster: Cluster | None) -> list[int]:
    """Return the processes of a cluster, its executors included."""
    found = [process.pid for process in cluster.processes.values()] if cluster else []
    for process in found:  # it grows
        for task in Path(f"/proc/{process}/task").glob("*/children"):
            found += map(int, task.read_text().split())
    return found


def memory_mb(cluster: Cluster) -> float:
    """Return what a cluster's processes hold now, each by itself."""
    pages = [int(Path(f"/proc/{one}/statm").read_text().split()[1]) for one in _processes(cluster)]
    return sum(pages) * os.sysconf("SC_PAGE_SIZE") / _MB


def _body(
    cluster: Cluster,
    started: float,
    loaded: Took,
    published: Took,
    views: list[tuple[str, Took, Took]],
    ranges: list[tuple[int, Took]],
) -> list[str]:
    lines = [
        "| all values of | DuckDB | its CPU | Spark | its CPU | Spark / DuckDB |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for name, duck, remote in views:
        lines.append(
            f"| {name} | {duck.seconds:.1f} s | {duck.cpu_seconds:.1f} s | {remote.seconds:.1f} s "
            f"| {remote.cpu_seconds:.1f} s | {remote.seconds / duck.seconds:.0f} |"
        )
    lines += ["", "| into the lake | seconds | CPU without MySQL |", "|---|--:|--:|"]
    total = Took(loaded.seconds + published.seconds, loaded.cpu_seconds + published.cpu_seconds)
    lines.append(
        "| both tables of orders into DuckDB, and `just publish` | "
        f"{total.seconds:.1f} s | {total.cpu_seconds:.1f} s |"
    )
    for count, took in ranges:
        connections = f"{count} connection{'s' * (count > 1)}"
        lines.append(
            f"| the executors read `orders` over {connections} | {took.seconds:.1f} s | "
            f"{took.cpu_seconds:.1f} s |"
        )
    return [
        *lines,
        "",
        f"The cluster, {SIZE.words}, a master and a Connect server on this machine, starts in "
        f"{started:.0f} s, and holds {memory_mb(cluster):,.0f} MB in "
        f"{len(_processes(cluster))} processes at the end. The first query finds it cold.",
    ]


@click.command()
@click.option("--rows", default=5_000_000, show_default=True, help="How many orders.")
@patience_option
@dry_option
def main(rows: int, patience: float, dry: bool) -> None:
    """Measure DuckDB and Spark on the same files, and write the results into bench/RESULTS.md."""
    section = spark(rows, patience)
    click.echo(section.markdown())
    if not dry:
        results.keep(section)


if __name__ == "__main__":
    main()
