"""What a run sees in the engine of the settings, and which snapshot is the newest one there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from warehouse.engines.engine import Engine
from warehouse.settings import Settings
from warehouse.store import run_snapshot, snapshots
from warehouse.store.views import kinds


@contextmanager
def opened(settings: Settings, run_id: str) -> Iterator[Engine]:
    """Open what a run sees for the length of a `with`.

    Raises:
        WarehouseError: nothing was materialized yet, or the engine cannot be reached.
    """
    if settings.spark is None:
        with run_snapshot.read_for_run(settings.path, run_id) as connection:
            yield connection
        return
    from warehouse.assets.on_spark.lake_run import open_for_run

    with open_for_run(settings, run_id) as engine:
        yield engine


@dataclass(frozen=True)
class Newest:
    """The newest snapshot.

    Attributes:
        place: Where it is, for people.
        bytes: Its size.
    """

    number: int
    place: str
    bytes: int


def newest(settings: Settings) -> Newest | None:
    """Return the newest snapshot of the settings' engine; None before the first one.

    Raises:
        WarehouseError: it cannot be read.
    """
    if settings.spark is not None:
        from warehouse.engines.spark.on_lake import lake_of
        from warehouse.lake.snapshots import newest as newest_of

        lake = lake_of(settings)
        manifest = newest_of(lake)
        return Newest(manifest.number, lake.shown, manifest.bytes) if manifest else None
    path, folder = settings.path, settings.folder
    snapshot = snapshots.newest(path)
    if snapshot is None:
        return None
    shown = path.relative_to(folder) if path.is_relative_to(folder) else path
    return Newest(snapshot.number, str(shown), snapshot.file.stat().st_size)


def held_tables(settings: Settings) -> set[str]:
    """Return the tables in the newest snapshot of the settings' engine.

    Raises:
        WarehouseError: it cannot be read.
    """
    if settings.spark is not None:
        from warehouse.engines.spark.on_lake import lake_of
        from warehouse.lake.snapshots import newest as newest_of

        manifest = newest_of(lake_of(settings))
        return set(manifest.tables) if manifest else set()
    path = settings.path
    return _tables(path, path.lstat().st_mtime_ns) if snapshots.newest(path) else set()


@lru_cache(maxsize=1)
def _tables(path: Path, linked: int) -> set[str]:  # noqa: ARG001
    """Return the tables in DuckDB's newest snapshot. A start asks twice.

    Args:
        path: The link that readers open.
        linked: When it was made, in ns: each write makes a new one.
    """
    with snapshots.read(path) as connection:
        return {name for name, kind in kinds(connection).items() if kind == "table"}
