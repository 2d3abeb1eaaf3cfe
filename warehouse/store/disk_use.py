"""What a snapshot costs on the disk: what is allocated for it, and for no other."""

from __future__ import annotations

import fcntl
import struct
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from warehouse.store.snapshots import FILE, Snapshot

_FIEMAP = 0xC020660B
"""Linux: which extents a file has (`fs.h`, FS_IOC_FIEMAP)."""

_HEAD = struct.Struct("=QQLLLL")
_EXTENT = struct.Struct("=QQQQQLLLL")
_AT_ONCE = 512
_LAST, _SHARED = 0x1, 0x2000


class Use(NamedTuple):
    """What a snapshot takes.

    Attributes:
        whole: Whether it is a file; else it is kept as what newer ones have not.
        own: Bytes allocated for it alone; None where the system does not tell them from those that
            it shares with others.
        shared: Bytes that it shares with others, as a clone does.
    """

    whole: bool
    own: int | None
    shared: int


def measure(snapshot: Snapshot) -> Use | None:
    """Return what a snapshot takes; None if it is gone."""
    folder = snapshot.file.parent
    try:
        allocated = sum(file.stat().st_blocks * 512 for file in folder.iterdir() if file.is_file())
        whole = (folder / FILE).exists()
        shared = _shared(folder / FILE) if whole else 0
    except FileNotFoundError:
        return None
    # macOS clones, and does not say what of a file is.
    unknown = whole and sys.platform == "darwin"
    return Use(whole, None if unknown else max(allocated - shared, 0), shared)


def total(uses: Iterable[Use]) -> int:
    """Return about how much snapshots take together: what they share is counted once."""
    found = list(uses)
    return sum(use.own or 0 for use in found) + max((use.shared for use in found), default=0)


def _shared(file: Path) -> int:
    """Return how many bytes of a file others share; 0 where the system does not tell."""
    if sys.platform != "linux":
        return 0
    found: int = 0
    begin = 0
    with file.open("rb") as opened:
        while True:
            request = bytearray(_HEAD.size + _AT_ONCE * _EXTENT.size)
            _HEAD.pack_into(request, 0, begin, 2**64 - 1 - begin, 0, 0, _AT_ONCE, 0)
            try:
                fcntl.ioctl(opened, _FIEMAP, request)
            except OSError:  # tmpfs has no extents
                return 0
            count: int = _HEAD.unpack_from(request)[3]
            extents = [
                _EXTENT.unpack_from(request, _HEAD.size + n * _EXTENT.size) for n in range(count)
            ]
            found += sum(int(extent[2]) for extent in extents if extent[5] & _SHARED)
            if not extents or extents[-1][5] & _LAST:
                return found
            begin = extents[-1][0] + extents[-1][2]
