"""What `just dev` watches: stale sources, and, if it is switched on, days that changed."""

import warnings
from collections.abc import Iterator

import dagster as dg

from warehouse.assets.jobs import REFRESH, run_config
from warehouse.assets.refresh import difference
from warehouse.assets.tables import ORDERS_DAILY
from warehouse.errors import step

# Sources without a loader are selected by a parameter in beta; what is used of it here is tested.
warnings.filterwarnings("ignore", category=dg.BetaWarning)

ENDED = (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)

stale_sources = dg.AutomationConditionSensorDefinition(
    "stale_sources",
    target=dg.AssetSelection.all(include_sources=True),
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Reloads a source whose freshness policy is broken: one run an expiry, tried "
    "again at the next tick if it failed. Never makes a first load.",
)


@dg.sensor(
    job_name=REFRESH,
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
        job_name=REFRESH,
        statuses=[status for status in dg.DagsterRunStatus if status not in ENDED],
    )
    if context.instance.get_runs_count(asked_before):
        yield dg.SkipReason("The days that were found to differ are still being loaded.")
        return
    with step("The sensor changed_days", "The whole text is in the tick's page of `just dev`."):
        found = difference(context.log.info, "sensor changed_days")
    if not found.cached:
        yield dg.SkipReason(f"{ORDERS_DAILY} was never loaded; nothing loads it unasked.")
    elif found.none:
        yield dg.SkipReason(found.words)
    else:
        context.log.info(found.words)
        yield dg.RunRequest(run_config=run_config(found.days))
