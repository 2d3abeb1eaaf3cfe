"""One writer at a time: the lock, and the note on who holds it and which number was given last."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from warehouse.store import durable

_GIVEN = re.compile(r"^snapshot (\d+)$", re.MULTILINE)
_WAIT_SECONDS = 10.0


@contextmanager
def writing_alone(folder: Path, who: str, say: Callable[[str], None]) -> Iterator[None]:
    """Hold the writer's lock. The operating system frees it when its holder dies."""
    lock = FileLock(folder / "lock")
    began = time.monotonic()
    while True:
        try:
            lock.acquire(timeout=_WAIT_SECONDS if time.monotonic() - began > 0.5 else 0.2)
            break
        except Timeout:
            holder = writer_named(folder) or "another process"
            say(
                f"Waiting for {holder}, which is writing a snapshot "
                f"({time.monotonic() - began:.0f} s so far). Readers are not affected."
            )
            time.sleep(0.3)
    try:
        note_writer(folder, who, last_given(folder))
        yield
    finally:
        lock.release()


def note_writer(folder: Path, who: str, given: int | None) -> None:
    """Note who writes, and the last number that was given. Replaced whole: a full disk, and a kill,
    leave the earlier note."""
    note = folder / "writer.new"
    lines = [f"{who} (process {os.getpid()}, {Path(sys.argv[0]).name})"]
    lines += [f"snapshot {given}"] if given is not None else []
    try:
        durable.write(note, ("\n".join(lines) + "\n").encode())
        durable.move(note, folder / "writer")
    except OSError:
        with suppress(OSError):
            durable.remove(note)
        raise


def writer_named(folder: Path) -> str:
    """Return who wrote last, or still does, in its own words; nothing if that was not noted."""
    try:
        return next(iter((folder / "writer").read_text().splitlines()), "").strip()
    except FileNotFoundError:
        return ""


def last_given(folder: Path) -> int | None:
    """Return the last number that was given to a snapshot; None if that was not noted."""
    try:
        noted = _GIVEN.search((folder / "writer").read_text())
    except (OSError, UnicodeDecodeError):
        return None
    return int(noted[1]) if noted else None
