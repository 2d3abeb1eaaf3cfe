"""A project folder's definitions beside those of others: each name is its own."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import dagster as dg
import duckdb
import pytest

from tests.conftest import WarehouseEnv
from warehouse.definitions import build_definitions
from warehouse.settings import ROOT


@pytest.fixture
def home(tmp_path: Path, warehouse_env: WarehouseEnv) -> Path:
    """A project folder that nothing names but who builds its definitions."""
    warehouse_env.configure(path=None)
    folder = tmp_path / "ours"
    for name in ("sql", "checks"):
        shutil.copytree(ROOT / "warehouse" / name, folder / name)
    assert not any(name.startswith("WAREHOUSE_") for name in os.environ)
    return folder


def test_the_keys_of_all_have_the_prefix_and_tables_plain_names(
    home: Path, warehouse_env: WarehouseEnv
) -> None:
    defs = build_definitions(home, key_prefix=["team", "crm"])
    job = defs.resolve_implicit_global_asset_job_def()
    chosen = dg.AssetSelection.from_string('key:"team/crm/mysql_orders"+').resolve(
        defs.resolve_asset_graph()
    )
    keys = {*chosen} - {dg.AssetKey(["team", "crm", "daily_revenue"])}
    result = job.execute_in_process(instance=warehouse_env.history, asset_selection=[*keys])
    events = {
        event.asset_key: event.step_materialization_data.materialization.metadata
        for event in result.get_asset_materialization_events()
        if event.asset_key
    }
    assert {*events} == keys
    sources = [
        source.asset_key
        for metadata in events.values()
        for each in metadata["dagster/column_lineage"].value.deps_by_column.values()  # type: ignore[union-attr]
        for source in each
    ]
    assert dg.AssetKey(["team", "crm", "mysql", "orders"]) in sources
    checks = result.get_asset_check_evaluations()
    assert checks and all(check.passed for check in checks)
    for key in [*defs.resolve_asset_graph().get_all_asset_keys(), *sources]:
        assert key.path[:2] == ["team", "crm"]
    with duckdb.connect(str(home / "data" / "warehouse.duckdb"), read_only=True) as connection:
        assert connection.sql("SELECT count(*) FROM mysql_orders").fetchall() == [(10_000,)]


def test_two_fit_into_a_project_that_has_all_names_of_our_own(home: Path) -> None:
    @dg.job
    def refresh() -> None: ...

    taken = {
        "io_manager": dg.FilesystemIOManager(),
        **{name: object() for name in ("mysql", "mysql_cache", "pickle_cache")},
    }
    own = dg.Definitions(jobs=[refresh], resources=taken, executor=dg.multiprocess_executor)
    ours = [build_definitions(home), build_definitions(home, key_prefix="crm")]
    assert all(one.executor is None and not one.loggers for one in ours)
    merged = dg.Definitions.merge(own, *ours)
    dg.Definitions.validate_loadable(merged)
    repository = merged.get_repository_def()
    assert {"refresh", "warehouse_refresh", "crm_refresh"} <= set(repository.job_names)
    assert {sensor.name for sensor in repository.sensor_defs} >= {
        *("warehouse_stale_sources", "warehouse_changed_days"),
        *("crm_stale_sources", "crm_changed_days"),
    }
    assert set(merged.resources or ()) == {
        *taken,
        *("warehouse_io_manager", "warehouse_mysql", "crm_io_manager", "crm_mysql"),
    }


def test_the_resource_of_tables_is_called_as_one_likes(home: Path) -> None:
    defs = build_definitions(home, io_manager_key="tables")
    assert set(defs.resources or ()) == {"tables", "warehouse_mysql"}
