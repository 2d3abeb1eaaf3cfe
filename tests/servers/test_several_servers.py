"""Sources of two servers in one run: each is asked by itself, all is published as one snapshot."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import dagster as dg
import pytest

from tests.servers.launch import PASSWORD
from warehouse.doctor import examine
from warehouse.doctor.findings import Verdict
from warehouse.settings import ROOT

if TYPE_CHECKING:
    from tests.conftest import WarehouseEnv
    from tests.servers.launch import Database

ORDERS, CUSTOMERS = "orders_here", "customers_there"


@pytest.fixture
def two(mariadb: Database, mysql: Database, warehouse_env: WarehouseEnv) -> WarehouseEnv:
    """A project that reads orders from one server and customers from another."""
    for database, table in ((mariadb, "orders"), (mysql, "customers")):
        database.start()
        database.run(
            f"DROP TABLE IF EXISTS {table}",
            f"CREATE TABLE {table} (id INT PRIMARY KEY, name VARCHAR(20), day DATE NOT NULL)",
            f"INSERT INTO {table} VALUES (1, '{table}', '2026-01-01'), (2, 'é', '2026-01-02')",
        )
    warehouse_env.source(ORDERS, "select * from orders")
    warehouse_env.source(CUSTOMERS, "-- from: CRM\nselect * from customers")
    warehouse_env.only(ORDERS, CUSTOMERS)
    warehouse_env.configure(mysql_url=mariadb.url(), mysql_url_crm=mysql.url())
    mariadb.clear_log()
    mysql.clear_log()
    return warehouse_env


def command(env: WarehouseEnv, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "warehouse", *arguments],
        cwd=ROOT,
        env=env.env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_each_server_is_asked_once_and_one_snapshot_holds_both(
    two: WarehouseEnv, mariadb: Database, mysql: Database
) -> None:
    done = two.materialize()
    assert done.returncode == 0, done.stderr
    assert "crm (reader@127.0.0.1:" in done.stderr
    assert two.query(f"SELECT name FROM {ORDERS} ORDER BY id") == [("orders",), ("é",)]
    assert two.query(f"SELECT name FROM {CUSTOMERS} ORDER BY id") == [("customers",), ("é",)]
    for database, table in ((mariadb, "orders"), (mysql, "customers")):
        assert len([sql for sql in database.queries() if f"asset={table}_" in sql]) == 1
    assert two.query("SELECT table_name, server, port FROM loads ORDER BY 1") == [
        (CUSTOMERS, "crm", mysql.port),
        (ORDERS, None, mariadb.port),
    ]
    assert two.query("SELECT count(*) FROM snapshots") == [(1,)]
    status = command(two, "status")
    assert f"crm: 127.0.0.1:{mysql.port}/shop.customers" in status.stdout
    assert "different runs" not in status.stdout


def test_the_graph_names_the_server(two: WarehouseEnv) -> None:
    graph = two.defs.resolve_asset_graph()
    there = graph.get(dg.AssetKey(CUSTOMERS))
    assert there.parent_keys == {dg.AssetKey(["mysql_crm", "customers"])}
    result = two.run()
    (event,) = [
        event.step_materialization_data.materialization
        for event in result.get_asset_materialization_events()
        if event.asset_key == dg.AssetKey(CUSTOMERS)
    ]
    assert event.metadata["server"].value == "crm"
    lineage = event.metadata["dagster/column_lineage"].value
    assert isinstance(lineage, dg.TableColumnLineage)
    (above,) = lineage.deps_by_column["name"]
    assert above.asset_key == dg.AssetKey(["mysql_crm", "customers"])


@pytest.mark.parametrize("keep_going", [False, True])
def test_a_server_that_is_down(two: WarehouseEnv, mysql: Database, keep_going: bool) -> None:
    two.run()
    before = two.query(f"SELECT max(started_at) FROM loads WHERE table_name = '{ORDERS}'")
    mysql.stop()
    try:
        done = two.materialize(*["--keep-going"] * keep_going)
    finally:
        mysql.start()
    assert done.returncode == 1
    assert f"crm (reader@127.0.0.1:{mysql.port}" in done.stderr and PASSWORD not in done.stderr
    after = two.query(f"SELECT max(started_at) FROM loads WHERE table_name = '{ORDERS}'")
    assert (after > before) == keep_going, "the other server's source"
    assert two.query(f"SELECT count(*) FROM {CUSTOMERS}") == [(2,)]


def test_a_server_that_nobody_knows_is_named_with_the_file(two: WarehouseEnv) -> None:
    two.configure(mysql_url_crm=None)
    done = two.materialize()
    assert done.returncode == 1
    assert f"{CUSTOMERS}.sql:1" in done.stderr
    assert "WAREHOUSE_MYSQL_URL_CRM is not set" in done.stderr


def test_its_url_may_stand_in_the_project_s_env(
    two: WarehouseEnv, mysql: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("warehouse.settings.ENV_FILE", ".env")
    two.configure(mysql_url_crm=None)
    (two.home / ".env").write_text(f"WAREHOUSE_MYSQL_URL_CRM={mysql.url()}\n")
    two.run(CUSTOMERS)
    assert two.query(f"SELECT count(*) FROM {CUSTOMERS}") == [(2,)]


@pytest.mark.usefixtures("two")
def test_doctor_looks_at_each_server(mysql: Database) -> None:
    found = list(examine())
    assert not [finding for _, finding in found if finding.verdict is Verdict.FAILURE]
    texts = {check: [f.text for name, f in found if name == check] for check, _ in found}
    assert any(
        text.startswith(f"crm: reader@127.0.0.1:{mysql.port}") for text in texts["connection"]
    )
    assert any(text.startswith("crm: ") for text in texts["TLS"])
    assert any("`customers` of crm" in text for text in texts["sources"])
    assert not any("WAREHOUSE_MYSQL_URL_CRM" in text for text in texts["variables"])


def test_days_of_another_server_are_refreshed(two: WarehouseEnv, mysql: Database) -> None:
    note = "-- from: crm\n-- days: day\n-- start: 2026-01-01\n-- updated: day\n"
    two.source(CUSTOMERS, f"{note}select * from customers")
    two.run(CUSTOMERS, days=("2026-01-01", "2026-01-03"))
    mysql.run("INSERT INTO customers VALUES (3, 'new', '2026-01-03')")
    done = command(two, "refresh", CUSTOMERS)
    assert done.returncode == 0, done.stderr
    assert two.query(f"SELECT count(*) FROM {CUSTOMERS}") == [(3,)]


def test_tables_and_add_look_at_the_named_server(two: WarehouseEnv) -> None:
    listed = command(two, "tables", "--from", "crm", "--format", "csv")
    assert listed.returncode == 0, listed.stderr
    assert "customers" in listed.stdout and "orders" not in listed.stdout.replace(ORDERS, "")
    (two.home / "sql" / "sources" / f"{CUSTOMERS}.sql").unlink()
    added = command(two, "add", "customers", "--from", "crm")
    assert added.returncode == 0, added.stderr
    file = two.home / "sql" / "sources" / "crm_customers.sql"
    assert "-- from: crm\n" in file.read_text()
    assert os.fspath(file.name) in added.stdout
    two.run("crm_customers")
    assert two.query("SELECT count(*) FROM crm_customers") == [(2,)]
    unknown = command(two, "tables", "--from", "erp")
    assert unknown.returncode == 1 and "WAREHOUSE_MYSQL_URL_ERP is not set" in unknown.stderr
