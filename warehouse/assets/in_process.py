"""A run in this process that is, in the history, one of a job that the UI knows.

Dagster's `execute_in_process` notes neither the code location nor the job as the UI sees it: such
a run is not in the UI's timeline, and to execute it again warns.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import dagster as dg
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import (
    ExecuteRunWithPlanIterable,
    create_execution_plan,
    job_execution_iterator,
)
from dagster._core.execution.build_resources import wrap_resources_for_execution
from dagster._core.execution.context_creation_job import (
    PlanOrchestrationContextManager,
    orchestration_context_event_generator,
)
from dagster._core.remote_origin import (
    ManagedGrpcPythonEnvCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

from warehouse.assets.run_database import with_database

MODULE = "warehouse.definitions"
CODE_LOCATION = "warehouse"
"""What `just dev`, and [tool.dagster] in pyproject.toml, call the code location."""
REPOSITORY = "__repository__"
"""What Dagster calls the one that holds a code location's definitions."""


def execute(
    instance: dg.DagsterInstance,
    job: dg.JobDefinition,
    *,
    keys: Collection[dg.AssetKey] = (),
    checks: Collection[dg.AssetCheckKey] | None = None,
    resources: Mapping[str, object] | None = None,
    run_id: str | None = None,
    tags: Mapping[str, str] | None = None,
    raise_on_error: bool = True,
) -> dg.ExecuteInProcessResult:
    """Run a job, told to the person at the command line.

    Args:
        instance: The history.
        job: One of the code location.
        keys: Its assets to build; all of them if empty.
        checks: Their checks to run; None for all.
        resources: Instead of those of the job.
        run_id: Of the run; None for a new one.
        tags: Of the run.
        raise_on_error: Whether a step that fails raises its error; otherwise the result tells.
    """
    run_config: dict[str, object] = {"loggers": {"narration": {}}}
    chosen = job.get_subset(
        asset_selection={*keys}, asset_check_selection=None if checks is None else {*checks}
    )
    executed = chosen.as_ephemeral_job(
        resource_defs=wrap_resources_for_execution(resources), input_values={}
    )
    plan = create_execution_plan(
        InMemoryJob(executed),
        run_config=run_config,
        instance_ref=instance.get_ref() if instance.is_persistent else None,
    )
    location = ManagedGrpcPythonEnvCodeLocationOrigin(
        LoadableTargetOrigin(module_name=MODULE), CODE_LOCATION
    )
    run = instance.create_run_for_job(
        job_def=job,
        run_config=run_config,
        tags={**job.run_tags, **(tags or {})},
        run_id=with_database(instance, run_id),
        asset_selection=frozenset(keys) or None,
        execution_plan=plan,
        remote_job_origin=RemoteJobOrigin(RemoteRepositoryOrigin(location, REPOSITORY), job.name),
    )
    steps = ExecuteRunWithPlanIterable(
        execution_plan=plan,
        iterator=job_execution_iterator,
        execution_context_manager=PlanOrchestrationContextManager(
            context_event_generator=orchestration_context_event_generator,
            job=InMemoryJob(executed),
            execution_plan=plan,
            dagster_run=run,
            instance=instance,
            run_config=run_config,
            raise_on_error=raise_on_error,
        ),
    )
    events = [*steps]
    ended = instance.get_run_by_id(run.run_id)
    assert ended
    return dg.ExecuteInProcessResult(
        event_list=events, job_def=executed, dagster_run=ended, output_capture=None
    )
