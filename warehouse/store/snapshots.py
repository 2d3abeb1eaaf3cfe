"""One link to immutable snapshots: readers are never blocked and never see half a write.

    data/warehouse.duckdb -> .warehouse/000042/warehouse.duckdb     what everyone opens
    data/.warehouse/000041/warehouse.duckdb                         kept, for those still reading it
    data/.warehouse/000023/blocks, delta.1                          kept: what newer ones have not
    data/.warehouse/staging/warehouse.duckdb                        while somebody writes
    data/.warehouse/lock, writer                                    one writer at a time, who, and
                                                                    the last number that was given

A write happens in a private copy. It becomes the newest snapshot by renaming its folder and
replacing the link, both of which the file system does whole or not at all.
"""

from __future__ import annotations

import errno
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from warehouse.engines import progress_bar
from warehouse.errors import WarehouseError
from warehouse.store import delta, tampering
from warehouse.store.disk_errors import SAFE as SAFE
from warehouse.store.write_lock import last_given

FOLDER = ".warehouse"
FILE = "warehouse.duckdb"
_NUMBER = re.compile(r"\d{6,}")
OPENED = "warehouse.snapshot_opened"
"""An audit event (https://docs.python.org/3/library/sys.html#sys.audit): the snapshot's number."""
DAMAGED = (
    duckdb.IOException,
    duckdb.SerializationException,
    duckdb.InternalException,
    duckdb.FatalException,
)
"""What DuckDB raises when it opens a file that is not whole, or not there."""


@dataclass(frozen=True)
class Snapshot:
    """One immutable file, and its number: they only ever grow."""

    number: int
    file: Path


def newest(path: Path) -> Snapshot | None:
    """Return the snapshot that the link points to, or None before the first write.

    Raises:
        WarehouseError: something else stands where the link should be, or DuckDB cannot open
            anything there.
    """
    check_name(path, "\\")
    try:
        target = path.readlink()
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno != errno.EINVAL:  # EINVAL: there, but not a link
            raise WarehouseError(
                f"{path} cannot be read: {error.strerror}.",
                todo="Make its folder readable, or set WAREHOUSE_PATH to another place.",
            ) from None
        raise WarehouseError(
            f"{path} is not a link to a snapshot of a warehouse.",
            safe="It was not touched.",
            todo="Move it away, or set WAREHOUSE_PATH to another place.",
        ) from None
    if target.parent.parent != Path(FOLDER) or not _NUMBER.fullmatch(target.parent.name):
        raise WarehouseError(
            f"{path} links to {target}, which is not a snapshot of a warehouse.",
            safe="It was not touched.",
            todo="Remove the link, or set WAREHOUSE_PATH to another place.",
        )
    return Snapshot(int(target.parent.name), path.parent / target)


def check_name(path: Path, refused: str = "\\?") -> None:
    """See that DuckDB can work in a folder.

    DuckDB takes a backslash for a slash, and puts the log of a write before the first question
    mark of the whole path, as if what follows were the query of an URL.

    Raises:
        WarehouseError: the path, or where its links lead, has a character that it cannot have.
    """
    for where in (path.absolute(), path.parent.resolve()):
        for character in refused:
            if character in str(where):
                raise WarehouseError(
                    f"DuckDB cannot keep a file at {where}: there is a {character} in the path.",
                    safe="Nothing was changed.",
                    todo="Rename that folder, or set WAREHOUSE_PATH to another place.",
                )


def snapshot_folders(folder: Path) -> list[Path]:
    """Return the folders of the snapshots on disk, oldest first."""
    return sorted(
        (entry for entry in folder.glob("*") if _NUMBER.fullmatch(entry.name) and entry.is_dir()),
        key=lambda entry: int(entry.name),
    )


def on_disk(path: Path) -> list[Snapshot]:
    """Return all snapshots on disk, oldest first, those that no link ever led to included."""
    return [
        Snapshot(int(entry.name), entry / FILE) for entry in snapshot_folders(path.parent / FOLDER)
    ]


def kept(path: Path) -> list[Snapshot]:
    """Return the snapshots on disk, oldest first, the newest one last."""
    current = newest(path)
    if current is None:
        return []
    return [snapshot for snapshot in on_disk(path) if snapshot.number <= current.number]


def later(path: Path) -> list[Snapshot]:
    """Return the snapshots that were published after the one that the link points to.

    There are some where somebody set the link back by hand: they stay until they are pruned.
    """
    current, given = newest(path), last_given(path.parent / FOLDER)
    if current is None:
        return []
    return [
        one
        for one in on_disk(path)
        if one.number > current.number and (given is None or one.number <= given)
    ]


def open_newest(path: Path) -> duckdb.DuckDBPyConnection:
    """Open the newest snapshot, read-only, with no setting that another reader might lack.

    Raises:
        WarehouseError: there is no warehouse yet, or its file is damaged or gone.
    """
    while True:
        snapshot = newest(path)
        if snapshot is None:
            raise WarehouseError(
                f"There is no warehouse at {path} yet.", todo="Build it with `just materialize`."
            )
        try:
            return open_published(snapshot)
        except DAMAGED as error:
            # Pruned between reading the link and opening the file, if there is a newer one.
            if newest(path) == snapshot:
                raise unreadable(path, snapshot, error) from None


def open_published(snapshot: Snapshot) -> duckdb.DuckDBPyConnection:
    """Open a snapshot as it was published, and warn if somebody wrote to it since."""
    connection = open_file(snapshot.file)
    tampering.warn(snapshot.number, snapshot.file)
    sys.audit(OPENED, snapshot.number)
    return connection


def open_file(file: Path) -> duckdb.DuckDBPyConnection:
    """Open the file of a snapshot, read-only, without a log that somebody left beside it."""
    real = file.resolve()
    name = tampering.without_log(real)
    connection = duckdb.connect(str(name), read_only=True)
    # It may have come between the look and the opening; while the file is open here, none can.
    if (other := tampering.without_log(real)) != name:
        connection.close()
        connection = duckdb.connect(str(other), read_only=True)
    # A misspelt table must not silently become a Python variable of that name.
    connection.execute("SET python_enable_replacements = false")
    progress_bar.only_in_a_terminal(connection)
    return connection


def unreadable(path: Path, snapshot: Snapshot, error: duckdb.Error) -> WarehouseError:
    """Say why a snapshot cannot be opened, and what to do about it."""
    what = str(error).splitlines()[0] if snapshot.file.exists() else "its file is gone."
    if not snapshot.file.exists() and delta.files(snapshot.file.parent):
        return WarehouseError(
            f"Snapshot {snapshot.number} of {path} is kept as parts: no link can lead to it.",
            safe="It was not touched.",
            todo=f"`just rollback {snapshot.number}` puts it together, as a new snapshot.",
        )
    others = ", ".join(str(one.number) for one in kept(path) if one != snapshot)
    if "set lock on file" in what:
        todo = "Close that program: it opened the file for writing. `read_only=True` does no harm."
    elif "Permission denied" in what:
        todo = "Ask its owner to let you read it."
    elif others:
        todo = f"`just rollback NUMBER` makes another one the newest; kept are {others}."
    else:
        todo = (
            f"Move {path} and the folder {FOLDER} beside it away, and build it again with "
            "`just materialize`."
        )
    return WarehouseError(
        f"Snapshot {snapshot.number} of {path} cannot be opened: {what}", todo=todo
    )


@contextmanager
def read(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the newest snapshot for the length of a `with`."""
    with open_newest(path) as connection:
        yield connection


def has_table(connection: duckdb.DuckDBPyConnection, table: str) -> bool:
    """Whether the file has a table. Asked, not tried: a failed statement ends a transaction."""
    found = connection.execute(
        "FROM duckdb_tables() WHERE schema_name = 'main' AND table_name = ?", [table]
    )
    return bool(found.fetchall())


def count(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    """Return how many rows a table has; one that is not there has none."""
    return rows(connection, table) if has_table(connection, table) else 0


def rows(connection: duckdb.DuckDBPyConnection, name: str) -> int:
    """Return how many rows a table or view has."""
    ((found,),) = connection.execute(f'SELECT count(*) FROM "{name}"').fetchall()
    return int(found)
