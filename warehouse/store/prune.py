"""What a write leaves of the older snapshots: the newest stay whole, of others what differs.

A file system that clones shares what two snapshots have in common; there all of them stay whole.
Elsewhere the newest `WHOLE` do, and of an older one those parts stay that the next newer one has
not (`delta`). All is told by what is on the disk, so that a write which was killed in between is
taken up by the next one: a file goes only when all of its parts are somewhere else, and a snapshot
goes only when what older ones need of it is written to the next older one.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

from warehouse.store import blocks, delta, durable, scratch, spare
from warehouse.store.snapshots import FILE, snapshot_folders
from warehouse.store.tampering import SEAL, is_changed

WHOLE = 2
"""So many of the newest snapshots are whole files; the file of the next one is the spare."""


def prune(folder: Path, keep: Collection[int], *, cloned: bool, spare_one: bool) -> None:
    """Remove the snapshots that do not stay, and what those that stay can do without.

    Somebody who still reads one keeps reading: the open file lives on. What cannot be done, as on
    a full disk, is left for the next write.

    Args:
        folder: Of the snapshots.
        keep: The numbers of those that stay.
        cloned: Whether the newest one shares its blocks with the one before.
        spare_one: Whether the next write may write into one of the files.
    """
    on_disk = snapshot_folders(folder)
    retained = [snapshot for snapshot in on_disk if int(snapshot.name) in keep]
    expired = [snapshot for snapshot in on_disk if snapshot not in retained]
    older = [] if cloned else retained[:-WHOLE]
    redundant: list[Path] = []
    for snapshot, newer in pairwise(retained):
        between = [
            middle for middle in expired if int(snapshot.name) < int(middle.name) < int(newer.name)
        ]
        is_whole = (snapshot / FILE).exists()
        if is_whole and snapshot in older and _keep_parts(snapshot, newer, between):
            redundant.append(snapshot)
        elif not is_whole and between and not _keep_parts(snapshot, newer, between):
            expired = [middle for middle in expired if middle not in between]
    candidate = older[-1] if spare_one and older and older[-1] in redundant else None
    for snapshot in redundant:
        if snapshot != candidate or blocks.noted(snapshot / FILE) is None:
            with suppress(OSError):
                durable.remove(snapshot / FILE)
    scratch.remove_leftovers(folder)
    if candidate is None and spare_one and expired:
        spare.keep(folder, expired)
        return
    for snapshot in expired:
        durable.discard_folder(snapshot)


def spare_candidate(folder: Path, never: Collection[Path]) -> Path | None:
    """Return the folder of a snapshot that can do without its file: a write may take it.

    Args:
        folder: Of the snapshots.
        never: Folders of snapshots that somebody needs whole.
    """
    on_disk = snapshot_folders(folder)
    whole = [snapshot for snapshot in on_disk if (snapshot / FILE).exists()]
    for snapshot, newer in reversed([*pairwise(on_disk)]):
        if snapshot in whole[:-WHOLE] and snapshot not in never and _is_ours(snapshot):
            wanted, others = blocks.listed(snapshot / FILE), _noted(newer)
            if wanted and others and not delta.without(wanted, delta.parts(snapshot), others):
                return snapshot
    return None


def _keep_parts(snapshot: Path, newer: Path, between: Sequence[Path]) -> bool:
    """Have a snapshot be there without its file, and without those between it and the next one.

    Returns:
        Whether it is. If not, nothing of it is lost.
    """
    if not _is_ours(snapshot):
        return False
    try:
        own = delta.parts(snapshot)
        # Made from its parts again, its file is not the one of which the digests were noted.
        wanted = blocks.listed(snapshot / FILE) if own else blocks.known(snapshot / FILE)
        others = _noted(newer) or blocks.known(newer / FILE)
        if wanted is None or others is None:
            return False
        missing = delta.without(wanted, own, others)
        if not missing:
            return True
        places = _sources(snapshot, wanted, between)
        if not own:
            durable.sync(snapshot / blocks.NOTE)
        delta.keep(snapshot, {digest: places[digest] for digest in missing})
    except (OSError, KeyError, delta.DamagedError):
        return False
    return True


def _sources(
    snapshot: Path, wanted: blocks.Digests, between: Sequence[Path]
) -> dict[bytes, delta.Place]:
    """Return where the parts of a snapshot are that neither it nor the next one keeps."""
    if (snapshot / FILE).exists():
        return delta.of_file(snapshot / FILE, wanted)
    places: dict[bytes, delta.Place] = {}
    for middle in between:
        places |= delta.parts(middle)
        if (middle / FILE).exists():
            places |= delta.of_file(middle / FILE, blocks.known(middle / FILE) or ())
    return places


def _noted(snapshot: Path) -> blocks.Digests | None:
    """Return the digests of a snapshot, as far as they are known without reading its file."""
    file = snapshot / FILE
    return blocks.listed(file) if delta.files(snapshot) else blocks.noted(file)


def _is_ours(snapshot: Path) -> bool:
    """Whether a snapshot is what was published, and nothing that somebody put there goes with it.

    Who opened it for writing left a log, which the snapshot's file is to be shown without.
    """
    names = {entry.name for entry in snapshot.iterdir()}
    own = {FILE, SEAL, blocks.NOTE, *(file.name for file in delta.files(snapshot))}
    return names <= {*own, delta.NEW} and not is_changed(snapshot / FILE)
