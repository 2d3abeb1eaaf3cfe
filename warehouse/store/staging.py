"""The private copy in which a write happens, and what a killed writer leaves of it."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from warehouse.engines import progress_bar
from warehouse.errors import WarehouseError
from warehouse.project.quoting import literal
from warehouse.store import (
    blocks,
    durable,
    prune,
    rebuild,
    reflink,
    spare,
    tampering,
    write_log,
)
from warehouse.store.disk_errors import SAFE
from warehouse.store.file_copy import copy
from warehouse.store.snapshots import FILE, Snapshot, snapshot_folders
from warehouse.store.write_lock import last_given

STORAGE_VERSION = "v1.5.0"
"""DuckDB 1.5 and later open the file: the newest default would shut out the command line tool."""

STAGING = "staging"
CATALOG = "warehouse"
"""DuckDB's name of the database: what it calls a file `warehouse.duckdb` that somebody opens."""

BASE_MB, COLUMN_MB = 48, 1
"""What DuckDB needs to write a table, found by trying: up to 200 columns of text."""

_STAGED = (FILE, "spill", tampering.SEAL, tampering.UNALTERED, blocks.NOTE)
"""How the names of all begin that a writer puts into staging."""


@dataclass(frozen=True)
class Copy:
    """The private copy as it was made.

    Attributes:
        cloned: Whether it shares its blocks with the snapshot from which it was made.
        digests: Of its parts; None if they are not known.
    """

    cloned: bool
    digests: blocks.Digests | None


def prepare(folder: Path, start: Path, never: Collection[Path] = ()) -> Copy:
    """Make the private copy in `staging`, at the least cost that the file system allows.

    Args:
        folder: Of the snapshots.
        start: The file to copy; not there if the snapshot is kept as parts.
        never: Folders of snapshots that somebody needs whole.

    Raises:
        WarehouseError: what is kept of the snapshot is damaged.
    """
    file = folder / STAGING / FILE
    is_whole = start.exists()
    if is_whole and reflink.clone(start, file):
        return Copy(cloned=True, digests=None)
    digests = blocks.noted(start) if is_whole else blocks.listed(start)
    candidate = prune.spare_candidate(folder, [start.parent, *never])
    present = spare.take(folder, candidate, file)
    if not is_whole:
        file.touch()
        with spare.locked(file) as target:
            rebuild.fill(start, target, present or ())
    elif present and digests:
        spare.bring(start, file, present, digests)
    else:
        copy(start, file)
        # It goes to the disk while the caller waits for rows: else the commit would wait for all
        # of it.
        threading.Thread(target=durable.sync, args=[file], name="flush", daemon=True).start()
    return Copy(cloned=False, digests=digests)


@contextmanager
def open_copy(file: Path, memory_limit: str | None) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the private copy, which is made if it is not there. `write_log` sees what is written.

    Args:
        file: The private copy.
        memory_limit: DuckDB's; None for little.
    """
    config: dict[str, str | bool | int | float | list[str]] = {
        "storage_compatibility_version": STORAGE_VERSION,
        "memory_limit": memory_limit or f"{BASE_MB}MB",
        # The rows come one batch after the other: a second thread adds memory, not speed.
        "threads": 1,
        # Row groups of large values are kept small: joined, they would not fit into memory. What
        # grows by a few rows each time is compacted by `publish.write`.
        "max_vacuum_tasks": 0,
        # Whoever commits checkpoints, and the rows are not written into a log first: the private
        # copy is thrown away if anything happens to it.
        "checkpoint_threshold": "1B",
        "temp_directory": str(file.parent / "spill"),
        "python_enable_replacements": False,
    }
    with duckdb.connect(config=config) as connection:
        # The file is attached, since what is opened before the log begins is not in the log. It is
        # then the only database, so that each cursor finds its tables.
        write_log.begin(connection)
        connection.execute(
            f"ATTACH {literal(str(file))} AS {CATALOG} (STORAGE_VERSION '{STORAGE_VERSION}')"
        )
        connection.execute(f"USE {CATALOG}")
        connection.execute("DETACH memory")
        # What Dagster writes of a partition's ends has no time zone.
        connection.execute("SET TimeZone = 'UTC'")
        progress_bar.only_in_a_terminal(connection)
        yield connection
    assert not file.with_name(FILE + ".wal").exists(), "a closed database leaves no log behind"


@contextmanager
def transaction(connection: duckdb.DuckDBPyConnection, replacing: Sequence[str]) -> Iterator[None]:
    """Write in one transaction; committed, and all in the one file, at the end.

    Args:
        connection: To the private copy.
        replacing: Tables that are gone when the `with` begins.
    """
    for table in replacing:
        connection.execute(f"DROP TABLE IF EXISTS {table}")
    if replacing:
        connection.execute("CHECKPOINT")  # frees the dropped blocks for what comes
    connection.begin()
    yield
    connection.commit()
    connection.execute("CHECKPOINT")


def flush(connection: duckdb.DuckDBPyConnection) -> None:
    """Have what was written so far be in the private copy's file, and no longer in memory.

    Nobody sees it before the copy is published, so that the caller's transaction is none to others.
    """
    connection.execute("COMMIT")
    connection.execute("CHECKPOINT")
    connection.execute("BEGIN")


def clear_leftovers(folder: Path, current: Snapshot | None) -> None:
    """Remove what a killed writer left: its staging, or a snapshot it did not come to link.

    Raises:
        WarehouseError: what is there is no writer's.
    """
    _clear_staging(folder / STAGING)
    durable.remove(folder / "link")
    for snapshot in unlinked(folder, current):
        durable.remove_folder(snapshot)


def _clear_staging(staging: Path) -> None:
    if staging.is_symlink() or (staging.is_file() and staging.stat().st_size == 0):
        durable.remove(staging)  # it holds nothing
        return
    if not staging.exists():
        return
    kind = "folder" if staging.is_dir() else "file"
    foreign = (
        [one.name for one in staging.iterdir() if not one.name.startswith(_STAGED)]
        if kind == "folder"
        else []
    )
    if kind == "file" or foreign:
        holds = f" that holds {', '.join(sorted(foreign)[:3])}" if foreign else ""
        raise WarehouseError(
            f"{staging} is a {kind}{holds}, which no writer of a warehouse leaves there.",
            safe=f"It was not touched. {SAFE}",
            todo="Move it away, and run again: a snapshot is written there.",
        )
    durable.remove_folder(staging)


def unlinked(folder: Path, current: Snapshot | None) -> list[Path]:
    """Return the snapshots that a killed writer did not come to link.

    Those that were linked once have numbers up to the last one that was given. Where the link
    itself is gone, or nothing tells what was given, none is known to be one: all stay.
    """
    given = last_given(folder)
    if current is None or given is None:
        return []
    last = max(current.number, given)
    return [snapshot for snapshot in snapshot_folders(folder) if int(snapshot.name) > last]
