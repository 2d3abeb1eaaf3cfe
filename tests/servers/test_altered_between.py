"""A table that is altered between the plan and the SELECT: what comes is what was planned."""

from __future__ import annotations

from decimal import Decimal

import duckdb
import pyarrow as pa
import pytest

from tests.servers.launch import Database
from tests.servers.loading import orders
from warehouse.errors import WarehouseError
from warehouse.mysql import extract, plan
from warehouse.mysql.extract import Extraction, open_extraction
from warehouse.mysql.plan import Plan
from warehouse.mysql.query import SourceQuery
from warehouse.mysql.url import Server, parse_url

CHANGES = {
    "a wider decimal": "MODIFY amount DECIMAL(14,4)",
    "a narrower decimal": "MODIFY amount DECIMAL(8,1)",
    "a decimal as a text": "MODIFY amount VARCHAR(30)",
    "a decimal as a float": "MODIFY amount DOUBLE",
    "a date with a time": "MODIFY day DATETIME(6)",
    "a time of another meaning": "MODIFY moment TIMESTAMP(6) NULL",
    "more of a second": "MODIFY seconds DATETIME(6)",
    "an integer as a text": "MODIFY number VARCHAR(20)",
    "a smaller integer": "MODIFY number TINYINT",
    "a larger integer": "MODIFY number BIGINT",
    "an unsigned integer": "MODIFY number INT UNSIGNED",
    "a text as bytes": "MODIFY text VARBINARY(50)",
    "a text as an enum": "MODIFY text ENUM('b', 'a', 'seven')",
    "another character set": "MODIFY text VARCHAR(50) CHARACTER SET latin1",
    "swapped names": "RENAME COLUMN number TO big, RENAME COLUMN big TO number",
    "another column": "ADD COLUMN more INT NOT NULL DEFAULT 1 FIRST",
    "columns in another order": "MODIFY text VARCHAR(50) FIRST",
    "a bit more": "MODIFY flags BIT(12)",
}
VALUES = "(7, 70000000000, 10.98, '2024-02-03', '2024-02-03 04:05:06.7', '2024-02-03', 'a', b'101')"


def make(database: Database) -> None:
    database.run(
        "CREATE TABLE orders (number INT, big BIGINT, amount DECIMAL(12,2), day DATE, "
        "moment DATETIME(6), seconds DATETIME, text VARCHAR(50), flags BIT(5))",
        f"INSERT INTO orders VALUES {VALUES}",
    )


def loaded(extraction: Extraction) -> dict[str, object]:
    """Load into DuckDB, and return the row's values as texts."""
    extraction.begin()
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        rows = pa.RecordBatchReader.from_batches(extraction.schema, extraction.batches())
        connection.register("incoming", rows)
        select = ", ".join(column.rebuild for column in extraction.plan.columns)
        found = connection.execute(f"SELECT {select} FROM incoming")
        names = [name for name, *_ in found.description or []]
        return dict(zip(names, found.fetchall()[0], strict=True))


@pytest.mark.parametrize("change", CHANGES)
def test_what_comes_is_what_the_table_holds(server: Database, change: str) -> None:
    make(server)
    extraction = open_extraction(parse_url(server.url()), orders())
    server.run("SET time_zone = '+00:00'", f"ALTER TABLE orders {CHANGES[change]}")
    if "4)" in CHANGES[change]:
        server.run("UPDATE orders SET amount = 10.9876")
    if "moment" in CHANGES[change] or "seconds" in CHANGES[change]:
        server.run("SET time_zone = '+00:00'", "UPDATE orders SET seconds = moment")
    got = loaded(extraction)
    expected = loaded(open_extraction(parse_url(server.url()), orders()))
    assert got == {name: expected[name] for name in got}
    if "4)" in CHANGES[change]:
        assert got["amount"] == Decimal("10.9876")


def test_a_column_that_went(server: Database) -> None:
    make(server)
    extraction = open_extraction(parse_url(server.url()), orders())
    server.run("ALTER TABLE orders DROP COLUMN amount")
    with pytest.raises(WarehouseError, match="amount"):
        extraction.begin()


def test_altered_again_and_again(server: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    make(server)
    scale = iter(range(3, 9))

    def described_then_altered(url: Server, query: SourceQuery) -> Plan:
        planned = describe(url, query)
        server.run(f"ALTER TABLE orders MODIFY amount DECIMAL(20,{next(scale)})")
        return planned

    describe = plan.describe
    monkeypatch.setattr(extract, "describe", described_then_altered)
    extraction = open_extraction(parse_url(server.url()), orders())
    with pytest.raises(WarehouseError, match=r"altered while .* decimal\(20,4\) now"):
        extraction.begin()
