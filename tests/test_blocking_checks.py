"""A check of severity block sees the snapshot to come; while it fails, nothing is published."""

from __future__ import annotations

import shutil
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest

from tests.conftest import WarehouseEnv
from warehouse.cli.exit_codes import ExitCode
from warehouse.definitions import build_definitions
from warehouse.errors import WarehouseError
from warehouse.settings import ROOT
from warehouse.store.io_manager import FORCE_TAG, KEEP_GOING_TAG, WarehouseIOManager
from warehouse.store.snapshots import newest

FEW = "id < 100"
WRONG = "select id from orders_cleaned where id = 100"
"""Fails as soon as an order is there that the first load left out."""
DAY = ("2026-11-01", "2026-11-01")


def check(env: WarehouseEnv, name: str, sql: str = WRONG, severity: str = "block") -> None:
    file = env.own_project() / "checks" / f"{name}.sql"
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"-- severity: {severity}\n{sql}\n", encoding="utf-8")


def number(env: WarehouseEnv) -> int:
    snapshot = newest(env.path)
    return snapshot.number if snapshot else 0


@pytest.fixture
def env(warehouse_env: WarehouseEnv) -> WarehouseEnv:
    """A warehouse with a few orders; the next load brings one that a blocking check finds."""
    warehouse_env.only("mysql_orders")
    home = warehouse_env.own_project()
    shutil.copytree(ROOT / "warehouse/sql/transforms", home / "sql/transforms", dirs_exist_ok=True)
    warehouse_env.source("mysql_orders", f"select * from orders where {FEW}")
    check(warehouse_env, "orders_cleaned/known")
    warehouse_env.run()
    warehouse_env.source("mysql_orders", "select * from orders where id < 200")
    return warehouse_env


def still_old(env: WarehouseEnv) -> None:
    """See that everyone reads the first load, and that nothing is left of the second."""
    assert number(env) == 1
    assert env.query("SELECT max(id) < 100 FROM mysql_orders") == [(True,)]
    assert {entry.name for entry in (env.path.parent / ".warehouse").iterdir()} <= {
        *("000001", "lock", "writer", "spare")
    }


def evaluations(env: WarehouseEnv, name: str) -> list[dg.AssetCheckEvaluation]:
    key = dg.AssetCheckKey(dg.AssetKey("orders_cleaned"), name)
    history = env.history.event_log_storage.get_asset_check_execution_history(key, limit=1)
    events = [record.event.dagster_event for record in history if record.event]
    return [event.asset_check_evaluation_data for event in events if event]


def test_a_view_is_checked_when_its_table_is_loaded_alone(env: WarehouseEnv) -> None:
    with pytest.raises(WarehouseError) as caught:
        env.run("mysql_orders")
    said = str(caught.value)
    assert "orders_cleaned, known: Wrong: 1 row, see" in said
    assert "known.sql:1" in said
    assert "| 100" in said
    assert "--force" in said
    still_old(env)
    (seen,) = evaluations(env, "known")
    assert not seen.passed and seen.blocking
    assert seen.metadata["severity"].value == "block"


def test_the_whole_graph(env: WarehouseEnv) -> None:
    with pytest.raises(WarehouseError, match="known: Wrong: 1 row"):
        env.run()
    still_old(env)


def test_forced_it_is_published_and_said(env: WarehouseEnv) -> None:
    result = env.run(tags={FORCE_TAG: "true"})
    assert number(env) == 2
    failed = [one.check_name for one in result.get_asset_check_evaluations() if not one.passed]
    assert failed == ["known"]
    logs = [entry.user_message for entry in env.history.all_logs(result.run_id)]
    assert any("Published nevertheless" in text and "known" in text for text in logs)


def test_another_severity_publishes(env: WarehouseEnv) -> None:
    check(env, "orders_cleaned/known", severity="error")
    env.run()
    assert number(env) == 2


def test_what_is_not_concerned_is_not_asked(env: WarehouseEnv) -> None:
    env.run(tags={FORCE_TAG: "true"})
    file = env.own_project() / "sql/transforms/ids.sql"
    file.write_text("select 1 as id")
    env.run("ids")
    assert env.query("FROM ids") == [(1,)]


def test_one_that_cannot_run_blocks(env: WarehouseEnv) -> None:
    check(env, "orders_cleaned/known", "select nonsense from orders_cleaned")
    with pytest.raises(WarehouseError, match=r"cannot run: .*known\.sql:1: .*nonsense"):
        env.run()
    still_old(env)


def test_a_view_that_changed(env: WarehouseEnv) -> None:
    file = env.own_project() / "sql/transforms/orders_cleaned.sql"
    file.write_text("select *, 100 as hundred from (" + file.read_text().rstrip().rstrip(";") + ")")
    check(env, "orders_cleaned/known", "from orders_cleaned select * limit 1")
    with pytest.raises(WarehouseError, match="known: Wrong: 1 row"):
        env.run("orders_cleaned")
    still_old(env)


def test_a_run_that_keeps_going(env: WarehouseEnv) -> None:
    env.source("mysql_customers", "select nonsense from customers")
    with pytest.raises(WarehouseError):
        env.run(tags={KEEP_GOING_TAG: "true"})
    still_old(env)


def test_the_command_says_it(env: WarehouseEnv) -> None:
    for arguments in ([], ["--keep-going"]):
        done = env.materialize(*arguments)
        assert done.returncode == 1, done.stdout + done.stderr
        assert "known: Wrong: 1 row" in done.stderr
        assert "Traceback" not in done.stderr
        still_old(env)
    env.source("mysql_customers", "select nonsense from customers")
    done = env.materialize("--keep-going")
    assert done.returncode == 1
    assert "known: Wrong: 1 row" in done.stderr
    assert "Everything else is published" not in done.stderr
    still_old(env)


@pytest.mark.parametrize("plan", [(), ("--plan", "--yes")], ids=["load", "plan"])
@pytest.mark.parametrize("selection", [(), ("mysql_orders",)], ids=["all", "source"])
def test_forced_the_command_says_it_too(
    env: WarehouseEnv, selection: tuple[str, ...], plan: tuple[str, ...]
) -> None:
    """Whether the check's asset is in the run or not."""
    done = env.materialize(*selection, *plan, "--force")
    assert done.returncode == ExitCode.CHECK_FAILED, done.stderr
    assert "Published nevertheless" in done.stderr
    assert "orders_cleaned, known: Wrong: 1 row" in done.stderr
    assert "published, and 1 check of severity block failed: the exit code is 3" in done.stderr
    assert number(env) == 2
    with dg.DagsterInstance.from_config(env.env["DAGSTER_HOME"]) as instance:
        key = dg.AssetCheckKey(dg.AssetKey("orders_cleaned"), "known")
        found = instance.event_log_storage.get_latest_asset_check_execution_by_key([key])[key]
        runs = instance.get_runs()
    assert found.run_id == runs[0].run_id
    assert found.event and found.event.dagster_event
    assert not found.event.dagster_event.asset_check_evaluation_data.passed


def test_days_and_a_refresh_of_them(warehouse_env: WarehouseEnv) -> None:
    env = warehouse_env
    env.only("mysql_orders_daily")
    env.run("mysql_orders_daily", days=DAY)
    check(env, "mysql_orders_daily/some", "select count(*) as n from mysql_orders_daily")
    with pytest.raises(WarehouseError, match="some: Wrong: 1 row"):
        env.run("mysql_orders_daily", days=DAY)
    assert number(env) == 1
    with pytest.raises(WarehouseError, match="some: Wrong: 1 row"):
        env.refresh()
    assert number(env) == 1


def test_another_project_with_a_prefix(env: WarehouseEnv) -> None:
    defs = build_definitions(env.home, key_prefix="crm")
    job = defs.resolve_implicit_global_asset_job_def()
    result = job.execute_in_process(instance=env.history, raise_on_error=False)
    assert not result.success
    still_old(env)
    key = dg.AssetCheckKey(dg.AssetKey(["crm", "orders_cleaned"]), "known")
    storage = env.history.event_log_storage
    assert storage.get_latest_asset_check_execution_by_key([key])[key].run_id == result.run_id


def test_a_run_of_a_sensor_that_finds_a_source_unchanged(
    env: WarehouseEnv, monkeypatch: pytest.MonkeyPatch
) -> None:
    env.source("mysql_others", "select id from orders where id < 10")
    env.run("mysql_others")
    last = number(env)
    automatic = {"dagster/from_automation_condition": "true"}
    monkeypatch.setattr("warehouse.assets.load.by_automation", lambda _: True)
    monkeypatch.setattr(
        "warehouse.assets.load.same_as_last", same_if(env, "mysql_others"), raising=True
    )
    monkeypatch.setattr("warehouse.assets.begin.same_as_last", same_if(env, "mysql_others"))
    with pytest.raises(WarehouseError, match="known: Wrong: 1 row"):
        env.run("key:mysql_orders or key:mysql_others", tags=automatic)
    assert number(env) == last


def same_if(env: WarehouseEnv, name: str):  # type: ignore[no-untyped-def]
    """Have one source be what it was, whatever MySQL says."""
    from warehouse.store import ledger, snapshots

    def same(source, _):  # type: ignore[no-untyped-def]
        if source.name != name:
            return None
        with snapshots.read(env.path) as connection:
            return ledger.last_load(connection, name)

    return same


def test_a_run_fails_whose_last_output_is_skipped(env: WarehouseEnv) -> None:
    check(env, "orders_cleaned/known", "from mysql_orders")

    @dg.multi_asset(
        outs={
            "mysql_orders": dg.AssetOut(is_required=False),
            "skipped": dg.AssetOut(is_required=False),
        }
    )
    def both():  # type: ignore[no-untyped-def]
        yield dg.Output(pd.DataFrame({"id": [1]}), "mysql_orders")

    defs = dg.Definitions(
        assets=[both],
        resources={"io_manager": WarehouseIOManager(home=str(env.home))},
        executor=dg.in_process_executor,
    )
    job = defs.resolve_implicit_global_asset_job_def()
    result = job.execute_in_process(instance=env.history, raise_on_error=False)
    run = env.history.get_run_by_id(result.run_id)
    assert run and run.status is dg.DagsterRunStatus.FAILURE
    assert number(env) == 1


def several() -> dg.JobDefinition:
    chosen = dg.AssetSelection.assets("mysql_orders").downstream()
    own = dg.Definitions(
        jobs=[dg.define_asset_job("chosen", chosen)], executor=dg.multiprocess_executor
    )
    return dg.Definitions.merge(build_definitions(Path.cwd()), own).resolve_job_def("chosen")


def test_an_executor_with_several_processes(
    env: WarehouseEnv, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(env.home)
    (tmp_path / "history").mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "history")) as instance:
        result = dg.execute_job(dg.reconstructable(several), instance=instance)
        assert not result.success
    still_old(env)
