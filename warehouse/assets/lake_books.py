"""The tables `loads` and `cached_days` of a lake, to which each writer adds what it has to say.

A writer never replaces them. At the moment at which it publishes, it reads those of the newest
snapshot, enters its own rows, and writes them back with its tables, in one snapshot. If another
writer comes first, it begins again with that one's. So they stay one file each, and no row is lost.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Collection
from contextlib import closing

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from warehouse.lake import place
from warehouse.lake.manifest import LakeTable, Manifest
from warehouse.lake.place import Lake
from warehouse.lake.publish import PublishedTable, publish_table
from warehouse.project.quoting import quoted
from warehouse.store import cached_days, ledger

TABLES = (ledger.TABLE, cached_days.TABLE)

Books = duckdb.DuckDBPyConnection
"""A database that holds the two tables, or one of them, or none."""


def open_books(lake: Lake, manifest: Manifest | None) -> Books:
    """Open a database in memory that holds what a snapshot of the lake notes of its loads.

    Raises:
        WarehouseError: the lake cannot be read.
    """
    books = duckdb.connect(config={"python_enable_replacements": False})
    books.execute("SET TimeZone = 'UTC'")
    held = manifest.tables if manifest else {}
    for name in TABLES:
        if name in held:
            _read(books, lake, name, held[name])
    return books


def _read(books: Books, lake: Lake, name: str, table: LakeTable) -> None:
    columns = ", ".join(f"{quoted(one.name)} {one.type}" for one in table.columns)
    books.execute(f"CREATE TABLE {name} ({columns})")
    contents = (place.read(lake, file.path) for file in table.files)
    parts = [pq.read_table(io.BytesIO(content)) for content in contents if content is not None]
    if parts:
        books.register("parts", pa.concat_tables(parts))
        books.execute(f"INSERT INTO {name} BY NAME FROM parts")
        books.unregister("parts")


def mark(run_id: str) -> str:
    """Return what the identities of the files begin with that Spark loaded in a run."""
    return f"{run_id}/"


class Entries:
    """What a writer enters into the books of a lake: the `merge` of `add_snapshot`."""

    def __init__(
        self,
        lake: Lake,
        enter: Callable[[Books], None],
        removed: Collection[str] = (),
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Prepare the entries.

        Args:
            lake: Where.
            enter: Enters them into the books that it is given.
            removed: Tables that go; a book may be one of them.
            say: Told of files that are missing.
        """
        self.published: tuple[PublishedTable, ...] = ()
        self._lake = lake
        self._enter = enter
        self._removed = removed
        self._say = say

    def __call__(self, newest: Manifest | None) -> dict[str, LakeTable]:
        """Write the books of a snapshot with the entries, as far as that changes them.

        Raises:
            WarehouseError: the lake cannot be read or written.
        """
        held = newest.tables if newest else {}
        found: dict[str, tuple[LakeTable, PublishedTable]] = {}
        with closing(open_books(self._lake, newest)) as books:
            self._enter(books)
            for name in _present(books):
                if name in self._removed:
                    continue
                before = held.get(name)
                found[name] = publish_table(books, self._lake, name, "", before, self._say)
        self.published = tuple(one for _, one in found.values())
        return {name: table for name, (table, _) in found.items()}


def take_over(
    books: Books, theirs: Books, tables: Collection[str], only: Collection[str] | None = None
) -> None:
    """Enter what other books say into these.

    Args:
        books: Are changed.
        theirs: Of the snapshot, or of the file, that the tables come from.
        tables: That come from there, or go: their days are those of the other books.
        only: The receipts of these tables; None for all.
    """
    if cached_days.TABLE in _present(books):
        books.execute(
            f"DELETE FROM {cached_days.TABLE} WHERE list_contains(?::VARCHAR[], table_name)",
            [[*tables]],
        )
    for name, wanted in ((ledger.TABLE, only), (cached_days.TABLE, tables)):
        if name in _present(theirs):
            _add_missing(books, theirs, name, wanted, empty=only is None)


def going_back(
    lake: Lake, before: Manifest, tables: Collection[str], newest: Manifest | None
) -> dict[str, LakeTable]:
    """Write the books for a rollback: all receipts stay, and the days are those of the tables.

    Args:
        lake: Where.
        before: The snapshot to which the tables go back.
        tables: Which tables do.
        newest: The newest snapshot.
    """
    with closing(open_books(lake, before)) as theirs:
        return Entries(lake, lambda books: take_over(books, theirs, tables))(newest)


def _add_missing(
    books: Books, theirs: Books, name: str, wanted: Collection[str] | None, *, empty: bool
) -> None:
    """Add those rows of a book that are not there: of some tables, or of all.

    If there are none, the book is added only if it may be `empty`.
    """
    held = theirs.table(f"main.{name}")
    chosen = "" if wanted is None else "WHERE list_contains(?::VARCHAR[], table_name)"
    parameters = None if wanted is None else [[*wanted]]
    rows = theirs.sql(f"FROM main.{name} {chosen}", params=parameters).to_arrow_table()
    if not rows.num_rows and not empty:
        return
    types = {quoted(one): type_ for one, type_ in zip(held.columns, held.types, strict=True)}
    columns = ", ".join(f"{one} {type_}" for one, type_ in types.items())
    books.execute(f"CREATE TABLE IF NOT EXISTS {name} ({columns})")
    for one, type_ in types.items():  # a lake of an earlier version may lack some
        books.execute(f"ALTER TABLE {name} ADD COLUMN IF NOT EXISTS {one} {type_}")
    listed = ", ".join(types)
    books.register("theirs", rows)
    books.execute(
        f"INSERT INTO {name} BY NAME "
        f"(SELECT {listed} FROM theirs EXCEPT SELECT {listed} FROM {name})"
    )
    books.unregister("theirs")


def _present(books: Books) -> list[str]:
    found = books.execute(
        "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'main'"
    ).fetchall()
    return [name for name in TABLES if (name,) in found]
