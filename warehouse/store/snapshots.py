"""One link to immutable snapshots: readers are never blocked and never see half a write.

    data/warehouse.duckdb -> .warehouse/000042/warehouse.duckdb     what everyone opens
    data/.warehouse/000041/warehouse.duckdb                         kept, for those still reading it
    data/.warehouse/staging/warehouse.duckdb                        while somebody writes
    data/.warehouse/lock, writer                                    one writer at a time, and who

A write happens in a private copy. It becomes the newest snapshot by renaming its folder and
replacing the link, both of which the file system does whole or not at all.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from operator import index
from pathlib import Path

import duckdb
from filelock import FileLock, Timeout

from warehouse.errors import WarehouseError

FOLDER = ".warehouse"
FILE = "warehouse.duckdb"
STORAGE_VERSION = "v1.5.0"
"""DuckDB 1.5 and later open the file: the newest default would shut out the command line tool."""

SAFE = "Nothing was changed: everyone still reads the last snapshot."
BASE_MB, COLUMN_MB = 48, 1
"""What DuckDB needs to write a table, found by trying: up to 200 columns of text."""

TABLE = "snapshots"
"""The table that lists the snapshots that led to the one it is in."""

_NUMBER = re.compile(r"\d{6,}")
_WAIT_SECONDS = 10.0
_EPOCH = datetime.fromtimestamp(0, UTC)
_DAMAGED = (
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
        WarehouseError: something else stands where the link should be.
    """
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
            return _open(snapshot.file)
        except _DAMAGED as error:
            # Pruned between reading the link and opening the file, if there is a newer one.
            if newest(path) == snapshot:
                raise _unreadable(path, snapshot, error) from None


def kept(path: Path) -> list[Snapshot]:
    """Return the snapshots on disk, oldest first, the newest one last."""
    current = newest(path)
    if current is None:
        return []
    found = [Snapshot(int(entry.name), entry / FILE) for entry in snapshots(path.parent / FOLDER)]
    return [snapshot for snapshot in found if snapshot.number <= current.number]


def written(path: Path) -> dict[int, datetime]:
    """Return when each snapshot that led to the newest one was written, gone ones included.

    Raises:
        WarehouseError: there is no warehouse yet.
    """
    with read(path) as connection:
        if not has_table(connection, TABLE):
            return {}
        found = connection.execute(f"SELECT number, epoch_us(written_at) FROM {TABLE}").fetchall()
    return {number: _EPOCH + timedelta(microseconds=micros) for number, micros in found}


def find(path: Path, which: int | str | date) -> Snapshot:
    """Return a kept snapshot.

    Args:
        path: The link that readers open.
        which: Its number; or counted back from the newest, -1 is the one before it; or a time, for
            the newest one written by then. A time without a zone is local, a day is its beginning;
            text is a number or a time in ISO 8601, such as "2026-11-20 14:00".

    Raises:
        WarehouseError: it is not kept; names those that are.
    """
    meant = _meant(which)
    there = kept(path)
    if isinstance(meant, datetime):
        times = written(path)
        found = [one for one in there if one.number in times and times[one.number] <= meant]
        missing = f"No snapshot of {path} that is kept is as old as {meant:%Y-%m-%d %H:%M:%S %Z}."
    else:
        found = [
            one
            for back, one in enumerate(reversed(there))
            if meant == one.number or (meant <= 0 and meant == -back)
        ]
        missing = f"There is no snapshot {meant} of {path}."
    if found:
        return found[-1]
    times = written(path)
    names = [
        f"{one.number} ({times[one.number].astimezone():%Y-%m-%d %H:%M:%S})"
        if one.number in times
        else str(one.number)
        for one in there
    ]
    raise WarehouseError(
        missing,
        todo=f"Kept are {', '.join(names)}; WAREHOUSE_KEEP_SNAPSHOTS says how many stay. "
        "`just history` lists them.",
    )


def _meant(which: int | str | date) -> int | datetime:
    """Return the number or the time that somebody means.

    Raises:
        WarehouseError: it is neither.
    """
    # Reading and placing the time fail alike: the year 1 is not to be had in each zone.
    with suppress(ValueError, OverflowError):
        if isinstance(which, str):
            with suppress(ValueError):
                return int(which)
            return datetime.fromisoformat(which).astimezone()
        if isinstance(which, datetime):
            return which.astimezone()
        if isinstance(which, date):
            return datetime(which.year, which.month, which.day).astimezone()
        with suppress(TypeError):
            return index(which)  # numpy's integers, too
    raise WarehouseError(
        f"{str(which) or 'Nothing'} is neither the number of a snapshot nor a time such as "
        "2026-11-20 14:00."
    )


def open_snapshot(path: Path, which: int | str | date) -> duckdb.DuckDBPyConnection:
    """Open a kept snapshot, read-only, see `find`.

    Raises:
        WarehouseError: it is not kept, or its file is damaged.
    """
    while True:
        snapshot = find(path, which)
        try:
            return _open(snapshot.file)
        except _DAMAGED as error:
            # Pruned between finding and opening it, if it is gone.
            if snapshot.file.exists():
                raise _unreadable(path, snapshot, error) from None


def _unreadable(path: Path, snapshot: Snapshot, error: duckdb.Error) -> WarehouseError:
    what = str(error).splitlines()[0] if snapshot.file.exists() else "its file is gone."
    others = ", ".join(str(one.number) for one in kept(path) if one != snapshot)
    if "set lock on file" in what:
        todo = "Close that program: it opened the file for writing. `read_only=True` does no harm."
    elif "Permission denied" in what:
        todo = "Ask its owner to let you read it."
    elif others:
        todo = f"`just rollback NUMBER` makes another one the newest; kept are {others}."
    else:
        todo = (
            f"Move {path} and the folder {FOLDER} beside it away, and build it anew with "
            "`just materialize`."
        )
    return WarehouseError(
        f"Snapshot {snapshot.number} of {path} cannot be opened: {what}", todo=todo
    )


def _open(file: Path) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(str(file.resolve()), read_only=True)
    # A misspelt table must not silently become a Python variable of that name.
    connection.execute("SET python_enable_replacements = false")
    return connection


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
    if not has_table(connection, table):
        return 0
    ((rows,),) = connection.execute(f'SELECT count(*) FROM "{table}"').fetchall()
    return int(rows)


@contextmanager
def write(
    path: Path,
    *,
    keep: int,
    who: str,
    memory_limit: str | None = None,
    replacing: Sequence[str] = (),
    base: Snapshot | None = None,
    part_of: str | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Write a new snapshot: the caller's changes as a whole, or nothing.

    Args:
        path: The link that readers open.
        keep: How many snapshots stay, the new one included.
        who: Named to the next writer while it waits for this one.
        memory_limit: DuckDB's, for this connection; None for little, until `make_room`.
        replacing: Tables that the caller will create anew; gone when the `with` begins, so that
            the file does not hold them twice.
        base: The snapshot to start from instead of the newest one.
        part_of: The run or backfill of which this write is a part. Its earlier parts are
            no state that anybody asked for: they go first, and history counts what was asked for.
        say: Told who is waited for.

    Yields:
        A connection to a private copy of the newest snapshot, in a transaction.

    Raises:
        WarehouseError: the folder cannot be written, the disk is full, or a view would no longer
            work. The newest snapshot stays what it is on any error, the caller's included.
    """
    folder = path.parent / FOLDER
    staging = folder / "staging"
    with _plain_errors(path):
        folder.mkdir(parents=True, exist_ok=True)
        _check_alone(path)
        with _writing_alone(folder, who, say):
            current = newest(path)
            # The base may have been pruned while this waited for another writer.
            start = find(path, base.number) if base else current
            if start:  # a damaged one is named before it is copied
                with suppress(duckdb.ConnectionException):
                    open_snapshot(path, start.number).close()
            _clear_leftovers(folder, current)
            there = [int(snapshot.name) for snapshot in snapshots(folder)]
            number = max(there, default=0) + 1
            staging.mkdir()
            try:
                if start:
                    _clone(start.file, staging / FILE)
                    # The copy goes to the disk while the caller waits for rows: else the commit
                    # would wait for all of it.
                    threading.Thread(
                        target=_sync, args=[staging / FILE], name="flush", daemon=True
                    ).start()
                with _transaction(staging / FILE, memory_limit, replacing) as connection:
                    yield connection
                    _check_views(connection)
                    parts = _note(connection, number, who, part_of, current)
                _publish(staging, path, number)
            finally:
                shutil.rmtree(staging, ignore_errors=True)
            _prune(folder, keep, parts)


def flush(connection: duckdb.DuckDBPyConnection) -> None:
    """Have what was written so far be in the private copy's file, and no longer in memory.

    Nobody sees it before the copy is published, so that the caller's transaction is none to others.
    """
    connection.execute("COMMIT")
    connection.execute("CHECKPOINT")
    connection.execute("BEGIN")


@contextmanager
def _transaction(
    file: Path, memory_limit: str | None, replacing: Sequence[str]
) -> Iterator[duckdb.DuckDBPyConnection]:
    config: dict[str, str | bool | int | float | list[str]] = {
        "storage_compatibility_version": STORAGE_VERSION,
        "memory_limit": memory_limit or f"{BASE_MB}MB",
        # The rows come one batch after the other: a second thread adds memory, not speed.
        "threads": 1,
        # Row groups of large values are kept small: joined, they would not fit into memory.
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


def _note(
    connection: duckdb.DuckDBPyConnection,
    number: int,
    who: str,
    part_of: str | None,
    current: Snapshot | None,
) -> set[int]:
    """Note in the file itself which snapshot it is. Returns the earlier parts of the same whole."""
    connection.execute(
        f"CREATE TABLE IF NOT EXISTS {TABLE} "
        '("number" BIGINT, "written_at" TIMESTAMPTZ, "writer" VARCHAR, "part_of" VARCHAR)'
    )
    # A file of an earlier version lacks it.
    connection.execute(f"ALTER TABLE {TABLE} ADD COLUMN IF NOT EXISTS part_of VARCHAR")
    # Made from an older snapshot, the file does not know those that came after it.
    ((last,),) = connection.execute(f"SELECT coalesce(max(number), 0) FROM {TABLE}").fetchall()
    if current and last < current.number:
        # If it cannot be opened, that is why somebody rolls it back.
        with suppress(duckdb.Error), _open(current.file) as newer:
            newer.execute("SET TimeZone = 'UTC'")
            if has_table(newer, TABLE):
                later = newer.sql(f"FROM {TABLE} WHERE number > {last}")
                marks = ", ".join("?" * len(later.columns))
                for row in later.fetchall():
                    connection.execute(
                        f"INSERT INTO {TABLE} ({', '.join(later.columns)}) VALUES ({marks})", row
                    )
    parts = connection.execute(f"SELECT number FROM {TABLE} WHERE part_of = ?", [part_of])
    earlier = {part for (part,) in parts.fetchall()}
    # DuckDB's now() is when the transaction began: nobody could read the rows then.
    connection.execute(
        f"INSERT INTO {TABLE} VALUES (?, ?, ?, ?)", [number, datetime.now(UTC), who, part_of]
    )
    return earlier


def _check_views(connection: duckdb.DuckDBPyConnection) -> None:
    """See that no view in the file is broken by what was written.

    Raises:
        WarehouseError: one is; names it and what it misses.
    """
    for (view,) in connection.execute(
        "SELECT view_name FROM duckdb_views() WHERE NOT internal"
    ).fetchall():
        try:
            connection.execute(f'DESCRIBE "{view}"')
        except duckdb.Error as error:
            raise WarehouseError(
                f"The view {view} would no longer work: {str(error).splitlines()[0]}",
                safe=SAFE,
                todo=f"Change the file of {view} to what the new columns are, and run again.",
            ) from None


def _publish(staging: Path, path: Path, number: int) -> None:
    """Make the staged file the newest snapshot. Durable before it is visible."""
    folder = staging.parent
    shutil.rmtree(staging / "spill", ignore_errors=True)
    (staging / FILE).chmod(0o444)
    _sync(staging / FILE)
    _sync(staging)
    snapshot = folder / f"{number:06d}"
    staging.rename(snapshot)
    _sync(folder)
    link = folder / "link"
    link.unlink(missing_ok=True)
    link.symlink_to(Path(FOLDER) / snapshot.name / FILE)
    link.replace(path)
    _sync(path.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def snapshots(folder: Path) -> list[Path]:
    """Return the folders of the snapshots on disk, oldest first."""
    return sorted(
        (entry for entry in folder.glob("*") if _NUMBER.fullmatch(entry.name)),
        key=lambda entry: int(entry.name),
    )


def _clear_leftovers(folder: Path, current: Snapshot | None) -> None:
    """Remove what a killed writer left: its staging, or a snapshot it did not come to link.

    Where the link itself is gone, nothing tells which snapshots were left: all stay.
    """
    shutil.rmtree(folder / "staging", ignore_errors=True)
    (folder / "link").unlink(missing_ok=True)
    for snapshot in snapshots(folder):
        if current and int(snapshot.name) > current.number:
            shutil.rmtree(snapshot)


def _prune(folder: Path, keep: int, parts: Collection[int]) -> None:
    """Remove the earlier parts of the newest snapshot's whole, and the oldest of the others.

    Who still reads one keeps reading: the open file lives on.
    """
    there = snapshots(folder)
    replaced = [snapshot for snapshot in there if int(snapshot.name) in parts]
    others = [snapshot for snapshot in there if snapshot not in replaced]
    for snapshot in [*replaced, *others[:-keep]]:
        shutil.rmtree(snapshot, ignore_errors=True)


def _clone(source: Path, target: Path) -> None:
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


def _check_alone(path: Path) -> None:
    """See that the folder's snapshots belong to this link and no other."""
    for entry in os.scandir(path.parent):
        if entry.is_symlink() and entry.name != path.name:
            target = Path(entry.path).readlink()
            if target.parts[:1] == (FOLDER,):
                raise WarehouseError(
                    f"{path.parent} already holds the warehouse {entry.name}.",
                    safe="It was not touched.",
                    todo="Give each warehouse a folder of its own: change WAREHOUSE_PATH.",
                )


@contextmanager
def _writing_alone(folder: Path, who: str, say: Callable[[str], None]) -> Iterator[None]:
    """Hold the writer's lock. The operating system frees it when its holder dies."""
    lock = FileLock(folder / "lock")
    note = folder / "writer"
    began = time.monotonic()
    while True:
        try:
            lock.acquire(timeout=_WAIT_SECONDS if time.monotonic() - began > 0.5 else 0.2)
            break
        except Timeout:
            holder = note.read_text().strip() if note.exists() else "another process"
            say(
                f"Waiting for {holder}, which is writing a snapshot "
                f"({time.monotonic() - began:.0f} s so far). Readers are not affected."
            )
            time.sleep(0.3)
    try:
        note.write_text(f"{who} (process {os.getpid()}, {Path(sys.argv[0]).name})\n")
        yield
    finally:
        lock.release()


@contextmanager
def _plain_errors(path: Path) -> Iterator[None]:
    """Turn the file system's errors, the system's own or DuckDB's, into ones for people."""
    try:
        yield
    except OSError as error:
        raise _unwritable(path, error) from None
    except (duckdb.IOException, duckdb.FatalException, duckdb.OutOfMemoryException) as error:
        raise _unwritable(path, error) from None


def _unwritable(path: Path, error: Exception) -> WarehouseError:
    free = shutil.disk_usage(next(p for p in path.parents if p.exists())).free
    text = str(error).splitlines()[0]
    full = re.search(r"No space left|File too large|quota|max_temp_directory_size", text)
    if isinstance(error, duckdb.OutOfMemoryException) and not full:
        todo = "Raise WAREHOUSE_MEMORY_LIMIT, and run again."
    elif full:
        todo = (
            f"Make room ({free / 1e9:.1f} GB are free; a refresh needs about three times the size "
            "of the warehouse for a moment), or move it with WAREHOUSE_PATH; then run again."
        )
    else:
        todo = "Make the folder writable, or move the warehouse with WAREHOUSE_PATH."
    return WarehouseError(f"Writing {path} failed: {text}", safe=SAFE, todo=todo)
