"""`materialize --plan` shows what would change, and publishes it only if somebody says so."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import Any

import dagster as dg
import pytest

from tests.conftest import WarehouseEnv
from tests.terminal import Terminal
from warehouse.cli.exit_codes import ExitCode
from warehouse.settings import ROOT
from warehouse.store.snapshots import newest

CLEANED = "-- Orders.\nselect id, lower(status) as status, amount from mysql_orders"


@pytest.fixture
def env(warehouse_env: WarehouseEnv) -> WarehouseEnv:
    """A project with a table and a view; nothing is loaded."""
    warehouse_env.only("mysql_orders")
    folder = warehouse_env.own_project() / "sql/transforms"
    (folder / "cleaned.sql").write_text(CLEANED)
    orders(warehouse_env, "*", "id < 100")
    return warehouse_env


def orders(env: WarehouseEnv, columns: str, condition: str) -> None:
    env.source("mysql_orders", f"-- key: id\nselect {columns} from orders where {condition}")


def plan(env: WarehouseEnv, *arguments: str, code: ExitCode) -> dict[str, dict[str, Any]]:
    """Run it without a terminal. Returns what it shows of each table and view."""
    done = env.materialize("--plan", "--format", "json", *arguments)
    assert done.returncode == code, done.stdout + done.stderr
    return {one["name"]: one for one in json.loads(done.stdout)["assets"]}


def counts(one: dict[str, Any]) -> tuple[int | None, ...]:
    return tuple(one[name] for name in ("rows_before", "rows_after", "added", "removed", "changed"))


def number(env: WarehouseEnv) -> int:
    snapshot = newest(env.path)
    return snapshot.number if snapshot else 0


def left(env: WarehouseEnv) -> set[str]:
    return {entry.name for entry in (env.path.parent / ".warehouse").iterdir()}


def runs(env: WarehouseEnv) -> list[dg.DagsterRun]:
    home = env.env["DAGSTER_HOME"]
    with dg.DagsterInstance.from_config(home) as instance:
        return list(instance.get_runs())


def test_an_empty_warehouse_where_all_is_new(env: WarehouseEnv) -> None:
    shown = plan(env, code=ExitCode.THROWN_AWAY)
    (rows,) = {one["rows_after"] for one in shown.values()}
    assert {*shown} == {"mysql_orders", "cleaned"}
    assert counts(shown["cleaned"]) == (None, rows, rows, 0, 0)
    assert not os.path.lexists(env.path)
    assert left(env) == {"lock", "writer"}
    assert runs(env) == []


def test_it_is_shown_thrown_away_and_published(env: WarehouseEnv) -> None:
    env.run()
    sql = "SELECT count(*), count(*) FILTER (id = 5) FROM mysql_orders"
    ((rows, gone),) = env.query(sql)
    orders(env, "*, id + 1 as next", "id <> 5 and id < 102")
    for _ in range(2):  # the second one starts from what the first one threw away
        shown = plan(env, code=ExitCode.THROWN_AWAY)
        before, after, added, removed, changed = counts(shown["mysql_orders"])
        assert (before, removed, changed) == (rows, gone, 0)
        assert added and after == rows + added - gone
        assert shown["mysql_orders"]["key"] == ["id"]
        assert [*shown["mysql_orders"]["columns_added"]] == ["next"]
        assert counts(shown["cleaned"]) == (rows, after, added, gone, 0)
        assert number(env) == 1
        assert left(env) == {"lock", "writer", "000001", "spare"}
    plan(env, "--yes", code=ExitCode.DONE)
    assert number(env) == 2
    assert "spare" not in left(env)
    (run,) = runs(env)
    assert run.status is dg.DagsterRunStatus.SUCCESS
    with dg.DagsterInstance.from_config(env.env["DAGSTER_HOME"]) as instance:
        event = instance.get_latest_materialization_event(dg.AssetKey("mysql_orders"))
    assert event and event.asset_materialization
    told = {name: value.value for name, value in event.asset_materialization.metadata.items()}
    assert (told["rows_before"], told["rows_added"], told["rows_removed"]) == (rows, added, gone)
    assert plan(env, code=ExitCode.DONE)["cleaned"]["added"] == 0  # nothing would change
    assert number(env) == 2


def test_a_changed_view_alone(env: WarehouseEnv) -> None:
    env.run()
    file = env.home / "sql/transforms/cleaned.sql"
    file.write_text(CLEANED.replace("amount", "cast(amount + 1 as double) as amount"))
    done = env.materialize("cleaned", "--plan")
    assert done.returncode == ExitCode.THROWN_AWAY
    assert "Querying MySQL" not in done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("cleaned")]
    assert "amount DECIMAL(12,2) -> DOUBLE" in line
    assert "mysql_orders" not in done.stdout
    assert env.query("SELECT typeof(amount) FROM cleaned LIMIT 1") == [("DECIMAL(12,2)",)]


def test_a_dropped_column_and_the_view_that_it_breaks(env: WarehouseEnv) -> None:
    env.run()
    orders(env, "id, status, amount", "id < 100")
    gone = plan(env, code=ExitCode.THROWN_AWAY)["mysql_orders"]["columns_removed"]
    assert "order_date" in gone and "amount" not in gone
    orders(env, "id, status", "id < 100")
    done = env.materialize("--plan")
    assert done.returncode == ExitCode.FAILED
    assert "cleaned.sql:2" in done.stderr
    assert number(env) == 1
    done = env.materialize("mysql_orders", "--plan", "--force", "--format", "json")
    assert done.returncode == ExitCode.THROWN_AWAY, done.stderr
    shown = {one["name"]: one for one in json.loads(done.stdout)["assets"]}
    assert shown["cleaned"]["rows_after"] is None
    assert env.query("SELECT count(*) > 0 FROM cleaned") == [(True,)]


def test_days(warehouse_env: WarehouseEnv) -> None:
    env = warehouse_env
    env.only("mysql_orders_daily")
    assert env.materialize("mysql_orders_daily").returncode == ExitCode.DONE
    ((day, of_day),) = env.query(
        "SELECT order_date, count(*) FROM mysql_orders_daily GROUP BY ALL ORDER BY 2 DESC LIMIT 1"
    )
    ((rows,),) = env.query("SELECT count(*) FROM mysql_orders_daily")
    env.source(
        "mysql_orders_daily",
        "-- days: order_date\n-- key: id\nselect * from orders where id % 2 = 0",
    )
    shown = plan(env, "mysql_orders_daily", "--partition", f"{day}", code=ExitCode.THROWN_AWAY)
    before, after, added, removed, changed = counts(shown["mysql_orders_daily"])
    assert before == rows and added == changed == 0
    assert removed and after == rows - removed and removed < of_day


def test_a_check_that_blocks(env: WarehouseEnv) -> None:
    env.run()
    folder = env.home / "checks" / "cleaned"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "few.sql").write_text("-- severity: block\nfrom cleaned where id = 100")
    orders(env, "*", "id < 102")
    done = env.materialize("mysql_orders", "--plan")
    assert done.returncode == ExitCode.THROWN_AWAY
    assert "BLOCK: cleaned, few: Wrong: 2 rows" in done.stdout
    done = env.materialize("mysql_orders", "--plan", "--yes")
    assert done.returncode == ExitCode.FAILED
    assert "cleaned, few: Wrong: 2 rows" in done.stderr
    assert number(env) == 1
    (run,) = runs(env)
    assert run.status is dg.DagsterRunStatus.FAILURE
    done = env.materialize("mysql_orders", "--plan", "--yes", "--force")
    assert done.returncode == ExitCode.CHECK_FAILED, done.stderr
    assert number(env) == 2


def asking(env: WarehouseEnv) -> Terminal:
    """Return a terminal at which it asks."""
    terminal = Terminal(env.env, ROOT, 120, "materialize", "mysql_orders", "--plan")
    terminal.until("Publish it?", 60)
    return terminal


@pytest.mark.parametrize(
    ("keys", "code", "then"),
    [("y\r", ExitCode.DONE, 2), ("n\r", ExitCode.THROWN_AWAY, 1), ("\x03", ExitCode.STOPPED, 1)],
)
def test_the_answer(env: WarehouseEnv, keys: str, code: ExitCode, then: int) -> None:
    env.run()
    orders(env, "*", "id < 102")
    terminal = asking(env)
    terminal.type(keys)
    assert terminal.end() == code, terminal.screen
    assert number(env) == then
    assert "staging" not in left(env)
    assert len(runs(env)) == (then == 2)


def test_who_waits_for_the_answer_and_a_kill(env: WarehouseEnv) -> None:
    env.run()
    orders(env, "*", "id < 102")
    terminal = asking(env)
    assert env.query("SELECT max(id) < 100 FROM mysql_orders") == [(True,)]
    status = env.command("status")
    assert "a plan that waits for its answer" in status.stderr
    with subprocess.Popen(
        [sys.executable, "-m", "warehouse", "materialize", "mysql_orders"],
        env=env.env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as second:
        assert second.stderr
        said = iter(second.stderr)
        assert any("Waiting for a plan that waits for its answer" in line for line in said)
        assert number(env) == 1
        os.kill(terminal.pid, signal.SIGKILL)
        assert terminal.end() == -signal.SIGKILL
        for _ in said:
            pass
        assert second.wait(60) == ExitCode.DONE
    assert number(env) == 2
    assert "staging" not in left(env)
