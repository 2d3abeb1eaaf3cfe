"""An exit code tells cron and CI what came of a command."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conftest import TIMEOUT_SECONDS, WarehouseEnv
from warehouse.cli.exit_codes import ExitCode
from warehouse.sample.generate import CSV
from warehouse.sample.server import serve
from warehouse.sample.tables import CUSTOMERS, ORDERS
from warehouse.settings import ROOT

Row = dict[str, str]


@pytest.fixture
def shop(tmp_path: Path, warehouse_env: WarehouseEnv) -> Iterator[Callable[[Row], None]]:
    """A sample server over a few orders, the last of which a test may spoil."""
    with CSV.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["id"] != r"\N"][-50:]
    file_of_orders = tmp_path / "orders.csv"
    with_servers: list[object] = []

    def spoil(change: Row) -> None:
        with file_of_orders.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows([*rows[:-1], {**rows[-1], "customer_id": "7", **change}])
        server = serve(tables=(replace(ORDERS, csv=file_of_orders), CUSTOMERS))
        warehouse_env.configure(
            mysql_url=server.__enter__().url, daily_start=min(row["order_date"] for row in rows)
        )
        with_servers.append(server)

    yield spoil
    for server in with_servers:
        server.__exit__(None, None, None)  # type: ignore[attr-defined]


def test_a_failed_check_of_severity_error(
    shop: Callable[[Row], None], warehouse_env: WarehouseEnv
) -> None:
    shop({"amount": r"\N"})
    done = warehouse_env.command("materialize", timeout=TIMEOUT_SECONDS)
    assert done.returncode == ExitCode.CHECK_FAILED, done.stderr
    assert "ERROR: orders_cleaned, not_null: Wrong: 1 row" in done.stdout
    assert "The snapshot is published, and 1 check of severity error failed" in done.stderr
    assert warehouse_env.query("SELECT count(*) FROM mysql_orders") == [(50,)]

    # It fails still, but it is not part of the next run.
    assert (
        warehouse_env.command("materialize", "mysql_orders", timeout=TIMEOUT_SECONDS).returncode
        == ExitCode.DONE
    )
    # It is part of this one, which writes nothing.
    done = warehouse_env.command("materialize", "orders_cleaned", timeout=TIMEOUT_SECONDS)
    assert done.returncode == ExitCode.CHECK_FAILED


def test_a_failed_check_that_only_warns(
    shop: Callable[[Row], None], warehouse_env: WarehouseEnv
) -> None:
    shop({"status": "on the moon"})
    done = warehouse_env.command("materialize", timeout=TIMEOUT_SECONDS)
    assert "WARN: orders_cleaned, accepted_status" in done.stdout
    assert done.returncode == ExitCode.DONE, done.stderr


def test_a_refresh_whose_check_fails(
    shop: Callable[[Row], None], warehouse_env: WarehouseEnv
) -> None:
    shop({})
    assert warehouse_env.command("refresh", timeout=TIMEOUT_SECONDS).returncode == ExitCode.DONE
    # A check that cannot run is no pass.
    folder = warehouse_env.own_project() / "checks" / "mysql_orders_daily"
    (folder / "gone.sql").write_text("select gone from mysql_orders_daily")
    shop({"amount": "0.01", "updated_at": "2026-11-01 00:00:01"})
    done = warehouse_env.command("refresh", timeout=TIMEOUT_SECONDS)
    assert "The check cannot run" in done.stdout, done.stdout + done.stderr
    assert done.returncode == ExitCode.CHECK_FAILED
    assert "published" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["materialize", "no_such_asset"], ExitCode.FAILED),
        (["sql", "select nonsense"], ExitCode.FAILED),
        (["materialise"], ExitCode.NOT_UNDERSTOOD),
        (["materialize", "--no-such-option"], ExitCode.NOT_UNDERSTOOD),
        (["rollback", "last"], ExitCode.NOT_UNDERSTOOD),
        (["--help"], ExitCode.DONE),
    ],
)
def test_the_other_codes(warehouse_env: WarehouseEnv, arguments: list[str], code: ExitCode) -> None:
    assert warehouse_env.command(*arguments, timeout=TIMEOUT_SECONDS).returncode == code


def test_the_docs_name_them_all() -> None:
    page = (ROOT / "docs" / "command-line.md").read_text(encoding="utf-8")
    table = page.split("| exit code | meaning |")[1].split("\n\n")[0]
    assert [int(code) for code in re.findall(r"^\| (\d+) \|", table, re.M)] == list(ExitCode)
