"""A write becomes the newest snapshot as a whole, or leaves nothing behind."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb

from warehouse.days import retention
from warehouse.errors import WarehouseError
from warehouse.store import (
    blocks,
    cached_days,
    delta,
    durable,
    history,
    ledger,
    prune,
    spare,
    tampering,
    views,
    write_log,
)
from warehouse.store.disk_errors import SAFE, plain_errors
from warehouse.store.history import find, latest_given, record
from warehouse.store.snapshots import (
    DAMAGED,
    FILE,
    FOLDER,
    Snapshot,
    check_name,
    has_table,
    newest,
    on_disk,
    open_file,
    unreadable,
)
from warehouse.store.staging import (
    STAGING,
    Copy,
    clear_leftovers,
    open_copy,
    prepare,
    transaction,
)
from warehouse.store.views import broken_views, drop_view
from warehouse.store.write_lock import note_writer, writing_alone

Review = Callable[[Snapshot | None, Snapshot], None]
"""Is shown what everyone reads, and the whole file that is about to be published; raises to keep
it from that."""

BOOKKEEPING = (ledger.TABLE, cached_days.TABLE, history.TABLE, views.REGISTRY)
"""The tables that the warehouse keeps for itself."""


@contextmanager
def write(
    path: Path,
    *,
    keep: int,
    keep_days: int = 0,
    who: str,
    memory_limit: str | None = None,
    replacing: Sequence[str] = (),
    base: Snapshot | None = None,
    part_of: str | None = None,
    force: bool = False,
    review: Review | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Write a new snapshot: the caller's changes as a whole, or nothing.

    Args:
        path: The link that readers open.
        keep: How many snapshots stay, the new one included.
        keep_days: For so many days, the last snapshot of each stays as well.
        who: Named to the next writer while it waits for this one.
        memory_limit: DuckDB's, for this connection; None for little, until `make_room`.
        replacing: Tables that the caller will create again; gone when the `with` begins, so that
            the file does not hold them twice.
        base: The snapshot to start from instead of the newest one.
        part_of: The run or backfill of which this write is a part. Its earlier parts are
            no state that anybody asked for: they go first, and history counts what was asked for.
        force: Leave out a view that no longer works, instead of refusing.
        review: Sees what is about to be published. What it raises becomes the caller's error; the
            file is then the next write's spare.
        say: Told who is waited for, and what is left out.

    Yields:
        A connection to a private copy of the newest snapshot, in a transaction.

    Raises:
        WarehouseError: the folder cannot be written, the disk is full, or a view would no longer
            work. The newest snapshot stays what it is on any error, the caller's included.
    """
    folder = path.parent / FOLDER
    staging = folder / STAGING
    check_name(path)
    with plain_errors(path):
        durable.make_folders(folder)
        _check_alone(path)
        with writing_alone(folder, who, say):
            current = newest(path)
            # The base may have been pruned while this waited for another writer.
            start = find(path, base.number) if base else current
            if start:
                _check_base(path, start, say)
            clear_leftovers(folder, current)
            latest = latest_given(path, current)
            durable.make_folder(staging)
            try:
                copy = _copied(folder, start, current)
                reusable = not copy.cloned and spare.works_in(folder)
                with open_copy(staging / FILE, memory_limit) as connection:
                    with transaction(connection, replacing):
                        yield connection
                        _check_views(connection, say if force else None)
                        number, parts = record(connection, latest, who, part_of)
                        times = history.times(connection)
                        _compact(connection)
                    written = write_log.written(connection, staging / FILE)
                digests = None
                if not copy.cloned and written is not None:
                    digests = blocks.after(copy.digests, staging / FILE, written)
                _finish(staging, digests)
                if review:
                    try:
                        review(current, Snapshot(number, staging / FILE))
                    except BaseException:
                        if current and reusable and digests is not None:
                            spare.keep(folder, [staging])
                        raise
                _publish(staging, path, number, who)
            finally:
                durable.discard_folder(staging)
            numbers = {one.number for one in on_disk(path)} - parts
            staying = retention.staying(numbers, times, keep=keep, days=keep_days)
            prune.prune(folder, staying, cloned=copy.cloned, spare_one=reusable)


def _copied(folder: Path, start: Snapshot | None, current: Snapshot | None) -> Copy:
    if start is None:
        return Copy(cloned=False, digests=None)
    return prepare(folder, start.file, [current.file.parent] if current else [])


def _check_base(path: Path, start: Snapshot, say: Callable[[str], None]) -> None:
    """See that the snapshot from which a write starts is whole, and say if it was changed.

    Raises:
        WarehouseError: it cannot be opened.
    """
    as_parts = start != newest(path) or delta.files(start.file.parent)
    if as_parts and not start.file.exists():
        return  # put together from its parts, it is compared with their digests
    try:
        # Open in this process with other options, it is whole as well.
        with suppress(duckdb.ConnectionException):
            open_file(start.file).close()
    except DAMAGED as error:
        raise unreadable(path, start, error) from None
    for found in tampering.findings(start.number, start.file):
        say(f"{found.what} This write starts from it. {found.todo}")


def _check_views(
    connection: duckdb.DuckDBPyConnection, leave_out: Callable[[str], None] | None
) -> None:
    """See that no view in the file is broken by what was written.

    Args:
        connection: To the private copy.
        leave_out: Told of a broken one, which goes; None to refuse.

    Raises:
        WarehouseError: one is broken; names it and what it misses.
    """
    for view, error in broken_views(connection).items():
        if leave_out is None:
            raise WarehouseError(
                f"The view {view} would no longer work: {error}",
                safe=SAFE,
                todo=f"Change the file of {view} to what the new columns are, or publish without "
                "it: --force, in the UI the run tag warehouse/force=true.",
            )
        drop_view(connection, view)
        leave_out(f"The view {view} no longer works, and is left out: {error}")


def _compact(connection: duckdb.DuckDBPyConnection) -> None:
    """Write the tables of our own anew: what is added to one is a row group, and so a block."""
    for table in BOOKKEEPING:
        if has_table(connection, table):
            connection.execute(f"CREATE OR REPLACE TABLE {table} AS FROM {table}")


def _finish(staging: Path, digests: blocks.Digests | None) -> None:
    """Make of the staged file what nobody may change any more."""
    file = staging / FILE
    durable.discard_folder(staging / "spill")
    file.chmod(0o444)
    tampering.seal(file)
    if digests is not None:
        blocks.note(file, digests)


def _publish(staging: Path, path: Path, number: int, who: str) -> None:
    """Make the staged file the newest snapshot. Durable before it is visible."""
    folder = staging.parent
    durable.sync(staging / FILE)
    durable.sync(staging)
    snapshot = folder / f"{number:06d}"
    link = folder / "link"
    durable.link(link, Path(FOLDER) / snapshot.name / FILE)
    try:
        durable.move(staging, snapshot)
        # Before the link: what has a higher number than this was never linked.
        note_writer(folder, who, number)
        durable.sync(folder)
        durable.move(link, path)
    except BaseException:
        durable.remove(link)
        durable.discard_folder(snapshot)
        raise
    durable.sync(path.parent)


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
