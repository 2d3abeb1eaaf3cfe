"""The private copy in which a write happens, and what a killed writer leaves of it."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb

from warehouse.errors import WarehouseError
from warehouse.store import tampering
from warehouse.store.disk_errors import SAFE
from warehouse.store.snapshots import FILE, Snapshot, snapshot_folders
from warehouse.store.write_lock import last_given

STORAGE_VERSION = "v1.5.0"
"""DuckDB 1.5 and later open the file: the newest default would shut out the command line tool."""

BASE_MB, COLUMN_MB = 48, 1
"""What DuckDB needs to write a table, found by trying: up to 200 columns of text."""

_STAGED = (FILE, "spill", tampering.SEAL, tampering.UNALTERED)
"""How the names of all begin that a writer puts into staging."""


def clone(source: Path, target: Path) -> None:
    """Copy a file, inside the kernel or as a shared clone where the system can."""
    copy_range = getattr(os, "copy_file_range", None)
    with source.open("rb") as reading, target.open("wb") as writing:
        remaining = os.fstat(reading.fileno()).st_size
        try:
            while copy_range and remaining:
                copied = copy_range(reading.fileno(), writing.fileno(), remaining)
                if not copied:
                    break
                remaining -= copied
        except OSError as error:
            if error.errno not in (errno.EXDEV, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL):
                raise
        if remaining:
            shutil.copyfileobj(reading, writing, 1 << 20)


def sync(path: Path) -> None:
    """Have a file, or the names in a folder, be on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def transaction(
    file: Path, memory_limit: str | None, replacing: Sequence[str]
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the private copy in one transaction; committed, and all in the one file, at the end.

    Args:
        file: The private copy.
        memory_limit: DuckDB's; None for little.
        replacing: Tables that are gone when the `with` begins.
    """
    config: dict[str, str | bool | int | float | list[str]] = {
        "storage_compatibility_version": STORAGE_VERSION,
        "memory_limit": memory_limit or f"{BASE_MB}MB",
        # The rows come one batch after the other: a second thread adds memory, not speed.
        "threads": 1,
        # Row groups of large values are kept small: joined, they would not fit into memory. What
        # grows by a few rows each time is compacted by `publish.write`.
        "max_vacuum_tasks": 0,
        "temp_directory": str(file.parent / "spill"),
        "python_enable_replacements": False,
    }
    with duckdb.connect(str(file), config=config) as connection:
        # What Dagster writes of a partition's ends has no time zone.
        connection.execute("SET TimeZone = 'UTC'")
        for table in replacing:
            connection.execute(f"DROP TABLE IF EXISTS {table}")
        if replacing:
            connection.execute("CHECKPOINT")  # frees the dropped blocks for what comes
        connection.begin()
        yield connection
        connection.commit()
        connection.execute("CHECKPOINT")
    assert not file.with_name(FILE + ".wal").exists(), "a closed database leaves no log behind"


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
    _clear_staging(folder / "staging")
    (folder / "link").unlink(missing_ok=True)
    for snapshot in unlinked(folder, current):
        shutil.rmtree(snapshot)


def _clear_staging(staging: Path) -> None:
    if staging.is_symlink() or (staging.is_file() and staging.stat().st_size == 0):
        staging.unlink()  # it holds nothing
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
    shutil.rmtree(staging)


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
