"""Starts runs as Dagster does, and knows whether their process still lives: a kill is a failure.

Without that a run that was killed together with `just dev`, or on the command line, is in
progress for ever, and nothing reloads its assets by itself any more.
"""

from __future__ import annotations

import os

import dagster as dg
from dagster._core.launcher import CheckRunHealthResult, WorkerStatus
from dagster._core.launcher.default_run_launcher import DefaultRunLauncher


class Launcher(DefaultRunLauncher):
    """Named in `dagster.yaml`, where `run_monitoring` asks it about each run that has begun."""

    @property
    def supports_check_run_worker_health(self) -> bool:
        """It can tell."""
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Say whether the process that a run noted in its events is there."""
        events = self._instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ENGINE_EVENT)
        noted = [
            int(str(metadata["pid"].value))
            for event in events
            if "pid" in (metadata := event.get_dagster_event().engine_event_data.metadata)
        ]
        if noted and not _lives(noted[-1]):
            return CheckRunHealthResult(WorkerStatus.FAILED, f"process {noted[-1]} is gone")
        return CheckRunHealthResult(WorkerStatus.RUNNING)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it is another user's
        pass
    return True
