"""What `tables` and `add` both look at: the tables in MySQL, and the sources that read them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from warehouse.assets.source_server import source_server
from warehouse.console.terminal import say
from warehouse.mysql.catalog import CatalogTable, read_catalog
from warehouse.mysql.session import connect
from warehouse.mysql.url import Server
from warehouse.project.project import Project, load_project
from warehouse.project.source_files import Source
from warehouse.settings import Settings

if TYPE_CHECKING:
    from pymysql.connections import Connection


@dataclass(frozen=True)
class Catalog:
    """The tables of a server, and the project beside them.

    Attributes:
        tables: In the order of their names.
        read_by: The sources that read a table, by its name.
        connection: To ask more about them; it only reads.
    """

    server: Server
    tables: Sequence[CatalogTable]
    project: Project
    read_by: Mapping[str, Sequence[Source]]
    connection: Connection[Any]


@contextmanager
def open_catalog(settings: Settings, name: str = "") -> Iterator[Catalog]:
    """Look at the tables of a MySQL of the settings, as long as a `with` lasts.

    Args:
        settings: Those of the project.
        name: Of a further server; empty for the usual one.

    Raises:
        WarehouseError: the server is not known, cannot be reached or refuses, or a file of the
            project is wrong.
    """
    project = load_project(settings.home)
    server = source_server(settings, say, name.lower())
    with connect(server, budget_seconds=settings.query_budget_seconds) as connection:
        tables = read_catalog(connection, server)
        names = [table.name for table in tables]
        read_by = _read_by(names, project.sources, server)
        yield Catalog(server, tables, project, read_by, connection)


def _read_by(
    names: Iterable[str], sources: Iterable[Source], server: Server
) -> dict[str, list[Source]]:
    """Return which sources read each table; a file need not spell its name with its case."""
    found: dict[str, list[Source]] = {name: [] for name in names}
    folded: dict[str, list[str]] = {}
    for name in found:
        folded.setdefault(name.lower(), []).append(name)
    for source in sources:
        for table in source.facts.reads or ():
            alike = folded.get(table.name.lower(), [])
            if table.name in found:
                alike = [table.name]
            here = source.server == server.label and table.database in ("", server.database)
            if here and len(alike) == 1:
                found[alike[0]].append(source)
    return found
