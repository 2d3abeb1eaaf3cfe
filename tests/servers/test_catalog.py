"""`tables`: what an account sees in MySQL, at any number of tables."""

from __future__ import annotations

import csv
import io
import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result
from rich.cells import cell_len

from tests.servers import strange
from tests.terminal import Terminal
from warehouse.cli import main
from warehouse.settings import ROOT

if TYPE_CHECKING:
    from tests.conftest import WarehouseEnv
    from tests.servers.launch import Database

RICH = """
CREATE TABLE visits (
  id BIGINT UNSIGNED PRIMARY KEY, email VARCHAR(80) NOT NULL UNIQUE, seen_on DATE NOT NULL,
  came_at DATETIME(6), changed TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
  ON UPDATE CURRENT_TIMESTAMP, KEY by_day (seen_on, id), KEY second (id, came_at)
) COMMENT = 'Who came, and when'
"""


def tables(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["tables", *arguments])


def told(*arguments: str) -> dict[str, dict[str, Any]]:
    done = tables(*arguments, "--format", "json")
    assert done.exit_code == 0, done.output
    return {line["table"]: line for line in json.loads(done.stdout)}


@pytest.fixture
def shop(server: Database, warehouse_env: WarehouseEnv) -> Database:
    """A few tables of all kinds."""
    server.run(
        RICH,
        "INSERT INTO visits VALUES (1, 'a', '2026-01-01', NULL, NOW()), "
        "(2, 'b', '2026-01-02', NULL, NOW())",
        "CREATE TABLE customers (code CHAR(2) NOT NULL, part INT NOT NULL, maybe INT UNIQUE, "
        "updated_at DATETIME, UNIQUE KEY two (code, part), FULLTEXT KEY words (code))",
        "CREATE TABLE Orders (id INT)",
        "CREATE TABLE orders (id INT)",
        "CREATE VIEW recent AS SELECT id, seen_on FROM visits",
        "CREATE TABLE gone (id INT)",
        "CREATE VIEW broken AS SELECT * FROM gone",
        "DROP TABLE gone",
    )
    warehouse_env.configure(mysql_url=server.url())
    return server


@pytest.mark.usefixtures("shop")
def test_what_is_told_of_a_table() -> None:
    found = told()
    assert [*found] == ["broken", "customers", "Orders", "orders", "recent", "visits"]
    visits = found["visits"]
    assert visits["bytes"] >= 16_384
    assert visits | {"bytes": 0} == {
        "table": "visits",
        "kind": "table",
        "rows_estimate": 2,
        "bytes": 0,
        "key": ["id"],
        "dates": [
            {"column": "seen_on", "type": "date", "index": "by_day"},
            {"column": "came_at", "type": "datetime", "index": None},
        ],
        "updated": "changed",
        "updated_by_mysql": True,
        "comment": "Who came, and when",
        "broken": "",
        "sources": [],
    }
    customers = found["customers"]
    assert customers["key"] == ["code", "part"], "unique, and without NULL"
    assert (customers["updated"], customers["updated_by_mysql"]) == ("updated_at", False)
    assert customers["sources"] == ["mysql_customers"]
    assert found["orders"]["sources"] == ["mysql_orders", "mysql_orders_daily"]
    assert found["Orders"]["sources"] == []
    recent = found["recent"]
    assert (recent["kind"], recent["rows_estimate"], recent["key"]) == ("view", None, [])
    assert recent["dates"] == [{"column": "seen_on", "type": "date", "index": None}]
    assert "invalid table" in found["broken"]["broken"]


def test_the_session_is_ours_and_asks_for_no_row(shop: Database) -> None:
    shop.clear_log()
    assert tables().exit_code == 0
    asked = [query for query in shop.queries() if "information_schema." in query]
    assert len(asked) == 3
    assert all(query.startswith("/* warehouse: ") for query in asked)
    assert any("read_only = 1" in query for query in shop.queries())
    assert not any(table in query for query in shop.queries() for table in ("visits", "customers"))


@pytest.mark.usefixtures("shop")
def test_patterns() -> None:
    assert [*told("VISITS", "cust*")] == ["customers", "visits"]
    assert [*told("orders")] == ["orders"], "two differ only by their case"
    assert [*told("oRders")] == ["Orders", "orders"]
    assert [*told("[ov]*")] == ["Orders", "orders", "visits"]
    done = tables("custommers", "visits")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "shows this account no table custommers. Did you mean customers?" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_line_break_in_a_name_is_written_out(
    server: Database, warehouse_env: WarehouseEnv
) -> None:
    server.run("CREATE TABLE shop.`two\nlines` (id INT PRIMARY KEY)")
    warehouse_env.configure(mysql_url=server.url())
    assert tables().stdout.splitlines()[1].startswith("two\\nlines ")
    assert "Did you mean two\\nlines?" in tables("two lines").stderr
    assert [*told("two?lines")] == ["two\nlines"]


def test_no_table_at_all(server: Database, warehouse_env: WarehouseEnv) -> None:
    warehouse_env.configure(mysql_url=server.url())
    done = tables()
    assert (done.exit_code, done.stdout) == (1, "")
    assert "shows this account no table." in done.stderr
    assert "Ask for SELECT on the tables of `shop`" in done.stderr


@pytest.mark.usefixtures("shop")
def test_what_it_says_in_a_table() -> None:
    done = tables("visits", "customers")
    header, customers, visits = done.stdout.splitlines()
    assert " ".join(header.split()) == "table rows size key days updated source comment"
    assert "updated_at?" in customers and "mysql_customers" in customers
    assert "~2" in visits and "seen_on*, came_at" in visits and "changed  " in visits
    assert visits.endswith("Who came, and when")
    assert "2 tables at reader@" in done.stderr and "Next: `just add TABLE`." in done.stderr
    assert "view  " in tables("recent").stdout


def test_sorted(shop: Database) -> None:
    shop.run("INSERT INTO customers (code, part) VALUES ('a', 1), ('b', 1), ('c', 1)")
    shop.run("ANALYZE TABLE customers, visits")
    by_rows = [*told("--sort", "rows")]
    assert by_rows[:2] == ["customers", "visits"]
    sizes = [line["bytes"] or 0 for line in told("--sort", "size").values()]
    assert sizes == sorted(sizes, reverse=True) and len(set(sizes)) > 1


@pytest.mark.usefixtures("shop")
def test_for_programs() -> None:
    (line,) = csv.DictReader(io.StringIO(tables("visits", "--format", "csv").stdout))
    assert (line["table"], line["key"], line["dates"]) == ("visits", "id", "seen_on, came_at")
    assert (line["indexed_dates"], line["updated_by_mysql"]) == ("seen_on", "True")


@pytest.mark.usefixtures("warehouse_env")
def test_the_sample_server_answers_the_same() -> None:
    found = told()
    assert [*found] == ["customers", "orders"]
    assert found["customers"]["key"] == ["id"] and found["orders"]["rows_estimate"] == 10_000
    assert [day["column"] for day in found["orders"]["dates"]] == ["order_date", "created_at"]


def test_200_tables_in_a_moment(crowd: Database, warehouse_env: WarehouseEnv) -> None:
    warehouse_env.configure(mysql_url=crowd.url(strange.DATABASE))
    assert len(told()) == strange.TABLES
    crowd.clear_log()
    began = time.monotonic()
    assert tables().exit_code == 0
    assert time.monotonic() - began < 5  # 0.2 s; a question for each table would show in the log
    assert len(crowd.queries()) < 15


@pytest.mark.parametrize("width", [80, 120])
def test_a_terminal_shows_what_fits(
    crowd: Database, warehouse_env: WarehouseEnv, width: int
) -> None:
    warehouse_env.configure(mysql_url=crowd.url(strange.DATABASE))
    terminal = Terminal(warehouse_env.env, ROOT, width, "tables")
    assert terminal.end() == 0
    lines = terminal.text.splitlines()
    assert len(lines) > strange.TABLES
    rows = [line for line in lines if "~1 " in line or line.startswith("table ")]
    assert len(rows) == strange.TABLES + 1
    assert max(map(cell_len, rows)) <= width
    (plain,) = [row for row in rows if row.startswith("web_files")]
    assert plain.split()[4:7] == ["id", "made_at*", "changed"]
    assert ("Web files" in plain) is (width == 120)
