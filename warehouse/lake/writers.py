"""Who writes to a lake now, so that the next writer removes what a killed one left.

All that a writer makes has the writer's id in its name. In a lake that is a folder it also has a
file `writers/<machine>-<id>`, on which it holds a lock. The system frees the lock when the writer
ends, in whatever way. So a file of this machine that nobody locks is that of a dead writer: what
bears its id, and no manifest names, is removed.

Other machines cannot see whether a writer lives, and an object store knows no locks. What is left
there goes after a day, see `prune`.
"""

from __future__ import annotations

import fcntl
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from warehouse.errors import WarehouseError
from warehouse.lake import place
from warehouse.lake.names import SNAPSHOTS, TABLES, is_of
from warehouse.lake.place import Lake
from warehouse.lake.snapshots import GRACE, named_files

_FOLDER = "writers"
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_DEPTH = 3
"""What a writer makes is `tables/<table>/<name>`, a file or a folder of files."""
_LINGERING = timedelta(minutes=10)
"""So long after a writer was first seen dead, each other writer looks for what it left. A Spark
server ends after five minutes what it does for a client that is gone, and writes until then."""


class Note:
    """What says that somebody writes to a lake."""

    def __init__(self, lake: Lake) -> None:
        """Write it, and clear up after dead writers first.

        Raises:
            WarehouseError: the lake cannot be read or written.
        """
        self._descriptor: int | None = None
        if not lake.is_local:
            return
        with place.plain_errors(lake, "Writing"):
            folder = Path(lake.at(_FOLDER))
            place.make_folder(folder)
            _clear(lake, folder)
            self._file = folder / f"{_machine()}-{lake.writer}"
            self._descriptor = os.open(self._file, os.O_CREAT | os.O_RDWR)
        try:
            # Shared with who else writes through the same open lake.
            fcntl.flock(self._descriptor, fcntl.LOCK_SH)
        except OSError:  # a file system without locks: a note would pass for that of a dead writer
            self.end()

    def end(self, *, executors_write: bool = False) -> None:
        """Say that nobody writes any more.

        Args:
            executors_write: Whether executors of Spark may still do. Then the next writer looks.
        """
        if self._descriptor is None:
            return
        if not executors_write:
            self._file.unlink(missing_ok=True)
        os.close(self._descriptor)
        self._descriptor = None


@contextmanager
def noted(lake: Lake, *, by_executors: bool = False) -> Iterator[None]:
    """Note that a lake is written, for the length of a `with`, see `Note`.

    Args:
        lake: Where.
        by_executors: Whether executors of Spark write, who may go on after an error.
    """
    note, failed = Note(lake), True
    try:
        yield
        failed = False
    finally:
        note.end(executors_write=by_executors and failed)


def _machine() -> str:
    """Return what tells this machine from others: of containers, the one that runs them."""
    try:
        return uuid.UUID(_BOOT_ID.read_text().strip()).hex
    except (OSError, ValueError):
        return f"{uuid.getnode():x}"


def _clear(lake: Lake, folder: Path) -> None:
    """Remove what dead writers left, and the notes that have had their time."""
    dead = []
    for note in folder.iterdir():
        machine, _, writer = note.name.partition("-")
        with suppress(OSError):  # its writer ended, another one clears up, or it is another user's
            found = note.stat()
            age = datetime.now(UTC) - datetime.fromtimestamp(found.st_mtime, UTC)
            is_dead = machine == _machine() and not _is_locked(note)
            seen_before = found.st_size > 0
            if is_dead:
                dead.append(writer)
            if age > (_LINGERING if is_dead and seen_before else GRACE):
                note.unlink()
            elif is_dead and not seen_before:
                note.write_text("dead\n")
    if dead:
        _remove(lake, dead)


def _is_locked(note: Path) -> bool:
    """Whether a note is locked, or nobody can tell."""
    descriptor = os.open(note, os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def _remove(lake: Lake, writers: list[str]) -> None:
    """Remove what bears the id of one of these writers and is in no snapshot."""
    tables = [f"{TABLES}/{name}" for name in place.names(lake, TABLES)]
    theirs = [
        f"{folder}/{name}"
        for folder in (*tables, SNAPSHOTS)
        for name in place.names(lake, folder)
        if any(is_of(name, writer) for writer in writers)
    ]
    if not theirs:
        return
    with suppress(WarehouseError):  # a manifest cannot be read: nobody knows what it names
        in_use = {"/".join(path.split("/")[:_DEPTH]) for path in named_files(lake)}
        for path in {*theirs} - in_use:
            place.remove_folder(lake, path)
