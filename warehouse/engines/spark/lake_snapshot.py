"""Snapshots of the lake side by side in one session of Spark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from warehouse.engines.spark.changes import Relation
from warehouse.engines.spark.kept_views import plain
from warehouse.engines.spark.on_lake import engine_in
from warehouse.engines.spark.session import create_views, quote
from warehouse.engines.spark.stored_types import schema
from warehouse.errors import WarehouseError
from warehouse.lake.manifest import LakeTable, Manifest
from warehouse.lake.place import Lake, full_url
from warehouse.project.view_files import View

if TYPE_CHECKING:
    from pyspark.sql.connect.session import SparkSession


class LakeSnapshot:
    """A snapshot of the lake. Views are those of the project's files, on its tables."""

    def __init__(
        self, session: SparkSession, views: Sequence[View], lake: Lake, manifest: Manifest
    ) -> None:
        """Read what there is. Spark is asked nothing yet.

        Args:
            session: With Spark; other snapshots may be open in it.
            views: Of the project, in an order in which they can be created.
            lake: Where the tables are.
            manifest: The snapshot.
        """
        self.number = manifest.number
        self._session = session
        self._lake = lake
        self._engine = engine_in(session, views, lake, manifest)
        self._tables = plain(manifest)
        self._known: set[str] = set()
        self._views = {view.name: view for view in views if view.name not in self._tables}

    @property
    def names(self) -> set[str]:
        """The tables, and the views that can be computed on them."""
        return {*self._engine.names.values()} - {*self._engine.broken}

    def find(self, name: str) -> str | None:
        """Return the table or view of a name, whatever its case; None if there is none.

        A view that reads what this snapshot has not is not there.
        """
        found = self._engine.names.get(name.lower())
        return found if found in self.names else None

    def error(self, name: str) -> WarehouseError | None:
        """Return why a view cannot be computed; None if there is none of that name."""
        return self._engine.broken.get(self._engine.names.get(name.lower(), ""))

    def columns(self, name: str) -> Mapping[str, str]:
        """Return the columns of a table or view, and their DuckDB types."""
        return self._engine.columns[name]

    def reads(self, name: str) -> dict[str, tuple[object, ...]]:
        """Return the tables that a view reads at any depth, or a table itself.

        Each comes with its columns and files: if they are equal, so are the rows.
        """
        name = self._engine.names[name.lower()]
        if table := self._tables.get(name):
            columns = tuple((column.name, column.type) for column in table.columns)
            return {name: (columns, frozenset(_paths(table)))}
        each = [self.reads(one) for one in self._views[name].reads]
        return {table: content for one in each for table, content in one.items()}

    def relation(self, name: str, other: LakeSnapshot) -> Relation:
        """Have Spark know the rows of a table or view, see `changes`.

        Args:
            name: Of the table or view.
            other: The snapshot that it is compared with.

        Raises:
            WarehouseError: Spark cannot compute a view; names its file and line.
        """
        found = Relation(
            f"{name} of snapshot {self.number}",
            f"{name} of snapshot {self.number} and not {other.number}",
        )
        table = self._tables.get(name)
        if table is None:
            # Another snapshot in the session takes the names that the view reads. What it reads is
            # settled by then: Spark looks them up when it is told of the view.
            if name not in self._known:
                self._engine.register([name])
                rows = f"SELECT * FROM {quote(name)}"
                create_views(self._session, {}, [(found.whole, rows)])
                self._known.add(name)
            return Relation(found.whole, found.whole)
        # Another writer may keep a file whose columns the table does not have any more.
        same = table.columns == getattr(other._tables.get(name), "columns", None)
        shared = {*_paths(other._tables[name])} if same else set()
        columns = schema(self.columns(name))
        files = {path: full_url(self._lake, path) for path in _paths(table)}
        own = [url for path, url in files.items() if path not in shared]
        views = {found.whole: ([*files.values()], columns), found.own: (own, columns)}
        create_views(self._session, views, [])
        return found

    def no_rows(self, of: Relation) -> Relation:
        """Have Spark know a relation with the columns of another one, and without rows."""
        empty = f"{of.whole}, without rows"
        rows = f"SELECT * FROM {quote(of.whole)} WHERE false"
        create_views(self._session, {}, [(empty, rows)])
        return Relation(empty, empty)


def _paths(table: LakeTable) -> list[str]:
    return [file.path for file in table.files]
