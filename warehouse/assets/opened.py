"""What a run sees: what it wrote itself, or the newest snapshot, in the engine of the settings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from warehouse.engines.engine import Engine
from warehouse.settings import Settings
from warehouse.store import run_snapshot


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
