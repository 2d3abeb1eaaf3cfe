"""What came of runs: the steps that failed, and the checks."""

from __future__ import annotations

import dagster as dg
from dagster_shared.error import SerializableErrorInfo

from warehouse.errors import WarehouseError
from warehouse.store.run_events import NotPublished


def failed_checks(
    instance: dg.DagsterInstance, results: list[dg.ExecuteInProcessResult]
) -> list[dg.AssetCheckEvaluation]:
    """Return the checks that failed in runs; a warning is no failure.

    Args:
        instance: The history. It also has the checks of what was about to be published, which are
            in no result.
        results: Of the runs.
    """
    last = {
        (result.run_id, check.asset_check_key): check
        for result in results
        for entry in instance.all_logs(result.run_id, dg.DagsterEventType.ASSET_CHECK_EVALUATION)
        if entry.dagster_event and (check := entry.dagster_event.asset_check_evaluation_data)
    }
    return [
        check
        for check in last.values()
        if not check.passed and check.severity is dg.AssetCheckSeverity.ERROR
    ]


def raise_failures(results: list[dg.ExecuteInProcessResult], *, published: bool) -> None:
    """Tell what failed in runs that went on.

    Args:
        results: Of the runs.
        published: Whether there is a new snapshot.

    Raises:
        WarehouseError: something did.
    """
    texts = [
        f"{event.step_key}: {_said(event.step_failure_data.error)}"
        for result in results
        for event in result.filter_events(lambda event: event.is_step_failure)
    ]
    errors = [
        event.job_failure_data.error
        for result in results
        for event in result.filter_events(lambda event: event.is_job_failure)
    ]
    texts += [_said(error) for error in errors if error and error.cls_name == NotPublished.__name__]
    if texts:
        raise WarehouseError(
            "\n".join(texts),
            safe="Everything else is published." if published else "Nothing is published.",
            todo="Correct it, and run again.",
        )


def _said(error: SerializableErrorInfo | None) -> str:
    """Return what an error for people says that Dagster kept."""
    while error is not None and error.cls_name != WarehouseError.__name__:
        error = error.cause
    return error.message.partition(": ")[2].strip() if error else "see the run's page"
