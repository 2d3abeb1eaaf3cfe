"""A check is a file that selects the rows that are wrong."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest

from tests.conftest import WarehouseEnv
from warehouse.assets.checks import build_checks
from warehouse.assets.naming import OWN
from warehouse.errors import WarehouseError
from warehouse.project.check_files import load_checks
from warehouse.project.project import BOOKKEEPING, load_project
from warehouse.settings import ROOT
from warehouse.store import publish

FOLDER = ROOT / "warehouse" / "checks"
SHIPPED = load_project()
ASSETS = {*SHIPPED.by_name, *(view.name for view in SHIPPED.views)}
KNOWN = {*ASSETS, *BOOKKEEPING}


def evaluate(folder: Path, env: WarehouseEnv) -> dict[str, dg.AssetCheckEvaluation]:
    """Run the checks in a folder on the warehouse, and return what came of each."""
    checks = build_checks(replace(SHIPPED, checks=tuple(load_checks(ASSETS, KNOWN, folder))), OWN)
    defs = dg.Definitions(asset_checks=[checks], executor=dg.in_process_executor)
    job = defs.resolve_implicit_global_asset_job_def()
    result = job.execute_in_process(instance=env.history)
    return {
        f"{check.asset_key.to_user_string()}.{check.check_name}": check
        for check in result.get_asset_check_evaluations()
    }


def write(folder: Path, name: str, sql: str) -> None:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(sql, encoding="utf-8")


def broken(env: WarehouseEnv) -> None:
    """Publish a snapshot whose cleaned orders are not clean."""
    with publish.write(env.path, keep=3, who="a test") as connection:
        connection.execute(
            "CREATE OR REPLACE VIEW orders_cleaned AS SELECT * FROM mysql_orders "
            "UNION ALL SELECT * FROM mysql_orders"
        )


def test_the_checks_of_the_sample_pass_on_the_sample(warehouse_env: WarehouseEnv) -> None:
    result = warehouse_env.run()
    evaluations = result.get_asset_check_evaluations()
    assert len(evaluations) == 11
    assert [check.check_name for check in evaluations if not check.passed] == []


def test_the_checks_of_the_sample_see_what_is_wrong(warehouse_env: WarehouseEnv) -> None:
    warehouse_env.run()
    broken(warehouse_env)
    with publish.write(warehouse_env.path, keep=3, who="a test") as connection:
        connection.execute("DELETE FROM mysql_orders WHERE id = 1")
    found = evaluate(FOLDER, warehouse_env)
    wrong = {name for name, check in found.items() if not check.passed}
    assert wrong - {"mysql_orders_daily.fresh"} == {
        "mysql_orders.rows_as_loaded",
        "mysql_orders_daily.rows_as_loaded",  # it is not there
        "orders_cleaned.accepted_status",
        "orders_cleaned.not_null",
        "orders_cleaned.rows_agree",
        "orders_cleaned.unique_id",
    }


def test_a_file_is_a_check_with_the_rows_that_are_wrong(
    warehouse_env: WarehouseEnv, tmp_path: Path
) -> None:
    warehouse_env.run()
    folder = tmp_path / "checks"
    write(
        folder,
        "orders_cleaned/cheap.sql",
        "-- Nothing is cheap.\n-- severity: warn\n"
        "select id, amount from orders_cleaned where amount between 0 and 5 order by id",
    )
    write(folder, "mysql_orders/none.sql", "select 1 where false")
    write(folder, "mysql_orders/gone.sql", "select nonsense from mysql_orders")
    found = evaluate(folder, warehouse_env)

    cheap = found["orders_cleaned.cheap"]
    assert not cheap.passed
    assert cheap.severity == dg.AssetCheckSeverity.WARN
    ((wrong,),) = warehouse_env.query(
        "SELECT count(*) FROM orders_cleaned WHERE amount BETWEEN 0 AND 5"
    )
    assert cheap.metadata["rows"].value == wrong
    first_rows = str(cheap.metadata["first_rows"].value).splitlines()
    assert first_rows[0].split() == ["|", "id", "|", "amount", "|"]
    assert len(first_rows) == 2 + 10
    assert found["mysql_orders.none"].passed
    assert not found["mysql_orders.gone"].passed
    assert "nonsense" in str(found["mysql_orders.gone"].description)


@pytest.mark.parametrize(
    ("name", "sql", "message"),
    [
        ("nothing/x.sql", "select 1", r"x\.sql:1: there is no asset nothing"),
        ("mysql_orders/x-y.sql", "select 1", r"x-y\.sql:1: x-y cannot be a check's name"),
        ("mysql_orders/fresh.sql", "select 1", r"fresh\.sql:1: fresh cannot be a check's name"),
        ("mysql_orders/x.sql", "select 1\nfrom nowhere", r"x\.sql:2: .* nowhere"),
        ("mysql_orders/x.sql", "selec 1", r"x\.sql:1: .*syntax error"),
        ("mysql_orders/x.sql", "drop table loads", r"x\.sql:1: .* one SELECT"),
    ],
)
def test_a_file_that_cannot_work_is_named(
    tmp_path: Path, name: str, sql: str, message: str
) -> None:
    write(tmp_path, name, sql)
    with pytest.raises(WarehouseError, match=message):
        load_checks(ASSETS, KNOWN, tmp_path)


def test_blocking_checks_compute_a_view_once_and_in_little_memory(
    warehouse_env: WarehouseEnv,
) -> None:
    home = warehouse_env.own_project()
    analytics = home / "sql" / "analytics"
    write(analytics, "chance.sql", "SELECT id, random() AS r FROM orders_cleaned\n")
    write(analytics, "second.sql", "SELECT * FROM chance\n")
    note = "-- severity: block\n"
    write(
        home / "checks",
        "second/same.sql",
        f"{note}SELECT * FROM second JOIN chance USING (id) WHERE second.r <> chance.r\n",
    )
    write(
        home / "checks",
        "second/memory.sql",
        f"{note}SELECT current_setting('memory_limit') AS allowed FROM second "
        "WHERE allowed <> '286.1 MiB'\n",  # 300 MB
    )
    warehouse_env.run()
    assert warehouse_env.query("SELECT count(*) > 0 FROM second") == [(True,)]
