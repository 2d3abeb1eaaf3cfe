"""`just status` of the lake that Spark reads: Spark need not run for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import WarehouseEnv

NOBODY = "sc://127.0.0.1:1"


@pytest.fixture
def env(warehouse_env: WarehouseEnv, tmp_path: Path) -> WarehouseEnv:
    """The sample, in a lake, and no Spark."""
    warehouse_env.configure(lake=tmp_path / "lake")
    return warehouse_env


def lines(env: WarehouseEnv) -> list[list[str]]:
    done = env.command("status")
    assert done.returncode == 0, done.stderr
    return [line.split() for line in done.stdout.splitlines()[1:]]


def test_it_says_of_the_lake_what_it_says_of_the_file(env: WarehouseEnv, tmp_path: Path) -> None:
    assert env.materialize().returncode == 0
    of_file = lines(env)
    assert env.command("publish").returncode == 0
    env.configure(spark=NOBODY)
    of_lake = lines(env)
    # The rows of views are not counted, and seconds may have passed.
    assert [line[0] for line in of_lake] == [line[0] for line in of_file]
    tables = [line for line in of_file if line[-1] != "view"]
    assert [line[:4] for line in of_lake[: len(tables)]] == [line[:4] for line in tables]
    assert [line[-1] for line in of_lake] == [line[-1] for line in of_file]
    said = env.command("status").stderr
    assert f"{tmp_path}/lake. 1 snapshot in the lake" in said
    assert "the rows of completed_orders, order_stats" in said


def test_a_lake_without_a_snapshot_and_none_at_all(env: WarehouseEnv) -> None:
    env.configure(spark=NOBODY)
    for lake, words in ((None, "WAREHOUSE_LAKE is not"), ("empty", "There is no snapshot in")):
        env.configure(lake=lake and env.path.parent / lake)
        done = env.command("status")
        assert done.returncode == 1
        assert words in done.stderr
