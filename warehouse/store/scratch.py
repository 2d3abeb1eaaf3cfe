"""Temporary files beside the snapshots: gone at the end, and after a kill at the next start.

Each process has a folder of its own there, and holds a lock on it as long as it needs it. A folder
that nobody holds was left by a killed process.
"""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from warehouse.errors import WarehouseError

LEAD = "scratch."
"""How the names of the folders begin."""

_READ_ONLY = (errno.EACCES, errno.EPERM, errno.EROFS)


@contextmanager
def folder(snapshots: Path) -> Iterator[Path]:
    """Yield a new folder, which is removed at the end.

    Args:
        snapshots: The folder of the snapshots; the new one lies there. Where this process may not
            write there, it lies among the system's temporary files.

    Raises:
        WarehouseError: it cannot be made.
    """
    try:
        created, lock = _make(snapshots)
    except OSError as error:
        if error.errno not in _READ_ONLY:
            raise no_room(snapshots, error) from None
        created, lock = _make(Path(tempfile.gettempdir()))
    try:
        yield created
    finally:
        shutil.rmtree(created, ignore_errors=True)
        os.close(lock)


def no_room(parent: Path, error: Exception, holds: str = "") -> WarehouseError:
    """Say that temporary files do not fit.

    Args:
        parent: Where they are.
        error: What the file system says, or DuckDB.
        holds: What they hold, and how much, in a sentence.
    """
    free = shutil.disk_usage(parent).free
    return WarehouseError(
        f"There is no room for temporary files in {parent}: {str(error).splitlines()[0]}",
        safe="No snapshot was changed, and the temporary files are removed.",
        todo=f"Make room there: {free / 1e9:,.2f} GB are free now. {holds}".rstrip(),
    )


def remove_leftovers(parent: Path) -> None:
    """Remove the folders that killed processes left."""
    for leftover in parent.glob(f"{LEAD}*"):
        with suppress(OSError):  # somebody holds it, or it is another user's
            lock = os.open(leftover, os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(leftover)
            finally:
                os.close(lock)


def _make(parent: Path) -> tuple[Path, int]:
    """Return a new folder and the descriptor that holds the lock on it."""
    remove_leftovers(parent)
    while True:
        created = parent / (LEAD + secrets.token_hex(8))
        created.mkdir(mode=0o700)
        with suppress(FileNotFoundError):  # another one took it for a leftover, and removed it
            lock = os.open(created, os.O_RDONLY)
            fcntl.flock(lock, fcntl.LOCK_EX)
            if created.exists():
                return created, lock
            os.close(lock)
