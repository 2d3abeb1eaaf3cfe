"""What the events of a run tell of its steps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

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


class NotPublished(dg.DagsterError):
    """What a run wrote is not published. The error behind it says why."""


@contextmanager
def failing() -> Iterator[None]:
    """Let a run fail by what fails when its resources are closed.

    Dagster only notes what fails there, unless it is an error of its own.

    Raises:
        NotPublished: of anything that fails.
    """
    try:
        yield
    except Exception as error:
        raise NotPublished(str(error)) from error


def was_stopped(failure: dg.DagsterEvent) -> bool:
    """Whether a step failed because somebody stopped the run."""
    return failure.step_failure_data.error_source is ErrorSource.INTERRUPT
