"""Runs whose end was not known when they began: they go into the run history afterwards, or not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dagster as dg
from dagster._core.events.log import EventLogEntry

from warehouse.store.plan import Change

_COUNTS = ("rows_before", "rows_after", "added", "removed", "changed")


def keep_runs(
    source: dg.DagsterInstance,
    target: dg.DagsterInstance,
    changes: Mapping[str, Change],
    error: BaseException | None,
) -> None:
    """Copy all runs of a history in memory into the one that is kept.

    Args:
        source: The history in memory.
        target: The one that is kept.
        changes: By table and view what changed: the materializations tell it.
        error: Why what they wrote is not published, if it is not: they have then failed.
    """
    for run in reversed(source.get_runs()):  # the newest comes first
        snapshots = target.run_storage
        if run.job_snapshot_id:
            snapshots.add_job_snapshot(source.get_job_snapshot(run.job_snapshot_id))
        if run.execution_plan_snapshot_id:
            snapshots.add_execution_plan_snapshot(
                source.get_execution_plan_snapshot(run.execution_plan_snapshot_id)
            )
        target.add_run(run.with_status(dg.DagsterRunStatus.NOT_STARTED))
        for entry in source.all_logs(run.run_id):
            target.handle_new_event(_with_counts(entry, changes))
        if error and run.status is dg.DagsterRunStatus.SUCCESS:
            target.report_run_failed(run, str(error))


def _with_counts(entry: EventLogEntry, changes: Mapping[str, Change]) -> EventLogEntry:
    """Return an event, with what changed if it tells of a table or view."""
    event = entry.dagster_event
    if event is None or not event.is_step_materialization or event.asset_key is None:
        return entry
    change = changes.get(event.asset_key.path[-1])
    if change is None:
        return entry
    counts: dict[str, Any] = {
        name if name.startswith("rows") else f"rows_{name}": getattr(change, name)
        for name in _COUNTS
        if getattr(change, name) is not None
    }
    data = event.step_materialization_data
    materialization = data.materialization.with_metadata(
        {**data.materialization.metadata, **counts}
    )
    data = data._replace(materialization=materialization)
    return entry._replace(dagster_event=event._replace(event_specific_data=data))
