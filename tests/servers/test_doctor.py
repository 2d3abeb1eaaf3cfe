"""What `doctor` says of a real MariaDB and MySQL; it asks for no row."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.conftest import WarehouseEnv
from tests.servers.launch import PASSWORD, Database
from tests.servers.orders import make_orders, order
from tests.servers.test_once import reads_orders
from tests.servers.thin_line import thin_line
from tests.test_doctor import FAILURE, NOT_CHECKED, OK, WARNING, bad, said


@pytest.fixture
def shop(server: Database, warehouse_env: WarehouseEnv) -> Database:
    """A server with orders, read by an account that only may read."""
    make_orders(server, [order(1)])
    warehouse_env.configure(mysql_url=server.url())
    server.clear_log()
    return server


@contextmanager
def account(shop: Database, *grants: str) -> Iterator[str]:
    """Make an account of some more rights. Yields its URL."""
    shop.run(
        f"CREATE USER other@'%' IDENTIFIED BY '{PASSWORD}'",
        *(f"GRANT {grant} TO other@'%'" for grant in grants),
    )
    try:
        yield shop.url(user="other")
    finally:
        shop.run("DROP USER other@'%'")


def test_a_read_only_account(shop: Database) -> None:
    found = said()
    assert set(bad(found)) <= {"index"}, bad(found)
    assert found["privileges"][0].text == "The account can write nothing."
    assert re.search(r"answers in \d+\.\d ms\. It is \d+\.\d+\.\d+", found["connection"][0].text)
    texts = [finding.text for finding in found["sources"]]
    assert sum("12 columns of `orders`" in text for text in texts) == 2
    assert sum("2 columns of `customers`" in text for text in texts) == 1
    assert not any(PASSWORD in f.text + f.todo for findings in found.values() for f in findings)

    asked = shop.queries()
    only_reads = re.compile(r"SET SESSION .*\b(tx|transaction)_read_only = 1")
    assert any(only_reads.match(query) for query in asked)
    assert reads_orders(asked) == [], "each SELECT is prepared, and none is executed"


def test_an_account_that_may_write(shop: Database, warehouse_env: WarehouseEnv) -> None:
    with account(shop, "SELECT, INSERT, UPDATE (note) ON shop.orders") as url:
        warehouse_env.configure(mysql_url=url)
        finding = bad(said())["privileges"]
    assert finding.verdict is WARNING
    assert "INSERT, UPDATE on shop.orders" in finding.text
    assert "GRANT SELECT ON `shop`.*" in finding.todo


def test_an_account_that_may_write_by_its_role(shop: Database, warehouse_env: WarehouseEnv) -> None:
    default = {"mariadb": "SET DEFAULT ROLE r FOR", "mysql": "ALTER USER"}[shop.kind]
    role = {"mariadb": "", "mysql": " DEFAULT ROLE r"}[shop.kind]
    shop.run("CREATE ROLE r", "GRANT DELETE ON shop.* TO r")
    try:
        with account(shop, "SELECT ON shop.orders", "USAGE ON *.*") as url:
            shop.run("GRANT r TO other@'%'", f"{default} other@'%'{role}")
            warehouse_env.configure(mysql_url=url)
            assert "DELETE on shop.*" in bad(said())["privileges"].text
    finally:
        shop.run("DROP ROLE r")


def test_an_account_without_select(shop: Database, warehouse_env: WarehouseEnv) -> None:
    with account(shop, "INSERT ON shop.orders") as url:
        warehouse_env.configure(mysql_url=url)
        found = bad(said())
    assert found["sources"].verdict is FAILURE
    assert "Ask for SELECT on it." in found["sources"].todo


def test_an_account_that_may_not_read_all_columns(
    shop: Database, warehouse_env: WarehouseEnv
) -> None:
    with account(shop, "INSERT ON shop.orders", "SELECT (id, note) ON shop.orders") as url:
        warehouse_env.configure(mysql_url=url)
        text = bad(said())["sources"].text
    assert "leaves out `customer_id`, `status`" in text
    assert "`id`" not in text and "`note`" not in text
    with account(shop, "SELECT (id, amount, note) ON shop.orders") as url:
        warehouse_env.configure(mysql_url=url)
        text = bad(said())["sources"].text
    assert "column 2, column 3, column 5" in text


def test_a_wrong_password(shop: Database, warehouse_env: WarehouseEnv) -> None:
    warehouse_env.configure(mysql_url=shop.url(password="guess"))
    found = said()
    assert found["connection"][0].verdict is FAILURE
    assert "wrong user or password" in found["connection"][0].text
    for name in ("TLS", "privileges", "sources", "views", "index"):
        assert [finding.verdict for finding in found[name]] == [NOT_CHECKED], name
    assert found["disk"][0].verdict is OK
    assert not any("guess" in f.text + f.todo for findings in found.values() for f in findings)


@pytest.mark.usefixtures("shop")
def test_a_missing_table(warehouse_env: WarehouseEnv) -> None:
    file = warehouse_env.source("mysql_orders", "select * from oders")
    found = said()
    assert [finding.verdict for finding in found["sources"]][:3] == [OK, FAILURE, OK]
    assert f"{file}:1: " in found["sources"][1].text
    assert "Did you mean orders?" in found["sources"][1].text
    assert found["views"][0].verdict is NOT_CHECKED
    assert found["index"][0].verdict is not NOT_CHECKED, "the other source of orders is there"
    assert found["privileges"][0].verdict is OK


@pytest.mark.usefixtures("shop")
def test_a_condition_that_mysql_does_not_take(warehouse_env: WarehouseEnv) -> None:
    warehouse_env.where("colour = 1 -- red")
    finding = bad(said())["sources"]
    assert finding.verdict is FAILURE and "Correct the file." in finding.todo
    assert re.search(r"/mysql_orders_daily\.sql:4: .* no column colour ", finding.text)
    warehouse_env.where("id > 3 -- many")
    assert "sources" not in bad(said())


def test_a_column_that_the_views_name_is_gone(shop: Database) -> None:
    shop.run("ALTER TABLE orders DROP COLUMN amount")
    finding = bad(said())["views"]
    assert finding.verdict is FAILURE
    assert "amount" in finding.text and re.search(r"warehouse/sql/\S+\.sql:\d+", finding.text)


def test_the_index_on_the_day(shop: Database) -> None:
    finding = bad(said())["index"]
    assert (
        finding.verdict is WARNING
        and "mysql_orders_daily: there is none on order_date" in finding.text
    )

    shop.run("CREATE INDEX by_customer ON orders (customer_id, order_date)")
    assert "mysql_orders_daily: there is none on order_date" in bad(said())["index"].text
    shop.run("CREATE INDEX by_day ON orders (order_date)")
    shop.run("CREATE INDEX the_wrong_way_round ON orders (updated_at, order_date)")
    finding = bad(said())["index"]
    assert (
        "mysql_orders_daily: there is one on order_date, but none on (order_date, updated_at)"
        in finding.text
    )

    statement = finding.todo.splitlines()[-1]
    assert statement.startswith("CREATE INDEX ")
    shop.run(statement.rstrip(";"))
    found = said()
    assert "index" not in bad(found)
    assert found["index"][0].text.startswith(
        "mysql_orders_daily: there is one on (order_date, updated_at)"
    )


def test_a_table_that_is_a_view(shop: Database, warehouse_env: WarehouseEnv) -> None:
    shop.run("CREATE VIEW some_orders AS SELECT * FROM orders")
    notes = "-- days: order_date\n-- updated: updated_at\n-- key: id\n"
    warehouse_env.source("mysql_orders_daily", f"{notes}select * from some_orders")
    found = said()
    assert found["index"][0].verdict is OK and "is a view" in found["index"][0].text


def test_a_table_without_days(shop: Database) -> None:
    shop.run("ALTER TABLE orders MODIFY order_date VARCHAR(10)")
    finding = bad(said())["index"]
    assert finding.verdict is WARNING and "it is varchar(10)" in finding.text


def test_a_server_that_cuts_a_long_answer(shop: Database, warehouse_env: WarehouseEnv) -> None:
    variable, value = {
        "mariadb": ("max_statement_time", "90"),
        "mysql": ("max_execution_time", "90000"),
    }[shop.kind]
    assert "limits" not in bad(said())
    try:
        shop.run(f"SET GLOBAL {variable} = {value}")
        finding = bad(said())["limits"]
        assert "stops each query after 90 s" in finding.text
        warehouse_env.configure(query_budget_seconds=600)
        found = said()
        assert "limits" not in bad(found) and "600 s" in found["limits"][-1].text
    finally:
        shop.run(f"SET GLOBAL {variable} = 0")


def test_tls(mysql: Database, warehouse_env: WarehouseEnv) -> None:
    """MySQL makes its own certificates at its first start."""
    mysql.start()
    make_orders(mysql)
    warehouse_env.configure(mysql_url=mysql.url())
    assert "Not encrypted" in said()["TLS"][0].text
    warehouse_env.configure(mysql_url=f"{mysql.url()}?ssl_mode=required")
    assert re.match(r"Encrypted with TLSv1\.\d \(\S+\); .* not verified", said()["TLS"][0].text)
    authority = mysql.data / "ca.pem"
    warehouse_env.configure(mysql_url=f"{mysql.url()}?ssl_mode=verify_ca&ssl_ca={authority}")
    assert "certificate is verified" in said()["TLS"][0].text
    warehouse_env.configure(mysql_url=f"{mysql.url()}?ssl_ca={authority}")
    found = bad(said())
    assert found["connection"].verdict is FAILURE and "ssl_ca" in found["connection"].todo
    assert found["TLS"].verdict is NOT_CHECKED


def test_a_thin_line_and_what_compression_does_there(
    shop: Database, warehouse_env: WarehouseEnv
) -> None:
    with thin_line((shop.host, shop.port), 8_000_000, 0.04) as port:
        url = shop.url().replace(f":{shop.port}/", f":{port}/")
        warehouse_env.configure(mysql_url=url)
        began = time.monotonic()
        (finding,) = said()["line"]
        took = time.monotonic() - began
        warehouse_env.configure(mysql_url=f"{url}?compress=true")
        (compressed,) = said()["line"]
    assert finding.verdict is WARNING and "?compress=true" in finding.todo
    found = re.search(r"carries ([\d.]+) Mbit/s, there and back takes ([\d.]+) ms", finding.text)
    assert found and 4 < float(found[1]) < 9 and 40 <= float(found[2]) < 90, finding.text
    assert took < 60
    assert compressed.verdict is OK and compressed.text.endswith("; compression is on.")


def test_compression_on_this_machine(shop: Database, warehouse_env: WarehouseEnv) -> None:
    (finding,) = said()["line"]
    assert finding.verdict is OK and finding.text.endswith("; compression is off.")
    asked = [query for query in shop.queries() if "noise" in query]
    assert len(asked) == 2
    if shop.kind == "mysql":
        ((before,),) = shop.run("SELECT @@GLOBAL.protocol_compression_algorithms")
        shop.run("SET GLOBAL protocol_compression_algorithms = 'uncompressed'")
        try:
            warehouse_env.configure(mysql_url=f"{shop.url()}?compress=true")
            (finding,) = said()["line"]
        finally:
            shop.run(f"SET GLOBAL protocol_compression_algorithms = '{before}'")
        assert finding.verdict is WARNING and "does not offer it" in finding.text
