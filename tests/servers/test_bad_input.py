"""What people get wrong: a short text that names the thing and the way out, and nothing changes."""

from __future__ import annotations

import re
import sys

import pytest

from tests.conftest import WarehouseEnv
from tests.servers.launch import PASSWORD, Database
from tests.servers.orders import make_orders, order
from warehouse.errors import WarehouseError

FILE = r"sql/sources/mysql_orders\.sql"


@pytest.fixture
def shop(server: Database, warehouse_env: WarehouseEnv) -> Database:
    """A server with orders, and a warehouse that holds the first of them."""
    make_orders(server, [order(1)])
    warehouse_env.configure(mysql_url=server.url())
    warehouse_env.run()
    make_orders(server, [order(number) for number in range(1, 6)])
    server.clear_log()
    return server


def published(warehouse_env: WarehouseEnv) -> list[tuple[str, bytes]]:
    """Return the link's target, and each snapshot with its bytes."""
    folder = warehouse_env.path.parent / ".warehouse"
    target = (str(warehouse_env.path.readlink()), b"")
    return [target, *((str(f), f.read_bytes()) for f in sorted(folder.rglob("*.duckdb")))]


def failure(warehouse_env: WarehouseEnv, selection: str | None = None) -> str:
    """Return the error's text, having seen that nothing was changed."""
    before = published(warehouse_env)
    with pytest.raises(WarehouseError) as caught:
        warehouse_env.run(selection)
    assert published(warehouse_env) == before
    assert not (warehouse_env.path.parent / ".warehouse" / "staging").exists()
    text = str(caught.value)
    assert PASSWORD not in text
    assert len(text.splitlines()) <= 6, text
    return text


def test_what_is_wrong_is_named(shop: Database, warehouse_env: WarehouseEnv) -> None:
    url = shop.url()
    address = f"{shop.host}:{shop.port}"
    cases: dict[str, tuple[dict[str, str], str]] = {
        "password": (
            {"mysql_url": shop.url(password="guess")},
            r"refuses this account: wrong user or password[^$]*Correct .* WAREHOUSE_MYSQL_URL",
        ),
        "host": (
            {"mysql_url": url.replace(shop.host, "nowhere.invalid")},
            r"nowhere\.invalid.* cannot be reached[^$]*Check host and port in WAREHOUSE_MYSQL_URL",
        ),
        "port": (
            {"mysql_url": url.replace(address, f"{shop.host}:1")},
            rf"{shop.host}:1/shop cannot be reached[^$]*Check host and port in WAREHOUSE_MYSQL_URL",
        ),
        "table": (
            {"sql": "select *\nfrom oders"},
            rf"{FILE}:2: .*no table `oders`\. Did you mean orders\?[^$]*Correct the file",
        ),
        "database": (
            {"mysql_url": shop.url("shopp")},
            r"/shopp does not let this account into the database[^$]*WAREHOUSE_MYSQL_URL",
        ),
        "no database": (
            {"mysql_url": shop.url("")},
            r"WAREHOUSE_MYSQL_URL names no database[^$]*mysql\+pymysql://user:password@host:3306/",
        ),
        "dialect": (
            {"mysql_url": url.replace("mysql+pymysql", "postgresql")},
            r"WAREHOUSE_MYSQL_URL starts with `postgresql://`, which is not MySQL",
        ),
        "parameter": (
            {"mysql_url": f"{url}?sslmode=require"},
            r"WAREHOUSE_MYSQL_URL has the parameter `sslmode`; known are ssl_mode,",
        ),
        "syntax": (
            {"sql": "select * from orders\nwhere\nstatus =\nand id < 3"},
            rf"{FILE}:4: MySQL at reader@.* cannot parse the query: .*'and id < 3[^$]*"
            r"Correct the file",
        ),
        "column": (
            {"sql": "select * from orders\nwhere amounts = 1"},
            rf"{FILE}:2: MySQL at reader@.* knows no column amounts there\. "
            r"Did you mean amount\?[^$]*Correct the file",
        ),
        "function": (
            {"sql": "select * from orders where no_such_function(id)"},
            rf"{FILE}:1: .*no_such_function",
        ),
        "reader": (
            {"mysql_reader": "odbc"},
            r"WAREHOUSE_MYSQL_READER: Input should be 'auto', 'connectorx' or 'pymysql'",
        ),
        "budget": (
            {"query_budget_seconds": "-1"},
            r"WAREHOUSE_QUERY_BUDGET_SECONDS: Input should be greater than 0",
        ),
    }
    wrong = []
    for name, (settings, expected) in cases.items():
        warehouse_env.configure(query_budget_seconds=None, mysql_reader=None, mysql_url=url)
        warehouse_env.source("mysql_orders", settings.pop("sql", "select * from orders"))
        warehouse_env.configure(**settings)
        text = failure(warehouse_env, "mysql_orders")
        if not re.search(expected, text):
            wrong.append(f"{name}: {text}")
    assert not wrong, "\n\n".join(wrong)


def test_a_wrong_condition_names_the_server(shop: Database, warehouse_env: WarehouseEnv) -> None:
    warehouse_env.where("colour = 1")
    text = failure(warehouse_env, "mysql_orders")
    assert f"reader@{shop.host}" in text
    assert "knows no column colour there" in text
    assert "Correct the file" in text


@pytest.mark.parametrize(
    ("selection", "sql", "expected"),
    [
        ("nope", "select * from orders", "There is no asset nope."),
        ("order_stat", "select * from orders", "Did you mean order_stats?"),
        ("mysql_orders", "select * from oders", "Did you mean orders?"),
    ],
)
def test_the_command_line(
    mariadb: Database,
    warehouse_env: WarehouseEnv,
    selection: str,
    sql: str,
    expected: str,
) -> None:
    mariadb.start()
    make_orders(mariadb)
    warehouse_env.configure(mysql_url=mariadb.url())
    warehouse_env.source("mysql_orders", sql)
    done = warehouse_env.materialize(selection)

    assert done.returncode == 1
    assert expected in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert done.stdout == ""
    assert not warehouse_env.path.exists()


def test_a_process_of_its_own(mariadb: Database, warehouse_env: WarehouseEnv) -> None:
    warehouse_env.configure(mysql_url=mariadb.url(password="guess"))
    done = warehouse_env.materialize("mysql_orders")

    assert done.returncode == 1
    assert "wrong user or password" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert sys.executable not in done.stderr
    assert len(done.stderr.splitlines()) < 10, done.stderr
