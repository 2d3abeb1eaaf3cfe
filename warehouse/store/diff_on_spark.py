"""What changed in a table or view between two snapshots of the lake, found out by Spark.

Spark reads the rows and counts those that came and went. Only rows that changed come here, into
tables of a DuckDB in little memory, and are compared as those of two files are. So the numbers are
those that DuckDB gives on the same data. Where Spark does not tell values apart as DuckDB does,
all rows come here.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from warehouse.engines.spark.changes import Changes, prepare
from warehouse.engines.spark.exactness import Exactness, exactness
from warehouse.engines.spark.lake_snapshot import LakeSnapshot
from warehouse.engines.spark.on_lake import lake_of, no_snapshot
from warehouse.engines.spark.session import connected
from warehouse.errors import WarehouseError
from warehouse.lake.snapshots import all_snapshots, read
from warehouse.project.project import load_project
from warehouse.store import compare, little_memory
from warehouse.store.diff import (
    Compared,
    Difference,
    Example,
    compared,
    named,
    same_snapshot,
    shown_of,
)
from warehouse.store.history import choose, none_before
from warehouse.store.rows_of_spark import fetch_all, fetch_changed
from warehouse.store.side_by_side import Column, common_columns, unknown
from warehouse.store.snapshots import FOLDER

if TYPE_CHECKING:
    from pyspark.sql.connect.session import SparkSession

    from warehouse.lake.manifest import Manifest
    from warehouse.lake.place import Lake
    from warehouse.settings import Settings


def diff(
    settings: Settings,
    table: str,
    old: int | str | date | None = None,
    new: int | str | date | None = None,
    key: str | Sequence[str] | None = None,
) -> Difference:
    """Compare a table or view of two snapshots of the lake, see `diff.diff`.

    Raises:
        WarehouseError: a snapshot, the table or a column of the key is not there; Spark does not
            answer; or too many rows would have to come here.
    """
    names = [key] if isinstance(key, str) else key
    lake = lake_of(settings)
    while True:
        found = all_snapshots(lake)
        if not found:
            raise no_snapshot(lake)
        newer, older = _chosen(lake, found, old, new)
        try:
            return _found(settings, lake, table, older, newer, names)
        except WarehouseError:
            # Pruned meanwhile, what was meant is another one now, or an error lists those kept.
            if all(read(lake, one.number) for one in (newer, *older)):
                raise


def _chosen(
    lake: Lake,
    found: Sequence[Manifest],
    old: int | str | date | None,
    new: int | str | date | None,
) -> tuple[Manifest, Sequence[Manifest]]:
    """Return the new snapshot, and those that it may be compared with, the first one first."""
    times = {one.number: one.written_at for one in found}
    newer = choose(lake.shown, found, lambda: times, 0 if new is None else new)
    if old is None:
        older = [one for one in reversed(found) if one.number < newer.number]
        if not older:
            raise none_before(newer)
        return newer, older
    before = choose(lake.shown, found, lambda: times, old)
    if before == newer:
        raise same_snapshot(newer.number)
    return newer, [before]


def _found(
    settings: Settings,
    lake: Lake,
    table: str,
    older: Sequence[Manifest],
    newer: Manifest,
    names: Sequence[str] | None,
) -> Difference:
    """Return the first difference, or that there is none."""
    assert settings.spark
    views = load_project(settings.home).views
    with connected(settings.spark) as session:
        prepare(session)
        new = LakeSnapshot(session, views, lake, newer)
        for manifest in older:
            old = LakeSnapshot(session, views, lake, manifest)
            unchanged = _unchanged(table, old, new)
            if unchanged and manifest is not older[-1]:
                continue
            with _opened(settings) as connection:
                of, changes = _compared(connection, session, table, old, new)
                found = _difference(connection, of, changes, names, unchanged=unchanged)
            if not found.equal:
                break
    return found


@contextmanager
def _opened(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a DuckDB whose temporary files are beside the snapshots, if there are some."""
    folder = settings.path.parent / FOLDER
    where = folder if folder.is_dir() else Path(tempfile.gettempdir())
    with little_memory.opened(where) as (connection, _):
        connection.execute("SET preserve_insertion_order = false")
        yield connection


def _unchanged(table: str, old: LakeSnapshot, new: LakeSnapshot) -> bool:
    """Whether the files alone say that the rows are the same."""
    before, after = old.find(table), new.find(table)
    if before is None or after is None:
        return False
    return old.reads(before) == new.reads(after)


def _compared(
    connection: duckdb.DuckDBPyConnection,
    session: SparkSession,
    table: str,
    old: LakeSnapshot,
    new: LakeSnapshot,
) -> tuple[Compared, Changes]:
    """Return what is compared, here and on Spark.

    Raises:
        WarehouseError: the table or view is in neither snapshot, or Spark cannot compute it.
    """
    before, after = old.find(table), new.find(table)
    if before and after:
        relations = {"old": old.relation(before, new), "new": new.relation(after, old)}
    elif after:
        rows = new.relation(after, old)
        relations = {"old": new.no_rows(rows), "new": rows}
    elif before:
        rows = old.relation(before, new)
        relations = {"old": rows, "new": old.no_rows(rows)}
    elif error := new.error(table) or old.error(table):
        raise error
    else:
        raise unknown(table, old.number, new.number, old.names | new.names)
    first = old.columns(before) if before else {}
    second = new.columns(after) if after else {}
    first, second = first or second, second or first
    columns = common_columns(connection, first, second)
    absent = None if before and after else old.number if after else new.number
    of = Compared(table, old.number, new.number, first, second, columns, absent)
    return of, Changes(session, relations, columns)


class _OnlyHere(Exception):
    """Spark does not tell values apart as DuckDB does."""


def _difference(
    connection: duckdb.DuckDBPyConnection,
    of: Compared,
    changes: Changes,
    names: Sequence[str] | None,
    *,
    unchanged: bool,
) -> Difference:
    """Compare on Spark, or here what cannot be compared there."""
    try:
        return _on_spark(connection, of, changes, names, unchanged=unchanged)
    except _OnlyHere:
        fetch_all(connection, of.table, of.columns, changes)
        return compared(connection, of, names)


def _on_spark(
    connection: duckdb.DuckDBPyConnection,
    of: Compared,
    changes: Changes,
    names: Sequence[str] | None,
    *,
    unchanged: bool,
) -> Difference:
    """Compare on Spark, and look here at the rows that changed.

    Raises:
        _OnlyHere: Spark cannot.
    """
    key = (
        named(of.table, of.columns, names)
        if names
        else compare.default_key(of.columns, changes.most_rows, partial(_repeated, changes))
    )
    repeated = _repeated(changes, key) if key else 0
    if unchanged:
        return of.found(key, repeated, [compare.Rows(0, 0, 0, {})], [])
    _check(of.columns, Exactness.FULL if key is None or repeated else Exactness.EQUAL)
    shown: list[Example] = []
    parts: list[compare.Rows] = []
    if key is not None:
        fetch_changed(connection, of.table, of.columns, changes, key, repeated)
        rows = compare.by_key(connection, of.columns, key, 0, examples=True)
        shown = shown_of(connection, of.columns, key, rows)
        added, removed = changes.came_and_went(key, repeated)
        parts.append(replace(rows, added=added, removed=removed))
    if key is None or repeated:
        parts.append(compare.Rows(*changes.wholes(key or ()), 0, {}))
    return of.found(key, repeated, parts, shown)


def _repeated(changes: Changes, key: Sequence[Column]) -> int:
    """Return how many keys a snapshot has more than once."""
    _check(key, Exactness.FULL)
    return changes.repeated(key)


def _check(columns: Sequence[Column], wanted: Exactness) -> None:
    if any(exactness(column) < wanted for column in columns):
        raise _OnlyHere
