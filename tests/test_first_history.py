"""The first command leaves history: the sample as it was a day ago, and as it is now."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.conftest import WarehouseEnv
from warehouse.sample.calendar import AS_COMMITTED, CSV_LAST_DAY, FILE, FIXED
from warehouse.settings import ROOT

SAID = "as it was a day ago"


@pytest.fixture
def pinned(warehouse_env: WarehouseEnv) -> WarehouseEnv:
    """A warehouse of the sample that is used the first time on the last day of its files."""
    (warehouse_env.path.parent / FILE).write_text(f"{CSV_LAST_DAY} {FIXED}\n")
    return warehouse_env


def command(warehouse: WarehouseEnv, *arguments: str) -> str:
    """Run a command. Returns what it prints."""
    done = subprocess.run(
        [sys.executable, "-m", "warehouse", *arguments],
        cwd=ROOT,
        env=warehouse.env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def count(warehouse: WarehouseEnv, table: str) -> int:
    ((rows,),) = warehouse.query(f"SELECT count(*) FROM {table}")
    return int(rows)


def test_diff_and_rollback_work_on_it(pinned: WarehouseEnv) -> None:
    done = pinned.materialize()
    assert done.returncode == 0, done.stderr
    assert done.stderr.count(SAID) == 1
    assert done.stderr.count("Querying MySQL: one SELECT of `orders`") == 1
    assert count(pinned, "mysql_orders") == 10_000
    assert "mysql_orders" in done.stdout and "snapshot 2" in done.stdout
    assert command(pinned, "history").count("mysql_orders") == 2
    changed = command(pinned, "diff", "orders_summary")
    assert "from snapshot 1 to 2: 6 rows added, 0 removed, 1 changed." in changed
    assert "2026-10-30" in changed
    again = pinned.materialize()
    assert SAID not in again.stderr
    command(pinned, "rollback", "1")
    assert count(pinned, "mysql_orders") == 9_943


@pytest.mark.parametrize("selection", ["mysql_orders", "mysql_orders+"])
def test_any_selection_that_loads_a_table_leaves_history(
    pinned: WarehouseEnv, selection: str
) -> None:
    done = pinned.materialize(selection)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count(SAID) == 1
    assert done.stderr.count("the embedded sample server, which") == 1
    assert count(pinned, "mysql_orders") == 10_000
    assert count(pinned, "snapshots") == 2
    assert pinned.query("SELECT count(*) FROM loads") == [(2,)]


def test_days_alone_are_loaded_once(pinned: WarehouseEnv) -> None:
    day = str(CSV_LAST_DAY)
    done = pinned.materialize("mysql_orders_daily", "--partition", day)
    assert done.returncode == 0, done.stderr
    assert SAID not in done.stderr
    assert count(pinned, "snapshots") == 1
    assert count(pinned, "mysql_orders_daily") == 57


def test_a_load_that_fails_says_so_and_leaves_nothing(pinned: WarehouseEnv) -> None:
    pinned.source("mysql_orders", "select nope from orders")
    done = pinned.materialize("mysql_orders")
    assert done.returncode == 1
    assert "nope" in done.stderr
    assert not pinned.path.exists()


def test_as_committed_it_has_no_past(pinned: WarehouseEnv) -> None:
    (pinned.path.parent / FILE).write_text(AS_COMMITTED)
    done = pinned.materialize("mysql_orders")
    assert SAID not in done.stderr
    assert count(pinned, "snapshots") == 1
