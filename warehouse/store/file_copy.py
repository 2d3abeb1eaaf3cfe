"""Bytes from one file to another, inside the kernel where it can."""

from __future__ import annotations

import errno
import os
from pathlib import Path

_CANNOT = (errno.EXDEV, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)
_AT_ONCE = 1 << 20
PAGE = 4096
"""What a file system writes at once, or a part of it."""


def copy(source: Path, target: Path) -> None:
    """Copy a whole file."""
    with source.open("rb") as reading, target.open("wb") as writing:
        size = os.fstat(reading.fileno()).st_size
        copy_range(reading.fileno(), writing.fileno(), 0, size)


def copy_range(source: int, target: int, begin: int, count: int) -> None:
    """Copy so many bytes to the same place in another file; fewer, where the source ends.

    Args:
        source, target: Descriptors.
        begin: Where the bytes begin.
        count: How many there are.
    """
    inside = getattr(os, "copy_file_range", None)
    end = begin + count
    while begin < end:
        copied = _inside_the_kernel(source, target, begin, end - begin) if inside else None
        if copied is None:
            inside = None
            copied = os.pwrite(target, os.pread(source, min(_AT_ONCE, end - begin), begin), begin)
        if not copied:
            return
        begin += copied


def update_range(source: int, target: int, begin: int, count: int) -> None:
    """Make so many bytes the same as in another file, and write only the pages that are not.

    Args:
        source, target: Descriptors. The target reaches as far as the source.
        begin: Where the bytes begin.
        count: How many there are.
    """
    for place in range(begin, begin + count, _AT_ONCE):
        wanted = os.pread(source, min(_AT_ONCE, begin + count - place), place)
        found = os.pread(target, len(wanted), place)
        first = None
        for page in range(0, len(wanted) + PAGE, PAGE):
            differs = wanted[page : page + PAGE] != found[page : page + PAGE]
            if differs and first is None:
                first = page
            elif not differs and first is not None:
                os.pwrite(target, wanted[first:page], place + first)
                first = None


def _inside_the_kernel(source: int, target: int, begin: int, count: int) -> int | None:
    """Return how many bytes were copied; None where the system does not do this."""
    try:
        return os.copy_file_range(source, target, count, begin, begin)
    except OSError as error:
        if error.errno not in _CANNOT:
            raise
        return None
