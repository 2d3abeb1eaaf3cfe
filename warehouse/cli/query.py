"""The commands that give data out."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from warehouse.cli.output import errors_for_people, only_in_duckdb, show
from warehouse.console.terminal import say
from warehouse.engines.engine import catalog_of
from warehouse.errors import WarehouseError
from warehouse.serve import queries
from warehouse.serve.newest import newest
from warehouse.serve.output import (
    COPIED,
    ENDINGS,
    FORMATS,
    as_markdown,
    copy,
    keep_flat,
    stream,
    whole_file,
)
from warehouse.settings import load_settings

if TYPE_CHECKING:
    import duckdb


@click.command()
@click.argument("query", required=False)
@click.option(
    "--file", "file", type=click.File(encoding="utf-8"), help="Read QUERY from it; - is stdin."
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(FORMATS),
    help="Unset: what the ending of --output says, else a table.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    help="Write the result to this file; - is stdout.",
)
def sql(query: str | None, file: TextIO | None, format_: str | None, output: Path | None) -> None:
    """Run QUERY on the newest snapshot and print the result; without QUERY, open the shell.

    \b
      warehouse sql "from order_stats"
      warehouse sql "describe mysql_orders"
      warehouse sql "from completed_orders" --output completed.parquet
      warehouse sql "from orders_summary" --format csv | head -3
      warehouse sql --file monthly.sql --format markdown
      echo "show tables" | warehouse sql

    A table on a terminal shows as much as fits and says what does not; everything else is the whole
    result. CSV, JSON and Parquet are written as the rows come, at any number of them. A file is
    written whole or not at all.

    \b
    csv       NULL is empty, an empty text is ""
    json      an array of objects; numbers have all their digits
    parquet   zstd; INTERVAL becomes text, HUGEINT becomes DECIMAL(38,0)
    markdown  NULL is NULL; what Markdown would read as markup is escaped, a line break is <br>

    QUERY may be several statements, of which one gives rows: CREATE TEMP TABLE and SET may go
    before it. Nothing can change the warehouse.
    """
    with errors_for_people():
        if query is not None and file is not None:
            raise click.UsageError("Give QUERY or --file, not both.")
        if query is None and file is None and sys.stdin.isatty():
            if format_ or output:
                raise click.UsageError("Without QUERY the shell opens, which prints tables.")
            from warehouse.serve import shell

            shell.run(load_settings(), show)
            return
        # A query that is piped in is a file, too.
        text = query if query is not None else _read(file or sys.stdin)
        output = None if output == Path("-") else output
        chosen = format_ or _guessed(output)
        if chosen == "parquet" and output is None and sys.stdout.isatty():
            raise click.UsageError("Parquet is not for a terminal: add --output FILE, or pipe it.")
        _give(text, chosen, output)


def _read(file: TextIO) -> str:
    try:
        return file.read()
    except UnicodeDecodeError as error:
        raise WarehouseError(
            f"The query is not text in UTF-8: {error.reason} at byte {error.start}.",
            todo="Save it in UTF-8.",
        ) from None


def _guessed(output: Path | None) -> str:
    if output is None:
        return "table"
    if output.suffix.lower() not in ENDINGS:
        raise click.UsageError(
            f"The ending of {output.name} names no format; {', '.join(ENDINGS)} do. "
            "Or add --format."
        )
    return ENDINGS[output.suffix.lower()]


def _give(query: str, format_: str, output: Path | None) -> None:
    with newest(load_settings()) as engine, queries.errors_explained(engine):
        if format_ in COPIED:
            keep_flat(catalog_of(engine))
        relation = queries.run(engine, query)
        if relation is None:
            return
        if output is None and format_ in COPIED:
            stream(engine, relation, format_, sys.stdout.buffer)
        elif output is None:
            queries.interruptible(engine, lambda: _print(relation, format_))
        else:
            with whole_file(output) as part:
                if format_ in COPIED:
                    queries.interruptible(
                        engine, lambda: copy(catalog_of(engine), relation, format_, part)
                    )
                else:
                    with part.open("w", encoding="utf-8") as file, redirect_stdout(file):
                        queries.interruptible(engine, lambda: _print(relation, format_))


def _print(relation: duckdb.DuckDBPyRelation, format_: str) -> None:
    if format_ == "table":
        show(relation)
    else:
        click.echo(as_markdown(relation))


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--table", "tables", multiple=True, metavar="NAME", help="Only this; repeatable.")
@click.option("--snapshot", type=int, help="A kept one: its number, or -1 for the one before.")
def export(folder: Path, tables: tuple[str, ...], snapshot: int | None) -> None:
    """Write each table and view of a snapshot to FOLDER as a Parquet file.

    \b
      warehouse export out
      warehouse export out --table orders_summary --table loads
      warehouse export out --snapshot -1

    The tables in which the warehouse keeps its notes (loads, snapshots, ...) are left out unless
    they are named. An earlier export is replaced as a whole; a folder that holds anything else is
    refused. _manifest.json says which snapshot it is, and when each table was loaded.
    """
    with errors_for_people():
        from warehouse.serve.export import export as write

        settings = load_settings()
        only_in_duckdb(settings, "export")
        write(
            settings.path,
            folder,
            only=tables,
            which=snapshot,
            say=say,
        )
