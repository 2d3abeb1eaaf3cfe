"""What the events of a run tell of its steps."""

from __future__ import annotations

import dagster as dg
from dagster._core.execution.plan.objects import ErrorSource


def steps(
    context: dg.InitResourceContext, *kinds: dg.DagsterEventType
) -> dict[str, dg.DagsterEvent]:
    """Return the steps of a run of which an event of these kinds tells, and the event."""
    if context.instance is None or context.run is None:
        return {}
    found = context.instance.all_logs(context.run.run_id, of_type={*kinds})
    return {
        entry.step_key: entry.dagster_event
        for entry in found
        if entry.step_key and entry.dagster_event
    }


def was_stopped(failure: dg.DagsterEvent) -> bool:
    """Whether a step failed because somebody stopped the run."""
    return failure.step_failure_data.error_source is ErrorSource.INTERRUPT
