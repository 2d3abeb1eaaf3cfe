"""The command that runs a Spark cluster on this machine."""

from __future__ import annotations

import signal
import sys

import click

from warehouse.cli.output import errors_for_people
from warehouse.engines.spark.cluster import CONNECT_PORT, Size


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
        from warehouse.engines.spark.cluster import find_spark, run_cluster
        from warehouse.settings import load_settings

        # A shell lets what it starts in the background ignore Ctrl-C.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, _end)
        progress.begin_to_narrate()
        folder = load_settings().path.absolute().parent / ".spark"
        size = Size(workers, cores, memory)
        with run_cluster(find_spark(), folder, port, size, progress.narrate) as cluster:
            click.echo(f"WAREHOUSE_SPARK={cluster.url}")
            click.echo(
                "It runs until Ctrl-C. Put the line above into .env, or in front of a command in "
                "another terminal:\n"
                f'  WAREHOUSE_SPARK={cluster.url} just sql "from orders_summary"',
                err=True,
            )
            cluster.wait()


def _end(*_: object) -> None:
    sys.exit(0)
