"""Dagster's run history, opened as `just dev` opens it, and what `status` asks of it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import chdir, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from warehouse.settings import DAGSTER_FILE, SHIPPED, project_folder

if TYPE_CHECKING:
    import dagster as dg
    from dagster._core.instance.ref import InstanceRef

STALE_SENSOR = "stale_sources"
DAEMON = "ASSET"
"""The daemon that looks after that sensor."""

SIGN_OF_LIFE = timedelta(seconds=60)
"""A daemon gives one every 30 seconds. Dagster itself calls one healthy for half an hour after."""


ERRORS = "errors"
"""The folder beside the history that keeps the texts of errors which no run holds."""


def home() -> Path:
    """Return the folder of the history."""
    given = os.environ.get("DAGSTER_HOME")
    return Path(given) if given else project_folder() / ".dagster"


def there() -> bool:
    """Whether anything was ever run here. To open a history makes one."""
    return home().is_dir() and any(entry.name != ERRORS for entry in home().iterdir())


NOT_CAPTURED = {
    "module": "dagster._core.storage.noop_compute_log_manager",
    "class": "NoOpComputeLogManager",
}
"""What a run of the command line prints is on the terminal. To capture it takes four processes,
which answer Ctrl-C with a trace each."""


def instance_ref(overrides: Mapping[str, Any] | None = None) -> InstanceRef:
    """Return how Dagster opens the history: by the `dagster.yaml` of its folder, of the project
    folder where there is no `DAGSTER_HOME`, or by ours.

    Relative paths in the file count from the working folder: be in the project folder.
    """
    from dagster._core.instance.ref import InstanceRef

    config = home() if os.environ.get("DAGSTER_HOME") else project_folder()
    if not os.environ.get("DAGSTER_HOME") and not (config / DAGSTER_FILE).is_file():
        config = SHIPPED
    return InstanceRef.from_dir(str(home()), config_dir=str(config), overrides=overrides)


@contextmanager
def history() -> Iterator[dg.DagsterInstance]:
    """Open the run history that `just dev` shows too."""
    import dagster as dg

    with chdir(project_folder()):
        home().mkdir(parents=True, exist_ok=True)
        # Two processes that make the history's tables at the same moment trip over each other.
        with FileLock(home() / "lock"):
            instance = dg.DagsterInstance.from_ref(instance_ref({"compute_logs": NOT_CAPTURED}))
            # Each is made when it is first asked for.
            assert instance.run_storage and instance.event_log_storage
            assert instance.schedule_storage
        with instance:
            yield instance


@dataclass(frozen=True)
class LastRun:
    """The last run that was to build an asset.

    Attributes:
        at: When it ended; while it has not, when it was asked for.
        result: In Dagster's words: success, failure, canceled, started, queued.
    """

    run_id: str
    at: datetime
    result: str


@dataclass(frozen=True)
class Unchanged:
    """A source was found as it was loaded: when, and its version."""

    at: datetime
    version: str


@dataclass(frozen=True)
class History:
    """What the history says of some assets.

    Attributes:
        runs: By asset.
        unchanged: By source, if its newest event is not a load.
        developing: Whether `just dev` runs on this history.
        reloading: Whether its sensor for stale sources is on.
    """

    runs: dict[str, LastRun]
    unchanged: dict[str, Unchanged]
    developing: bool
    reloading: bool


def look(instance: dg.DagsterInstance, assets: list[str], now: datetime) -> History:
    """Ask the history about assets, and whether anybody reloads them."""
    import dagster as dg

    entries = [
        record.asset_entry
        for record in instance.get_asset_records([dg.AssetKey(name) for name in assets])
    ]
    last = {entry.asset_key.to_user_string(): entry.last_run_id for entry in entries}
    wanted = [run_id for run_id in last.values() if run_id]
    found = (
        {
            record.dagster_run.run_id: LastRun(
                record.dagster_run.run_id,
                datetime.fromtimestamp(record.end_time, UTC)
                if record.end_time
                else record.create_timestamp,
                record.dagster_run.status.value.lower(),
            )
            for record in instance.get_run_records(dg.RunsFilter(run_ids=wanted))
        }
        if wanted
        else {}
    )
    unchanged = {}
    for entry in entries:
        event = entry.last_materialization
        metadata = event.asset_materialization.metadata if event else {}  # type: ignore[union-attr]
        if event and "skipped" in metadata:
            unchanged[entry.asset_key.to_user_string()] = Unchanged(
                datetime.fromtimestamp(event.timestamp, UTC),
                str(metadata["source_version"].value),
            )
    developing = _developing(instance, now)
    return History(
        runs={name: found[run_id] for name, run_id in last.items() if run_id in found},
        unchanged=unchanged,
        developing=developing,
        reloading=developing and _sensor_on(instance),
    )


def _developing(instance: dg.DagsterInstance, now: datetime) -> bool:
    status = instance.get_daemon_statuses().get(DAEMON)
    beat = status.last_heartbeat if status else None
    return beat is not None and now.timestamp() - beat.timestamp < SIGN_OF_LIFE.total_seconds()


def _sensor_on(instance: dg.DagsterInstance) -> bool:
    """Whether the sensor is on. It is unless somebody switched it off: only then that is stored."""
    return not any(
        state.name == STALE_SENSOR and state.status.value == "STOPPED"
        for state in instance.all_instigator_state()
    )
