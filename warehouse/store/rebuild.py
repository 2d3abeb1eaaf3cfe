"""A snapshot of which only the parts are kept that no newer one has, made whole again to be read.

It is put together from its own parts, those of the next newer snapshots, and the first of these
that is whole; each part is compared with its digest. The file lies where it lay when it was
published, so that whoever comes next finds it; the next write removes it. Where nobody may write
there, it is made in a temporary folder, and gone as soon as it was opened.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from warehouse.errors import WarehouseError
from warehouse.store import blocks, delta, durable, scratch
from warehouse.store.snapshots import FILE, Snapshot, snapshot_folders
from warehouse.store.tampering import SEAL


class GoneError(Exception):
    """The snapshot was removed meanwhile."""


@contextmanager
def whole(snapshot: Snapshot) -> Iterator[Path]:
    """Yield a file with all of a snapshot, to be opened before the `with` ends.

    Raises:
        GoneError: it was removed, a moment ago.
        WarehouseError: what is kept of it is damaged, or there is no room for it.
    """
    file = snapshot.file
    if file.exists():
        yield file
        return
    with _scratch(snapshot) as target:
        beside = target.parent.parent == file.parent.parent
        with target.open("r+b") as writing, _errors_for_people(snapshot, target):
            fill(file, writing.fileno())
            if beside:
                os.fsync(writing.fileno())
        if not beside:
            yield target
            return
        target.chmod(0o444)
        with suppress(OSError, ValueError, KeyError):
            published = json.loads(file.with_name(SEAL).read_text(encoding="utf-8"))
            os.utime(target, ns=(published["mtime_ns"], published["mtime_ns"]))
        try:
            durable.move(target, file)
        except FileNotFoundError:
            raise GoneError from None
    yield file


class Steps:
    """Makes one snapshot after the other whole, in one file: each step costs what differs."""

    def __init__(self) -> None:
        self._opened = ExitStack()
        self._file: Path | None = None
        self._present: Sequence[bytes] = ()

    def __enter__(self) -> Steps:
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    @contextmanager
    def whole(self, snapshot: Snapshot) -> Iterator[Path]:
        """Yield a file with all of a snapshot, which stays so until the next is asked for.

        Raises:
            GoneError, WarehouseError: see `whole`.
        """
        if snapshot.file.exists():
            yield snapshot.file
            return
        if self._file is None:
            self._file = self._opened.enter_context(_scratch(snapshot))
        with self._file.open("r+b") as writing, _errors_for_people(snapshot, self._file):
            fill(snapshot.file, writing.fileno(), self._present)
        self._present = blocks.listed(snapshot.file) or ()
        yield self._file


def fill(file: Path, target: int, present: Sequence[bytes] = ()) -> None:
    """Write all of a snapshot into a file.

    Args:
        file: The snapshot's, which is not there.
        target: A descriptor.
        present: Digests of the parts that the target has already.

    Raises:
        GoneError: the snapshot was removed, a moment ago.
        WarehouseError: what is kept of it is damaged.
        OSError: the target cannot be written.
    """
    while True:
        before = _state(file)
        try:
            with delta.Reader() as reader:
                _fill(file, reader, target, present)
            return
        except (delta.DamagedError, FileNotFoundError) as error:
            if not file.parent.exists():
                raise GoneError from None
            if _state(file) == before:
                raise _damaged(file, error) from None
            # A write removed meanwhile what was read here: what was needed of it is elsewhere now.


def places(file: Path) -> dict[bytes, delta.Place]:
    """Return where the parts of a snapshot can be read that is not whole, by their digests."""
    found: dict[bytes, delta.Place] = {}
    own = int(file.parent.name)
    for newer in snapshot_folders(file.parent.parent):
        if int(newer.name) < own:
            continue
        found = {**delta.parts(newer), **found}
        base = newer / FILE
        if newer != file.parent and base.exists():
            digests = blocks.listed(base) or blocks.after(None, base, ()) or ()
            return {**delta.of_file(base, digests), **found}
    return found


def _fill(file: Path, reader: delta.Reader, target: int, present: Sequence[bytes]) -> None:
    wanted = blocks.listed(file)
    if wanted is None:
        raise delta.DamagedError(file.with_name(blocks.NOTE))
    found = places(file)
    os.ftruncate(target, blocks.length(wanted))
    for part, digest in enumerate(wanted):
        if part >= len(present) or present[part] != digest:
            os.pwrite(target, reader.read(digest, found.get(digest)), blocks.span(part)[0])


@contextmanager
def _scratch(snapshot: Snapshot) -> Iterator[Path]:
    """Yield a new file, which is gone at the end if it still has its name.

    It lies beside the snapshots, if this process may write there.
    """
    with scratch.folder(snapshot.file.parent.parent) as folder:
        file = folder / FILE
        file.touch()
        yield file


@contextmanager
def _errors_for_people(snapshot: Snapshot, target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _no_room(snapshot, target.parent.parent, error) from None


def _state(file: Path) -> set[str]:
    """Return what changes with each write that removes or adds something that may be read here."""
    snapshots = file.parent.parent
    return {
        str(one.relative_to(snapshots))
        for folder in snapshot_folders(snapshots)
        for one in (*delta.files(folder), folder / FILE)
        if one.exists()
    }


def _damaged(file: Path, error: Exception) -> WarehouseError:
    number = int(file.parent.name)
    where = error.file if isinstance(error, delta.DamagedError) else None
    what = f"{where} is damaged" if where else "a part of it is missing"
    newer = int(where.parent.name) if where else number
    return WarehouseError(
        f"Snapshot {number} cannot be put together again: {what}.",
        safe=f"Every snapshot after {newer} is safe: none of them needs it.",
        todo="`just history` lists the snapshots. Older ones than this may need the same part.",
    )


def _no_room(snapshot: Snapshot, folder: Path, error: OSError) -> WarehouseError:
    digests = blocks.listed(snapshot.file)
    size = f" of {blocks.length(digests) / 1e9:,.1f} GB" if digests else ""
    return WarehouseError(
        f"Snapshot {snapshot.number} is kept as what differs from newer ones, and a whole file"
        f"{size} cannot be made of it in {folder}: {error.strerror}.",
        safe="No snapshot was changed.",
        todo="Make room there, or open one of the newest snapshots, which are whole.",
    )
