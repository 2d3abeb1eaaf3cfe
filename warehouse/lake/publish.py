"""Tables of DuckDB become a snapshot of the lake: what changed is written, the rest is kept."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import duckdb

from warehouse.console.progress import Progress
from warehouse.errors import WarehouseError
from warehouse.lake import place
from warehouse.lake.manifest import SAFE, DataFile, LakeTable, Manifest
from warehouse.lake.names import table_folder
from warehouse.lake.parts import Part, Table, read_table
from warehouse.lake.place import Lake
from warehouse.lake.snapshots import Merge, add_snapshot, discard_unnamed, newest
from warehouse.lake.write import writing
from warehouse.lake.writers import noted


@dataclass(frozen=True)
class PublishedTable:
    """What became of a table.

    Attributes:
        written: Its files that are new.
        kept: Its files that the snapshot before has as well.
        days: Of how many days it has files; 0 if it is not kept by day.
        seconds: From the first look at its rows to the last byte.
    """

    name: str
    written: tuple[DataFile, ...]
    kept: tuple[DataFile, ...]
    days: int
    seconds: float

    @property
    def rows(self) -> int:
        """How many it has."""
        return sum(file.rows for file in (*self.written, *self.kept))


@dataclass(frozen=True)
class Publication:
    """What came of publishing.

    Attributes:
        snapshot: The newest one now.
        is_new: Whether it was made; else there was nothing to do.
    """

    snapshot: Manifest
    is_new: bool
    tables: tuple[PublishedTable, ...]


def publish(
    connection: duckdb.DuckDBPyConnection,
    lake: Lake,
    tables: Mapping[str, str],
    *,
    writer: str,
    removed: Collection[str] = (),
    merge: Merge = lambda _: {},
    say: Callable[[str], None] = lambda _: None,
) -> Publication:
    """Publish tables as a snapshot: all of them, or nothing.

    Args:
        connection: To the file that holds them, read-only, see `write.keep_flat`.
        lake: Where.
        tables: By name, the day of a row as SQL; empty for a table that is not kept by day.
        writer: What publishes, in words.
        removed: Tables of the lake that go.
        merge: Further tables, made of what the lake holds, see `add_snapshot`.
        say: Told of progress.

    Raises:
        WarehouseError: a value cannot be kept exactly, or the lake cannot be read or written. The
            newest snapshot stays what it is on any error.
    """
    began, base = datetime.now(UTC), newest(lake)
    _check_removed(removed, base)
    done: list[PublishedTable] = []
    found: dict[str, LakeTable] = {}
    with noted(lake):
        try:
            for name, day in tables.items():
                before = base.tables.get(name) if base else None
                found[name], one = publish_table(connection, lake, name, day, before, say)
                done.append(one)
            snapshot = add_snapshot(
                lake,
                found,
                writer=writer,
                removed=removed,
                merge=merge,
                base=base,
                began=began,
                say=say,
            )
        except BaseException:
            discard_unnamed(lake, (file.path for one in done for file in one.written))
            raise
    is_new = base is None or snapshot.number != base.number
    return Publication(snapshot, is_new, tuple(done))


def _check_removed(removed: Collection[str], base: Manifest | None) -> None:
    """See that tables which are to go are there.

    Raises:
        WarehouseError: names one that is not.
    """
    there = base.tables if base else {}
    for name in removed:
        if name not in there:
            raise WarehouseError(
                f"The lake has no table {name}.",
                safe=SAFE,
                todo=f"Tables are {', '.join(there)}." if there else "It has no tables yet.",
            )


def publish_table(
    connection: duckdb.DuckDBPyConnection,
    lake: Lake,
    name: str,
    day: str,
    before: LakeTable | None,
    say: Callable[[str], None],
) -> tuple[LakeTable, PublishedTable]:
    """Write those parts of a table that the snapshot before has not. No manifest names them yet.

    Raises:
        WarehouseError: a value cannot be kept exactly, or the lake cannot be read or written.
    """
    began = time.monotonic()
    table = read_table(connection, name, day)
    there = _whole(lake, name, before, say)
    missing = [part for part in table.parts if part.identity not in there]
    written = _write(connection, lake, table, missing, say)
    files = [file for part in table.parts for file in {**there, **written}[part.identity]]
    new = {file.path for some in written.values() for file in some}
    return LakeTable(table.columns, tuple(files)), PublishedTable(
        name,
        written=tuple(file for file in files if file.path in new),
        kept=tuple(file for file in files if file.path not in new),
        days=len({file.day for file in files if file.day}),
        seconds=time.monotonic() - began,
    )


def _whole(
    lake: Lake, name: str, before: LakeTable | None, say: Callable[[str], None]
) -> dict[str, list[DataFile]]:
    """Return the files of a table by the identity of their part, without parts that lack one."""
    if before is None:
        return {}
    there = place.sizes(lake, table_folder(name))
    lost = {file.identity for file in before.files if there.get(file.path) != file.bytes}
    if lost:
        say(f"{name}: files of the last snapshot of the lake are missing or damaged.")
    parts: dict[str, list[DataFile]] = {}
    for file in before.files:
        if file.identity not in lost:
            parts.setdefault(file.identity, []).append(file)
    return parts


def _write(
    connection: duckdb.DuckDBPyConnection,
    lake: Lake,
    table: Table,
    parts: Sequence[Part],
    say: Callable[[str], None],
) -> dict[str, list[DataFile]]:
    """Write parts of a table. Returns the files of each by its identity."""
    if not parts:
        return {}
    began, rows = time.monotonic(), 0
    found: dict[str, list[DataFile]] = {}
    progress = Progress(say, f"{table.name} to the lake", sum(part.rows for part in parts))
    try:
        with writing(connection, lake, table) as writer:
            for part in parts:
                found[part.identity] = writer.write(part)
                rows += part.rows
                progress.update(rows, time.monotonic() - began)
    finally:
        progress.close()
    return found
