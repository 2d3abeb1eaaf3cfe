"""What a power cut may leave of recorded file operations, by the letter of POSIX.

A name that was made, moved or removed is on the disk for certain only when its folder was synced
since, and bytes only when their file was. What was not synced may be there or not, each name for
itself and in any order; a file of which bytes are missing is called TORN.
"""

from __future__ import annotations

import hashlib
import itertools
import threading
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from warehouse.store import durable

TORN = "torn"
CREATING = ("make_folder", "link")
WRITING = ("write", "write_all")
RECORDED = ("sync", "make_folder", "write", "write_all", "move", "link", "remove", "remove_folder")


@dataclass(frozen=True)
class Step:
    """One operation.

    Attributes:
        kind: Its function in `durable`; or "made", "changed" or "gone" for what somebody else did,
            as DuckDB does in the private copy.
        path: Of what, from the root.
        other: Where it went, or where a link leads.
        content: A digest of the bytes that a file has afterwards.
    """

    kind: str
    path: str
    other: str = ""
    content: str = ""

    def __str__(self) -> str:
        return " ".join(part for part in (self.kind, self.path, self.other) if part)


@dataclass
class Entry:
    """A file, a link or a folder, whatever its names."""

    content: str | None = None
    target: str | None = None
    folder: bool = False
    unsynced: bool = False
    names: dict[str, Entry] = field(default_factory=dict)
    pending: list[list[tuple[str, Entry | None]]] = field(default_factory=list)

    def now(self) -> dict[str, Entry]:
        """Return the names as a running system shows them."""
        return self.applied(self.pending)

    def applied(self, changes: Any) -> dict[str, Entry]:
        """Return the names on a disk that some of the unsynced changes reached."""
        names = dict(self.names)
        for change in changes:
            for name, entry in change:
                names.pop(name, None)
                if entry is not None:
                    names[name] = entry
        return names


Tree = Mapping[str, str]
"""What is on a disk: by path a digest, TORN, or "-> target" of a link."""


class Disk:
    """A disk on which operations are repeated."""

    def __init__(self) -> None:
        self.root = Entry(folder=True)

    def _find(self, path: str) -> Entry:
        entry = self.root
        for name in Path(path).parts:
            entry = entry.now()[name]
        return entry

    def _change(self, path: str, entry: Entry | None) -> tuple[Entry, tuple[str, Entry | None]]:
        return self._find(str(Path(path).parent)), (Path(path).name, entry)

    def _name(self, path: str, entry: Entry | None) -> None:
        folder, change = self._change(path, entry)
        folder.pending.append([change])

    def do(self, step: Step) -> None:
        """Repeat an operation."""
        if step.kind == "sync":
            entry = self._find(step.path)
            entry.unsynced = False
            entry.names, entry.pending = entry.now(), []
        elif step.kind == "make_folder":
            self._name(step.path, Entry(folder=True))
        elif step.kind in (*WRITING, "made"):
            self._name(step.path, Entry(content=step.content, unsynced=True))
        elif step.kind == "changed":
            entry = self._find(step.path)
            entry.content, entry.unsynced = step.content, True
        elif step.kind == "link":
            self._name(step.path, Entry(target=step.other))
        elif step.kind in ("remove", "gone"):
            self._name(step.path, None)
        elif step.kind == "remove_folder":
            self._empty(self._find(step.path))
            self._name(step.path, None)
        elif step.kind == "move":
            moved = self._find(step.path)
            source, gone = self._change(step.path, None)
            target, there = self._change(step.other, moved)
            if source is target:
                source.pending.append([gone, there])  # at once
            else:
                target.pending.append([there])
                source.pending.append([gone])

    def _empty(self, folder: Entry) -> None:
        for name, entry in folder.now().items():
            if entry.folder:
                self._empty(entry)
            folder.pending.append([(name, None)])

    def settled(self) -> Tree:
        """Return what a running system shows."""
        copied = deepcopy(self)
        waiting = [copied.root]
        while waiting:
            entry = waiting.pop()
            entry.names, entry.pending, entry.unsynced = entry.now(), [], False
            waiting += entry.names.values()
        return next(copied.cuts())

    def cuts(self) -> Iterator[Tree]:
        """Yield all that a power cut may leave now."""
        seen = set()
        for tree in self._trees(self.root):
            key = frozenset(tree.items())
            if key not in seen:
                seen.add(key)
                yield tree

    def _trees(self, folder: Entry) -> Iterator[dict[str, str]]:
        names_seen = set()
        for count in range(len(folder.pending) + 1):
            for changes in itertools.combinations(folder.pending, count):
                names = folder.applied(changes)
                key = frozenset((name, id(entry)) for name, entry in names.items())
                if key not in names_seen:
                    names_seen.add(key)
                    yield from self._with(names)

    def _with(self, names: dict[str, Entry]) -> Iterator[dict[str, str]]:
        parts: list[list[dict[str, str]]] = []
        for name, entry in names.items():
            if entry.folder:
                below = [
                    {name: "folder", **{f"{name}/{path}": what for path, what in tree.items()}}
                    for tree in self._trees(entry)
                ]
                parts.append(below)
            elif entry.target is not None:
                parts.append([{name: f"-> {entry.target}"}])
            else:
                parts.append([{name: TORN if entry.unsynced else str(entry.content)}])
        for chosen in itertools.product(*parts):
            yield {path: what for part in chosen for path, what in part.items()}


class Recorder:
    """Records what a write does to a folder."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = root
        self.steps: list[Step] = []
        self.contents: dict[str, bytes] = {}
        self._known = self._look()
        for name in RECORDED:
            monkeypatch.setattr(durable, name, self._recording(name, getattr(durable, name)))

    def _recording(self, kind: str, done: Callable[..., None]) -> Callable[..., None]:
        def recorded(path: Path, *arguments: Any) -> None:
            # The copy that is flushed in the background is flushed again by the write itself.
            if threading.current_thread().name == "flush":
                done(path, *arguments)
                return
            self.note_others()
            there = path.exists() or path.is_symlink()
            done(path, *arguments)
            if there == (kind not in CREATING) or kind in WRITING:
                self._note(kind, path, *arguments)
            self._known = self._look()

        return recorded

    def _note(self, kind: str, path: Path, *arguments: Any) -> None:
        other, content = "", ""
        if kind == "move":
            other = self._name(arguments[0])
        elif kind == "link":
            other = str(arguments[0])
        elif kind in WRITING:
            content = self.digest(path)
        self.steps.append(Step(kind, self._name(path), other, content))

    def note_others(self) -> None:
        """Note what was done by somebody else since the last operation."""
        now = self._look()
        for path in self._known.keys() - now.keys():
            self.steps.append(Step("gone", path))
        for path, content in now.items():
            if self._known.get(path) != content:
                kind = "changed" if path in self._known else "made"
                self.steps.append(Step(kind, path, content=content))
        self._known = now

    def _name(self, path: Path) -> str:
        return str(path.relative_to(self.root))

    def _look(self) -> dict[str, str]:
        return {
            self._name(path): self.digest(path)
            for path in sorted(self.root.rglob("*"))
            if path.is_file() and not path.is_symlink() and path.name != "lock"
        }

    def digest(self, path: Path) -> str:
        """Keep the bytes of a file, and return their digest."""
        return self.keep(path.read_bytes())

    def keep(self, content: bytes) -> str:
        """Keep bytes, and return their digest."""
        digest = hashlib.sha256(content).hexdigest()[:16]
        self.contents[digest] = content
        return digest


def disk_of(root: Path, recorder: Recorder) -> Disk:
    """Return a disk that holds a folder as it is, all of it synced."""
    disk = Disk()

    def fill(entry: Entry, folder: Path) -> None:
        for path in folder.iterdir():
            if path.is_symlink():
                entry.names[path.name] = Entry(target=str(path.readlink()))
            elif path.is_dir():
                entry.names[path.name] = Entry(folder=True)
                fill(entry.names[path.name], path)
            elif path.name != "lock":
                entry.names[path.name] = Entry(content=recorder.digest(path))

    fill(disk.root, root)
    return disk


def replayed(before: Disk, steps: list[Step]) -> Iterator[tuple[int, Disk]]:
    """Yield the disk after each step, with how many there were."""
    disk = deepcopy(before)
    yield 0, disk
    for number, step in enumerate(steps, 1):
        disk.do(step)
        yield number, disk
