"""What `dagster dev` asks for by itself, and what it never does."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from tests.conftest import WarehouseEnv
from warehouse.automation import every_minutes
from warehouse.definitions import defs
from warehouse.sensors import changed_days

DAILY = "mysql_orders_daily"


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """A history in which nothing has happened."""
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def tick(instance: dg.DagsterInstance) -> tuple[list[tuple[str, str]], str]:
    """Evaluate the sensor: the ranges it asks for, and why it asks for none."""
    ranges = []
    evaluated = changed_days.evaluate_tick(dg.build_sensor_context(instance=instance))
    for request in evaluated.run_requests or []:
        ends = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
        ranges.append((request.tags[ends[0]], request.tags[ends[1]]))
    return ranges, evaluated.skip_message or ""


def test_changed_days_never_makes_a_first_load(
    warehouse_env: WarehouseEnv, instance: dg.DagsterInstance
) -> None:
    assert tick(instance) == ([], f"{DAILY} was never loaded; nothing loads it unasked.")
    assert not warehouse_env.path.exists()


def test_changed_days_asks_for_each_range(
    warehouse_env: WarehouseEnv, instance: dg.DagsterInstance
) -> None:
    warehouse_env.run(DAILY, days=("2025-12-01", "2025-12-31"))
    ((start, before), (after, today)), _ = tick(instance)
    assert (start, before, after) == ("2025-11-01", "2025-11-30", "2026-01-01")

    warehouse_env.run(DAILY, days=(start, today))
    assert tick(instance)[0] == []
    assert "days are as they are in MySQL" in tick(instance)[1]


def test_changed_days_waits_for_its_own_runs(
    warehouse_env: WarehouseEnv, instance: dg.DagsterInstance
) -> None:
    warehouse_env.run(DAILY, days=("2025-12-01", "2025-12-31"))
    instance.create_run_for_job(
        defs.resolve_implicit_global_asset_job_def(),
        status=dg.DagsterRunStatus.STARTED,
        tags={"warehouse/refresh": "true"},
    )
    assert tick(instance) == ([], "The days that were found to differ are still being loaded.")


def test_a_source_that_was_never_loaded_is_not_stale(instance: dg.DagsterInstance) -> None:
    cursor = None
    for minutes in (0, 5, 70, 75):
        result = dg.evaluate_automation_conditions(
            defs=defs,
            instance=instance,
            cursor=cursor,
            evaluation_time=datetime.now(UTC) + timedelta(minutes=minutes),
        )
        cursor = result.cursor
        assert result.total_requested == 0


def test_a_stale_source_is_tried_about_twelve_times_a_window() -> None:
    assert [every_minutes(n) for n in (1, 12, 60, 180, 1440)] == [1, 1, 5, 15, 15]
