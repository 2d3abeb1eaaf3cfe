"""Where anything is written is the settings' to say, and no run's."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pandas as pd
import pytest

from tests.conftest import WarehouseEnv
from warehouse.assets.jobs import REFRESH
from warehouse.assets.sources import MYSQL
from warehouse.caches.mysql import SmartMySQLIOManager
from warehouse.caches.pickled import PickleIOManager
from warehouse.definitions import defs
from warehouse.store.io_manager import WarehouseIOManager

ELSEWHERE: dict[str, list[dict[str, object]]] = {
    "io_manager": [{"database": "{}/evil.duckdb"}, {"schema": "evil"}, {"connection_config": {}}],
    "mysql_cache": [{"url": "mysql://u:p@evil.example/shop"}],
    "pickle_cache": [{"base_dir": "{}/evil"}],
}
CASES = [(key, config) for key, configs in ELSEWHERE.items() for config in configs]


@pytest.mark.parametrize(("key", "config"), CASES)
@pytest.mark.parametrize("job", ["assets", REFRESH])
def test_a_run_that_says_where(
    warehouse_env: WarehouseEnv, key: str, config: dict[str, object], job: str, tmp_path: Path
) -> None:
    config = {
        name: value.format(tmp_path) if isinstance(value, str) else value
        for name, value in config.items()
    }
    chosen = (
        defs.resolve_implicit_global_asset_job_def()
        if job == "assets"
        else defs.resolve_job_def(REFRESH)
    )
    with pytest.raises(dg.DagsterInvalidConfigError, match="unexpected config entry"):
        chosen.execute_in_process(
            instance=warehouse_env.history,
            run_config={"resources": {key: {"config": config}}},
            tags={"warehouse/force": "true"},
        )
    assert list(tmp_path.rglob("evil*")) == []


def test_every_resource_that_keeps_assets_has_nothing_to_set() -> None:
    resources = defs.get_repository_def().get_top_level_resources()
    assert {"io_manager", "mysql_cache", "pickle_cache"} <= set(resources)
    for key, resource in resources.items():
        if key == MYSQL:  # see tests/test_mysql_resource.py
            continue
        schema = resource.config_schema.config_type
        assert isinstance(schema, dg.Shape) and not schema.fields, key


def test_the_code_says_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CACHE_FOR_A_TEST", "mysql://u:secret@nowhere.invalid:secret/shop")

    @dg.asset(io_manager_key="pickles")
    def model() -> dict[str, int]:
        return {"a": 1}

    @dg.asset
    def table() -> pd.DataFrame:
        return pd.DataFrame({"a": [1]})

    @dg.asset(io_manager_key="cache")
    def cached() -> pd.DataFrame:
        return pd.DataFrame({"a": [1]})

    resources = {
        "io_manager": WarehouseIOManager(database=str(tmp_path / "my.duckdb")),
        "pickles": PickleIOManager(base_dir=str(tmp_path / "pickles")),
        "cache": SmartMySQLIOManager(url=dg.EnvVar("CACHE_FOR_A_TEST")),
    }
    assert dg.materialize([model, table], resources=resources).success
    assert (tmp_path / "my.duckdb").is_symlink() and (tmp_path / "pickles" / "model").exists()
    with pytest.raises(dg.DagsterResourceFunctionError) as caught:
        dg.materialize([cached], resources=resources)
    assert "is not a connection URL that can be read" in str(caught.value.__cause__)
