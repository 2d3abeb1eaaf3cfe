"""Whether a published snapshot is still what was published, and a way to open it as it was.

A snapshot's file is read-only, but not for root: a program that opens it for writing leaves a log
beside it, which DuckDB plays back for whoever opens the file after that, or writes into the file
itself. The log is left out here, by opening the file under another name. What is in the file cannot
be taken back: it is seen, and said.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from warehouse.errors import WarehouseError
from warehouse.store import durable

SEAL = "published"
"""The file beside a snapshot that notes what it was when it was published."""

UNALTERED = "unaltered"
"""The folder beside a snapshot with a second name of its file, made when there is a stray log."""

_HEADERS = 3 * 4096
"""DuckDB's headers. Each write into the file changes them: they count the writes."""


class SnapshotChanged(UserWarning):
    """Somebody wrote to a snapshot that was published."""


class Tampered(NamedTuple):
    """What somebody did to a snapshot, and what to do about it."""

    what: str
    todo: str


def seal(file: Path) -> None:
    """Note what a file is, beside it. Nobody may have it open in this process."""
    stat = file.stat()
    noted = {"size": stat.st_size, "mtime_ns": stat.st_mtime_ns, "headers": _headers(file)}
    durable.write(file.with_name(SEAL), (json.dumps(noted) + "\n").encode())


def stray_log(file: Path) -> Path | None:
    """Return the log that a program left which opened a published file for writing."""
    logs = sorted(file.parent.glob(f"{file.name}.*"))  # .wal, .wal.checkpoint, .wal.recovery
    return logs[0] if logs else None


def is_changed(file: Path) -> bool:
    """Whether a file is another one than was published. What was never noted cannot be told."""
    try:
        noted = json.loads(file.with_name(SEAL).read_text(encoding="utf-8"))
        stat = file.stat()
    except (OSError, ValueError):
        return False
    if (stat.st_size, stat.st_mtime_ns) == (noted["size"], noted["mtime_ns"]):
        return False
    # A copy has another time. To close the file may let go of DuckDB's lock on it in this process:
    # so it is opened only then.
    return bool(stat.st_size != noted["size"] or _headers(file) != noted["headers"])


def without_log(file: Path) -> Path:
    """Return a name under which DuckDB opens a file as it was published: its own, if it may be.

    Raises:
        WarehouseError: there is a stray log, and another name cannot be made.
    """
    log = stray_log(file)
    if log is None:
        return file
    other = file.parent / UNALTERED / file.name
    try:
        other.parent.mkdir(exist_ok=True)
        with suppress(FileExistsError):
            other.hardlink_to(file)
    except OSError as error:
        raise WarehouseError(
            f"A program opened {file} for writing and left {log.name} beside it, with rows that "
            f"are not MySQL's. To leave them out takes a second name of the file, which cannot be "
            f"made: {error.strerror}.",
            safe="Those rows are not shown.",
            todo=f"Have the owner of {file.parent} close that program and remove {log}.",
        ) from None
    return other


def findings(number: int, file: Path) -> list[Tampered]:
    """Say what somebody did to a snapshot; nothing, if nobody did."""
    found = []
    if log := stray_log(file):
        found.append(
            Tampered(
                f"A program opened snapshot {number} for writing and left {log} beside it. Its "
                "rows are not MySQL's: the snapshot is shown as it was published, without them.",
                "Remove that file: other tools that open the snapshot show its rows.",
            )
        )
    if is_changed(file):
        found.append(
            Tampered(
                f"Snapshot {number} is not as it was published: a program wrote into {file}, and "
                "what it shows may not be MySQL's.",
                "`just history` lists the snapshots, `just rollback NUMBER` makes one from before "
                "the newest again, `just materialize` loads again.",
            )
        )
    return found


def warn(number: int, file: Path) -> None:
    """Warn whoever reads a snapshot that somebody wrote to."""
    for found in findings(number, file):
        warnings.warn(" ".join(found), SnapshotChanged, stacklevel=3)


def _headers(file: Path) -> str:
    with file.open("rb") as reading:
        return hashlib.sha256(reading.read(_HEADERS)).hexdigest()
