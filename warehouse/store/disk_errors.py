"""What the file system says when a write fails, the system's own words or DuckDB's, for people."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from warehouse.errors import WarehouseError

SAFE = "Nothing was changed: everyone still reads the last snapshot."

_OF_THE_DISK = (duckdb.IOException, duckdb.FatalException, duckdb.OutOfMemoryException)
_FEW_FILES = 16
"""A write makes a handful of files: with fewer left on a file system, they are what it lacks."""

_ADVICE = {
    "Disk quota exceeded": "Make room: your disk quota is used up. Or have it raised",
    "File too large": "Make room for larger files: a limit on their size is reached. `ulimit -f` "
    "shows yours, and some file systems have one of their own. Raise it",
    "Too many open files": "Raise the limit on open files (`ulimit -n`)",
    "Read-only file system": "The file system is mounted read-only. Mount it for writing",
    "Input/output error": "The disk cannot be read or written: see the system's log, and check it",
}
"""What to do, by the system's words for an error. All of them may also move the warehouse."""

_NO_ROOM = "No space left|max_temp_directory_size"
_FULL = f"{_NO_ROOM}|Disk quota exceeded|File too large"

_IN_THE_WAY = (errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENOTEMPTY, errno.ELOOP)


@contextmanager
def plain_errors(path: Path) -> Iterator[None]:
    """Turn the file system's errors while a warehouse is written into ones for people.

    Raises:
        WarehouseError: says what is full or in the way, what is safe, and what to do.
    """
    try:
        yield
    except OSError as error:
        raise _unwritable(path, error) from None
    except duckdb.Error as error:
        if not _is_of_the_disk(error):
            raise
        raise _unwritable(path, error) from None


def _is_of_the_disk(error: duckdb.Error) -> bool:
    """Whether it is the disk's or the memory's; at the commit DuckDB calls it the transaction's."""
    text = str(error)
    return (
        isinstance(error, _OF_THE_DISK)
        or "Failed to commit" in text
        or any(words in text for words in ("No space left", *_ADVICE))
    )


def is_full(error: Exception) -> bool:
    """Whether a file system, or a quota, has no room left."""
    return bool(re.search(_FULL, str(error)))


def _unwritable(path: Path, error: Exception) -> WarehouseError:
    text = next(iter(str(error).splitlines()), type(error).__name__)
    return WarehouseError(
        f"Writing {path} failed: {text}", safe=SAFE, todo=f"{_advice(path, error, text)}."
    )


def _advice(path: Path, error: Exception, text: str) -> str:
    elsewhere = "or move the warehouse with WAREHOUSE_PATH; then run again"
    for words, advice in _ADVICE.items():
        if words in text:
            return f"{advice}, {elsewhere}"
    if re.search(_NO_ROOM, text):
        return f"{_room(path)}, {elsewhere}"
    if isinstance(error, duckdb.OutOfMemoryException):
        return "Raise WAREHOUSE_MEMORY_LIMIT, and run again"
    if isinstance(error, OSError) and error.errno in _IN_THE_WAY and error.filename:
        blocking = Path(error.filename2 or error.filename)
        return f"{blocking} is {_kind(blocking)}, and in the way. Move it away, {elsewhere}"
    return f"Make the folder writable, {elsewhere}"


def _room(path: Path) -> str:
    """Say what a full file system lacks: room, or inodes, of which each file takes one."""
    system = os.statvfs(next(part for part in path.parents if part.exists()))
    free = system.f_bavail * system.f_frsize / 1e9
    if system.f_files and system.f_favail < _FEW_FILES:
        return (
            f"Remove files: the file system has no inodes left, of which each file takes one "
            f"({system.f_favail} of {system.f_files:,} are free; {free:.1f} GB are)"
        )
    return (
        f"Make room ({free:.1f} GB are free; a refresh needs about three times the size of the "
        "warehouse for a moment)"
    )


def _kind(path: Path) -> str:
    if path.is_symlink():
        return "a link"
    return "a folder" if path.is_dir() else "a file"
