"""The command `add`: source files for tables in MySQL, from what its definitions say."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from warehouse.cli.catalog import Catalog, open_catalog
from warehouse.cli.exit_codes import ExitCode
from warehouse.console.terminal import say
from warehouse.console.text import counted
from warehouse.errors import WarehouseError, printable
from warehouse.mysql.broken_views import check_view
from warehouse.mysql.catalog import CatalogTable, select
from warehouse.project.column_names import looks_secret
from warehouse.project.project import BOOKKEEPING, RESERVED, Project
from warehouse.project.source_files import FOLDER, parse_source
from warehouse.project.source_query import TableName
from warehouse.project.source_text import DayCandidate, Draft, asset_name, source_text
from warehouse.settings import PACKAGE, load_settings


@dataclass(frozen=True)
class NewFile:
    """A file that is not there yet."""

    file: Path
    draft: Draft

    @property
    def text(self) -> str:
        """What it is to hold."""
        return source_text(self.draft)


def add_sources(tables: Sequence[str], dry_run: bool, server: str) -> None:
    """Write a source file for each table.

    Args:
        tables: Names and patterns.
        dry_run: Print the files, and write none.
        server: The name of a further server; empty for the usual one.

    Raises:
        SystemExit: a table that was named would not load, and has none.
    """
    with open_catalog(load_settings(), server) as catalog:
        chosen = select(catalog.tables, tables, catalog.server)
        wanted = list(_without_sources(chosen, catalog))
        refused = {table.name: _refusal(table, catalog) for table in wanted}
    for name, why in refused.items():
        if why:
            _say(f"{name}: no file. {why}")
    drafts = [_draft(table, catalog.server.label) for table in wanted if not refused[table.name]]
    new = list(_new_files(drafts, catalog.project))
    _check(new)
    for one in new:
        _give(one, dry_run)
    _say_what_is_next(len(new), dry_run, catalog.project)
    named = {table.lower() for table in tables}
    if any(why and name.lower() in named for name, why in refused.items()):
        sys.exit(ExitCode.FAILED)


def _without_sources(tables: Sequence[CatalogTable], catalog: Catalog) -> Iterator[CatalogTable]:
    """Yield the tables that no source reads as they are, and say of the others which does."""
    for table in tables:
        sources = catalog.read_by[table.name]
        if whole := [source for source in sources if source.facts.plain_of]:
            _say(f"{table.name}: {_from_here(whole[0].file)} reads it already. It stays as it is.")
        else:
            yield table


def _refusal(table: CatalogTable, catalog: Catalog) -> str:
    """Say why a file for a table would not load; nothing if it would."""
    if table.broken:
        return f"MySQL says: {table.broken}."
    if not table.readable:
        return "The account may not read it. Ask for SELECT on it."
    if table.view:
        try:
            check_view(catalog.connection, catalog.server, catalog.server.database, table.name)
        except WarehouseError as error:
            return f"{error.what} {error.todo}"
    if not _loaded(table):
        return "Each of its columns looks like a secret. Write the file yourself, if it is none."
    return ""


def _secrets(table: CatalogTable) -> tuple[str, ...]:
    return tuple(c.name for c in table.visible if looks_secret(c.name, c.mysql_type))


def _loaded(table: CatalogTable) -> list[str]:
    secrets = _secrets(table)
    return [c.name for c in table.visible if c.readable and c.name not in secrets]


def _draft(table: CatalogTable, server: str) -> Draft:
    secrets, loaded = _secrets(table), _loaded(table)
    updated = table.updated if table.updated and table.updated.name in loaded else None
    return Draft(
        table=table.name,
        server=server,
        comment=table.comment,
        key=table.key(column for column in table.columns if column.name in loaded),
        updated=updated.name if updated and updated.kept else None,
        called_updated=updated.name if updated and not updated.kept else None,
        days=tuple(
            DayCandidate(column.name, column.data_type, table.index_of(column))
            for column in table.dates
            if column.name in loaded
        ),
        columns=tuple(loaded) if secrets else None,
        left_out=secrets,
    )


def _new_files(drafts: Collection[Draft], project: Project) -> Iterator[NewFile]:
    """Give each draft a name that is free. One that is a table's own name goes to that table."""
    folder = (project.home or PACKAGE) / "sql" / FOLDER
    taken = {*BOOKKEEPING, *RESERVED}
    taken |= {source.name.lower() for source in project.sources}
    taken |= {view.name.lower() for view in project.views}
    for draft in sorted(drafts, key=lambda one: (one.table.lower() != one.table, one.table)):
        name = asset_name(draft.table, taken, draft.server)
        taken.add(name)
        yield NewFile(folder / f"{name}.sql", draft)


def _check(new: Collection[NewFile]) -> None:
    """See that the reader of source files finds in each what was meant, before any is there.

    Raises:
        WarehouseError: it does not.
    """
    with tempfile.TemporaryDirectory(prefix="warehouse-add-") as name:
        for one in new:
            file = Path(name) / one.file.name
            file.write_text(one.text, encoding="utf-8")
            if parse_source(file).facts.plain_of != TableName("", one.draft.table):
                raise WarehouseError(
                    f"No file can be made for the table {one.draft.table}: its name is read as "
                    "something else.",
                    safe="No file was written.",
                    todo="Write its file yourself, and leave it out here.",
                )


def _give(one: NewFile, dry_run: bool) -> None:
    """Write a file, or print it."""
    if dry_run:
        click.echo(f"-- {_from_here(one.file)}\n{one.text}")
    else:
        one.file.parent.mkdir(exist_ok=True)
        with one.file.open("x", encoding="utf-8") as file:
            file.write(one.text)
        click.echo(str(_from_here(one.file)))
    _say(f"{one.draft.table}: {'; '.join(_told(one.draft)) or 'all of it'}.")


def _from_here(file: Path) -> Path:
    here = Path.cwd()
    return file.relative_to(here) if file.is_relative_to(here) else file


def _told(draft: Draft) -> Iterator[str]:
    """Yield what the file says of a table."""
    if draft.key:
        yield f"key {', '.join(draft.key)}"
    if draft.updated:
        yield f"updated {draft.updated}"
    if draft.days:
        yield f"may be loaded by the days of {draft.days[0].name}"
    if draft.left_out:
        yield f"left out, as they look like secrets: {', '.join(draft.left_out)}"


def _say_what_is_next(files: int, dry_run: bool, project: Project) -> None:
    if dry_run or not files:
        _say("No file was written.")
        return
    _say(f"{counted(files, 'file')} written. Next: `just materialize` loads all sources.")
    if project.home is None:
        _say("They lie in the product. `just init FOLDER` makes a project folder of your own.")


def _say(text: str) -> None:
    say(printable(text))
