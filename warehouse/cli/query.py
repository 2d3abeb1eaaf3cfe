"""The commands that give data out."""

from __future__ import annotations

import click

from warehouse.cli.people import errors_for_people, show
from warehouse.errors import WarehouseError
from warehouse.settings import load_settings
from warehouse.store import snapshots


@click.command()
@click.argument("query")
def sql(query: str) -> None:
    """Run QUERY on the newest snapshot and print the result."""
    import duckdb

    with errors_for_people(), snapshots.read(load_settings().path) as connection:
        try:
            relation = connection.sql(query)
        except duckdb.Error as error:
            raise WarehouseError(str(error)) from None
        if relation is not None:
            show(relation)
