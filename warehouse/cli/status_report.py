"""What `just status` reports: what the file holds, how old it is, who reads it, what comes next."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from warehouse.assets.run_history import History, LastRun
from warehouse.engines.engine import rows_of
from warehouse.project.project import BOOKKEEPING
from warehouse.project.quoting import quoted
from warehouse.store import disk_use, ledger, preview, snapshots
from warehouse.store import open_files as holders
from warehouse.store.views import REGISTRY

COUNTING_SECONDS = 0.5
"""For the rows of all views together: one over millions of rows takes longer by itself."""

HIDDEN = frozenset({*BOOKKEEPING, REGISTRY})
"""The tables that are nobody's asset."""

_ASSETS = """
SELECT table_name, false FROM duckdb_tables() WHERE schema_name = 'main' AND NOT internal
UNION ALL
SELECT view_name, true FROM duckdb_views() WHERE schema_name = 'main' AND NOT internal
ORDER BY ALL
"""


@dataclass(frozen=True)
class Asset:
    """A table or a view of the file.

    Attributes:
        rows: None if they could not be counted in time.
        loaded: The receipt of its last load, if it was loaded.
    """

    name: str
    view: bool
    rows: int | None
    loaded: ledger.LastLoad | None


@dataclass(frozen=True)
class Kept:
    """A snapshot on disk, or one that is gone from there and still open.

    Attributes:
        use: What it takes on the disk; None if it is gone.
    """

    number: int
    use: disk_use.Use | None
    newest: bool
    open_in: list[holders.Reader]


@dataclass(frozen=True)
class Held:
    """The newest snapshot, and what all take that are kept.

    Attributes:
        number: Of the newest one.
        place: Where it is, for people.
        bytes: Its size.
        count: How many are kept.
        total: What they take together, in bytes.
    """

    number: int
    place: str
    bytes: int
    count: int
    total: int


@dataclass(frozen=True)
class Outlook:
    """An asset's last run and, of a source, how long it is fresh and when it is loaded again.

    Attributes:
        fresh_until: The moment, which may have passed.
        next_load: About when; None if nothing does that by itself.
    """

    name: str
    fresh_until: datetime | None
    last_run: LastRun | None
    next_load: datetime | None


def assets(path: Path) -> list[Asset]:
    """Return what the newest snapshot holds: tables first.

    Raises:
        WarehouseError: there is no warehouse yet.
    """
    with snapshots.read(path) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        found = {
            name: view
            for name, view in connection.execute(_ASSETS).fetchall()
            if name not in HIDDEN
        }
        tables = [name for name, view in found.items() if not view]
        views = [name for name, view in found.items() if view]
        rows = _count(connection, views)
        return [
            *(
                Asset(
                    name,
                    False,
                    snapshots.count(connection, name),
                    ledger.last_load(connection, name),
                )
                for name in tables
            ),
            *(Asset(name, True, rows.get(name), None) for name in views),
        ]


def _count(connection: duckdb.DuckDBPyConnection, views: Iterable[str]) -> dict[str, int]:
    """Count the rows of as many views as the time allows."""
    rows: dict[str, int] = {}
    hurried = preview.within(connection, COUNTING_SECONDS)
    with hurried as cursor, suppress(duckdb.InterruptException):
        for view in views:
            rows[view] = rows_of(cursor, f"FROM {quoted(view)}")
    return rows


def files(path: Path) -> list[Kept]:
    """Return the snapshots there are, and who has them open."""
    readers = holders.readers(path) or []
    kept = snapshots.kept(path)
    gone = {reader.snapshot for reader in readers if reader.pruned}
    return [
        *(Kept(number, None, False, _of(readers, number, pruned=True)) for number in sorted(gone)),
        *(
            Kept(
                snapshot.number,
                disk_use.measure(snapshot),
                snapshot is kept[-1],
                _of(readers, snapshot.number, pruned=False),
            )
            for snapshot in kept
        ),
    ]


def held(path: Path, kept: Sequence[Kept]) -> Held:
    """Return what is kept on the disk, in short."""
    uses = [snapshot.use for snapshot in kept if snapshot.use is not None]
    size = path.stat().st_size
    return Held(kept[-1].number, str(path), size, len(uses), disk_use.total(uses))


def _of(readers: Iterable[holders.Reader], number: int, *, pruned: bool) -> list[holders.Reader]:
    return [reader for reader in readers if reader.snapshot == number and reader.pruned is pruned]


def outlook(
    found: Collection[Asset],
    history: History | None,
    freshness_minutes: int,
    tick_minutes: int | None,
    now: datetime,
) -> list[Outlook]:
    """Put the file's receipts and the run history together.

    Args:
        found: What the file holds.
        history: None if there is none here: failed runs are not known then.
        freshness_minutes: How old a source may become.
        tick_minutes: How often a stale source is looked at; None if nobody does.
        now: The time.
    """
    return [_outlook(asset, history, freshness_minutes, tick_minutes, now) for asset in found]


def _outlook(
    asset: Asset,
    history: History | None,
    freshness_minutes: int,
    tick_minutes: int | None,
    now: datetime,
) -> Outlook:
    last_run = history.runs.get(asset.name) if history else None
    if asset.loaded is None:
        return Outlook(asset.name, None, last_run, None)
    as_of = asset.loaded.started_at
    unchanged = history.unchanged.get(asset.name) if history else None
    # The history may be that of another file as well: what was found unchanged has to be this.
    if unchanged and unchanged.version == asset.loaded.version:
        as_of = max(as_of, unchanged.at)
    until = as_of + timedelta(minutes=freshness_minutes)
    receipt = LastRun(asset.loaded.run_id, asset.loaded.started_at, "success")
    return Outlook(
        asset.name,
        until,
        last_run or receipt,
        _next_tick(max(until, now), tick_minutes) if tick_minutes else None,
    )


def _next_tick(after: datetime, every_minutes: int) -> datetime:
    """Return the next time of `*/N * * * *`, by UTC."""
    moment = after.astimezone(UTC).replace(second=0, microsecond=0) + timedelta(minutes=1)
    while moment.minute % every_minutes:
        moment += timedelta(minutes=1)
    return moment
