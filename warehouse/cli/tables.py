"""The command `tables`: what there is in MySQL to load."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import click

from warehouse.cli.catalog import Catalog, open_catalog
from warehouse.console.columns import Heading, print_table
from warehouse.console.terminal import QUIET, say
from warehouse.console.text import counted
from warehouse.errors import on_one_line
from warehouse.mysql.catalog import CatalogTable, select
from warehouse.settings import load_settings

SORTED: dict[str, Callable[[CatalogTable], int]] = {
    "name": lambda _: 0,  # as they come
    "rows": lambda table: -(table.rows or 0),
    "size": lambda table: -(table.size or 0),
}
HEADINGS = (
    Heading("table", least=24, rank=0),
    Heading("rows", right=True),
    Heading("size", right=True),
    Heading("key", least=6, rank=4),
    Heading("days", least=10, rank=3),
    Heading("updated", least=8, rank=5),
    Heading("source", least=12, rank=1),
    Heading("comment", least=16, rank=2, optional=True, style=lambda _: QUIET),
)
_UNITS = ("kB", "MB", "GB", "TB")


@dataclass(frozen=True)
class Day:
    """A column by whose day a table can be loaded, and the index that finds a day."""

    column: str
    type: str
    index: str | None


@dataclass(frozen=True)
class Line:
    """What is told of a table; the fields are those of `--format json`."""

    table: str
    kind: str
    rows_estimate: int | None
    bytes: int | None
    key: tuple[str, ...]
    dates: tuple[Day, ...]
    updated: str | None
    updated_by_mysql: bool
    comment: str
    broken: str
    sources: tuple[str, ...]

    @property
    def cells(self) -> tuple[str, ...]:
        """The same for a table of `HEADINGS`."""
        return (
            on_one_line(self.table),
            "view" if self.kind == "view" else _estimate(self.rows_estimate),
            _size(self.bytes),
            ", ".join(self.key),
            ", ".join(f"{day.column}{'*' * bool(day.index)}" for day in self.dates),
            f"{self.updated}{'?' * (not self.updated_by_mysql)}" if self.updated else "",
            ", ".join(self.sources),
            f"broken: {self.broken}" if self.broken else self.comment,
        )


def list_tables(patterns: Sequence[str], order: str, format_: str, server: str) -> None:
    """Print the tables and views that the account sees.

    Args:
        patterns: Of their names; none for all.
        order: A key of `SORTED`.
        format_: One of the formats.
        server: The name of a further server; empty for the usual one.
    """
    with open_catalog(load_settings(), server) as catalog:
        chosen = select(catalog.tables, patterns, catalog.server)
    chosen.sort(key=SORTED[order])
    _print([_line(table, catalog) for table in chosen], format_)
    if format_ == "table":
        _say(chosen, catalog)


def _line(table: CatalogTable, catalog: Catalog) -> Line:
    updated = table.updated
    return Line(
        table=table.name,
        kind="view" if table.view else "table",
        rows_estimate=table.rows,
        bytes=table.size,
        key=table.key(table.visible),
        dates=tuple(Day(c.name, c.data_type, table.index_of(c)) for c in table.dates),
        updated=updated.name if updated else None,
        updated_by_mysql=bool(updated and updated.kept),
        comment=table.comment,
        broken=table.broken,
        sources=tuple(source.name for source in catalog.read_by[table.name]),
    )


def _print(lines: Sequence[Line], format_: str) -> None:
    if format_ == "json":
        click.echo(json.dumps([_plain(line) for line in lines], ensure_ascii=False, indent=2))
    elif format_ == "csv":
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(_flat(lines[0]))
        writer.writerows(_flat(line).values() for line in lines)
    else:
        print_table(HEADINGS, [line.cells for line in lines])


def _plain(line: Line) -> dict[str, object]:
    return {**vars(line), "dates": [vars(day) for day in line.dates]}


def _flat(line: Line) -> dict[str, object]:
    """Return the fields for CSV, in which each is a text or a number."""
    return {
        **vars(line),
        "key": ", ".join(line.key),
        "dates": ", ".join(day.column for day in line.dates),
        "indexed_dates": ", ".join(day.column for day in line.dates if day.index),
        "sources": ", ".join(line.sources),
    }


def _say(chosen: Sequence[CatalogTable], catalog: Catalog) -> None:
    views = sum(table.view for table in chosen)
    found = [counted(len(chosen) - views, "table")] + [counted(views, "view")] * bool(views)
    unread = [table.name for table in chosen if not catalog.read_by[table.name]]
    say(
        f"\n{' and '.join(found)} at {catalog.server.name}. ~ is MySQL's estimate, * an index "
        "finds the days, ? so by its name only." + " Next: `just add TABLE`." * bool(unread)
    )


def _estimate(rows: int | None) -> str:
    return "" if rows is None else f"~{rows:,}"


def _size(size: int | None) -> str:
    if size is None:
        return ""
    value = size / 1000
    for unit in _UNITS:
        if value < 1000 or unit == _UNITS[-1]:
            break
        value /= 1000
    return f"{value:,.1f} {unit}"
