"""What a start does not do: import pandas, or open the snapshot twice."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from tests.conftest import WarehouseEnv
from warehouse.assets.everything import build_all
from warehouse.assets.naming import OWN
from warehouse.settings import ROOT
from warehouse.store import snapshots

LOAD = """
import sys
from warehouse.cli import main
main(["materialize", "mysql_orders", *sys.argv[1:]], standalone_mode=False)
print("pandas" in sys.modules)
"""


@pytest.mark.parametrize("arguments", [(), ("--plan", "--yes")], ids=["load", "plan"])
def test_a_load_imports_no_pandas(warehouse_env: WarehouseEnv, arguments: tuple[str, ...]) -> None:
    warehouse_env.only("mysql_orders")
    done = subprocess.run(
        [sys.executable, "-c", LOAD, *arguments],
        cwd=ROOT,
        env=warehouse_env.env,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "False"


def test_one_look_tells_which_days_are_loaded(
    warehouse_env: WarehouseEnv, monkeypatch: pytest.MonkeyPatch
) -> None:
    from warehouse.cli.selection import select

    env = warehouse_env
    env.only("mysql_orders", "mysql_orders_daily")
    env.run("mysql_orders")
    opened = []
    open_newest = snapshots.open_newest

    def noted(path: Path) -> duckdb.DuckDBPyConnection:
        opened.append(path)
        return open_newest(path)

    monkeypatch.setattr(snapshots, "open_newest", noted)
    build_all(env.project, OWN)
    assert [key.to_user_string() for key in select(None, env.defs, env.project)] == ["mysql_orders"]
    assert opened == [env.path]
    monkeypatch.undo()
    env.run("mysql_orders_daily", days=("2026-10-01", "2026-10-01"))
    assert "mysql_orders" in {key.to_user_string() for key in select(None, env.defs, env.project)}
