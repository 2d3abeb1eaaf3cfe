"""One link to immutable snapshots: readers are never blocked and never see half a write.

    data/warehouse.duckdb -> .warehouse/000042/warehouse.duckdb     what everyone opens
    data/.warehouse/000041/warehouse.duckdb                         kept, for those still reading it
    data/.warehouse/staging/warehouse.duckdb                        while somebody writes
    data/.warehouse/lock, writer                                    one writer at a time, who, and
                                                                    the last number that was given

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
from warehouse.store import tampering
from warehouse.store.disk_errors import SAFE as SAFE
from warehouse.store.disk_errors import plain_errors

FOLDER = ".warehouse"
FILE = "warehouse.duckdb"
STORAGE_VERSION = "v1.5.0"
"""DuckDB 1.5 and later open the file: the newest default would shut out the command line tool."""

BASE_MB, COLUMN_MB = 48, 1
"""What DuckDB needs to write a table, found by trying: up to 200 columns of text."""

TABLE = "snapshots"
"""The table that lists the snapshots that led to the one it is in."""

_NUMBER = re.compile(r"\d{6,}")
_GIVEN = re.compile(r"^snapshot (\d+)$", re.MULTILINE)
_STAGED = (FILE, "spill", tampering.SEAL, tampering.UNALTERED)
"""How the names of all begin that a writer puts into staging."""
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
            return _open_warning(snapshot)
        except _DAMAGED as error:
            # Pruned between reading the link and opening the file, if there is a newer one.
            if newest(path) == snapshot:
                raise _unreadable(path, snapshot, error) from None


def kept(path: Path) -> list[Snapshot]:
    """Return the snapshots on disk, oldest first, the newest one last."""
    current = newest(path)
    if current is None:
        return []
    return [snapshot for snapshot in _on_disk(path) if snapshot.number <= current.number]


def later(path: Path) -> list[Snapshot]:
    """Return the snapshots that were published after the one that the link points to.

    There are some where somebody set the link back by hand: they stay until they are pruned.
    """
    current, given = newest(path), last_given(path.parent / FOLDER)
    if current is None:
        return []
    return [
        one
        for one in _on_disk(path)
        if one.number > current.number and (given is None or one.number <= given)
    ]


def last_given(folder: Path) -> int | None:
    """Return the last number that was given to a snapshot; None if that was not noted."""
    try:
        noted = _GIVEN.search((folder / "writer").read_text())
    except (OSError, UnicodeDecodeError):
        return None
    return int(noted[1]) if noted else None


def _on_disk(path: Path) -> list[Snapshot]:
    return [Snapshot(int(entry.name), entry / FILE) for entry in snapshots(path.parent / FOLDER)]


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
        ] or [one for one in later(path) if meant == one.number]
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
            return _open_warning(snapshot)
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


def _open_warning(snapshot: Snapshot) -> duckdb.DuckDBPyConnection:
    """Open a snapshot as it was published, and warn if somebody wrote to it since."""
    connection = _open(snapshot.file)
    tampering.warn(snapshot.number, snapshot.file)
    return connection


def _open(file: Path) -> duckdb.DuckDBPyConnection:
    real = file.resolve()
    name = tampering.without_log(real)
    connection = duckdb.connect(str(name), read_only=True)
    # It may have come between the look and the opening; while the file is open here, none can.
    if (other := tampering.without_log(real)) != name:
        connection.close()
        connection = duckdb.connect(str(other), read_only=True)
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
    check_name(path)
    with plain_errors(path):
        folder.mkdir(parents=True, exist_ok=True)
        _check_alone(path)
        with _writing_alone(folder, who, say):
            current = newest(path)
            # The base may have been pruned while this waited for another writer.
            start = find(path, base.number) if base else current
            if start:
                _check_base(path, start, say)
            _clear_leftovers(folder, current)
            latest = _latest(path, current)
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
                    number, parts = _note(connection, latest, who, part_of)
                _publish(staging, path, number, who)
            finally:
                shutil.rmtree(staging, ignore_errors=True)
            _prune(folder, keep, parts)


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


def _check_base(path: Path, start: Snapshot, say: Callable[[str], None]) -> None:
    """See that the snapshot from which a write starts is whole, and say if it was changed.

    Raises:
        WarehouseError: it cannot be opened.
    """
    try:
        # Open in this process with other options, it is whole as well.
        with suppress(duckdb.ConnectionException):
            _open(start.file).close()
    except _DAMAGED as error:
        raise _unreadable(path, start, error) from None
    for found in tampering.findings(start.number, start.file):
        say(f"{found.what} This write starts from it. {found.todo}")


def _latest(path: Path, current: Snapshot | None) -> Snapshot:
    """Return the latest snapshot that there ever was, as far as anything here tells.

    Its number was given and is not given again, even if its folder is gone.
    """
    found = [*_on_disk(path), *([current] if current else [])]
    given = last_given(path.parent / FOLDER) or 0
    latest = max(found, key=lambda one: one.number, default=Snapshot(0, path))
    if given <= latest.number:
        return latest
    return Snapshot(given, path.parent / FOLDER / f"{given:06d}" / FILE)


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
    connection: duckdb.DuckDBPyConnection, latest: Snapshot, who: str, part_of: str | None
) -> tuple[int, set[int]]:
    """Note in the file itself which snapshot it is.

    Returns:
        Its number, and the earlier parts of the same whole.
    """
    connection.execute(
        f"CREATE TABLE IF NOT EXISTS {TABLE} "
        '("number" BIGINT, "written_at" TIMESTAMPTZ, "writer" VARCHAR, "part_of" VARCHAR)'
    )
    # A file of an earlier version lacks it.
    connection.execute(f"ALTER TABLE {TABLE} ADD COLUMN IF NOT EXISTS part_of VARCHAR")
    # Made from an older snapshot, the file does not know those that came after it.
    if (last := _last_number(connection)) < latest.number:
        # If it cannot be opened, that is why somebody goes back.
        with suppress(duckdb.Error), _open(latest.file) as newer:
            newer.execute("SET TimeZone = 'UTC'")
            if has_table(newer, TABLE):
                rows = newer.sql(f"FROM {TABLE} WHERE number > {last}")
                marks = ", ".join("?" * len(rows.columns))
                for row in rows.fetchall():
                    connection.execute(
                        f"INSERT INTO {TABLE} ({', '.join(rows.columns)}) VALUES ({marks})", row
                    )
    number = max(latest.number, _last_number(connection)) + 1
    parts = connection.execute(f"SELECT number FROM {TABLE} WHERE part_of = ?", [part_of])
    earlier = {part for (part,) in parts.fetchall()}
    # DuckDB's now() is when the transaction began: nobody could read the rows then.
    connection.execute(
        f"INSERT INTO {TABLE} VALUES (?, ?, ?, ?)", [number, datetime.now(UTC), who, part_of]
    )
    return number, earlier


def _last_number(connection: duckdb.DuckDBPyConnection) -> int:
    ((last,),) = connection.execute(f"SELECT coalesce(max(number), 0) FROM {TABLE}").fetchall()
    return int(last)


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


def _publish(staging: Path, path: Path, number: int, who: str) -> None:
    """Make the staged file the newest snapshot. Durable before it is visible."""
    folder = staging.parent
    shutil.rmtree(staging / "spill", ignore_errors=True)
    (staging / FILE).chmod(0o444)
    tampering.seal(staging / FILE)
    _sync(staging / FILE)
    _sync(staging)
    snapshot = folder / f"{number:06d}"
    link = folder / "link"
    link.symlink_to(Path(FOLDER) / snapshot.name / FILE)
    try:
        staging.rename(snapshot)
        # Before the link: what has a higher number than this was never linked.
        _note_writer(folder, who, number)
        _sync(folder)
        link.replace(path)
    except BaseException:
        link.unlink(missing_ok=True)
        shutil.rmtree(snapshot, ignore_errors=True)
        raise
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
        (entry for entry in folder.glob("*") if _NUMBER.fullmatch(entry.name) and entry.is_dir()),
        key=lambda entry: int(entry.name),
    )


def unlinked(folder: Path, current: Snapshot | None) -> list[Path]:
    """Return the snapshots that a killed writer did not come to link.

    Those that were linked once have numbers up to the last one that was given. Where the link
    itself is gone, or nothing tells what was given, none is known to be one: all stay.
    """
    given = last_given(folder)
    if current is None or given is None:
        return []
    last = max(current.number, given)
    return [snapshot for snapshot in snapshots(folder) if int(snapshot.name) > last]


def _clear_leftovers(folder: Path, current: Snapshot | None) -> None:
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
    began = time.monotonic()
    while True:
        try:
            lock.acquire(timeout=_WAIT_SECONDS if time.monotonic() - began > 0.5 else 0.2)
            break
        except Timeout:
            holder = writer_named(folder) or "another process"
            say(
                f"Waiting for {holder}, which is writing a snapshot "
                f"({time.monotonic() - began:.0f} s so far). Readers are not affected."
            )
            time.sleep(0.3)
    try:
        _note_writer(folder, who, last_given(folder))
        yield
    finally:
        lock.release()


def _note_writer(folder: Path, who: str, given: int | None) -> None:
    """Note who writes, and the last number that was given. Replaced whole: a full disk, and a kill,
    leave the earlier note."""
    note = folder / "writer.new"
    lines = [f"{who} (process {os.getpid()}, {Path(sys.argv[0]).name})"]
    lines += [f"snapshot {given}"] if given is not None else []
    try:
        note.write_text("\n".join(lines) + "\n")
        note.replace(folder / "writer")
    except OSError:
        with suppress(OSError):
            note.unlink(missing_ok=True)
        raise


def writer_named(folder: Path) -> str:
    """Return who wrote last, or still does, in its own words; nothing if that was not noted."""
    try:
        return next(iter((folder / "writer").read_text().splitlines()), "").strip()
    except FileNotFoundError:
        return ""
