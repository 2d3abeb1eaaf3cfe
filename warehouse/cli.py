"""The program behind the recipes. stdout is data, stderr is narration, exit codes mean something.

0: done. 1: it failed, and the text on stderr says why. 2: the command was not understood.
130: stopped with Ctrl-C.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from warehouse.errors import WarehouseError
from warehouse.settings import load_settings
from warehouse.store import ledger, snapshots

if TYPE_CHECKING:
    import duckdb


@contextmanager
def _errors_for_people() -> Iterator[None]:
    """Show an error meant for people as its text alone, and leave with exit code 1."""
    try:
        yield
    except WarehouseError as error:
        click.echo(f"\n{error}" if sys.stderr.isatty() else str(error), err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        click.echo("Stopped. Nothing half-written is visible.", err=True)
        sys.exit(130)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Ask MySQL once, serve everything after that from one DuckDB file."""


@main.command()
@click.argument("selection", required=False)
@click.option("--partition", metavar="DAY", help="Only this day of mysql_orders_daily.")
@click.option(
    "--partition-range", metavar="DAY...DAY", help="Only these days of it, with one query."
)
@click.option("--force", is_flag=True, help="Publish a load that lost more rows than allowed.")
def materialize(
    selection: str | None, partition: str | None, partition_range: str | None, force: bool
) -> None:
    """Build everything, or what SELECTION names.

    SELECTION is an asset's name (orders_summary) or any of Dagster's selection expressions
    (orders_cleaned+, group:analytics). Only mysql_orders and mysql_orders_daily ask MySQL; the
    second one only if it is named, and without a day for all days.
    """
    with _errors_for_people():
        from warehouse.materialize import run

        run(selection, partition=partition, partition_range=partition_range, force=force)


@main.command()
@click.option("--force", is_flag=True, help="Publish a load that lost more rows than allowed.")
def refresh(force: bool) -> None:
    """Load again what changed: those days of mysql_orders_daily that differ from MySQL.

    One grouped query gives a fingerprint of each day; each range of days that differ is one more.
    """
    with _errors_for_people():
        from warehouse import materialize

        materialize.refresh(force=force)


@main.command()
@click.argument("query")
def sql(query: str) -> None:
    """Run QUERY on the newest snapshot and print the result."""
    import duckdb

    with _errors_for_people(), snapshots.read(load_settings().path) as connection:
        try:
            relation = connection.sql(query)
        except duckdb.Error as error:
            raise WarehouseError(str(error)) from None
        if relation is not None:
            _print(relation)


def _print(relation: duckdb.DuckDBPyRelation) -> None:
    """Print a table: on a terminal as much as fits, with a line on what does not; else all."""
    if sys.stdout.isatty():
        width = os.get_terminal_size().columns
        relation.show(max_width=width, max_rows=100)
    else:
        relation.show(max_width=100_000, max_rows=1_000_000_000, max_col_width=100_000)


@main.command()
def status() -> None:
    """Show what the warehouse holds: each table and view, its rows, how old the data is."""
    with _errors_for_people():
        _status(load_settings().path)


def _status(path: Path) -> None:
    with snapshots.read(path) as connection:
        _print(
            connection.sql(
                f"""
                SELECT table_name AS "table", estimated_size AS rows, started_at AS loaded_at,
                  date_trunc('second', now() - started_at) AS age,
                  host || ':' || port || '/' || database || '.' || source_table AS "from"
                FROM {ledger.TABLE} JOIN duckdb_tables() USING (table_name)
                QUALIFY row_number() OVER (PARTITION BY table_name ORDER BY started_at DESC) = 1
                """
            )
        )
        _print(
            connection.sql(
                'SELECT view_name AS "view", comment AS meaning FROM duckdb_views() '
                "WHERE NOT internal ORDER BY view_name"
            )
        )
        snapshot = snapshots.newest(path)
        assert snapshot is not None
        size = snapshot.file.stat().st_size
        click.echo(f"Snapshot {snapshot.number}, {size / 1e6:.1f} MB: {path}", err=True)


@main.command()
def history() -> None:
    """List the snapshots that led to the newest one, and which of them are still kept."""
    with _errors_for_people():
        path = load_settings().path
        numbers = [snapshot.number for snapshot in snapshots.kept(path)]
        with snapshots.read(path) as connection:
            _print(
                connection.sql(
                    f"""
                    SELECT number, date_trunc('second', written_at) AS written_at, writer,
                      list_contains(?::BIGINT[], number) AS kept
                    FROM {snapshots.TABLE} ORDER BY number
                    """,
                    params=[numbers],
                )
            )


@main.command()
@click.argument("number", type=int)
def rollback(number: int) -> None:
    """Make the kept snapshot NUMBER the newest one again, as a new snapshot.

    What came after it stays in its own snapshots as long as they are kept: a rollback can be
    rolled back.
    """
    with _errors_for_people():
        settings = load_settings()
        before = snapshots.find(settings.path, number)
        with snapshots.write(
            settings.path,
            keep=settings.keep_snapshots,
            memory_limit=settings.memory_limit,
            who=f"rollback to {before.number}",
            base=before,
            say=lambda text: click.echo(text, err=True),
        ):
            pass
        now = snapshots.newest(settings.path)
        assert now is not None
        click.echo(
            f"Snapshot {now.number} is what snapshot {before.number} was. MySQL was not asked.",
            err=True,
        )


@main.command("sample-mysql")
@click.option("--port", default=3307, show_default=True, help="0 takes a free one.")
def sample_mysql(port: int) -> None:
    """Run the sample source alone, and print each query that it is asked."""
    import threading

    from warehouse.sample.server import serve

    def show(query: str) -> None:
        click.echo(f"{datetime.now(UTC):%H:%M:%S}  {' '.join(query.split())}")

    with _errors_for_people(), serve(port, on_query=show) as server:
        click.echo(
            f"A MySQL-protocol server over data/orders.csv, until Ctrl-C. In another terminal:\n"
            f"  WAREHOUSE_MYSQL_URL={server.url} just materialize",
            err=True,
        )
        threading.Event().wait()
