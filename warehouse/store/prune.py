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
    kept = [one for one in on_disk if int(one.name) in keep]
    gone = [one for one in on_disk if one not in kept]
    older = [] if cloned else kept[:-WHOLE]
    free: list[Path] = []
    for one, newer in pairwise(kept):
        between = [other for other in gone if int(one.name) < int(other.name) < int(newer.name)]
        is_whole = (one / FILE).exists()
        if is_whole and one in older and _keep_parts(one, newer, between):
            free.append(one)
        elif not is_whole and between and not _keep_parts(one, newer, between):
            gone = [other for other in gone if other not in between]
    lend = older[-1] if spare_one and older and older[-1] in free else None
    for one in free:
        if one != lend or blocks.noted(one / FILE) is None:
            with suppress(OSError):
                durable.remove(one / FILE)
    scratch.remove_leftovers(folder)
    if lend is None and spare_one and gone:
        spare.keep(folder, gone)
        return
    for one in gone:
        durable.discard_folder(one)


def lent(folder: Path, never: Collection[Path]) -> Path | None:
    """Return the folder of a snapshot that can do without its file: a write may take it.

    Args:
        folder: Of the snapshots.
        never: Folders of snapshots that somebody needs whole.
    """
    on_disk = snapshot_folders(folder)
    whole = [one for one in on_disk if (one / FILE).exists()]
    for one, newer in reversed([*pairwise(on_disk)]):
        if one in whole[:-WHOLE] and one not in never and _is_ours(one):
            wanted, others = blocks.listed(one / FILE), _noted(newer)
            if wanted and others and not delta.without(wanted, delta.parts(one), others):
                return one
    return None


def _keep_parts(one: Path, newer: Path, between: Sequence[Path]) -> bool:
    """Have a snapshot be there without its file, and without those between it and the next one.

    Returns:
        Whether it is. If not, nothing of it is lost.
    """
    if not _is_ours(one):
        return False
    try:
        own = delta.parts(one)
        # Made from its parts again, its file is not the one of which the digests were noted.
        wanted = blocks.listed(one / FILE) if own else blocks.known(one / FILE)
        others = _noted(newer) or blocks.known(newer / FILE)
        if wanted is None or others is None:
            return False
        missing = delta.without(wanted, own, others)
        if not missing:
            return True
        found = _sources(one, wanted, between)
        if not own:
            durable.sync(one / blocks.NOTE)
        delta.keep(one, {digest: found[digest] for digest in missing})
    except (OSError, KeyError, delta.DamagedError):
        return False
    return True


def _sources(
    one: Path, wanted: blocks.Digests, between: Sequence[Path]
) -> dict[bytes, delta.Place]:
    """Return where the parts of a snapshot are that neither it nor the next one keeps."""
    if (one / FILE).exists():
        return delta.of_file(one / FILE, wanted)
    found: dict[bytes, delta.Place] = {}
    for other in between:
        found |= delta.parts(other)
        if (other / FILE).exists():
            found |= delta.of_file(other / FILE, blocks.known(other / FILE) or ())
    return found


def _noted(one: Path) -> blocks.Digests | None:
    """Return the digests of a snapshot, as far as they are known without reading its file."""
    file = one / FILE
    return blocks.listed(file) if delta.files(one) else blocks.noted(file)


def _is_ours(one: Path) -> bool:
    """Whether a snapshot is what was published, and nothing that somebody put there goes with it.

    Who opened it for writing left a log, which the snapshot's file is to be shown without.
    """
    names = {entry.name for entry in one.iterdir()}
    own = {FILE, SEAL, blocks.NOTE, *(file.name for file in delta.files(one))}
    return names <= {*own, delta.NEW} and not is_changed(one / FILE)
