"""When a source is loaded without being asked: only after its freshness policy, once met, broke."""

from __future__ import annotations

import dagster as dg

FROM_AUTOMATION_TAG = "dagster/from_automation_condition"
"""Dagster puts it on the runs that a condition asked for."""


def every_minutes(freshness_minutes: int) -> int:
    """Return how often a stale source is tried: about twelve times a window, in minutes."""
    return max(1, min(15, freshness_minutes // 12))


def stale(freshness_minutes: int) -> dg.AutomationCondition[dg.AssetKey]:
    """Return the condition on which a source is loaded by itself.

    Before the first load freshness is unknown, and so has not failed: that one is never made
    unasked. Without a tick each evaluation until the run has begun would ask for a further one.
    """
    return (
        dg.AutomationCondition.freshness_failed()
        & dg.AutomationCondition.cron_tick_passed(f"*/{every_minutes(freshness_minutes)} * * * *")
        & ~dg.AutomationCondition.in_progress()
    ).with_label("stale")


def by_automation(run: dg.DagsterRun) -> bool:
    """Whether a condition asked for the run, and not a person."""
    return run.tags.get(FROM_AUTOMATION_TAG) == "true"
