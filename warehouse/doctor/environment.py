"""The checks of this machine: the folder, the disk, what is installed."""

from __future__ import annotations

import fcntl
import os
import platform
import shutil
import tempfile
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from packaging.requirements import Requirement

from warehouse.assets import run_history as runs
from warehouse.doctor.context import Case
from warehouse.doctor.findings import Finding, failure, ok, warning
from warehouse.settings import DAGSTER_FILE, ROOT, project_folder
from warehouse.store import (
    disk_use,
    file_system,
    reflink,
    snapshots,
    spare,
)

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
            "time of what changes. The newest three snapshots are whole files; of older ones, what "
            "newer ones have not is kept."
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
    taken = disk_use.total(use for one in snapshots.kept(path) if (use := disk_use.measure(one)))
    yield judge_disk(shutil.disk_usage(_existing(path.parent)).free, size, taken)


def judge_disk(free: int, size: int, taken: int) -> Finding:
    """Judge the bytes that are free by the size of the newest snapshot.

    Args:
        free: Bytes on the disk.
        size: Of the newest snapshot.
        taken: By all snapshots that are kept.
    """
    text = (
        f"{free / 1e9:,.1f} GB are free. The newest snapshot has {size / 1e9:,.3f} GB, and all "
        f"that are kept take {taken / 1e9:,.3f} GB"
    )
    needed = TIMES * size
    todo = (
        f"Make room for {needed / 1e9:,.1f} GB, set WAREHOUSE_KEEP_SNAPSHOTS or "
        "WAREHOUSE_KEEP_DAYS lower, or move the warehouse with WAREHOUSE_PATH."
    )
    if free < size:
        return failure(f"{text}: not even its copy has room.", todo)
    if free < needed:
        return warning(f"{text}: a refresh needs {TIMES} times its size for a moment.", todo)
    return ok(f"{text}: room for a refresh.")


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
