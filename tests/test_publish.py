"""`just publish`: the tables of the newest snapshot in the lake, and what it says of them."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from tests.conftest import WarehouseEnv
from tests.lakes import rows
from warehouse.lake.place import Lake, open_lake
from warehouse.lake.snapshots import newest, numbers
from warehouse.store import publish

DAYS = 40
FIRST = date(2026, 1, 1)


@pytest.fixture
def env(warehouse_env: WarehouseEnv, tmp_path: Path) -> WarehouseEnv:
    """A warehouse with a source by day, one without days, a table of nobody, and a view."""
    warehouse_env.configure(lake=tmp_path / "lake")
    warehouse_env.where(None)
    warehouse_env.source("placed", "-- days: placed_at in Europe/Berlin\nselect * from placed")
    with publish.write(warehouse_env.path, keep=3, who="test") as connection:
        connection.execute(
            "CREATE TABLE mysql_orders_daily AS SELECT i::UBIGINT AS id, "
            f"DATE '{FIRST}' + (i % {DAYS})::INTEGER AS order_date, i / 7 AS weight "
            "FROM range(4000) r(i)"
        )
        connection.execute(
            "CREATE TABLE placed AS SELECT TIMESTAMPTZ '2026-03-28 22:30:00+00' + to_hours(i) "
            "AS placed_at FROM range(48) r(i)"
        )
        connection.execute("CREATE TABLE Plain AS SELECT '{\"a\": 1}'::JSON AS j")
        connection.execute(
            "CREATE TABLE loads AS SELECT TIMESTAMPTZ '2026-02-10 12:00:00+00' AS started_at, "
            "'placed' AS table_name, MAP {'placed_at': 1::BIGINT} AS invalid_dates"
        )
        connection.execute(
            f"CREATE TABLE cached_days AS SELECT 'placed' AS table_name, DATE '{FIRST}' AS day"
        )
        connection.execute("CREATE VIEW orders_summary AS SELECT 1 AS a")
    return warehouse_env


@pytest.fixture
def lake(tmp_path: Path, env: WarehouseEnv) -> Lake:  # noqa: ARG001
    return open_lake(str(tmp_path / "lake"))


def test_what_is_sent_and_what_is_said(env: WarehouseEnv, lake: Lake) -> None:
    done = env.command("publish")
    assert done.returncode == 0, done.stderr
    found = newest(lake)
    assert found and found.writer == "just publish, of snapshot 1 of the warehouse"
    assert [*found.tables] == ["Plain", "cached_days", "loads", "mysql_orders_daily", "placed"]
    daily = found.tables["mysql_orders_daily"]
    assert [file.day for file in daily.files] == [FIRST + timedelta(n) for n in range(DAYS)]
    wanted = env.query("FROM mysql_orders_daily ORDER BY ALL")
    assert rows(lake, "mysql_orders_daily") == wanted
    assert [(file.day, file.rows) for file in found.tables["placed"].files] == [
        (date(2026, 3, 28), 1),
        (date(2026, 3, 29), 23),
        (date(2026, 3, 30), 24),
    ], "a day of Berlin on which the clocks are put on has 23 hours"
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["table", "rows", "seconds", "written", "days", "written"]
    assert any(
        line.startswith("mysql_orders_daily") and line.endswith("40 of 40 days") for line in lines
    )
    assert f"{lake.root}: snapshot 1." in lines

    again = env.command("publish")
    assert again.returncode == 0 and numbers(lake) == [1]
    assert "0 files written" in again.stdout
    assert "snapshot 1. Nothing changed: there is no new one." in again.stdout

    with publish.write(env.path, keep=3, who="test") as connection:
        connection.execute("UPDATE mysql_orders_daily SET weight = 0 WHERE id = 41")
    third = env.command("publish")
    assert "1 of 40 days" in third.stdout and "1 file written" in third.stdout
    assert numbers(lake) == [1, 2]
    assert "snapshot 2 of the warehouse" in newest(lake).writer  # type: ignore[union-attr]


def test_tables_that_are_named(env: WarehouseEnv, lake: Lake) -> None:
    assert env.command("publish", "plain", "snapshots").returncode == 0
    found = newest(lake)
    assert found and {*found.tables} == {"Plain", "snapshots"}
    done = env.command("publish", "--remove", "snapshots", "--remove", "Plain")
    assert done.returncode == 0, done.stderr
    found = newest(lake)
    assert found and {*found.tables} == {"cached_days", "loads", "mysql_orders_daily", "placed"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["orders_summary"], "orders_summary is a view: tables go to the lake"),
        (["nix"], "The warehouse has no table nix.\nTables are Plain, cached_days, loads, "),
        (["--remove", "nix"], "The lake has no table nix."),
    ],
)
def test_names_that_mean_nothing(
    env: WarehouseEnv, lake: Lake, arguments: list[str], said: str
) -> None:
    done = env.command("publish", *arguments)
    assert done.returncode == 1 and said in done.stderr and done.stdout == ""
    assert newest(lake) is None


@pytest.mark.parametrize(
    ("place", "said"),
    [
        (None, "WAREHOUSE_LAKE is not set"),
        ("ftp://me:hidden@host/lake", "WAREHOUSE_LAKE=ftp://host/lake cannot hold a lake"),
        ("s3a://me:hidden@bucket/lake", "needs the Python package s3fs"),
        ("/proc/lake", "Writing the lake /proc/lake failed: "),
        ("/dev/null/lake", "the lake /dev/null/lake failed: Not a directory"),
    ],
)
def test_a_lake_that_is_none(env: WarehouseEnv, place: str | None, said: str) -> None:
    env.configure(lake=place)
    done = env.command("publish")
    assert done.returncode == 1 and said in done.stderr, done.stderr
    assert "hidden" not in done.stderr + done.stdout and "Traceback" not in done.stderr


def test_the_settings_say_which_snapshots_stay(
    env: WarehouseEnv, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    from datetime import timedelta as delta

    from click.testing import CliRunner

    from warehouse.cli import main
    from warehouse.lake import prune

    env.configure(keep_snapshots=2, keep_days=0)
    original = prune.prune
    monkeypatch.setattr(prune, "prune", lambda *a, **k: original(*a, **k, grace=delta(0)))
    for value in range(4):
        with publish.write(env.path, keep=3, who="test") as connection:
            connection.execute(f"CREATE OR REPLACE TABLE Plain AS SELECT {value} AS j")
        done = CliRunner().invoke(main, ["publish", "Plain"])
        assert done.exit_code == 0, done.output
    assert numbers(lake) == [3, 4] and rows(lake, "Plain") == [(3,)]
    assert "1 snapshot and 1 file of the lake were pruned" in done.stderr


def test_without_a_warehouse(warehouse_env: WarehouseEnv, tmp_path: Path) -> None:
    warehouse_env.configure(lake=tmp_path / "lake")
    done = warehouse_env.command("publish")
    assert done.returncode == 1 and "There is no warehouse at" in done.stderr
    assert not (tmp_path / "lake").exists()
