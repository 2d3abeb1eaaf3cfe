"""A MySQL that dies, falls silent or changes under us: the last snapshot is what everyone reads."""

from __future__ import annotations

import gc
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import cast

import pyarrow as pa
import pytest

from tests.conftest import WarehouseEnv
from tests.servers.launch import READER, Database
from tests.servers.loading import orders
from tests.servers.orders import fill, make_orders, order
from warehouse.errors import WarehouseError
from warehouse.mysql import extract, session, watch
from warehouse.mysql.url import parse_url

FAST = 60_000
SLOW_FROM_THERE = f"id <= {FAST} OR SLEEP(60) = 0"
DEADLINE_SECONDS = 60


@pytest.fixture(autouse=True)
def own_garbage() -> Iterator[None]:
    """What the destructors of a torn load have to say is said here, not in a later test."""
    yield
    gc.collect()


def running(database: Database) -> list[tuple[object, ...]]:
    """Return the connections of the account that loads."""
    return database.run(
        f"SELECT id, state FROM information_schema.processlist WHERE user = '{READER}'"
    )


@contextmanager
def in_mid_stream(database: Database, strike: Callable[[], None]) -> Iterator[None]:
    """Do something to the server once it has sent the fast rows and sleeps over the next."""

    def wait() -> None:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while time.monotonic() < deadline:
            if any("sleep" in str(state).lower() for _, state in running(database)):
                strike()
                return
            time.sleep(0.05)

    thread = threading.Thread(target=wait)
    thread.start()
    try:
        yield
    finally:
        thread.join()


@pytest.fixture(params=["", "?compress=true"], ids=["plain", "compressed"])
def compress(request: pytest.FixtureRequest) -> str:
    """What the URL says of compression."""
    parameter: str = request.param
    return parameter


@pytest.fixture
def shop(server: Database, warehouse_env: WarehouseEnv, compress: str) -> Iterator[Database]:
    """A server with many orders, and a warehouse that holds one."""
    make_orders(server, [order(1)])
    warehouse_env.configure(mysql_url=server.url() + compress)
    warehouse_env.run()
    fill(server, FAST + 1000)
    yield server
    server.start()


def check_nothing_changed(warehouse_env: WarehouseEnv) -> None:
    """See that the snapshot with the one order is what readers get, and all there is."""
    assert warehouse_env.query("SELECT count(*) FROM mysql_orders") == [(1,)]
    assert warehouse_env.query("SELECT orders FROM order_stats") == [(1,)]
    folder = warehouse_env.path.parent / ".warehouse"
    assert str(warehouse_env.path.resolve()) == str(max(folder.rglob("*.duckdb")))
    assert not (folder / "staging").exists()


def test_killed_in_mid_stream(shop: Database, warehouse_env: WarehouseEnv) -> None:
    warehouse_env.where(SLOW_FROM_THERE)
    with (
        in_mid_stream(shop, shop.kill),
        pytest.raises(WarehouseError, match="went away in the middle of the answer") as caught,
    ):
        warehouse_env.run("mysql_orders")

    assert not shop.running
    assert "Run again when it is back" in str(caught.value)
    check_nothing_changed(warehouse_env)

    shop.start()
    warehouse_env.where(None)
    warehouse_env.run()
    assert warehouse_env.query("SELECT count(*) FROM mysql_orders") == [(FAST + 1000,)]


def test_the_dba_stops_the_query(shop: Database, warehouse_env: WarehouseEnv) -> None:
    def stop() -> None:
        ((number,),) = shop.run(
            "SELECT id FROM information_schema.processlist "
            f"WHERE user = '{READER}' AND info LIKE '/* warehouse asset=mysql_orders run=%'"
        )
        shop.run(f"KILL QUERY {number}")

    warehouse_env.where(SLOW_FROM_THERE)
    with (
        in_mid_stream(shop, stop),
        pytest.raises(WarehouseError, match="was told by somebody to stop the query"),
    ):
        warehouse_env.run("mysql_orders")
    check_nothing_changed(warehouse_env)


def test_not_running(shop: Database, warehouse_env: WarehouseEnv) -> None:
    shop.stop()
    with pytest.raises(WarehouseError, match="cannot be reached"):
        warehouse_env.run("mysql_orders")
    check_nothing_changed(warehouse_env)


def test_fallen_silent(mariadb: Database, compress: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "SILENCE_SECONDS", 1)
    monkeypatch.setattr(watch, "ASK_SECONDS", 1)
    monkeypatch.setattr(session, "ANSWER_SECONDS", 1)
    mariadb.start()
    make_orders(mariadb, [order(1), order(2)])
    url = parse_url(mariadb.url() + compress)
    extraction = extract.open_extraction(url, orders("id = 1 OR SLEEP(2) = 0"))
    # Should nobody notice, the server comes back, and the load succeeds.
    rescue = threading.Timer(20, mariadb.resume)
    rescue.start()
    try:
        with (
            in_mid_stream(mariadb, mariadb.pause),
            pytest.raises(
                WarehouseError,
                match="a second connection cannot be opened",
            ),
        ):
            list(extraction.batches())
    finally:
        rescue.cancel()
        mariadb.resume()


def test_given_up_in_mid_stream(
    mariadb: Database, compress: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The query ends with its reader, and no destructor of a driver has a last word on stderr."""
    unraisable: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", unraisable.append)
    mariadb.start()
    make_orders(mariadb, [order(1)])
    fill(mariadb, FAST)
    mariadb.run("ANALYZE TABLE orders")  # the size of the batches follows from it
    slow = "id <= 20000 OR (id <= 20120 AND SLEEP(1) = 0)"
    extraction = extract.open_extraction(parse_url(mariadb.url() + compress), orders(slow))
    batches = cast(Generator[pa.RecordBatch], extraction.batches())
    assert next(batches).num_rows > 0
    assert running(mariadb), "the first rows came when the last had come, two minutes later"

    batches.close()
    for thread in threading.enumerate():
        if thread.name == "mysql-reader":
            thread.join(DEADLINE_SECONDS)
    del batches, extraction
    gc.collect()
    deadline = time.monotonic() + DEADLINE_SECONDS
    while running(mariadb):
        assert time.monotonic() < deadline, "the query still runs"
        time.sleep(0.1)
    assert unraisable == []


def test_a_column_comes_and_goes(shop: Database, warehouse_env: WarehouseEnv) -> None:
    make_orders(shop, [order(1), order(2)])
    shop.run("ALTER TABLE orders RENAME COLUMN customer_id TO customer")
    with pytest.raises(WarehouseError, match=r"orders_cleaned\.sql:\d+: .*customer_id"):
        warehouse_env.run("mysql_orders")
    check_nothing_changed(warehouse_env)

    shop.run(
        "ALTER TABLE orders RENAME COLUMN customer TO customer_id",
        "ALTER TABLE orders ADD COLUMN colour VARCHAR(20) NOT NULL DEFAULT 'blue' AFTER id",
        "ALTER TABLE orders DROP COLUMN note",
        "ALTER TABLE orders MODIFY item_count BIGINT",
    )
    warehouse_env.run("mysql_orders")
    assert warehouse_env.query("SELECT DISTINCT colour FROM orders_cleaned") == [("blue",)]
    types = dict(
        warehouse_env.query(
            "SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = 'mysql_orders'"
        )
    )
    assert types["item_count"] == "BIGINT"
    assert "note" not in types
