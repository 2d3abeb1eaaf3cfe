"""`just diff` and `warehouse.diff()` on Spark: the answers are DuckDB's on the same data."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import duckdb
import pytest

import warehouse
from tests.conftest import WarehouseEnv
from tests.lakes import no_waiting_for_the_disk
from warehouse.errors import WarehouseError
from warehouse.lake.place import open_lake
from warehouse.lake.publish import publish
from warehouse.lake.write import keep_flat
from warehouse.project.quoting import quoted
from warehouse.store.diff import Difference, Example
from warehouse.store.publish import write
from warehouse.store.snapshots import read

pytest.importorskip("pyspark")
pytestmark = pytest.mark.usefixtures("no_waiting_for_the_disk")
__all__ = ["no_waiting_for_the_disk"]

TICK = "CREATE OR REPLACE TABLE tick AS SELECT {} AS id"


class Both:
    """A warehouse whose snapshots are in DuckDB's file and in a lake, under the same numbers."""

    def __init__(self, env: WarehouseEnv, spark_url: str, folder: Path) -> None:
        self.env = env
        self.home = env.own_project()
        env.only()
        self.lake = open_lake(str(folder / "lake"))
        self.spark_url = spark_url
        env.configure(lake=folder / "lake")
        self._number = 0

    def view(self, name: str, sql: str) -> str:
        """Write a view's file, and return the statement that puts it into DuckDB's."""
        file = self.home / "sql" / "analytics" / f"{name}.sql"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"-- owner: team:data\n{sql}\n")
        return f"CREATE OR REPLACE VIEW {quoted(name)} AS {sql}"

    def put(self, *statements: str, days: dict[str, str] | None = None) -> None:
        """Write a snapshot, made of the last one by these statements, and send it to the lake."""
        self._number += 1
        with write(self.env.path, keep=9, who="a test") as connection:
            connection.execute("SET TimeZone = 'UTC'")
            for statement in [*statements, TICK.format(self._number)]:
                connection.execute(statement)
        with read(self.env.path) as connection:
            keep_flat(connection, None)
            names = [
                name
                for (name,) in connection.execute(
                    "SELECT table_name FROM duckdb_tables() WHERE table_name <> 'snapshots'"
                ).fetchall()
            ]
            from warehouse.lake.snapshots import newest

            there = newest(self.lake)
            gone = [name for name in (there.tables if there else ()) if name not in names]
            found = publish(
                connection,
                self.lake,
                {name: (days or {}).get(name, "") for name in names},
                writer="test",
                removed=gone,
            )
        assert found.snapshot.number == self._number

    def on_spark(self, *arguments: Any, **named: Any) -> Difference:
        """Compare on Spark."""
        self.env.configure(spark=self.spark_url)
        try:
            return warehouse.diff(*arguments, **named)
        finally:
            self.env.configure(spark=None)

    def same(self, *arguments: Any, **named: Any) -> Difference:
        """Compare on both, see that they say the same, and return it."""
        wanted = warehouse.diff(*arguments, **named)
        found = self.on_spark(*arguments, **named)
        for field in fields(Difference):
            assert repr(getattr(found, field.name)) == repr(getattr(wanted, field.name)), field.name
        assert str(found) == str(wanted)
        return found


@pytest.fixture
def both(warehouse_env: WarehouseEnv, spark_url: str, tmp_path: Path) -> Both:
    tmp_path.chmod(0o755)
    return Both(warehouse_env, spark_url, tmp_path)


def test_rows_added_removed_and_changed(both: Both) -> None:
    both.put(
        "CREATE TABLE orders AS SELECT i AS id, i % 3 AS customer, (i * 1.5)::DECIMAL(9,2) AS "
        "amount, if(i % 2 = 0, 'paid', NULL) AS status, -0.0::DOUBLE AS score FROM range(50) r(i)"
    )
    both.put(
        "DELETE FROM orders WHERE id IN (1, 2)",
        "INSERT INTO orders VALUES (90, 0, 3, 'paid', 'nan')",
        "UPDATE orders SET status = 'done', amount = 7 WHERE id = 4",
        "UPDATE orders SET status = 'open', score = 0 WHERE id = 5",
        "UPDATE orders SET score = 1 WHERE id = 6",
    )
    found = both.same("orders")
    assert (found.old, found.new, found.key) == (1, 2, ("id",))
    assert (found.added, found.removed, found.changed) == (1, 2, 3)
    assert found.values == {"amount": 1, "status": 2, "score": 1}
    assert Example((5,), "status", None, "open") in found.examples
    both.same("Orders", old=2, new=1, key="customer")
    both.same("orders", key=["status", "ID"])
    both.put("CREATE TABLE other AS SELECT 1 AS a")
    assert both.same("orders").old == 1
    assert both.same("tick").old == 2
    assert both.same("orders", old=2).equal


