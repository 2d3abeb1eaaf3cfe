"""The commands that look at what there is in MySQL, and choose from it."""

from __future__ import annotations

import click

from warehouse.cli.output import errors_for_people

FORMATS = ("table", "csv", "json")
ORDERS = ("name", "rows", "size")

from_option = click.option(
    "--from",
    "server",
    metavar="NAME",
    default="",
    help="Look at the server of WAREHOUSE_MYSQL_URL_<NAME>.",
)


@click.command()
@click.argument("patterns", nargs=-1, metavar="[PATTERN]...")
@click.option(
    "--sort",
    "order",
    type=click.Choice(ORDERS),
    default="name",
    show_default=True,
    help="The largest first, or by name.",
)
@click.option("--format", "format_", type=click.Choice(FORMATS), default="table", show_default=True)
@from_option
def tables(patterns: tuple[str, ...], order: str, format_: str, server: str) -> None:
    """List the tables and views that the account sees in MySQL, or those that match PATTERN.

    \b
      warehouse tables
      warehouse tables 'order*' '*_log' --sort size
      warehouse tables --format json
      warehouse tables --from crm

    \b
    rows     MySQL's own estimate, marked ~; none is counted
    size     on MySQL's disk, indexes included
    key      the primary key, or else a unique one without NULL
    days     date columns; * if an index finds the rows of a day
    updated  the time of a row's last change; ? if only the column's name says so
    source   the source files that read it already

    Case does not count in PATTERN. A terminal shows as much as fits, a pipe and the other formats
    all of it. MySQL is asked for its definitions, in three questions, and for no row.
    """
    with errors_for_people():
        from warehouse.cli.tables import list_tables

        list_tables(patterns, order, format_, server)


@click.command()
@click.argument("tables", nargs=-1, required=True, metavar="TABLE...")
@click.option("--dry-run", is_flag=True, help="Print the files, and write none.")
@from_option
def add(tables: tuple[str, ...], dry_run: bool, server: str) -> None:
    """Write a source file for each TABLE in MySQL: a name, or a pattern.

    \b
      warehouse add customers
      warehouse add 'order_*' invoices
      warehouse add '*' --dry-run
      warehouse add customers --from crm

    `sql/sources/mysql_customers.sql` selects from customers. The notes in it say what MySQL's
    definitions do: the key, and the column that MySQL sets at each change of a row. By which
    columns' days it could be loaded stands there as a remark, to take the # off. Columns that look
    like secrets are left out of the SELECT, and named.

    A table that a source reads as it is gets no other, and no file is ever overwritten. The paths
    are printed on stdout.
    """
    with errors_for_people():
        from warehouse.cli.add import add_sources

        add_sources(tables, dry_run, server)
