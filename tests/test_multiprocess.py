"""An executor that gives each step a process of its own: each publishes what it wrote, whole."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pandas as pd
import pytest

from warehouse.store.io_manager import WarehouseIOManager


@dg.multi_asset(
    outs={"kept": dg.AssetOut(is_required=False), "skipped": dg.AssetOut(is_required=False)}
)
def both() -> Iterator[dg.Output[Any]]:
    """Give one of two tables, as a load does that finds the other source unchanged."""
    yield dg.Output(pd.DataFrame({"n": [1]}), "kept")


@dg.asset
def later(kept: pd.DataFrame) -> pd.DataFrame:
    return kept


def job() -> dg.JobDefinition:
    defs = dg.Definitions(
        assets=[both, later],
        jobs=[dg.define_asset_job("everything")],
        resources={"io_manager": WarehouseIOManager(database=os.environ["WAREHOUSE_PATH"])},
        executor=dg.multiprocess_executor,
    )
    return defs.resolve_job_def("everything")


def test_a_step_publishes_what_it_wrote_though_it_skipped_something(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "warehouse.duckdb"
    monkeypatch.setenv("WAREHOUSE_PATH", str(path))
    (tmp_path / "history").mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "history")) as instance:
        assert dg.execute_job(dg.reconstructable(job), instance=instance).success
    with duckdb.connect(str(path), read_only=True) as connection:
        assert connection.sql("FROM kept UNION ALL FROM later").fetchall() == [(1,), (1,)]
