"""What `dagster dev` watches: stale sources, and, if it is switched on, days that changed."""

import warnings
from collections.abc import Iterator
from uuid import uuid4

import dagster as dg

from warehouse.partitions import range_tags
from warehouse.refresh import difference
from warehouse.store.io_manager import PART_OF_TAG
from warehouse.tables import ORDERS_DAILY

# Sources without a loader are selected by a parameter in beta; what is used of it here is tested.
warnings.filterwarnings("ignore", category=dg.BetaWarning)

REFRESH_TAG = "warehouse/refresh"
ENDED = (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)

stale_sources = dg.AutomationConditionSensorDefinition(
    "stale_sources",
    target=dg.AssetSelection.all(include_sources=True),
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Reloads a source whose freshness policy is broken: one run an expiry, tried "
    "again at the next tick if it failed. Never makes a first load.",
)


@dg.sensor(
    target=dg.AssetSelection.assets(ORDERS_DAILY),
    minimum_interval_seconds=300,
    default_status=dg.DefaultSensorStatus.STOPPED,
    description="Asks MySQL for a fingerprint of each day and loads those that differ from the "
    "cache again, one run for each range of them.",
)
def changed_days(
    context: dg.SensorEvaluationContext,
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """Ask once an interval, unless the runs of the last time still go on."""
    asked_before = dg.RunsFilter(
        tags={REFRESH_TAG: "true"},
        statuses=[status for status in dg.DagsterRunStatus if status not in ENDED],
    )
    if context.instance.get_runs_count(asked_before):
        yield dg.SkipReason("The days that were found to differ are still being loaded.")
        return
    found = difference(context.log.info, "sensor changed_days")
    if not found.cached:
        yield dg.SkipReason(f"{ORDERS_DAILY} was never loaded; nothing loads it unasked.")
    elif not found.days:
        yield dg.SkipReason(f"All {found.compared:,} days are as they are in MySQL.")
    tags = {REFRESH_TAG: "true", PART_OF_TAG: str(uuid4())}
    for first, last in found.ranges if found.cached else []:
        yield dg.RunRequest(tags={**tags, **range_tags(first, last)})
