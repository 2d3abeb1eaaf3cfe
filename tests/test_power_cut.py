"""Whatever the moment of a power cut, the link opens the old snapshot or the new one, whole."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.disk_model import TORN, Disk, Recorder, Step, Tree, disk_of, replayed
from tests.test_snapshots import put, value
from warehouse.store import blocks, spare
from warehouse.store.snapshots import FILE, FOLDER

LINK = f"data/{FILE}"
HOUSE = f"data/{FOLDER}"


@dataclass
class Write:
    """A write that was recorded.

    Attributes:
        before: The disk before it.
        steps: What it did.
        old, new: Digests of the snapshots before and after it; no old one, if it was the first.
        contents: Bytes, by digest.
    """

    before: Disk
    steps: list[Step]
    old: str | None
    new: str
    contents: dict[str, bytes]

    def wrongs(self, steps: Sequence[Step] | None = None) -> Iterator[str]:
        """Yield what a power cut could do, after which moment."""
        chosen = self.steps if steps is None else list(steps)
        for number, disk in replayed(self.before, chosen):
            moment = f"after step {number} of {len(chosen)}, {chosen[number - 1]}"
            allowed: set[str | None] = {self.new, self.new if number == len(chosen) else self.old}
            for tree in disk.cuts():
                for wrong in wrong_on(tree, allowed):
                    yield f"{moment}: {wrong}"


def opened(tree: Tree) -> str | None:
    """Return what the link opens; None if there is no link."""
    if LINK not in tree:
        return None
    return tree.get(f"data/{tree[LINK].removeprefix('-> ')}", "nothing")


def wrong_on(tree: Tree, allowed: set[str | None]) -> Iterator[str]:
    if (found := opened(tree)) not in allowed:
        yield f"the link opens {found}"
    for path, content in tree.items():
        if path.endswith(f"/{FILE}") and content == TORN:
            folder = path.split("/")[-2]
            if folder.isdigit():
                yield f"snapshot {folder} is torn"
            # Its bytes may have reached the disk and its times not: it looks as it was noted.
            if folder == spare.FOLDER and f"{HOUSE}/{folder}/{blocks.NOTE}" in tree:
                yield "the next write would take a torn spare"


def record(root: Path, earlier: int, keep: int, whole: str | None = None) -> Write:
    path = root / LINK
    for number in range(earlier):
        put(path, number, keep=keep, part_of=whole)
    with pytest.MonkeyPatch.context() as patch:
        recorder = Recorder(root, patch)
        before = disk_of(root, recorder)
        old = opened(next(before.cuts()))
        put(path, earlier, keep=keep, part_of=whole)
        recorder.note_others()
    steps = recorder.steps
    *_, (_, last) = replayed(before, steps)
    assert last.settled() == disk_of(root, recorder).settled(), "not what was done"
    new = opened(last.settled())
    assert new not in (None, old, "nothing")
    return Write(before, steps, old, str(new), recorder.contents)


WRITES: dict[str, tuple[int, int, str | None]] = {
    "the first": (0, 3, None),
    "the second": (1, 3, None),
    "into the spare": (5, 3, None),
    "into the spare, one kept": (3, 1, None),
    "a part of a whole": (3, 3, "a whole"),
}


@pytest.fixture(scope="module")
def writes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Write]:
    return {name: record(tmp_path_factory.mktemp("recorded"), *how) for name, how in WRITES.items()}


@pytest.fixture(params=WRITES)
def write(request: pytest.FixtureRequest, writes: dict[str, Write]) -> Write:
    return writes[request.param]


@pytest.fixture
def full(writes: dict[str, Write]) -> Write:
    """Return the write that has most to lose: what is not kept becomes the spare at once."""
    return writes["into the spare, one kept"]


def test_a_power_cut_at_any_moment(write: Write) -> None:
    assert len(write.steps) > 10
    assert next(write.wrongs(), None) is None


def test_each_sync_is_needed(write: Write) -> None:
    syncs = [number for number, step in enumerate(write.steps) if step.kind == "sync"]
    assert len(syncs) >= 4
    for number in syncs:
        without = [*write.steps[:number], *write.steps[number + 1 :]]
        assert next(write.wrongs(without), None), f"nothing misses {write.steps[number]}"


def test_a_sync_that_comes_too_late(full: Write) -> None:
    for number, step in enumerate(full.steps):
        if step.kind == "sync":
            later = [*full.steps[:number], *full.steps[number + 1 :], step]
            assert next(full.wrongs(later), None), f"{step} may as well be the last step"


@pytest.mark.parametrize("kinds", [("sync", "move"), ("move", "sync"), ("remove_folder", "sync")])
def test_steps_that_change_places(full: Write, kinds: tuple[str, str]) -> None:
    pairs = [
        number
        for number, step in enumerate(full.steps[:-1])
        if (step.kind, full.steps[number + 1].kind) == kinds
    ]
    if not pairs:
        pytest.skip("without a spare nothing is removed before the write")
    for number in pairs:
        steps = list(full.steps)
        steps[number], steps[number + 1] = steps[number + 1], steps[number]
        # The note on the writer is no snapshot.
        if not steps[number + 1].other.endswith("/writer"):
            assert next(full.wrongs(steps), None), f"{steps[number + 1]} may as well come later"


def test_what_a_power_cut_leaves_opens_and_takes_the_next_write(
    write: Write, tmp_path: Path
) -> None:
    rng = random.Random(7)
    trees = [tree for _, disk in replayed(write.before, write.steps) for tree in disk.cuts()]
    for number, tree in enumerate(rng.sample(trees, 6)):
        root = tmp_path / f"after {number}"
        for name, what in tree.items():
            place = root / name
            place.parent.mkdir(parents=True, exist_ok=True)
            if what == "folder":
                place.mkdir(exist_ok=True)
            elif what.startswith("-> "):
                place.symlink_to(what.removeprefix("-> "))
            else:
                place.write_bytes(b"torn" * 100 if what == TORN else write.contents[what])
        path = root / LINK
        newest = value(path) if opened(tree) else -1
        put(path, newest + 1)
        assert value(path) == newest + 1
