"""Which snapshots of a lake stay, and the files that none of them needs any more.

Nothing locks a lake. A writer may keep files of the snapshot on which it builds, and names files
that no manifest names yet. So a snapshot goes only when a newer one came more than `GRACE` ago,
and a file that no manifest names only when it is older than that; and no writer publishes what it
began more than `LONGEST` ago, which is less. What a killed writer leaves goes in the same way,
if no later writer of its machine removed it before, see `writers`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from warehouse.days.retention import staying
from warehouse.errors import WarehouseError
from warehouse.lake import place
from warehouse.lake.names import SNAPSHOTS, TABLES, manifest_number, manifest_path
from warehouse.lake.place import Lake
from warehouse.lake.snapshots import GRACE, numbers, read


@dataclass(frozen=True)
class Pruned:
    """What was removed."""

    snapshots: int = 0
    files: int = 0
    bytes: int = 0


def prune(
    lake: Lake,
    *,
    keep: int,
    days: int,
    grace: timedelta = GRACE,
    say: Callable[[str], None] = lambda _: None,
) -> Pruned:
    """Remove the snapshots that do not stay, and the files that no other one names.

    Args:
        lake: Where.
        keep: How many of the last snapshots stay.
        days: For so many days before today, the last snapshot of each stays as well.
        grace: So long each stays in any case, after a newer one came.
        say: Told why nothing can be pruned.

    Raises:
        WarehouseError: the lake cannot be read or written.
    """
    now = datetime.now(UTC)
    found = {}
    for number in numbers(lake):
        try:
            manifest = read(lake, number)
        except WarehouseError as error:  # nobody knows which files it names
            say(f"Nothing is pruned: {error.what}")
            return Pruned()
        if manifest:  # else another one pruned it
            found[number] = manifest
    written = {number: manifest.written_at for number, manifest in found.items()}
    stay = {*staying(found, written, keep=keep, days=days)}
    gone = [
        number
        for number, newer in pairwise(found)
        if number not in stay and now - written[newer] > grace
    ]
    for number in gone:
        place.remove(lake, manifest_path(number))
    # A rollback may have come meanwhile, which names files of a snapshot that is gone now.
    later = [read(lake, number) for number in numbers(lake) if number not in found]
    stayed = [manifest for number, manifest in found.items() if number not in gone]
    named = {path for manifest in (*stayed, *later) if manifest for path in manifest.files}
    return _remove_files(lake, len(gone), named, now - grace)


def _remove_files(lake: Lake, snapshots: int, named: set[str], before: datetime) -> Pruned:
    files = size = 0
    unnamed = {**place.sizes(lake, TABLES), **_unfinished(lake)}
    for path, count in unnamed.items():
        at = None if path in named else place.modified(lake, path)
        if at and at < before:
            place.remove(lake, path)
            files, size = files + 1, size + count
    return Pruned(snapshots, files, size)


def _unfinished(lake: Lake) -> dict[str, int]:
    """Return the manifests that a killed writer did not come to publish."""
    there = place.sizes(lake, SNAPSHOTS)
    return {
        path: size
        for path, size in there.items()
        if (name := path.rpartition("/")[2]).startswith(".")
        and manifest_number(name[1:].rpartition(".")[0]) is not None
    }
