"""The snapshots that led to the newest one: listed in the file itself, found by number or time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from operator import index
from pathlib import Path
from typing import Protocol, TypeVar

import duckdb

from warehouse.errors import WarehouseError
from warehouse.store import rebuild
from warehouse.store.snapshots import (
    DAMAGED,
    FILE,
    FOLDER,
    Snapshot,
    has_table,
    kept,
    later,
    on_disk,
    open_file,
    open_published,
    read,
    unreadable,
)
from warehouse.store.write_lock import last_given

TABLE = "snapshots"
"""The table that lists the snapshots that led to the one it is in."""


class Numbered(Protocol):
    """A snapshot of the warehouse's file, or of a lake."""

    @property
    def number(self) -> int:
        """They only ever grow."""
        ...


S = TypeVar("S", bound=Numbered)

_EPOCH = datetime.fromtimestamp(0, UTC)


def written(path: Path) -> dict[int, datetime]:
    """Return when each snapshot that led to the newest one was written, gone ones included.

    Raises:
        WarehouseError: there is no warehouse yet.
    """
    with read(path) as connection:
        return times(connection) if has_table(connection, TABLE) else {}


def times(connection: duckdb.DuckDBPyConnection) -> dict[int, datetime]:
    """Return when each snapshot was written that a file with the table lists."""
    found = connection.execute(f"SELECT number, epoch_us(written_at) FROM {TABLE}").fetchall()
    return {number: _EPOCH + timedelta(microseconds=micros) for number, micros in found}


def writers(connection: duckdb.DuckDBPyConnection) -> list[tuple[int, datetime, str]]:
    """Return number, time and writer of each snapshot that led to the one of a connection."""
    if not has_table(connection, TABLE):
        return []
    at = times(connection)
    found = connection.execute(f"SELECT number, writer FROM {TABLE} ORDER BY number").fetchall()
    return [(number, at[number], writer) for number, writer in found]


def find(path: Path, which: int | str | date) -> Snapshot:
    """Return a kept snapshot.

    Args:
        path: The link that readers open.
        which: Its number; or counted back from the newest, -1 is the one before it; or a time, for
            the newest one written by then. A time without a zone is local, a day is its beginning;
            text is a number or a time in ISO 8601, such as "2026-11-20 14:00".

    Raises:
        WarehouseError: it is not kept; names those that are.
    """
    return choose(str(path), kept(path), lambda: written(path), which, lambda: later(path))


def choose(
    place: str,
    snapshots: Sequence[S],
    written_at: Callable[[], Mapping[int, datetime]],
    which: int | str | date,
    others: Callable[[], Sequence[S]] = lambda: (),
) -> S:
    """Return one of the snapshots that are kept.

    Args:
        place: Where they are, for the error.
        snapshots: Those that are kept, the newest one last.
        written_at: Returns when each was written, by its number.
        which: See `find`.
        others: Returns snapshots that only their number finds.

    Raises:
        WarehouseError: it is not kept; names those that are.
    """
    meant = _meant(which)
    if isinstance(meant, datetime):
        known = written_at()
        found = [one for one in snapshots if one.number in known and known[one.number] <= meant]
        missing = f"No snapshot of {place} that is kept is as old as {meant:%Y-%m-%d %H:%M:%S %Z}."
    else:
        found = [
            one
            for back, one in enumerate(reversed(snapshots))
            if meant == one.number or (meant <= 0 and meant == -back)
        ] or [one for one in others() if meant == one.number]
        missing = f"There is no snapshot {meant} of {place}."
    if found:
        return found[-1]
    if len(snapshots) == 1 and isinstance(meant, int) and meant < 0:
        raise none_before(snapshots[0])
    times_of = written_at()
    names = [
        f"{one.number} ({times_of[one.number].astimezone():%Y-%m-%d %H:%M:%S})"
        if one.number in times_of
        else str(one.number)
        for one in snapshots
    ]
    raise WarehouseError(
        missing,
        todo=f"Kept are {', '.join(names)}; WAREHOUSE_KEEP_SNAPSHOTS and WAREHOUSE_KEEP_DAYS say "
        "how many stay. `just history` lists them.",
    )


def none_before(oldest: Numbered) -> WarehouseError:
    """Say that there is none to compare with or to go back to, and how there comes to be one."""
    return WarehouseError(
        f"Snapshot {oldest.number} is the oldest that is kept: there is none before it.",
        todo="Each write makes one: `just materialize` after something changed in MySQL, or in a "
        "file in `sql/`. `just history` lists what is kept.",
    )


def _meant(which: int | str | date) -> int | datetime:
    """Return the number or the time that somebody means.

    Raises:
        WarehouseError: it is neither.
    """
    # Reading and placing the time fail alike: the year 1 is not to be had in each zone.
    with suppress(ValueError, OverflowError):
        if isinstance(which, str):
            with suppress(ValueError):
                return int(which)
            return datetime.fromisoformat(which).astimezone()
        if isinstance(which, datetime):
            return which.astimezone()
        if isinstance(which, date):
            return datetime(which.year, which.month, which.day).astimezone()
        with suppress(TypeError):
            return index(which)  # numpy's integers, too
    raise WarehouseError(
        f"{str(which) or 'Nothing'} is neither the number of a snapshot nor a time such as "
        "2026-11-20 14:00."
    )


def open_snapshot(path: Path, which: int | str | date) -> duckdb.DuckDBPyConnection:
    """Open a kept snapshot, read-only, see `find`.

    Raises:
        WarehouseError: it is not kept, or damaged.
    """
    while True:
        snapshot = find(path, which)
        try:
            with suppress(rebuild.GoneError), rebuild.whole(snapshot) as file:
                return open_published(Snapshot(snapshot.number, file))
        except DAMAGED as error:
            # Pruned between finding and opening it, if it is gone.
            if snapshot.file.exists():
                raise unreadable(path, snapshot, error) from None


def latest_given(path: Path, current: Snapshot | None) -> Snapshot:
    """Return the latest snapshot that there ever was, as far as anything here tells.

    Its number was given and is not given again, even if its folder is gone.
    """
    found = [*on_disk(path), *([current] if current else [])]
    given = last_given(path.parent / FOLDER) or 0
    latest = max(found, key=lambda one: one.number, default=Snapshot(0, path))
    if given <= latest.number:
        return latest
    return Snapshot(given, path.parent / FOLDER / f"{given:06d}" / FILE)


def record(
    connection: duckdb.DuckDBPyConnection, latest: Snapshot, who: str, part_of: str | None
) -> tuple[int, set[int]]:
    """Note in the file itself which snapshot it is.

    Returns:
        Its number, and the earlier parts of the same whole.
    """
    connection.execute(
        f"CREATE TABLE IF NOT EXISTS {TABLE} "
        '("number" BIGINT, "written_at" TIMESTAMPTZ, "writer" VARCHAR, "part_of" VARCHAR)'
    )
    # A file of an earlier version lacks it.
    connection.execute(f"ALTER TABLE {TABLE} ADD COLUMN IF NOT EXISTS part_of VARCHAR")
    # Made from an older snapshot, the file does not know those that came after it.
    if (last := _last_number(connection)) < latest.number:
        # If it cannot be opened, that is why somebody goes back.
        with suppress(duckdb.Error), open_file(latest.file) as newer:
            newer.execute("SET TimeZone = 'UTC'")
            if has_table(newer, TABLE):
                rows = newer.sql(f"FROM {TABLE} WHERE number > {last}")
                marks = ", ".join("?" * len(rows.columns))
                for row in rows.fetchall():
                    connection.execute(
                        f"INSERT INTO {TABLE} ({', '.join(rows.columns)}) VALUES ({marks})", row
                    )
    number = max(latest.number, _last_number(connection)) + 1
    parts = connection.execute(f"SELECT number FROM {TABLE} WHERE part_of = ?", [part_of])
    earlier = {part for (part,) in parts.fetchall()}
    # DuckDB's now() is when the transaction began: nobody could read the rows then.
    connection.execute(
        f"INSERT INTO {TABLE} VALUES (?, ?, ?, ?)", [number, datetime.now(UTC), who, part_of]
    )
    return number, earlier


def _last_number(connection: duckdb.DuckDBPyConnection) -> int:
    ((last,),) = connection.execute(f"SELECT coalesce(max(number), 0) FROM {TABLE}").fetchall()
    return int(last)
