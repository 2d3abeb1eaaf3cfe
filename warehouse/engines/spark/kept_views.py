"""Views that are kept as tables on the cluster: `-- keep: table` in the file of the view.

A view that sorts or removes duplicates is computed again by each one that reads it. Kept, its rows
are files of the lake. They count as long as the view's text, and all tables that it reads at any
depth, are what they were made of; after that the view is computed until it is kept again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING

from warehouse.engines.spark.session import name_in, quote
from warehouse.engines.spark.spark_errors import plain_errors
from warehouse.lake.manifest import LakeTable, Manifest
from warehouse.project.view_files import View

if TYPE_CHECKING:
    from pyspark.sql.connect.session import SparkSession

MARK = "view "
"""What the identity of a kept view's files begins with."""

_POSITION = "position_in_view"


def position(columns: Iterable[str]) -> str:
    """Return the column of a kept view's files that says in which order its rows come.

    Args:
        columns: Of the view; none of them has that name.
    """
    taken = {column.lower() for column in columns}
    found = _POSITION
    while found in taken:
        found += "_"
    return found


def is_kept(view: View) -> bool:
    """Whether the file of a view asks for it."""
    return view.notes.get("keep") == "table"


def identity(view: View, views: Mapping[str, View], tables: Mapping[str, LakeTable]) -> str:
    """Return what a kept view is made of: its text, and the rows of all that it reads.

    Args:
        view: Which.
        views: All views by name.
        tables: The tables in the snapshot.
    """
    found = hashlib.sha256(view.version.encode())
    for name in sorted(view.reads):
        if name in views:
            found.update(identity(views[name], views, tables).encode())
        elif name in tables:
            files = sorted(f"{file.path} {file.identity}" for file in tables[name].files)
            found.update(repr((name, files)).encode())
    return MARK + found.hexdigest()[:32]


def plain(manifest: Manifest) -> dict[str, LakeTable]:
    """Return the tables of a snapshot that are no kept views."""
    return {name: one for name, one in manifest.tables.items() if not _marked(one)}


def current(manifest: Manifest, views: Iterable[View]) -> dict[str, LakeTable]:
    """Return the tables of a snapshot without the kept views that are not what they were."""
    by_name = {view.name: view for view in views}
    tables = plain(manifest)
    kept = {
        name: one
        for name, one in manifest.tables.items()
        if _marked(one) and name in by_name and _is_current(one, by_name[name], by_name, tables)
    }
    return {**tables, **kept}


def write(session: SparkSession, name: str, columns: Collection[str], folder: str) -> None:
    """Have the executors compute a view and write its rows.

    Args:
        session: With Spark, which knows the view.
        name: Of the view.
        columns: Of the view.
        folder: The URL of a folder that is not there yet.

    Raises:
        WarehouseError: Spark fails.
    """
    from pyspark.sql.connect.functions import monotonically_increasing_id

    with plain_errors(name_in(session)):
        rows = session.sql(f"SELECT {', '.join(map(quote, columns))} FROM {quote(name)}")
        # It grows with the row in the order of the view.
        placed = rows.withColumn(position(columns), monotonically_increasing_id())
        placed.write.option("compression", "zstd").mode("error").parquet(folder)


def _marked(table: LakeTable) -> bool:
    return any(file.identity.startswith(MARK) for file in table.files)


def _is_current(
    table: LakeTable, view: View, views: Mapping[str, View], tables: Mapping[str, LakeTable]
) -> bool:
    wanted = identity(view, views, tables)
    return is_kept(view) and all(file.identity == wanted for file in table.files)
