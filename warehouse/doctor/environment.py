"""The checks of this machine: the folder, the disk, the file, what was left, what is installed."""

from __future__ import annotations

import fcntl
import os
import platform
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import duckdb
from packaging.requirements import Requirement

from warehouse.assets import run_history as runs
from warehouse.console.text import counted
from warehouse.doctor.context import Case
from warehouse.doctor.findings import Finding, failure, ok, warning
from warehouse.settings import DAGSTER_FILE, ROOT, project_folder
from warehouse.store import file_system, reflink, snapshots, spare, staging, tampering
from warehouse.store import open_files as holders

TIMES = 3
"""A refresh needs so many times the warehouse's size for a moment."""

LOCK = ROOT / "requirements.lock"
SHOWN = ("dagster", "duckdb", "pymysql", "pyarrow", "pandas")
NETWORK = ("nfs", "cifs", "smb", "9p", "afs", "ceph", "gluster", "lustre", "fuse.")
"""How the types of network drives begin."""


def folder(case: Case) -> Iterator[Finding]:
    """See that the warehouse's folder can do what a snapshot needs. Tried in a folder beside it."""
    snapshots.check_name(case.settings.path)
    beside = _existing(case.settings.path.parent)
    kind = file_system.kind(beside)
    if kind and kind.startswith(NETWORK):
        yield warning(
            f"{beside} is on a network drive ({kind}), where locks and links cannot be trusted.",
            "Set WAREHOUSE_PATH to a local disk.",
        )
    try:
        with tempfile.TemporaryDirectory(prefix=".doctor-", dir=beside) as name:
            _try_out(Path(name))
            start = how_a_write_starts(Path(name))
    except OSError as error:
        yield failure(
            f"{beside} cannot hold a warehouse: {error.strerror or error}.",
            "Make it writable, or set WAREHOUSE_PATH to a local folder that is.",
        )
        return
    yield ok(f"{beside} can be written; links and locks work{f' ({kind})' if kind else ''}.")
    yield ok(start)


def how_a_write_starts(folder: Path) -> str:
    """Say what a write costs on the file system of a folder before anything is written.

    Raises:
        OSError: the folder cannot be written.
    """
    if reflink.clones(folder):
        return "A write starts from a clone: it takes the time and the room of what changes."
    if spare.works_in(folder):
        return (
            "A write starts from a spare file, since this file system does not clone: it takes the "
            "time of what changes, and the disk holds one file more than there are snapshots."
        )
    return (
        "A write starts from a full copy, since this file system does not clone and tells nothing "
        "of who has a file open: it takes the time of a copy of the warehouse."
    )


def _try_out(here: Path) -> None:
    """Replace a link, and lock a file against a second one who asks.

    Raises:
        OSError: one of them does not work.
    """
    (here / "file").write_text("here")
    for link in (here / "first", here / "second"):
        link.symlink_to("file")
    (here / "second").replace(here / "first")
    if (here / "first").read_text() != "here":
        raise OSError("a link does not lead to its file")
    with (here / "lock").open("w") as one, (here / "lock").open("w") as other:
        fcntl.flock(one, fcntl.LOCK_EX | fcntl.LOCK_NB)
        try:
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
    raise OSError("locks do not lock")


def _existing(path: Path) -> Path:
    return next(part for part in (path, *path.parents) if part.exists())


def disk(case: Case) -> Iterator[Finding]:
    """See that a refresh has room."""
    path = case.settings.path
    newest = snapshots.newest(path)
    size = newest.file.stat().st_size if newest and newest.file.exists() else 0
    yield judge_disk(shutil.disk_usage(_existing(path.parent)).free, size)


def judge_disk(free: int, size: int) -> Finding:
    """Judge the bytes that are free by the size of the newest snapshot."""
    text = f"{free / 1e9:,.1f} GB are free, and the warehouse has {size / 1e9:,.3f} GB"
    needed = TIMES * size
    todo = (
        f"Make room for {needed / 1e9:,.1f} GB, set WAREHOUSE_KEEP_SNAPSHOTS lower, or move the "
        "warehouse with WAREHOUSE_PATH."
    )
    if free < size:
        return failure(f"{text}: not even its copy has room.", todo)
    if free < needed:
        return warning(f"{text}: a refresh needs {TIMES} times its size for a moment.", todo)
    return ok(f"{text}: room for a refresh.")


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
    house = path.parent / snapshots.FOLDER
    found = [*_staging(path, house), *_numbers(path, house, case.settings.keep_snapshots)]
    yield from found or [ok("Nothing is left over from a write.")]
    yield from _pickles(case.settings.folder)


def _staging(path: Path, house: Path) -> Iterator[Finding]:
    if not (house / "staging").exists():
        return
    if writer := holders.writer(path):
        yield ok(f"{writer.name} is writing a snapshot, since {writer.since.astimezone():%H:%M}.")
        return
    last = holders.last_writer(path)
    yield warning(
        f"{house / 'staging'} ({_size(house / 'staging')}) is left over: "
        f"{last.name if last else 'a writer'} did not come to its end.",
        "The next load removes it, and nobody reads it.",
    )


def _numbers(path: Path, house: Path, keep: int) -> Iterator[Finding]:
    newest = snapshots.newest(path)
    if newest is None or not house.is_dir():
        return
    on_disk = snapshots.snapshot_folders(house)
    if later := snapshots.later(path):
        numbers = ", ".join(str(one.number) for one in later)
        yield warning(
            f"The link was set back by hand to snapshot {newest.number}; {numbers} came later.",
            "They stay until they are pruned: `just rollback NUMBER` makes one the newest again.",
        )
    unlinked = staging.unlinked(house, newest)
    for entry in unlinked if holders.writer(path) is None else []:
        yield warning(
            f"Snapshot {int(entry.name)} ({_size(entry)}) was written and never linked.",
            "The next load removes it, and nobody reads it.",
        )
    beyond = on_disk[: max(len(on_disk) - len(unlinked) - keep, 0)]
    if beyond:
        numbers = ", ".join(str(int(entry.name)) for entry in beyond)
        yield warning(
            f"{counted(len(beyond), 'snapshot')} more than the {keep} of "
            f"WAREHOUSE_KEEP_SNAPSHOTS on the disk: {numbers}.",
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


def versions(_: Case) -> Iterator[Finding]:
    """See that what is installed is what the lock says."""
    shown = ", ".join(f"{name} {version(name)}" for name in SHOWN)
    yield ok(f"Python {platform.python_version()}, {shown}, {platform.system()}.")
    if not LOCK.exists():
        return
    locked = [Requirement(line) for line in _pins(LOCK.read_text(encoding="utf-8"))]
    wanted = [r for r in locked if r.marker is None or r.marker.evaluate()]
    differ = [f"{r} ({have or 'missing'})" for r in wanted if not _same(r, have := _have(r.name))]
    if differ:
        yield warning(
            f"{len(differ)} of {len(wanted)} packages are not as {LOCK.name} says: "
            f"{', '.join(differ)}.",
            f".venv/bin/python -m pip install --require-hashes -r {LOCK.name}",
        )
    else:
        yield ok(f"All {len(wanted)} packages are as {LOCK.name} says.")


def _pins(lock: str) -> Iterator[str]:
    """Return the requirements of a lock, without their hashes."""
    for line in lock.splitlines():
        if line[:1].isalnum():
            yield line.removesuffix("\\").strip()


def _have(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _same(wanted: Requirement, have: str | None) -> bool:
    return have is not None and wanted.specifier.contains(have, prereleases=True)


def history(_: Case) -> Iterator[Finding]:
    """See where Dagster keeps its runs."""
    home, given = runs.home(), "DAGSTER_HOME" in os.environ
    if given and not (home.is_absolute() and home.is_dir()):
        yield failure(
            f"DAGSTER_HOME is {home}, which is not the whole path of a folder that is there.",
            "Make the folder, or unset DAGSTER_HOME: the history is then in .dagster here.",
        )
    elif given and not (home / DAGSTER_FILE).exists():
        yield warning(
            f"DAGSTER_HOME is {home}, without a dagster.yaml: Dagster's defaults hold there, its "
            "telemetry included.",
            "Copy dagster.yaml there, or unset DAGSTER_HOME: the history is then in "
            f"{project_folder()}.",
        )
    elif not os.access(_existing(home), os.W_OK):
        yield failure(f"{home} cannot be written.", "Make it writable: each run is noted there.")
    else:
        yield ok(f"Runs are noted in {home}{'' if given else ' (dagster.yaml)'}.")
