"""Several sources in one run: one instant of MySQL, one SELECT each, one snapshot or none."""

from __future__ import annotations

import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.servers.launch import READER
from warehouse.errors import WarehouseError

if TYPE_CHECKING:
    from tests.conftest import WarehouseEnv
    from tests.servers.launch import Database

TABLES = ("red", "green", "blue")
ROUNDS = 8
TOTAL = 3_000


@pytest.fixture
def accounts(server: Database, warehouse_env: WarehouseEnv) -> Database:
    """A server with three tables of accounts, and a source for each of them."""
    for table in TABLES:
        server.run(
            f"CREATE TABLE {table} (id INT PRIMARY KEY, amount INT NOT NULL)",
            f"INSERT INTO {table} VALUES " + ", ".join(f"({n}, 100)" for n in range(10)),
        )
        warehouse_env.source(table, f"select * from {table}")
    warehouse_env.only(*TABLES)
    warehouse_env.configure(mysql_url=server.url())
    return server


def total(env: WarehouseEnv) -> int:
    parts = " UNION ALL ".join(f"SELECT sum(amount) AS part FROM {table}" for table in TABLES)
    ((found,),) = env.query(f"SELECT sum(part)::INT FROM ({parts})")
    return int(found)


def test_one_instant_under_fire(accounts: Database, warehouse_env: WarehouseEnv) -> None:
    """Money moves between the tables all the while: no load ever shows more or less of it."""
    over = threading.Event()
    moved = 0

    def move() -> None:
        nonlocal moved
        with closing(accounts.admin("shop")) as connection, connection.cursor() as cursor:
            while not over.is_set():
                source, target = TABLES[moved % 3], TABLES[(moved + 1) % 3]
                cursor.execute("START TRANSACTION")
                cursor.execute(f"UPDATE {source} SET amount = amount - 7 WHERE id = {moved % 10}")
                cursor.execute(f"UPDATE {target} SET amount = amount + 7 WHERE id = {moved % 10}")
                cursor.execute("COMMIT")
                moved += 1
                time.sleep(0.001)

    mover = threading.Thread(target=move)
    mover.start()
    try:
        totals = []
        for _ in range(ROUNDS):
            warehouse_env.run()
            totals.append(total(warehouse_env))
    finally:
        over.set()
        mover.join()
    assert moved > ROUNDS
    assert totals == [TOTAL] * ROUNDS
    instants = warehouse_env.query("SELECT DISTINCT instant FROM loads")
    assert all(instant.startswith("one instant") for (instant,) in instants)


def test_one_select_each_and_one_snapshot(accounts: Database, warehouse_env: WarehouseEnv) -> None:
    accounts.clear_log()
    result = warehouse_env.run()
    assert result.success
    selects = [query for query in accounts.queries(READER) if "AS source" in query]
    assert len(selects) == len(TABLES)
    for table in TABLES:
        assert sum(f"asset={table} run={result.run_id}" in query for query in selects) == 1
    assert warehouse_env.query("SELECT count(*) FROM snapshots") == [(1,)]
    warehouse_env.run()
    assert warehouse_env.query("SELECT count(*) FROM snapshots") == [(2,)]


def test_a_source_that_fails_publishes_nothing(
    accounts: Database, warehouse_env: WarehouseEnv
) -> None:
    warehouse_env.run()
    accounts.run("INSERT INTO red VALUES (10, 5)", "DROP TABLE green")
    with pytest.raises(WarehouseError, match=r"green\.sql:1: .*no table `green`"):
        warehouse_env.run()
    assert warehouse_env.query("SELECT count(*) FROM red") == [(10,)]
    assert warehouse_env.query("SELECT count(*) FROM snapshots") == [(1,)]
    assert not (warehouse_env.path.parent / ".warehouse" / "staging").exists()
    accounts.run("CREATE TABLE green (id INT PRIMARY KEY, amount INT NOT NULL)")
    warehouse_env.configure(max_shrink=1)
    warehouse_env.run()
    assert warehouse_env.query("SELECT count(*) FROM red") == [(11,)]


def test_keep_going(accounts: Database, warehouse_env: WarehouseEnv) -> None:
    warehouse_env.run()
    accounts.run("INSERT INTO red VALUES (10, 5)", "DROP TABLE green")
    done = warehouse_env.materialize("--keep-going")
    assert done.returncode == 1, done.stderr
    assert "green: " in done.stderr and "no table `green`" in done.stderr
    assert "Everything else is published." in done.stderr
    assert warehouse_env.query("SELECT count(*) FROM red") == [(11,)]
    assert warehouse_env.query("SELECT count(*) FROM green") == [(10,)], "it stays what it was"
    done = warehouse_env.materialize()
    assert done.returncode == 1
    assert "none is published" in done.stderr and "--keep-going" in done.stderr


def test_more_sources_than_connections(accounts: Database, warehouse_env: WarehouseEnv) -> None:
    warehouse_env.configure(connections=2)
    accounts.run("CREATE TABLE white AS SELECT * FROM red", "CREATE TABLE black LIKE red")
    for table in ("white", "black"):
        warehouse_env.source(table, f"select * from {table}")
    warehouse_env.run()
    assert total(warehouse_env) == TOTAL
    assert warehouse_env.query("SELECT count(*) FROM white") == [(10,)]
    assert warehouse_env.query("SELECT count(*) FROM black") == [(0,)]


def test_the_guard_refuses_all_of_them(accounts: Database, warehouse_env: WarehouseEnv) -> None:
    warehouse_env.run()
    accounts.run("DELETE FROM blue WHERE id > 1", "INSERT INTO red VALUES (10, 5)")
    with pytest.raises(WarehouseError, match="blue had 10 rows and would have 2"):
        warehouse_env.run()
    assert warehouse_env.query("SELECT count(*) FROM red") == [(10,)]
