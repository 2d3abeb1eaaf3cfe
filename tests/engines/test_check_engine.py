"""`just check-engine`: what would run on Spark, without Spark and without MySQL."""

from __future__ import annotations

import json

from tests.conftest import WarehouseEnv
from warehouse.settings import ROOT


def _view(env: WarehouseEnv, name: str, sql: str) -> None:
    (env.own_project() / "sql" / "analytics" / f"{name}.sql").write_text(sql, encoding="utf-8")


def test_the_shipped_files_run(warehouse_env: WarehouseEnv) -> None:
    warehouse_env.run("mysql_orders")
    warehouse_env.configure(mysql_url="mysql://nobody@127.0.0.1:1/none")  # nobody asks it
    done = warehouse_env.command("check-engine", "orders_cleaned", "order_stats")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        f"{file}:1: runs on Spark"
        for file in (
            "warehouse/sql/transforms/orders_cleaned.sql",
            "warehouse/sql/analytics/order_stats.sql",
            "warehouse/checks/order_stats/orders_agree.sql",
            "warehouse/checks/orders_cleaned/accepted_status.sql",
            "warehouse/checks/orders_cleaned/not_null.sql",
            "warehouse/checks/orders_cleaned/rows_agree.sql",
            "warehouse/checks/orders_cleaned/unique_id.sql",
        )
    ]
    assert "7 files, none refused" in done.stderr


def test_a_refused_file_is_named_with_its_line(warehouse_env: WarehouseEnv) -> None:
    _view(warehouse_env, "spread", "-- Spread.\nselect\n  stddev(amount) as x\nfrom mysql_orders")
    _view(warehouse_env, "above", "select x from spread")
    warehouse_env.run("mysql_orders")
    done = warehouse_env.command("check-engine", "spread", "above", "pending_orders")
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    place = warehouse_env.home / "sql" / "analytics"
    assert any(
        line.startswith(f"{place}/spread.sql:3: stddev(amount): the sum of floats depends")
        and line.endswith("Compute it in DuckDB.")
        for line in lines
    )
    assert f"{place}/above.sql:1: it reads spread, which is refused. Correct spread first." in lines
    assert sum("runs on Spark" in line for line in lines) == 2
    assert "2 refused" in done.stderr

    told = json.loads(warehouse_env.command("check-engine", "spread", "--format", "json").stdout)
    assert told == [
        {
            "name": "spread",
            "group": "analytics",
            "file": f"{place}/spread.sql",
            "runs": False,
            "place": f"{place}/spread.sql:3",
            "construct": "stddev(amount)",
            "why": told[0]["why"],
            "instead": "Compute it in DuckDB.",
        }
    ]


def test_a_table_that_is_not_there_yet(warehouse_env: WarehouseEnv) -> None:
    nothing = warehouse_env.command("check-engine")
    assert nothing.returncode == 1
    assert "There is no warehouse" in nothing.stderr and "just materialize" in nothing.stderr
    warehouse_env.run("mysql_customers")
    done = warehouse_env.command("check-engine", "orders_cleaned")
    assert done.returncode == 1
    assert "it reads mysql_orders, which the warehouse does not hold yet" in done.stdout
    assert "just materialize mysql_orders" in done.stdout


def test_an_unknown_name(warehouse_env: WarehouseEnv) -> None:
    warehouse_env.run("mysql_orders")
    done = warehouse_env.command("check-engine", "order_stat")
    assert done.returncode == 1
    assert "Did you mean order_stats?" in done.stderr


def test_the_checker_is_in_just_check() -> None:
    assert "-m tests.engines.shipped" in (ROOT / "justfile").read_text(encoding="utf-8")
