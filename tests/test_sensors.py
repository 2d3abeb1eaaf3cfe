"""What `dagster dev` asks for by itself, and what it never does."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from tests.conftest import WarehouseEnv
from warehouse.assets.automation import every_minutes
from warehouse.assets.naming import OWN
from warehouse.assets.sensors import build_changed_days
from warehouse.definitions import defs, project
from warehouse.project.project import Project

DAILY = "mysql_orders_daily"
Days = dict[str, list[str]]


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """A history in which nothing has happened."""
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def tick(instance: dg.DagsterInstance, of: Project = project) -> tuple[list[Days], str]:
    """Evaluate the sensor: the days each run is to load by source, and why it asks for none."""
    evaluated = build_changed_days(of, OWN).evaluate_tick(
        dg.build_sensor_context(instance=instance)
    )
    runs = evaluated.run_requests or []
    named = [request.run_config["resources"]["compared"]["config"]["days"] for request in runs]
    return named, evaluated.skip_message or ""


def test_changed_days_never_makes_a_first_load(
    warehouse_env: WarehouseEnv, instance: dg.DagsterInstance
) -> None:
    assert tick(instance) == ([], f"{DAILY} was never loaded; nothing loads it unasked.")
    assert not warehouse_env.path.exists()


def test_changed_days_asks_for_one_run(
    warehouse_env: WarehouseEnv, instance: dg.DagsterInstance
) -> None:
    warehouse_env.run(DAILY, days=("2025-12-01", "2025-12-31"))
    (days,), _ = tick(instance)
    assert days.keys() == {DAILY}
    before, after = days[DAILY]
    assert before == "2025-11-01...2025-11-30"
    assert after.startswith("2026-01-01...")

    warehouse_env.refresh()
    assert tick(instance)[0] == []
    assert "days are as they are in MySQL" in tick(instance)[1]


def test_changed_days_waits_for_its_own_run(
    warehouse_env: WarehouseEnv, instance: dg.DagsterInstance
) -> None:
    warehouse_env.run(DAILY, days=("2025-12-01", "2025-12-31"))
    instance.create_run_for_job(defs.resolve_job_def("refresh"), status=dg.DagsterRunStatus.STARTED)
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


def test_changed_days_drops_those_before_a_later_start(
    warehouse_env: WarehouseEnv, instance: dg.DagsterInstance
) -> None:
    warehouse_env.run(DAILY, days=("2025-11-01", str(datetime.now(UTC).date())))
    warehouse_env.configure(daily_start="2026-01-01")
    assert tick(instance) == ([{DAILY: []}], ""), "nothing is to be read, and days are to go"
    warehouse_env.refresh()
    assert "days are as they are in MySQL" in tick(instance)[1]
    assert warehouse_env.query(f"SELECT min(order_date)::VARCHAR FROM {DAILY}") == [("2026-01-01",)]
