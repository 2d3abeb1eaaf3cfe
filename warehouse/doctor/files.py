"""The checks of the warehouse's files: the newest snapshot, and what was left."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

import duckdb

from warehouse.console.text import counted
from warehouse.days import retention
from warehouse.doctor.context import Case
from warehouse.doctor.findings import Finding, failure, ok, warning
from warehouse.errors import WarehouseError
from warehouse.settings import Settings
from warehouse.store import history, snapshots, staging, tampering
from warehouse.store import open_files as holders


def warehouse(case: Case) -> Iterator[Finding]:
    """See that the newest snapshot can be opened, and that its views work."""
    path = case.settings.path
    newest = snapshots.newest(path)
    if newest is None:
        yield ok(f"There is none at {path} yet: `just materialize` builds it.")
        return
    for snapshot in [*snapshots.kept(path), *snapshots.later(path)]:
        for found in tampering.findings(snapshot.number, snapshot.file):
            yield warning(found.what, found.todo)
    try:
        # Said above, of all snapshots.
        with _quietly(), snapshots.read(path) as connection:
            views = connection.execute(
                "SELECT view_name FROM duckdb_views() WHERE NOT internal"
            ).fetchall()
            for (view,) in views:
                connection.execute(f'DESCRIBE "{view}"')
    except duckdb.Error as error:
        yield failure(
            f"{path}: {str(error).splitlines()[0]}",
            "`just history` lists the snapshots, `just rollback NUMBER` makes an older one the "
            "newest again.",
        )
        return
    yield ok(f"Snapshot {newest.number} at {path} opens, and its {len(views)} views work.")


@contextmanager
def _quietly() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", tampering.SnapshotChanged)
        yield


def leftovers(case: Case) -> Iterator[Finding]:
    """See what a killed writer, an older setting or a cache left on the disk."""
    path = case.settings.path
    snapshots_folder = path.parent / snapshots.FOLDER
    found = [*_staging(path, snapshots_folder), *_numbers(path, snapshots_folder, case.settings)]
    yield from found or [ok("Nothing is left over from a write.")]
    yield from _pickles(case.settings.folder)


def _staging(path: Path, snapshots_folder: Path) -> Iterator[Finding]:
    if not (snapshots_folder / "staging").exists():
        return
    if writer := holders.writer(path):
        yield ok(f"{writer.name} is writing a snapshot, since {writer.since.astimezone():%H:%M}.")
        return
    last = holders.last_writer(path)
    yield warning(
        f"{snapshots_folder / 'staging'} ({_size(snapshots_folder / 'staging')}) is left over: "
        f"{last.name if last else 'a writer'} did not come to its end.",
        "The next load removes it, and nobody reads it.",
    )


def _numbers(path: Path, snapshots_folder: Path, settings: Settings) -> Iterator[Finding]:
    newest = snapshots.newest(path)
    if newest is None or not snapshots_folder.is_dir():
        return
    on_disk = snapshots.snapshot_folders(snapshots_folder)
    if later := snapshots.later(path):
        numbers = ", ".join(str(one.number) for one in later)
        yield warning(
            f"The link was set back by hand to snapshot {newest.number}; {numbers} came later.",
            "They stay until they are pruned: `just rollback NUMBER` makes one the newest again.",
        )
    unlinked = staging.unlinked(snapshots_folder, newest)
    for entry in unlinked if holders.writer(path) is None else []:
        yield warning(
            f"Snapshot {int(entry.name)} ({_size(entry)}) was written and never linked.",
            "The next load removes it, and nobody reads it.",
        )
    written: dict[int, datetime] = {}
    with _quietly(), suppress(WarehouseError):
        written = history.written(path)
    linked = [int(entry.name) for entry in on_disk if entry not in unlinked]
    keep, days = settings.keep_snapshots, settings.keep_days
    beyond = {*linked} - {*retention.staying(linked, written, keep=keep, days=days)}
    if beyond:
        yield warning(
            f"{counted(len(beyond), 'snapshot')} more than WAREHOUSE_KEEP_SNAPSHOTS={keep} and "
            f"WAREHOUSE_KEEP_DAYS={days} keep on the disk: {', '.join(map(str, sorted(beyond)))}.",
            "The next load removes what is too much.",
        )


def _pickles(folder: Path) -> Iterator[Finding]:
    pickles = folder / ".dagster" / "pickles"
    if pickles.exists():
        yield ok(
            f"{pickles} holds {_size(pickles)} of the I/O manager pickle_cache; what is not used "
            "any more may be removed."
        )


def _size(folder: Path) -> str:
    size = sum(entry.stat().st_size for entry in folder.rglob("*") if entry.is_file())
    return f"{size / 1e6:,.1f} MB"
