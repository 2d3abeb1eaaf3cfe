"""The parts of an older snapshot that no newer one has: what is kept of it instead of its file.

They are in files `delta.1`, `delta.2`, ... beside the snapshot: a list of digests and sizes, a
digest of the list, and then the bytes one after the other. A file has its name only when its bytes
are on the disk.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from warehouse.store import blocks, durable

LEAD = "delta."
NEW = "delta.new"
"""A file that is being written."""

_HEAD = struct.Struct("<8sQ")
_ENTRY = struct.Struct(f"<{blocks.DIGEST}sQ")
_MAGIC = b"WHDELTA1"


class Place(NamedTuple):
    """Where bytes are."""

    file: Path
    begin: int
    size: int


class DamagedError(Exception):
    """A part is not what its digest says, or is nowhere."""

    def __init__(self, file: Path | None) -> None:
        super().__init__(str(file))
        self.file = file


class Reader:
    """Reads parts, and holds the files open: who has one open keeps it, whatever becomes of it."""

    def __init__(self) -> None:
        self._open: dict[Path, int] = {}

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_: object) -> None:
        for descriptor in self._open.values():
            os.close(descriptor)

    def read(self, digest: bytes, place: Place | None) -> bytes:
        """Return a part.

        Raises:
            DamagedError: it is not what its digest says, or is nowhere.
        """
        if place is None:
            raise DamagedError(None)
        if place.file not in self._open:
            self._open[place.file] = os.open(place.file, os.O_RDONLY)
        content = os.pread(self._open[place.file], place.size, place.begin)
        if blocks.digest(content) != digest:
            raise DamagedError(place.file)
        return content


def files(snapshot: Path) -> list[Path]:
    """Return the files of a snapshot's folder that hold parts, in the order of their making."""
    places = [file for file in snapshot.glob(f"{LEAD}*") if file.name[len(LEAD) :].isdigit()]
    return sorted(places, key=lambda file: int(file.name[len(LEAD) :]))


def parts(snapshot: Path) -> dict[bytes, Place]:
    """Return where the parts are that are kept in a snapshot's folder, by their digests.

    A damaged file counts as one without parts.
    """
    return {digest: place for file in files(snapshot) for digest, place in _listed(file).items()}


def keep(snapshot: Path, sources: Mapping[bytes, Place]) -> None:
    """Write parts into a new file in a snapshot's folder. All of it is on the disk at the end.

    Raises:
        DamagedError: a part is not what its digest says. No file is left.
        OSError: it cannot be written. No file is left.
    """
    new = snapshot / NEW
    number = max((int(file.name[len(LEAD) :]) for file in files(snapshot)), default=0) + 1
    try:
        durable.write_all(new, _content(sources))
        durable.sync(new)
        durable.move(new, snapshot / f"{LEAD}{number}")
    except BaseException:
        durable.remove(new)
        raise
    durable.sync(snapshot)


def _content(sources: Mapping[bytes, Place]) -> Iterator[bytes]:
    index = _HEAD.pack(_MAGIC, len(sources)) + b"".join(
        _ENTRY.pack(digest, place.size) for digest, place in sources.items()
    )
    yield index + blocks.digest(index)
    with Reader() as reader:
        for digest, place in sources.items():
            yield reader.read(digest, place)


def _listed(file: Path) -> dict[bytes, Place]:
    with file.open("rb") as reading:
        head = reading.read(_HEAD.size)
        if len(head) < _HEAD.size or head[: len(_MAGIC)] != _MAGIC:
            return {}
        size = min(_HEAD.unpack(head)[1] * _ENTRY.size, os.fstat(reading.fileno()).st_size)
        return read_index(file, head + reading.read(size + blocks.DIGEST))


def read_index(file: Path, content: bytes) -> dict[bytes, Place]:
    """Return where the parts are in a file, by how it begins; none if that is not whole."""
    if len(content) < _HEAD.size:
        return {}
    end = _HEAD.size + _HEAD.unpack_from(content)[1] * _ENTRY.size
    index, check = content[:end], content[end : end + blocks.DIGEST]
    if blocks.digest(index) != check:
        return {}
    begin = end + blocks.DIGEST
    places: dict[bytes, Place] = {}
    for digest, size in _ENTRY.iter_unpack(index[_HEAD.size :]):
        places[digest] = Place(file, begin, size)
        begin += size
    return places


def of_file(file: Path, digests: Iterable[bytes]) -> dict[bytes, Place]:
    """Return where the parts of a whole file are."""
    return {digest: Place(file, *blocks.span(part)) for part, digest in enumerate(digests)}


def without(wanted: Sequence[bytes], *others: Iterable[bytes]) -> list[bytes]:
    """Return the digests that are not among others, each once."""
    excluded = {digest for digests in others for digest in digests}
    return [digest for digest in dict.fromkeys(wanted) if digest not in excluded]
