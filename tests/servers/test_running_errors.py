"""What MySQL finds wrong while a query runs is said with the place of the query in its file."""

from __future__ import annotations

import os
from datetime import date

import pymysql
import pytest

from tests.conftest import WarehouseEnv
from tests.servers.launch import Database
from warehouse.assets.refresh import difference
from warehouse.errors import WarehouseError
from warehouse.mysql.server_errors import translate
from warehouse.mysql.url import parse_url

DAY = "2026-10-02"
COMMENT = "-- What is left of each.\n-- owner: team:stock\n"
PLACE = r"^\S*left\.sql:3: MySQL at \S+ "


@pytest.fixture
def stock(server: Database, warehouse_env: WarehouseEnv) -> Database:
    """Three rows, of which the last one is not like the others."""
    server.run(
        "CREATE TABLE stock (id INT PRIMARY KEY, held BIGINT UNSIGNED NOT NULL, note TEXT, "
        "day DATE NOT NULL, updated_at DATETIME NOT NULL)",
        f"INSERT INTO stock VALUES (1, 9, '[]', '{DAY}', '{DAY}'), (2, 8, '[]', '{DAY}', '{DAY}'), "
        f"(3, 0, 'none', '{DAY}', '{DAY}')",
        "CREATE FUNCTION checked(held BIGINT) RETURNS BIGINT DETERMINISTIC BEGIN IF held = 0 THEN "
        "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'nothing is held'; END IF; RETURN held; END",
        "GRANT EXECUTE ON FUNCTION shop.checked TO reader@'%'",
    )
    warehouse_env.only("left")
    warehouse_env.configure(mysql_url=server.url(), daily_start=date(2026, 10, 1))
    return server


FAULTS = {
    "out of range": ("select id,\n held - 1 as held\nfrom stock", "does not fit its type: .*held"),
    "in a condition": ("select id from stock\nwhere held - 1 > 5", "does not fit its type: "),
    "more than one row": (
        "select id, (select held from stock) as held from stock",
        "says that a subquery gives more than one row: ",
    ),
    "by a function": ("select id, checked(held) as held from stock", ".*: nothing is held"),
    "sorted": ("select max(held - 1) as held from stock group by day", "does not fit its type: "),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_query_that_fails_while_it_runs(
    stock: Database, warehouse_env: WarehouseEnv, fault: str
) -> None:
    sql, said = FAULTS[fault]
    warehouse_env.source("left", COMMENT + sql)
    with pytest.raises(WarehouseError, match=PLACE + f".*{said}") as error:
        warehouse_env.run()
    assert "Nothing was changed" in error.value.safe
    assert not os.path.lexists(warehouse_env.path)
    assert stock.running


def test_json_that_is_none(stock: Database, warehouse_env: WarehouseEnv) -> None:
    sql = "select id, json_extract(note, '$[0]') as first from stock"
    warehouse_env.source("left", COMMENT + sql)
    if stock.kind == "mariadb":  # it warns, and gives NULL
        warehouse_env.run()
        assert warehouse_env.query('SELECT first FROM "left" WHERE id = 3') == [(None,)]
        return
    with pytest.raises(WarehouseError, match=PLACE + "cannot read a value as JSON: "):
        warehouse_env.run()


@pytest.mark.usefixtures("stock")
def test_a_division_by_zero_is_null_as_in_mysql(warehouse_env: WarehouseEnv) -> None:
    warehouse_env.source("left", f"{COMMENT}select id, 1 / held as share from stock")
    warehouse_env.run()
    assert warehouse_env.query('SELECT share IS NULL FROM "left" ORDER BY id') == [
        (False,),
        (False,),
        (True,),
    ]


@pytest.mark.usefixtures("stock")
def test_the_time_budget(warehouse_env: WarehouseEnv) -> None:
    warehouse_env.source("left", f"{COMMENT}select id, sleep(2) as slept from stock")
    warehouse_env.configure(query_budget_seconds=0.3)
    with pytest.raises(WarehouseError, match=PLACE + "stopped the query"):
        warehouse_env.run()


def test_days_that_cannot_be_counted(stock: Database, warehouse_env: WarehouseEnv) -> None:
    notes = "-- days: day\n-- updated: updated_at\n-- key: id\n"
    warehouse_env.source(
        "left", f"{notes}select id, day, updated_at from stock where held - 1 <> id"
    )
    stock.run("UPDATE stock SET held = 9")
    warehouse_env.run("left", days=(DAY, DAY))
    stock.run("UPDATE stock SET held = 0 WHERE id = 3")
    place = PLACE.replace(":3", ":4")
    with pytest.raises(WarehouseError, match=place + "cannot compute a value"):
        difference(warehouse_env.project.by_name["left"], lambda _: None, "a test")
    with pytest.raises(WarehouseError, match=place + "cannot compute a value"):
        warehouse_env.run("left", days=(DAY, DAY))


@pytest.mark.parametrize(
    ("number", "placed"),
    [(1690, True), (3024, True), (1317, True), (2013, False), (2006, False), (1053, False)],
)
def test_the_query_is_not_at_fault_where_the_connection_is_lost(number: int, placed: bool) -> None:
    error = pymysql.err.OperationalError(number, "a text")
    said = translate(error, parse_url("mysql+pymysql://me@127.0.0.1/shop"), "a.sql:1").what
    assert said.startswith("a.sql:1: MySQL" if placed else "MySQL")
