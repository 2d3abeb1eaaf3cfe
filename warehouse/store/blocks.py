"""Which write each block of a snapshot's file comes from: that tells which blocks two files share.

A DuckDB file is three headers of 4,096 bytes, and then blocks of 262,144 bytes. Each block begins
with a checksum, but the checksum does not tell two contents apart: it is the same for the same
8-byte words in another order, as when two rows change places. To compare the bytes would be to read
both files whole.

So a snapshot notes for each of its blocks the write that it comes from, by a random number of 64
bits. A write takes over the numbers of the snapshot from which it starts, and gives its own number
to the blocks that DuckDB wrote (`write_log`). Two blocks at the same place with the same number are
the same bytes, whichever way the two files came about.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import struct
from array import array
from collections.abc import Collection, Iterator
from pathlib import Path

from warehouse.store import durable

NOTE = "blocks"
"""The file beside a snapshot that holds the numbers, and which file they are true of."""

HEADERS = 3 * 4096
SIZE = 262_144
_DIGEST = 32
_IDENTITY = struct.Struct("<QQQQ")

Origins = array  # of "Q": for each block the number of the write that it comes from


def place(block: int) -> int:
    """Return where a block begins in the file."""
    return HEADERS + block * SIZE


def after(base: Origins[int] | None, size: int, written: Collection[int]) -> Origins[int]:
    """Return the numbers of a file after a write.

    Args:
        base: Those of the snapshot from which it started; None if they are not known.
        size: Of the file, in bytes.
        written: The blocks that were written.
    """
    own = secrets.randbits(64)
    count = max(size - HEADERS, 0) // SIZE
    origins = array("Q", base[:count] if base else [])
    origins.extend([own] * (count - len(origins)))
    for block in written:
        if 0 <= block < count:
            origins[block] = own
    return origins


def differing(old: Origins[int], new: Origins[int]) -> Iterator[tuple[int, int]]:
    """Yield the bytes to copy so that an old file becomes a new one: where they begin, how many.

    The headers are among them; what the old file has beyond the end of the new one is not.
    """
    yield 0, HEADERS
    first: int | None = None
    for block, origin in enumerate(new):
        same = block < len(old) and old[block] == origin
        if first is None and not same:
            first = block
        elif first is not None and same:
            yield place(first), (block - first) * SIZE
            first = None
    if first is not None:
        yield place(first), (len(new) - first) * SIZE


def note(file: Path, origins: Origins[int]) -> None:
    """Note the numbers beside a file, which nobody may change afterwards."""
    content = _IDENTITY.pack(*_identity(file.stat())) + origins.tobytes()
    digest = hashlib.blake2b(content, digest_size=_DIGEST).digest()
    durable.write(file.with_name(NOTE), digest + content)


def noted(file: Path) -> Origins[int] | None:
    """Return the numbers of a file.

    Returns:
        None if there is any doubt: they were not noted, or not whole; or the file was written to,
        cut, linked to or replaced since.
    """
    try:
        found = file.with_name(NOTE).read_bytes()
        stat = file.lstat()
    except OSError:
        return None
    digest, content = found[:_DIGEST], found[_DIGEST:]
    if hashlib.blake2b(content, digest_size=_DIGEST).digest() != digest:
        return None
    if _IDENTITY.unpack_from(content) != _identity(stat):
        return None
    origins = array("Q", content[_IDENTITY.size :])
    return origins if stat.st_size == place(len(origins)) else None


def _identity(stat: os.stat_result) -> tuple[int, ...]:
    """Return what changes with each change of a file, and cannot be set back: its own times."""
    return (stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
