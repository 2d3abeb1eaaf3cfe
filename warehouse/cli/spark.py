"""The command that runs a Spark cluster on this machine."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from warehouse.cli.output import errors_for_people
from warehouse.engines.spark.cluster import CONNECT_PORT
from warehouse.engines.spark.cluster_settings import Size


@click.command()
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=CONNECT_PORT,
    show_default=True,
    help="Of Spark Connect; 0 takes a free one.",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    default=Size.workers,
    show_default=True,
    help="How many.",
)
@click.option(
    "--cores", type=click.IntRange(1), default=Size.cores, show_default=True, help="Of each worker."
)
@click.option(
    "--memory",
    type=click.IntRange(512),
    default=Size.memory,
    show_default=True,
    help="Of each worker, in MB.",
)
def spark(port: int, workers: int, cores: int, memory: int) -> None:
    """Run a Spark cluster on this machine until Ctrl-C: to try what a large one will do.

    It listens on loopback only, and everybody on this machine may use it. It writes into
    `.spark/<port>` beside the warehouse, and removes that at the end.
    """
    with errors_for_people():
        from warehouse.console import progress
        from warehouse.engines.spark.cluster import run_cluster
        from warehouse.engines.spark.installed import find_spark
        from warehouse.settings import load_settings

        progress.begin_to_narrate()
        folder = load_settings().path.absolute().parent / ".spark"
        size = Size(workers, cores, memory)
        with (
            _signals_noted() as look,
            run_cluster(find_spark(), folder, port, size, progress.narrate, look) as cluster,
        ):
            click.echo(f"WAREHOUSE_SPARK={cluster.url}")
            click.echo(
                "It runs until Ctrl-C. Put the line above into .env, or in front of a command in "
                "another terminal:\n"
                f'  WAREHOUSE_SPARK={cluster.url} just sql "from orders_summary"',
                err=True,
            )
            cluster.wait()


@contextmanager
def _signals_noted() -> Iterator[Callable[[], None]]:
    """Note signals for the length of a `with`, and yield what raises an error after one.

    An error that a signal raises anywhere could fall into the start of a process, which nobody
    would end then. And a second signal must not end the ending.
    """
    noted: list[int] = []

    def look() -> None:
        if signal.SIGINT in noted:
            raise KeyboardInterrupt
        if noted:
            sys.exit(0)

    before = {
        one: signal.signal(one, lambda number, _: noted.append(number))
        for one in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield look
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
