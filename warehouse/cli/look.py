"""The commands that say how things are."""

from __future__ import annotations

from pathlib import Path

import click

from warehouse.cli.people import errors_for_people, show
from warehouse.settings import load_settings
from warehouse.store import ledger, snapshots


@click.command()
def status() -> None:
    """Show what the warehouse holds: each table and view, its rows, how old the data is."""
    with errors_for_people():
        _status(load_settings().path)


def _status(path: Path) -> None:
    with snapshots.read(path) as connection:
        show(
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
        show(
            connection.sql(
                'SELECT view_name AS "view", comment AS meaning FROM duckdb_views() '
                "WHERE NOT internal ORDER BY view_name"
            )
        )
        snapshot = snapshots.newest(path)
        assert snapshot is not None
        size = snapshot.file.stat().st_size
        click.echo(f"Snapshot {snapshot.number}, {size / 1e6:.1f} MB: {path}", err=True)
