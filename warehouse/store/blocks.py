"""What each part of a snapshot's file is, by its digest: that tells which parts two files share.

A DuckDB file is three headers of 4,096 bytes, and then blocks of 262,144 bytes. Each block begins
with a checksum, but the checksum does not tell two contents apart: it is the same for the same
8-byte words in another order, as when two rows change places.

So a digest of 128 bits (of SHA-256) is noted beside a snapshot for each part of its file: the
headers are the first part, and each block is one. A write takes over the digests of the snapshot
from which it starts, and reads only the blocks that DuckDB wrote (`write_log`).
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from warehouse.store import durable

NOTE = "blocks"
"""The file beside a snapshot that holds the digests, and which file they are true of."""

HEADERS = 3 * 4096
SIZE = 262_144
DIGEST = 16
_IDENTITY = struct.Struct("<QQQQ")
_CHECK = 32

Digests = Sequence[bytes]
"""Of the parts of a file, in their order: the headers, and then each block."""


def place(block: int) -> int:
    """Return where a block begins in the file."""
    return HEADERS + block * SIZE


def span(part: int) -> tuple[int, int]:
    """Return where a part begins in the file, and how many bytes it has."""
    return (place(part - 1), SIZE) if part else (0, HEADERS)


def length(digests: Digests) -> int:
    """Return how many bytes the file has."""
    return place(len(digests) - 1)


def digest(content: bytes) -> bytes:
    """Return the digest of a part."""
    return hashlib.sha256(content).digest()[:DIGEST]


def after(base: Digests | None, file: Path, written: Collection[int]) -> Digests | None:
    """Return the digests of a file after a write.

    Args:
        base: Those of the snapshot from which it started; None if they are not known.
        file: What was written. Nobody may have it open in this process.
        written: The blocks that were written.

    Returns:
        None if the file is not made of whole blocks.
    """
    known = base or ()
    changed = {0, *(block + 1 for block in written)}
    with file.open("rb") as reading:
        size = os.fstat(reading.fileno()).st_size
        count, rest = divmod(size - HEADERS, SIZE)
        if rest or count < 0:
            return None
        return tuple(
            known[part]
            if part < len(known) and part not in changed
            else digest(os.pread(reading.fileno(), *reversed(span(part))))
            for part in range(count + 1)
        )


def differing(old: Digests, new: Digests) -> Iterator[tuple[int, int]]:
    """Yield the bytes to copy so that an old file becomes a new one: where they begin, how many.

    What the old file has beyond the end of the new one is not among them.
    """
    first: int | None = None
    end = 0
    for part, wanted in enumerate(new):
        begin, size = span(part)
        same = part < len(old) and old[part] == wanted
        if first is None and not same:
            first = begin
        elif first is not None and same:
            yield first, begin - first
            first = None
        end = begin + size
    if first is not None:
        yield first, end - first


def note(file: Path, digests: Digests) -> None:
    """Note the digests beside a file, which nobody may change afterwards."""
    content = _IDENTITY.pack(*_identity(file.stat())) + b"".join(digests)
    durable.write(file.with_name(NOTE), hashlib.sha256(content).digest() + content)


def noted(file: Path) -> Digests | None:
    """Return the digests of a file.

    Returns:
        None if there is any doubt: they were not noted, or not whole; or the file was written to,
        cut, linked to or replaced since.
    """
    try:
        found = read_note(file.with_name(NOTE).read_bytes())
        stat = file.lstat()
    except OSError:
        return None
    if found is None or found[0] != _identity(stat) or stat.st_size != length(found[1]):
        return None
    return found[1]


def listed(file: Path) -> Digests | None:
    """Return the digests of a file that need not be there; None if they were not noted."""
    try:
        found = read_note(file.with_name(NOTE).read_bytes())
    except OSError:
        return None
    return found and found[1]


def known(file: Path) -> Digests | None:
    """Return the digests of a file; what was not noted of it is found by reading it, and noted.

    Returns:
        None if the file is not made of whole blocks.
    """
    if (found := noted(file)) is None and (found := after(None, file, ())) is not None:
        note(file, found)
    return found


def read_note(content: bytes) -> tuple[tuple[int, ...], Digests] | None:
    """Return what a note says: which file it is of, and the digests; None if it is not whole."""
    check, content = content[:_CHECK], content[_CHECK:]
    if hashlib.sha256(content).digest() != check:
        return None
    all_ = content[_IDENTITY.size :]
    if not all_ or len(all_) % DIGEST:
        return None
    digests = tuple(all_[at : at + DIGEST] for at in range(0, len(all_), DIGEST))
    return _IDENTITY.unpack_from(content), digests


def _identity(stat: os.stat_result) -> tuple[int, ...]:
    """Return what changes with each change of a file, and cannot be set back: its own times."""
    return (stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
