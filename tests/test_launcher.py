"""A run whose process was killed has failed; one that lives goes on."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.events import EngineEventData
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import EmptyWorkspaceTarget
from dagster._daemon.monitoring import execute_run_monitoring_iteration

from warehouse.settings import ROOT


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dg.DagsterInstance:
    """A history of its own, with the house's configuration."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dagster.yaml").write_text((ROOT / "dagster.yaml").read_text())
    return dg.DagsterInstance.from_config(str(tmp_path))


def started(instance: dg.DagsterInstance, process: int) -> str:
    @dg.job
    def work() -> None: ...

    run = instance.create_run_for_job(work, status=dg.DagsterRunStatus.STARTED)
    data = EngineEventData.in_process(process)
    instance.report_engine_event(f"Executing steps in process (pid: {process})", run, data)
    return run.run_id


def test_a_killed_run_has_failed(instance: dg.DagsterInstance) -> None:
    killed = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    killed.kill()
    killed.wait()
    dead, alive = started(instance, killed.pid), started(instance, os.getpid())
    with WorkspaceProcessContext(instance, EmptyWorkspaceTarget()) as workspace:
        errors = list(execute_run_monitoring_iteration(workspace, logging.getLogger()))
    assert not any(errors)
    statuses = [instance.get_run_by_id(run) for run in (dead, alive)]
    assert [run and run.status for run in statuses] == [
        dg.DagsterRunStatus.FAILURE,
        dg.DagsterRunStatus.STARTED,
    ]
