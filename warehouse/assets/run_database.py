"""A run's own database, copied instead of made.

Dagster keeps the events of each run in a SQLite file. To make its tables and indexes takes a fifth
of the time of a small refresh; they are the same for each run of a version of Dagster.
"""

from __future__ import annotations

import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

import dagster as dg
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.utils import make_new_run_id

from warehouse.assets.run_history import home


def with_database(instance: dg.DagsterInstance, run_id: str | None = None) -> str:
    """Return the id of a run that is to begin, a new one for None; its database is there.

    Where it could not be copied, as on a full disk, Dagster makes it itself.
    """
    run_id = run_id or make_new_run_id()
    storage = instance.event_log_storage
    if isinstance(storage, SqliteEventLogStorage):
        file = Path(storage.path_for_shard(run_id))
        copy = file.with_suffix(".copy")  # under the name itself it is there as a whole or not
        try:
            shutil.copyfile(_empty(), copy)
            copy.replace(file)
        except OSError:
            with suppress(OSError):
                copy.unlink(missing_ok=True)
    return run_id


def _empty() -> Path:
    """Return the database of a run that has no events yet; Dagster makes it when it is missing."""
    empty = home() / f"empty-run-{dg.__version__}.db"
    if not empty.exists():
        with tempfile.TemporaryDirectory(dir=home()) as folder:
            storage = SqliteEventLogStorage(folder)
            with storage.run_connection(empty.stem):
                pass
            Path(storage.path_for_shard(empty.stem)).replace(empty)
    return empty
