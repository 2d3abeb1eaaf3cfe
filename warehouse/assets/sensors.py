"""What `just dev` watches: stale sources, and, if it is switched on, days that changed."""

from collections.abc import Iterator
from datetime import date

import dagster as dg

from warehouse.assets.jobs import REFRESH, run_config
from warehouse.assets.naming import Naming
from warehouse.assets.refresh import difference
from warehouse.assets.run_history import STALE_SENSOR
from warehouse.errors import step
from warehouse.project.project import Project

ENDED = (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)


def build_stale_sources(project: Project, naming: Naming) -> dg.AutomationConditionSensorDefinition:
    """Make the sensor that has stale sources loaded again."""
    return dg.AutomationConditionSensorDefinition(
        naming.part(STALE_SENSOR),
        target=dg.AssetSelection.assets(*(naming.key(source.name) for source in project.sources)),
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Reloads a source whose freshness policy is broken: one run an expiry, tried "
        "again at the next tick if it failed. Never makes a first load.",
    )


def build_changed_days(project: Project, naming: Naming) -> dg.SensorDefinition:
    """Make the sensor that has changed days loaded again, of every source that tells them."""
    job = naming.part(REFRESH)

    @dg.sensor(
        name=naming.part("changed_days"),
        job_name=job,
        minimum_interval_seconds=300,
        default_status=dg.DefaultSensorStatus.STOPPED,
        description="Asks MySQL for a fingerprint of each day, and has those that differ from the "
        "cache loaded again.",
    )
    def changed_days(
        context: dg.SensorEvaluationContext,
    ) -> Iterator[dg.RunRequest | dg.SkipReason]:
        """Ask once an interval, unless the run of the last time still goes on."""
        asked_before = dg.RunsFilter(
            job_name=job,
            statuses=[status for status in dg.DagsterRunStatus if status not in ENDED],
        )
        if context.instance.get_runs_count(asked_before):
            yield dg.SkipReason("The days that were found to differ are still being loaded.")
            return
        changed: dict[str, list[date]] = {}
        reasons: list[str] = []
        for source in project.with_days:
            if not source.updated:
                continue
            where = "The whole text is in the tick's page of `just dev`."
            with step(f"The sensor changed_days, comparing {source.name}", where):
                found = difference(source, context.log.info, "sensor changed_days")
            if not found.cached:
                reasons.append(f"{source.name} was never loaded; nothing loads it unasked.")
            elif found.days or found.gone:
                changed[source.name] = found.days
            else:
                reasons.append(found.words)
        if changed:
            yield dg.RunRequest(run_config=run_config(changed))
        else:
            yield dg.SkipReason(" ".join(reasons) or "No source tells which of its days changed.")

    return changed_days
