"""Whatever the moment of a power cut, the link opens the old snapshot or the new one, whole."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.disk_model import TORN, Disk, Recorder, Step, Tree, disk_of, replayed
from tests.test_snapshots import put, value
from warehouse.days import retention
from warehouse.store import blocks, delta, rebuild, spare
from warehouse.store.snapshots import FILE, FOLDER, kept

LINK = f"data/{FILE}"
HOUSE = f"data/{FOLDER}"


@dataclass
class Write:
    """Writes that were recorded, one after the other.

    Attributes:
        before: The disk before them.
        steps: What they did.
        published: After how many steps each of them could be read for certain.
        ends: After how many each had ended.
        shown: A digest of what the link opens, before them and after each; None if there is none.
        kept: Digests of the snapshots that are kept, by their numbers, before and after each.
        contents: Bytes, by digest.
    """

    before: Disk
    steps: list[Step]
    published: list[int]
    ends: list[int]
    shown: list[str | None]
    kept: Sequence[Mapping[int, str]]
    contents: dict[str, bytes]

    def wrongs(self, steps: Sequence[Step] | None = None) -> Iterator[str]:
        """Yield what a power cut could do, after which moment."""
        chosen = self.steps if steps is None else list(steps)
        fewer = len(self.steps) - len(chosen)
        for number, disk in replayed(self.before, chosen):
            moment = f"after step {number} of {len(chosen)}, {chosen[number - 1]}"
            ended = sum(number >= end - fewer for end in self.ends)
            allowed = {*self.shown[ended : ended + (1 if number + fewer in self.ends else 2)]}
            stay = dict(self.kept[ended])
            if ended < len(self.ends) and number + fewer > self.published[ended]:
                stay = {one: stay[one] for one in stay if one in self.kept[ended + 1]}
            for tree in disk.cuts():
                for wrong in self._wrong_on(tree, allowed, stay):
                    yield f"{moment}: {wrong}"

    def _wrong_on(
        self, tree: Tree, allowed: set[str | None], stay: Mapping[int, str]
    ) -> Iterator[str]:
        if (found := opened(tree)) not in allowed:
            yield f"the link opens {found}"
        for path, content in tree.items():
            *_, folder, name = ["", *path.split("/")]
            if content == TORN and name == FILE:
                if folder.isdigit():
                    yield f"snapshot {folder} is torn"
                # Its bytes may have reached the disk and its times not: it looks as it was noted.
                if folder == spare.FOLDER and f"{HOUSE}/{folder}/{blocks.NOTE}" in tree:
                    yield "the next write would take a torn spare"
            if content == TORN and name.startswith(delta.LEAD) and name != delta.NEW:
                yield f"{path} is torn, and a write may rely on it"
        for number, content in stay.items():
            if not self._opens(tree, number, content):
                yield f"snapshot {number} is neither whole nor there as parts"

    def _opens(self, tree: Tree, number: int, content: str) -> bool:
        """Whether a snapshot can be read: its file, or else its parts wherever they are."""
        if whole := tree.get(f"{HOUSE}/{number:06d}/{FILE}"):
            return whole == content
        note = tree.get(f"{HOUSE}/{number:06d}/{blocks.NOTE}", TORN)
        if note == TORN:
            return False
        wanted = noted(self.contents[note])
        found: set[bytes] = set()
        for folder in sorted({path.split("/")[2] for path in tree if path.startswith(f"{HOUSE}/")}):
            if not folder.isdigit() or int(folder) < number:
                continue
            for path, what in tree.items():
                if path.startswith(f"{HOUSE}/{folder}/{delta.LEAD}") and usable(path, what):
                    found |= listed(self.contents[what])
            if whole := tree.get(f"{HOUSE}/{folder}/{FILE}"):
                return wanted <= found | parts_of(self.contents[whole])
        return False


@cache
def noted(content: bytes) -> set[bytes]:
    found = blocks.read_note(content)
    assert found
    return {*found[1]}


@cache
def listed(content: bytes) -> set[bytes]:
    return {*delta.read_index(Path(), content)}


@cache
def parts_of(content: bytes) -> set[bytes]:
    count = (len(content) - blocks.HEADERS) // blocks.SIZE + 1
    spans = [blocks.span(part) for part in range(count)]
    return {blocks.digest(content[begin : begin + size]) for begin, size in spans}


def usable(path: str, what: str) -> bool:
    return what != TORN and not path.endswith(delta.NEW)


def opened(tree: Tree) -> str | None:
    """Return what the link opens; None if there is no link."""
    if LINK not in tree:
        return None
    return tree.get(f"data/{tree[LINK].removeprefix('-> ')}", "nothing")


def record(
    root: Path, earlier: int, keep: int, *, times: int = 1, whole: str | None = None, day: int = 0
) -> Write:
    """Record writes.

    Args:
        root: A folder.
        earlier: How many writes there were before.
        keep: How many snapshots stay.
        times: How many writes are recorded.
        whole: Of which all writes are parts.
        day: A snapshot that stays longer, as the last one of a day does.
    """
    path = root / LINK
    staying = retention.staying
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            retention,
            "staying",
            lambda numbers, *a, **k: sorted({*staying(numbers, *a, **k), *({day} & {*numbers})}),
        )
        for number in range(earlier):
            put(path, number, keep=keep, part_of=whole)
        recorder = Recorder(root, patch)
        before = disk_of(root, recorder)
        shown = [opened(next(before.cuts()))]
        there = [{n: recorder.keep(content) for n, content in whole_files(path)}]
        ends: list[int] = []
        for number in range(earlier, earlier + times):
            put(path, number, keep=keep, part_of=whole)
            recorder.note_others()
            ends.append(len(recorder.steps))
            shown.append(recorder.digest(path))
            there.append({n: recorder.keep(content) for n, content in whole_files(path)})
    steps = recorder.steps
    *_, (_, last) = replayed(before, steps)
    assert last.settled() == disk_of(root, recorder).settled(), "not what was done"
    assert len({*shown}) == times + 1
    syncs = [n for n, step in enumerate(steps, 1) if (step.kind, step.path) == ("sync", "data")]
    published = [max(n for n in syncs if n <= end) for end in ends]
    return Write(before, steps, published, ends, shown, there, recorder.contents)


def whole_files(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield each snapshot that is kept, with all of its bytes."""
    if not path.exists():
        return
    for one in kept(path):
        with tempfile.NamedTemporaryFile() as made:
            if not one.file.exists():
                rebuild.fill(one.file, made.fileno())
            yield one.number, (one.file if one.file.exists() else Path(made.name)).read_bytes()


WRITES: dict[str, dict[str, Any]] = {
    "the first": {"earlier": 0, "keep": 3},
    "the second": {"earlier": 1, "keep": 3},
    "into the spare, one kept": {"earlier": 3, "keep": 1},
    "a part of a whole": {"earlier": 3, "keep": 3, "whole": "a whole"},
    "from whole to parts, and on": {"earlier": 0, "keep": 9, "times": 4},
    "three kept": {"earlier": 1, "keep": 3, "times": 4},
    "one that stays rests on one that goes": {"earlier": 1, "keep": 3, "times": 5, "day": 1},
}


@pytest.fixture(scope="module")
def writes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Write]:
    return {
        name: record(tmp_path_factory.mktemp("recorded"), **how) for name, how in WRITES.items()
    }


@pytest.fixture(params=WRITES)
def write(request: pytest.FixtureRequest, writes: dict[str, Write]) -> Write:
    return writes[request.param]


@pytest.fixture(params=["into the spare, one kept", "from whole to parts, and on"])
def full(request: pytest.FixtureRequest, writes: dict[str, Write]) -> Write:
    """Return a write that has most to lose: a file goes as soon as it may."""
    return writes[request.param]


def test_a_power_cut_at_any_moment(write: Write) -> None:
    assert len(write.steps) > 10
    assert next(write.wrongs(), None) is None


def syncs_missed(write: Write) -> list[int]:
    """Return the syncs that these writes would miss: those at the end are for the next one."""
    steps = write.steps[: write.published[-1]]
    return [number for number, step in enumerate(steps) if step.kind == "sync"]


def test_each_sync_is_needed(write: Write) -> None:
    syncs = syncs_missed(write)
    assert len(syncs) >= 4
    for number in syncs:
        without = [*write.steps[:number], *write.steps[number + 1 :]]
        assert next(write.wrongs(without), None), f"nothing misses {write.steps[number]}"


def test_a_sync_that_comes_too_late(full: Write) -> None:
    for number in syncs_missed(full):
        step = full.steps[number]
        if number + 1 == full.published[-1] and len(full.kept[-1]) > 1:
            continue  # with the last link not synced, the snapshot before it is shown, and is there
        later = [*full.steps[:number], *full.steps[number + 1 :], step]
        assert next(full.wrongs(later), None), f"{step} may as well be the last step"


@pytest.mark.parametrize("kinds", [("sync", "move"), ("move", "sync"), ("remove_folder", "sync")])
def test_steps_that_change_places(full: Write, kinds: tuple[str, str]) -> None:
    pairs = [
        number
        for number, step in enumerate(full.steps[: full.published[-1] - 1])
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
