"""Who holds what: the process that writes a snapshot now, and those that have one open.

Only looks: no lock that another one waits for is taken, and nothing is written.
"""

from __future__ import annotations

import fcntl
import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from warehouse.store.snapshots import FILE, FOLDER
from warehouse.store.tampering import UNALTERED
from warehouse.store.write_lock import writer_named

PROCESSES = Path("/proc")
"""Linux tells here which files a process has open. Elsewhere the readers are not known."""


@dataclass(frozen=True)
class Writer:
    """Who writes, in its own words, and since when."""

    name: str
    since: datetime


@dataclass(frozen=True)
class Reader:
    """A process with a snapshot open.

    Attributes:
        pruned: Whether the snapshot is gone from its folder. Its disk space is not, until then.
    """

    process: int
    program: str
    snapshot: int
    pruned: bool


def writer(path: Path) -> Writer | None:
    """Return who writes a snapshot now, or None."""
    folder = path.parent / FOLDER
    try:
        with (folder / "lock").open("rb") as lock:
            # Shared: refused while somebody writes, and given back at once.
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return None
    except BlockingIOError:
        note = last_writer(path)
        return note or Writer("another process", datetime.now(UTC))
    except OSError:  # there is none, or another user's
        return None


def last_writer(path: Path) -> Writer | None:
    """Return who wrote last, or still does, and when it began."""
    note = path.parent / FOLDER / "writer"
    try:
        return Writer(writer_named(note.parent), datetime.fromtimestamp(note.stat().st_mtime, UTC))
    except FileNotFoundError:
        return None


def readers(path: Path) -> list[Reader] | None:
    """Return the processes of this user, but this one, that have a snapshot open.

    Returns:
        None where the system does not tell.
    """
    if not (PROCESSES / "self/fd").exists():
        return None
    folder = re.escape(str(path.parent.resolve() / FOLDER))
    opened = re.compile(rf"{folder}/(\d+)/(?:{UNALTERED}/)?{re.escape(FILE)}( \(deleted\))?")
    found = set()
    for process in PROCESSES.iterdir():
        if not process.name.isdigit() or int(process.name) == os.getpid():
            continue
        try:
            targets = [entry.readlink() for entry in (process / "fd").iterdir()]
            program = _program((process / "cmdline").read_bytes().decode(errors="replace"))
        except OSError:  # it has ended, or is another user's
            continue
        for target in targets:
            if match := opened.fullmatch(str(target)):
                found.add(Reader(int(process.name), program, int(match[1]), bool(match[2])))
    return sorted(found, key=lambda reader: (reader.snapshot, reader.process))


def _program(command: str) -> str:
    """Name a program without its arguments, which may hold what nobody else is to see."""
    first, *rest = command.rstrip("\0").split("\0")
    name = Path(first).name
    if not name.startswith("python"):
        return name
    module = rest[rest.index("-m") + 1 :][:1] if "-m" in rest else []
    script = [Path(word).name for word in rest if word.endswith(".py")][:1]
    return " ".join([name, *(["-m", *module] if module else script)])
