"""A copy that shares its blocks with the original until one of them is written to."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import sys
from pathlib import Path

_FICLONE = 0x40049409
"""Linux: `ioctl_ficlone(2)`. Python has no name for it before 3.14's `fcntl`."""

_CANNOT = (
    errno.EINVAL,
    errno.ENOSYS,
    errno.ENOTSUP,
    errno.ENOTTY,
    errno.EOPNOTSUPP,
    errno.EPERM,
    errno.EXDEV,
)
"""What a file system says that does not clone."""


def clone(source: Path, target: Path) -> bool:
    """Clone a file, at a cost that does not depend on its size.

    Args:
        source: A file.
        target: A name that is not taken; it is not taken afterwards, either, if this returns False.

    Returns:
        Whether the file system does that.

    Raises:
        OSError: it would, but cannot now: it is full, or read-only.
    """
    try:
        (_clonefile if sys.platform == "darwin" else _ficlone)(source, target)
    except OSError as error:
        target.unlink(missing_ok=True)
        if error.errno not in _CANNOT:
            raise
        return False
    return True


def clones(folder: Path) -> bool:
    """Whether the file system of a folder clones. Tried with a file in it, which may be empty.

    Raises:
        OSError: the folder cannot be written.
    """
    source, target = folder / "original", folder / "clone"
    source.write_bytes(bytes(4096))
    try:
        return clone(source, target)
    finally:
        source.unlink()
        target.unlink(missing_ok=True)


def _ficlone(source: Path, target: Path) -> None:
    with source.open("rb") as reading, target.open("wb") as writing:
        fcntl.ioctl(writing, _FICLONE, reading.fileno())


def _clonefile(source: Path, target: Path) -> None:
    """Do what APFS has. The clone takes the mode of the original, which is read-only."""
    library = ctypes.CDLL(None, use_errno=True)
    if library.clonefile(os.fsencode(source), os.fsencode(target), 0):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(source))
    target.chmod(0o644)
