"""The command line: stdout is data, stderr is narration, exit codes mean something."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from tests.conftest import WarehouseEnv
from warehouse.settings import ROOT


def warehouse(env: WarehouseEnv, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "warehouse", *args],
        env=env.env,
        cwd=env.path.parent,
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse of the sample, built once for the tests that only read it."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        env = WarehouseEnv(
            tmp_path_factory.mktemp("built"), monkeypatch, dg.DagsterInstance.ephemeral
        )
        assert warehouse(env, "materialize").returncode == 0
        return env.path


@pytest.fixture
def env(built: Path, warehouse_env: WarehouseEnv) -> WarehouseEnv:
    warehouse_env.configure(path=built)
    return warehouse_env


def test_a_rollback_is_a_new_snapshot_and_stands_in_the_history(
    warehouse_env: WarehouseEnv,
) -> None:
    warehouse_env.run("mysql_orders")
    warehouse_env.where("id < 6000")
    warehouse_env.configure(keep_snapshots=3, keep_days=0)
    warehouse_env.run("mysql_orders")
    done = warehouse(warehouse_env, "rollback", "1")
    assert done.returncode == 0, done.stderr
    assert "Snapshot 3 is what snapshot 1 was" in done.stderr
    assert warehouse_env.query("SELECT count(*) FROM mysql_orders") == [(10_000,)]
    noted = warehouse_env.query("SELECT number, split_part(writer, ',', 1) FROM snapshots")
    assert noted == [(1, "mysql_orders"), (2, "mysql_orders"), (3, "rollback to 1")]

    warehouse_env.run("mysql_orders")
    listed = warehouse(warehouse_env, "history").stdout
    assert "rollback to 1" in listed
    assert len(re.findall(r" (?:file|parts) +[\d.]+ MB ", listed)) == 3  # of four
    assert "what snapshot 3 was" in warehouse(warehouse_env, "rollback", "-1").stderr
    missing = warehouse(warehouse_env, "rollback", "1")
    assert missing.returncode == 1
    assert re.search(r"Kept are 3 \(.*\), 4 \(.*\), 5 \(", missing.stderr)


def test_everything_then_one_view(warehouse_env: WarehouseEnv) -> None:
    done = warehouse(warehouse_env, "materialize")
    assert done.returncode == 0, done.stderr
    assert re.search(r"mysql_orders +10,000 +\d", done.stdout)
    assert re.search(r"mysql_customers +1,520 +\d", done.stdout)
    assert "7 assets in" in done.stdout and "MySQL was asked for rows 2 times." in done.stdout
    assert "snapshot 1" in done.stdout and "Look next" in done.stdout
    for said in (
        "one SELECT of `orders`",
        "one SELECT of `customers`",
        "10,000 rows came",
        "not MySQL.",
    ):
        assert said in done.stderr
    assert "Traceback" not in done.stderr and "Warning" not in done.stderr

    done = warehouse(warehouse_env, "materialize", "orders_summary")
    assert done.returncode == 0, done.stderr
    assert "orders_summary" in done.stdout and "orders_cleaned" not in done.stdout
    assert "MySQL was not asked." in done.stdout
    assert "snapshot 1" in done.stdout, "an unchanged view is not written again"


def test_two_at_once_on_a_fresh_clone(warehouse_env: WarehouseEnv) -> None:
    command = [sys.executable, "-m", "warehouse", "materialize"]
    both = [
        subprocess.Popen(
            command, env=warehouse_env.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        for _ in range(2)
    ]
    for process in both:
        output, _ = process.communicate(timeout=180)
        assert process.returncode == 0, output.decode()


def test_an_unknown_asset(env: WarehouseEnv) -> None:
    done = warehouse(env, "materialize", "order_summary")
    assert done.returncode == 1
    assert done.stdout == ""
    assert "There is no asset order_summary." in done.stderr
    assert "Did you mean orders_summary?" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("selection", ["orders_cleaned or order_stats", "++(", "group:none"])
def test_a_selection_that_selects_nothing(env: WarehouseEnv, selection: str) -> None:
    done = warehouse(env, "materialize", selection)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"{selection} selects no asset.\nNothing was run.")


def test_status(env: WarehouseEnv) -> None:
    done = warehouse(env, "status")
    assert done.returncode == 0
    assert "mysql_orders" in done.stdout and "10,000" in done.stdout
    assert "order_stats" in done.stdout
    assert "Snapshot 1" in done.stderr


def test_before_anything_was_built(warehouse_env: WarehouseEnv) -> None:
    for command in (["status"], ["sql", "select 1"], ["materialize", "orders_summary"]):
        done = warehouse(warehouse_env, *command)
        assert done.returncode == 1
        assert "There is no warehouse" in done.stderr and "just materialize" in done.stderr


def test_a_setting_that_is_not_one(warehouse_env: WarehouseEnv) -> None:
    warehouse_env.configure(keep_snapshots="many")
    done = warehouse(warehouse_env, "status")
    assert done.returncode == 1
    assert "WAREHOUSE_KEEP_SNAPSHOTS" in done.stderr and "Traceback" not in done.stderr


def test_the_sample_server_prints_each_query(warehouse_env: WarehouseEnv) -> None:
    server = subprocess.Popen(
        [sys.executable, "-m", "warehouse", "sample-mysql", "--port", "0"],
        env=warehouse_env.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    try:
        assert server.stderr
        said = ""
        while "just materialize" not in said:
            said += server.stderr.readline()
        url = re.search(r"WAREHOUSE_MYSQL_URL=(\S+)", said)
        assert url
        warehouse_env.configure(mysql_url=url[1])
        assert warehouse(warehouse_env, "materialize").returncode == 0
    finally:
        os.kill(server.pid, signal.SIGINT)
        asked, _ = server.communicate(timeout=30)
    assert server.returncode == 130
    for table in ("orders", "customers"):
        assert asked.count(f"FROM ( select * from {table} ) AS source") == 1


def test_dagster_and_dg_find_the_definitions() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("dagster"), "definitions", "validate"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "All code locations passed validation." in done.stdout + done.stderr


def test_what_is_no_table_has_no_rows() -> None:
    from warehouse.cli.summary import _line

    assert _line("model", [{"run": "a"}]) == ("model", "", "", "")
    assert _line("days", [{"run": "a", "dagster/partition_row_count": n} for n in (0, 2)])[1] == "2"
