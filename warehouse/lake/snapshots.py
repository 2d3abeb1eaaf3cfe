"""The snapshots of a lake: found by their manifests, and published by one conditional write."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import uuid4

from warehouse.errors import WarehouseError
from warehouse.lake import place
from warehouse.lake.changes import Change, applied, overwrites
from warehouse.lake.manifest import SAFE, LakeTable, Manifest, parse, to_json
from warehouse.lake.names import SNAPSHOTS, manifest_number, manifest_path
from warehouse.lake.place import Lake

GRACE = timedelta(hours=24)
"""So long a snapshot stays after a newer one came, and a file that no manifest names: those who
read the one may still do so, and those who wrote the other may be going to name it."""

LONGEST = GRACE / 2
"""So long a writer may take from the look at the newest snapshot to its own. What it takes over
from there is not pruned before `GRACE`: the difference is room for clocks that differ."""


def numbers(lake: Lake) -> list[int]:
    """Return the numbers of the snapshots, the newest one last.

    Raises:
        WarehouseError: the lake cannot be read.
    """
    found = map(manifest_number, place.names(lake, SNAPSHOTS))
    return sorted(number for number in found if number is not None)


def read(lake: Lake, number: int) -> Manifest | None:
    """Return a snapshot; None if there is none of that number, or no more.

    Raises:
        WarehouseError: the lake cannot be read, or the manifest is damaged or too new.
    """
    path = manifest_path(number)
    content = place.read(lake, path)
    return None if content is None else parse(content, f"{lake.shown}/{path}")


def newest(lake: Lake) -> Manifest | None:
    """Return the newest snapshot; None before the first one.

    Raises:
        WarehouseError: as `read` does.
    """
    while found := numbers(lake):
        if manifest := read(lake, found[-1]):
            return manifest
    return None


def all_snapshots(lake: Lake) -> list[Manifest]:
    """Return the snapshots that are kept, the newest one last.

    Raises:
        WarehouseError: as `read` does.
    """
    return [manifest for number in numbers(lake) if (manifest := read(lake, number))]


def bytes_of(manifests: Iterable[Manifest]) -> int:
    """Return how many bytes snapshots take together: a file that several have counts once."""
    return sum({path: size for one in manifests for path, size in one.files.items()}.values())


def named_files(lake: Lake) -> set[str]:
    """Return the files that the snapshots name.

    Raises:
        WarehouseError: as `read` does.
    """
    return {path for manifest in all_snapshots(lake) for path in manifest.files}


def discard_unnamed(lake: Lake, paths: Iterable[str]) -> None:
    """Remove those of a writer's new files that no snapshot names; what stays is pruned later.

    A writer that is stopped may have published already: then its files are in use.
    """
    with suppress(WarehouseError):
        for path in {*paths} - named_files(lake):
            place.remove(lake, path)


Merge = Callable[[Manifest | None], Mapping[str, LakeTable]]
"""Writes tables that are made of what the newest snapshot holds. No manifest names them yet."""

MergeBack = Callable[[Manifest, Collection[str], Manifest | None], Mapping[str, LakeTable]]
"""The same for a rollback: of the older snapshot, the tables that go back to it, the newest one."""


def add_snapshot(
    lake: Lake,
    changes: Mapping[str, Change],
    *,
    writer: str,
    removed: Iterable[str] = (),
    merge: Merge = lambda _: {},
    base: Manifest | None = None,
    began: datetime | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Manifest:
    """Publish a snapshot: these changes, made to the newest snapshot.

    If another writer publishes first, this one makes its changes to that snapshot and tries again.
    A table that both wrote, or a day of it, is then as this one wrote it, which is said.

    Args:
        lake: Where.
        changes: By table. Their files are there already, see `names.new_file_path`.
        writer: What writes it, in words.
        removed: Tables that go, if they are there.
        merge: Asked at each try for further tables. What it wrote for a try that failed is
            removed.
        base: The newest snapshot when the writer began; None if there was none.
        began: When that was; None for now.
        say: Told of tables that another one wrote meanwhile.

    Returns:
        The snapshot; the newest one, if it is the same already.

    Raises:
        WarehouseError: the lake cannot be written, a file is not there or has another size, or
            the writer took longer than `LONGEST`.
    """
    began = began or datetime.now(UTC)
    asked: dict[str, Change | None] = {**dict.fromkeys(removed), **changes}
    seen, checked = base, False
    while True:
        current = newest(lake)
        before = current.tables if current else {}
        merged = merge(current)
        alone = {name: one for name, one in asked.items() if name not in merged}
        _say_overwritten(alone, seen, current, say)
        seen = current
        new = {file.path for one in merged.values() for file in one.files}
        new -= {*(current.files if current else ())}
        try:
            if not checked:
                _check_files(lake, {name: applied(one, None) for name, one in changes.items()})
                checked = True
            after = {
                **{name: table for name, table in before.items() if name not in asked},
                **{name: applied(one, before.get(name)) for name, one in changes.items()},
                **merged,
            }
            if current and after == before:
                return current
            _check_time(began)
            manifest = Manifest(
                number=current.number + 1 if current else 1,
                written_at=datetime.now(UTC),
                writer=writer,
                tables=dict(sorted(after.items())),
                id=uuid4().hex,
            )
            path = manifest_path(manifest.number)
            if place.create(lake, path, to_json(manifest)) or _is_ours(lake, manifest):
                return manifest
        except BaseException:
            discard_unnamed(lake, new)
            raise
        for one in new:
            with suppress(WarehouseError):
                place.remove(lake, one)


def roll_back(
    lake: Lake,
    number: int,
    *,
    merge: MergeBack = lambda *_: {},
    say: Callable[[str], None] = lambda _: None,
) -> tuple[Manifest, Manifest]:
    """Make an older snapshot the newest one again, as a new snapshot.

    Args:
        lake: Where.
        number: Of the older one; or counted back from the newest: -1 is the one before it.
        merge: Tables that do not go back as a whole.
        say: Told of tables that another one wrote meanwhile.

    Returns:
        The older one, and the new one.

    Raises:
        WarehouseError: there is no such snapshot, it was pruned meanwhile, or the lake cannot be
            written.
    """
    kept = numbers(lake)
    wanted = number if number > 0 else dict(enumerate(reversed(kept))).get(-number, 0)
    before, current = read(lake, wanted), newest(lake)
    if before is None or current is None:
        raise WarehouseError(
            f"{lake.shown} has no snapshot {number}.",
            safe=SAFE,
            todo=f"Kept are {', '.join(map(str, kept)) or 'none'}.",
        )
    after = add_snapshot(
        lake,
        before.tables,
        writer=f"rollback to {before.number}",
        removed=[name for name in current.tables if name not in before.tables],
        merge=partial(merge, before, {*before.tables, *current.tables}),
        base=current,
        say=say,
    )
    # Who prunes removes a manifest first, then looks which files are named, and removes files.
    if read(lake, before.number) is None and after.number != current.number:
        place.remove(lake, manifest_path(after.number))
        raise WarehouseError(
            f"Snapshot {before.number} of {lake.shown} was pruned meanwhile.",
            safe=SAFE,
            todo="`just history` lists the snapshots that are kept.",
        )
    return before, after


def _is_ours(lake: Lake, manifest: Manifest) -> bool:
    """Whether the manifest of a number is this one after all, see `place.create`."""
    found = read(lake, manifest.number)
    return found is not None and found.id == manifest.id


def _say_overwritten(
    asked: Mapping[str, Change | None],
    base: Manifest | None,
    current: Manifest | None,
    say: Callable[[str], None],
) -> None:
    """Say which tables another writer wrote since the base, and this one writes over."""
    if current is None or (base and base.number == current.number):
        return
    before = base.tables if base else {}
    both = [
        name
        for name, change in sorted(asked.items())
        if overwrites(change, before.get(name), current.tables.get(name))
    ]
    if both:
        say(
            f"{', '.join(both)}: snapshot {current.number} of the lake ({current.writer}) came "
            "meanwhile and wrote them as well. This write is the later one, and takes their place."
        )


def _check_files(lake: Lake, tables: Mapping[str, LakeTable]) -> None:
    """See that the files of tables are there, and as large as they are said to be.

    Raises:
        WarehouseError: names the first one that is not.
    """
    for name, table in tables.items():
        folders = {file.path.rpartition("/")[0] for file in table.files}
        there = {path: size for one in folders for path, size in place.sizes(lake, one).items()}
        for file in table.files:
            size = there.get(file.path)
            if size == file.bytes:
                continue
            what = "is not there" if size is None else f"has {size:,} bytes, not {file.bytes:,}"
            raise WarehouseError(
                f"{name}: the file {lake.shown}/{file.path} {what}.",
                safe=SAFE,
                todo="Publish again: what is missing is then written again.",
            )


def _check_time(began: datetime) -> None:
    """See that nothing was pruned that a writer is about to name."""
    took = datetime.now(UTC) - began
    if took > LONGEST:
        raise WarehouseError(
            f"Publishing took {took.total_seconds() / 3600:.0f} hours, and at most "
            f"{LONGEST.total_seconds() / 3600:.0f} are allowed: files of an older snapshot of the "
            "lake may be pruned meanwhile.",
            safe=SAFE,
            todo="Publish a few tables at a time: `just publish TABLE`.",
        )
