"""The spare: a snapshot's file that can be done without, brought up to date to write into.

On a file system that cannot clone, a full copy at the start of each write would cost what the
warehouse holds. So one file stays there for the next write: that of the newest snapshot of which
the parts are kept as well (`prune`), or, where so few are kept that all of them are whole, that of
a snapshot that is removed, whose folder becomes `.warehouse/spare`. The next write moves the file
out of its folder, copies the blocks into it that the snapshot it starts from has not (`blocks`),
and writes there. While a write lasts there are as many files as between two writes.

Why nobody loses what they read. A file that is written to may be read by nobody, neither now nor
later. Those who might are these:

- Who has it open: DuckDB in another process, a backup program that knows no lock, a map of the
  file, a connection in this very process. Linux gives a write lease (`fcntl(2)`, F_SETLEASE) only
  on a file that no other descriptor, of whatever process, has open. It is asked for before a
  snapshot becomes the spare, and again when that is taken. Refused, the file is deleted, as every
  removed snapshot was before there were spares, and lives on for those who have it open. Before
  this process opens the file, it looks whether it holds it itself: to close another descriptor
  would let go of DuckDB's own lock.
- Who opens it later by its name: the name is gone. The lease is asked for after the file was moved
  from the folder in which it was published into a new one, so that not even a program which holds
  that folder open, as `cp -r` does, can still reach it.
- Who has it under another name: a hard link is seen in the count of links, before and after the
  move. A mount of the single file into a container is seen in `/proc/*/mountinfo`. One that this
  process cannot see, because it is in a container itself, is the one way left; who reads through
  it never reads half of a write, since the file is locked as long as its bytes change: DuckDB
  refuses to open it then.
- A remote reader: leases tell nothing of other machines, so a spare is kept on local file systems
  only (`LOCAL`).

Why no damage gets in. The file is taken only if its own times, size and inode are those noted when
it was published: who writes a byte into it, cuts it or puts another file in its place changes them,
and `utime` cannot set back the time of the last change of the inode. The note carries its own
checksum. Only a disk that returns other bytes than it was given goes unseen here, as it does in a
full copy; DuckDB's checksums see it when the block is read.

Why a power cut does no harm. The bytes are changed only when it is on the disk that the file is
gone from where it was (`durable.sync`): after the cut, a file that is half up to date is in
`staging`, which nobody takes.
"""

from __future__ import annotations

import fcntl
import os
import signal
import stat
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from warehouse.store import blocks, durable, file_system
from warehouse.store.file_copy import copy_range, update_range
from warehouse.store.snapshots import FILE
from warehouse.store.tampering import SEAL

FOLDER = "spare"
LOCAL = ("ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "tmpfs")
"""File systems on which all who have a file open are processes of this machine."""

_COMPARED = 64 << 20
"""Up to so many bytes are compared page by page: DuckDB fills few of its blocks to their end."""

_PROCESSES = Path("/proc")
_OF_A_SNAPSHOT = {FILE, SEAL, blocks.NOTE}


def works_in(folder: Path) -> bool:
    """Whether a folder is on a file system on which a spare can be told to be free."""
    return sys.platform == "linux" and file_system.kind(folder) in LOCAL


def keep(folder: Path, removed: Sequence[Path]) -> None:
    """Make the newest of the snapshots that are no longer kept the spare, and delete the others.

    Args:
        folder: Of the snapshots.
        removed: Folders of snapshots, oldest first.
    """
    *others, newest = removed
    spare = folder / FOLDER
    for one in [*others, spare]:
        durable.discard_folder(one)
    if blocks.noted(newest / FILE) is None or not _is_free(newest / FILE):
        # Under its own name: `just status` tells who still has it open.
        durable.discard_folder(newest)
        return
    durable.move(newest, spare)


def take(folder: Path, candidate: Path | None, target: Path) -> blocks.Digests | None:
    """Move the spare to where a write works.

    Args:
        folder: Of the snapshots.
        candidate: The folder of a snapshot that can do without its file, if there is one.
        target: The file in a new folder.

    Returns:
        The digests of the file; None if there is none that may be taken. It is gone in any case
        from where it was.
    """
    spare = folder / FOLDER
    source = spare if spare.exists() or candidate is None else candidate
    found = blocks.noted(source / FILE)
    if source is spare and spare.exists():
        if {one.name for one in spare.iterdir()} != _OF_A_SNAPSHOT:
            found = None
        if found:
            durable.move(spare / FILE, target)
        durable.discard_folder(spare)
    elif found:
        durable.move(source / FILE, target)
    if found is None:
        return None
    if spare.exists() or not _is_free(target) or _is_mounted(target):
        durable.remove(target)
        return None
    durable.sync(folder if source is spare else source)
    target.chmod(0o644)
    return found


def bring(start: Path, target: Path, found: blocks.Digests, wanted: blocks.Digests) -> None:
    """Make a file a copy of a snapshot.

    Args:
        start: The file of the snapshot.
        target: What `take` gave.
        found: Its digests.
        wanted: Those of the snapshot.

    Raises:
        OSError: the disk is full, or cannot be written.
    """
    with start.open("rb") as reading, locked(target) as writing:
        os.truncate(writing, blocks.length(wanted))
        ranges = list(blocks.differing(found, wanted))
        # To compare takes less than to write, but a read from the disk for what is not in memory.
        few = sum(count for _, count in ranges) <= _COMPARED
        for begin, count in ranges:
            (update_range if few else copy_range)(reading.fileno(), writing, begin, count)


@contextmanager
def locked(target: Path) -> Iterator[int]:
    """Open a file to write into it; DuckDB refuses to open it meanwhile. Yields a descriptor."""
    with target.open("r+b") as writing:
        fcntl.lockf(writing, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield writing.fileno()


def _is_free(file: Path) -> bool:
    """Whether no process has a file open, this one included, and it has no other name."""
    try:
        found = file.lstat()
        if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
            return False
        if (found.st_dev, found.st_ino) in _open_here():
            return False
        with file.open("rb") as opened:
            # Who opens a file under a lease makes the kernel send a signal, which would by
            # default end this process. This one is by default ignored.
            fcntl.fcntl(opened, fcntl.F_SETSIG, signal.SIGURG)
            fcntl.fcntl(opened, fcntl.F_SETLEASE, fcntl.F_WRLCK)
            fcntl.fcntl(opened, fcntl.F_SETLEASE, fcntl.F_UNLCK)
            return os.fstat(opened.fileno()).st_nlink == 1
    except OSError:  # refused, not this user's file, or no leases here
        return False


def _open_here() -> Iterator[tuple[int, int]]:
    """Yield device and inode of each file that this process has open."""
    for entry in (_PROCESSES / "self/fd").iterdir():
        try:
            found = entry.stat()
        except OSError:  # closed meanwhile, or the listing itself
            continue
        yield found.st_dev, found.st_ino


def _is_mounted(file: Path) -> bool:
    """Whether a file is mounted by itself for a process that can be seen.

    Each line of a list of mounts names in its fourth field what is mounted.
    """
    tail = "/".join(file.parts[-3:])
    seen: set[str] = set()
    for process in _PROCESSES.iterdir():
        if not process.name.isdigit():
            continue
        with suppress(OSError):  # another user's: it cannot be told to have the same mounts
            space = str((process / "ns/mnt").readlink())
            if space in seen:
                continue
            seen.add(space)
        with suppress(OSError):  # it has ended
            mounts = (process / "mountinfo").read_text(errors="replace").splitlines()
            if any(line.split(" ")[3].endswith(tail) for line in mounts):
                return True
    return False
