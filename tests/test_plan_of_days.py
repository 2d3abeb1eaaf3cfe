"""`materialize --plan` of several days, and of sources whose days are those of several zones."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import dagster as dg
import pytest

from tests.conftest import WarehouseEnv
from warehouse.cli.exit_codes import ExitCode
from warehouse.sample.calendar import CSV_FIRST_DAY
from warehouse.store.snapshots import newest

BOTH = "key:mysql_orders_daily or key:mysql_orders_berlin"
FIRST, LAST = CSV_FIRST_DAY + timedelta(days=10), CSV_FIRST_DAY + timedelta(days=12)
RANGE = f"{FIRST}...{LAST}"
DAYS = {
    "mysql_orders_daily": "order_date",
    "mysql_orders_berlin": "created_at in Europe/Berlin",
}
DAY_OF = {
    "mysql_orders_daily": "order_date",
    "mysql_orders_berlin": "(created_at AT TIME ZONE 'UTC' AT TIME ZONE 'Europe/Berlin')::DATE",
}


def sources(env: WarehouseEnv, condition: str) -> None:
    for name, days in DAYS.items():
        sql = f"select * from orders where {condition}"
        env.source(name, f"-- days: {days}\n-- key: id\n{sql}")


@pytest.fixture
def env(warehouse_env: WarehouseEnv) -> WarehouseEnv:
    """Both sources, with the orders of six days."""
    warehouse_env.only(*DAYS)
    sources(warehouse_env, "true")
    days = f"{FIRST - timedelta(days=2)}...{LAST + timedelta(days=1)}"
    done = warehouse_env.materialize(BOTH, "--partition-range", days)
    assert done.returncode == ExitCode.DONE, done.stderr
    return warehouse_env


def number(env: WarehouseEnv) -> int:
    snapshot = newest(env.path)
    assert snapshot
    return snapshot.number


def plan(env: WarehouseEnv, *arguments: str, code: ExitCode) -> dict[str, dict[str, Any]]:
    done = env.materialize(BOTH, "--plan", "--format", "json", *arguments)
    assert done.returncode == code, done.stdout + done.stderr
    return {one["name"]: one for one in json.loads(done.stdout)["assets"]}


def counts(env: WarehouseEnv, name: str) -> tuple[int, int]:
    """Return how many rows there are, and how many of the days have an odd id."""
    of_days = f"{DAY_OF[name]} BETWEEN '{FIRST}' AND '{LAST}' AND id % 2 = 1"
    ((rows, odd),) = env.query(f"SELECT count(*), count(*) FILTER ({of_days}) FROM {name}")
    return rows, odd


def test_two_zones_and_several_days(env: WarehouseEnv) -> None:
    begun = number(env)
    sources(env, "id % 2 = 0")
    before = {name: counts(env, name) for name in DAYS}
    assert all(odd for _, odd in before.values())
    shown = plan(env, "--partition-range", RANGE, code=ExitCode.THROWN_AWAY)
    assert {*shown} == {*DAYS}
    for name, (rows, odd) in before.items():
        one = shown[name]
        assert (one["rows_before"], one["removed"]) == (rows, odd)
        assert (one["rows_after"], one["added"], one["changed"]) == (rows - odd, 0, 0)
    assert number(env) == begun
    assert {name: counts(env, name) for name in DAYS} == before
    assert plan(env, "--partition-range", RANGE, "--yes", code=ExitCode.DONE) == shown
    assert number(env) == begun + 1, "both in one snapshot"
    assert {name: counts(env, name) for name in DAYS} == {
        name: (rows - odd, 0) for name, (rows, odd) in before.items()
    }
    with dg.DagsterInstance.from_config(env.env["DAGSTER_HOME"]) as instance:
        runs = instance.get_runs(limit=2)
        assert {run.status for run in runs} == {dg.DagsterRunStatus.SUCCESS}
        for name in DAYS:
            event = instance.get_latest_materialization_event(dg.AssetKey(name))
            assert event and event.run_id in {run.run_id for run in runs}
            assert event.asset_materialization
            told = event.asset_materialization.metadata
            assert told["rows_removed"].value == before[name][1]


def test_the_second_zone_fails(env: WarehouseEnv) -> None:
    begun = number(env)
    sources(env, "id % 2 = 0")
    env.source(
        "mysql_orders_berlin", "-- days: created_at in Europe/Berlin\nselect nonsense from orders"
    )
    before = counts(env, "mysql_orders_daily")
    done = env.materialize(BOTH, "--plan", "--yes", "--partition-range", RANGE)
    assert done.returncode == ExitCode.FAILED, done.stdout
    assert "nonsense" in done.stderr
    assert number(env) == begun
    assert counts(env, "mysql_orders_daily") == before
    left = {entry.name for entry in (env.path.parent / ".warehouse").iterdir()}
    assert "staging" not in left
