"""The file operations of a write that must survive a power cut, and nothing else.

A name that is made, moved or removed is on the disk only when its folder was synced, and bytes
only when their file was. All that a write does to files goes through here: the tests record it, and
try a power cut after each operation.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path


def sync(path: Path) -> None:
    """Have a file's bytes, or the names in a folder, be on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folders(path: Path) -> None:
    """Make a folder and those above it that are missing. Their names are on the disk at the end."""
    if path.is_dir():
        return
    make_folders(path.parent)
    make_folder(path)
    sync(path.parent)


def make_folder(path: Path) -> None:
    """Make a folder; there may be one."""
    path.mkdir(exist_ok=True)


def write(path: Path, content: bytes) -> None:
    """Write a small file."""
    path.write_bytes(content)


def write_all(path: Path, content: Iterable[bytes]) -> None:
    """Write a file piece by piece."""
    with path.open("wb") as file:
        file.writelines(content)


def move(path: Path, target: Path) -> None:
    """Give a file, a link or a folder another name, in the place of what has that name."""
    path.replace(target)


def link(path: Path, target: Path) -> None:
    """Make a symbolic link."""
    path.symlink_to(target)


def remove(path: Path) -> None:
    """Remove a file or a link, if it is there."""
    path.unlink(missing_ok=True)


def remove_folder(path: Path) -> None:
    """Remove a folder and what is in it.

    Raises:
        OSError: something in it cannot be removed.
    """
    shutil.rmtree(path)


def discard_folder(path: Path) -> None:
    """Remove a folder if it is there; what cannot be removed stays for the next write."""
    with suppress(OSError):
        remove_folder(path)
