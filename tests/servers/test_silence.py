"""A server that stops answering in the middle of a load is noticed, and does not hang the run."""

import pytest

from tests.conftest import WarehouseEnv
from tests.servers.launch import Database
from tests.servers.orders import make_orders, order
from warehouse.errors import WarehouseError
from warehouse.mysql import extract, session


@pytest.mark.parametrize("reader", ["connectorx", "pymysql"])
def test_a_frozen_server(
    mariadb: Database,
    warehouse_env: WarehouseEnv,
    monkeypatch: pytest.MonkeyPatch,
    reader: str,
) -> None:
    mariadb.start()
    mariadb.run("DROP DATABASE IF EXISTS shop", "CREATE DATABASE shop CHARACTER SET utf8mb4")
    make_orders(mariadb, [order(1)])
    monkeypatch.setattr(extract, "SILENCE_SECONDS", 2)
    monkeypatch.setattr(session, "ANSWER_SECONDS", 2)
    warehouse_env.configure(
        mysql_url=mariadb.url(), mysql_reader=reader, orders_where="sleep(0.1) = 0"
    )
    plan = extract.make_plan

    def freeze_after_planning(*arguments: object) -> object:
        planned = plan(*arguments)  # type: ignore[arg-type]
        mariadb.pause()
        return planned

    monkeypatch.setattr(extract, "make_plan", freeze_after_planning)
    try:
        with pytest.raises(WarehouseError, match="MySQL at reader@") as error:
            warehouse_env.run("mysql_orders")
    finally:
        mariadb.resume()
    assert "Nothing was changed" in str(error.value)
    assert not warehouse_env.path.exists()
