"""`just diff` and `warehouse.diff()` on Spark: the answers are DuckDB's on the same data."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

import warehouse
from tests.conftest import WarehouseEnv
from tests.lakes import no_waiting_for_the_disk
from warehouse.engines.spark.lake_snapshot import LakeSnapshot
from warehouse.engines.spark.session import connected, record_batches
from warehouse.errors import WarehouseError
from warehouse.lake.place import open_lake
from warehouse.lake.prune import prune
from warehouse.lake.publish import publish
from warehouse.lake.snapshots import all_snapshots, newest
from warehouse.lake.write import keep_flat
from warehouse.project.quoting import quoted
from warehouse.store import diff_on_spark, rows_of_spark
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


@pytest.fixture(scope="module")
def filled(spark_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    """Two snapshots, which the tests only read."""
    folder = tmp_path_factory.mktemp("filled")
    folder.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        found = Both(WarehouseEnv(folder, patch, lambda: pytest.fail()), spark_url, folder)
        found.put("CREATE TABLE orders AS SELECT i AS id, i % 3 AS customer FROM range(50) r(i)")
        found.put("UPDATE orders SET customer = -1", "CREATE TABLE later AS SELECT 1 AS id")
        yield found


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
    assert both.same("Orders", old=2, new=1, key="customer").repeated == 3
    both.put("CREATE TABLE other AS SELECT 1 AS a")
    assert both.same("orders").old == 1
    with pytest.raises(WarehouseError, match=r"view order in snapshot 2 or 3\."):
        both.on_spark("order")
    assert both.same("orders", old=2, key=["status", "ID"]).equal


def test_columns_that_came_went_and_have_another_type(both: Both) -> None:
    same = "SELECT 1 AS id, 'x' AS note"
    both.put(
        "CREATE TABLE t AS SELECT 1::INTEGER AS id, 1.5::DECIMAL(5,2) AS amount, 5::UTINYINT AS n, "
        "DATE '2026-11-01' AS day, 0 AS gone, 18446744073709551615::UBIGINT AS big, '[1]'::JSON j",
        "CREATE TABLE only_here AS SELECT 7::INTEGER AS id, '7' AS n, [1.5::DOUBLE] AS l",
        f"CREATE TABLE gone AS {same}",
    )
    both.put(
        "CREATE OR REPLACE TABLE t AS SELECT 1::BIGINT AS id, 1.5::DECIMAL(12,3) AS amount, "
        "-5::TINYINT AS n, TIMESTAMP '2026-11-01 00:00' AS day, 'x' AS come, "
        "NULL::DECIMAL(38,30) AS big, '[1]' AS j",
        "CREATE OR REPLACE TABLE only_here AS SELECT 7::BIGINT AS id, 7 AS n, [1.5::FLOAT] AS l",
        "DROP TABLE gone",
        f"CREATE TABLE came AS {same} UNION ALL {same}",
        "CREATE TABLE nothing (id INTEGER)",
    )
    assert both.same("t").values == {"n": 1, "big": 1}
    assert both.same("only_here").columns_retyped["n"].compared_as == "VARCHAR"
    came, gone = both.same("came"), both.same("gone")
    assert (came.added, came.repeated, came.absent) == (2, 1, 1)
    assert (gone.removed, gone.repeated, gone.absent) == (1, 0, 2)
    assert not both.same("nothing").equal


def test_values_that_the_engines_compare_otherwise(both: Both) -> None:
    both.put(
        "CREATE TABLE by_id AS SELECT 1 AS id, INTERVAL '1 month' AS took",
        "CREATE TABLE wholes AS SELECT INTERVAL '1 month' AS took, 1 AS n FROM range(2)",
        "CREATE TABLE maps AS SELECT 1 AS id, MAP {1: 'a', 2: 'b'} AS m",
        "CREATE TABLE floats AS SELECT col0::DOUBLE AS x, 1 AS n "
        "FROM (VALUES ('nan'), ('-0.0'), (NULL), ('1'))",
    )
    both.put(
        "UPDATE by_id SET took = INTERVAL '30 days'",
        "UPDATE wholes SET took = INTERVAL '30 days'",
        "UPDATE maps SET m = MAP {2: 'b', 1: 'a'}",
        "CREATE OR REPLACE TABLE floats AS SELECT col0::DOUBLE AS x, 2 AS n "
        "FROM (VALUES ('nan'), ('0.0'), (NULL), ('2'))",
    )
    assert both.same("by_id", old=1).equal
    assert both.same("wholes", old=1).equal
    assert both.same("maps").changed == 1
    floats = both.same("floats")
    assert (floats.key, floats.added, floats.removed, floats.changed) == (("x",), 1, 1, 3)


def test_views_read_the_tables_of_their_own_snapshot(both: Both) -> None:
    for source in ("orders", "labels"):
        both.env.source(source, f"select * from {source}")
    views = [
        both.view("by_customer", "select customer, count(*) as n from orders group by customer"),
        both.view("total", "select sum(n) as n, max(customer) as last from by_customer"),
    ]
    later = both.view("later", "select label, id from labels")
    both.put("CREATE TABLE orders AS SELECT i AS id, i % 3 AS customer FROM range(10) r(i)", *views)
    both.put("CREATE TABLE labels AS SELECT 1 AS id, 'a' AS label", later)
    both.put("UPDATE orders SET customer = 9 WHERE id IN (7, 8)", "DELETE FROM orders WHERE id=0")
    both.put("CREATE TABLE other AS SELECT 1 AS a")
    grouped = both.same("by_customer")
    assert (grouped.old, grouped.key, grouped.added, grouped.changed) == (2, ("customer",), 1, 3)
    total = both.same("total")
    assert (total.key, total.examples) == ((), [Example((), "n", 10, 9), Example((), "last", 2, 9)])
    assert both.same("later").absent == 1


def test_files_that_both_snapshots_have_are_not_compared(both: Both) -> None:
    rows = "SELECT DATE '2026-11-01' + i::INTEGER % 5 AS day, i AS n FROM range(100) r(i)"
    days = {"t": "day"}
    both.put(f"CREATE TABLE t AS {rows}", days=days)
    both.put("UPDATE t SET n = -1 WHERE day = '2026-11-03'", days=days)
    found = both.same("t")
    assert (found.key, found.added, found.removed) == (None, 20, 20)
    assert both.same("t", key="n").repeated == 1
    older, newer = all_snapshots(both.lake)
    with connected(both.spark_url) as session:
        new, old = (LakeSnapshot(session, [], both.lake, one) for one in (newer, older))
        relation = new.relation("t", old)
        counts = [
            next(iter(record_batches(session, f"SELECT count(*) FROM `{name}`")))[0][0].as_py()
            for name in (relation.whole, relation.own)
        ]
    assert counts == [100, 20]


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"table": "order"}, "no table or view order in snapshot 1 or 2.\nDid you mean orders?"),
        ({"table": "xyz"}, "view xyz in snapshot 1 or 2.\nThey hold later, orders, tick."),
        ({"table": "orders", "key": "idd"}, "no column idd in both snapshots.\n.*id, customer"),
        ({"table": "orders", "old": 2, "new": 2}, "Both are snapshot 2"),
        ({"table": "orders", "new": 1}, "Snapshot 1 is the oldest that is kept"),
        ({"table": "orders", "old": 7}, r"no snapshot 7 of .*lake\.\nKept are 1 \(20.*\), 2 \(20"),
        ({"table": "orders", "old": "2020-01-01"}, "that is kept is as old as 2020-01-01"),
    ],
)
def test_errors_name_the_way_out(filled: Both, wanted: dict[str, Any], said: str) -> None:
    with pytest.raises(WarehouseError, match=said):
        filled.on_spark(**wanted)


def test_an_empty_lake(both: Both) -> None:
    with pytest.raises(WarehouseError, match=r"There is no snapshot in the lake at .* yet"):
        both.on_spark("orders")


def test_a_snapshot_that_is_pruned_meanwhile(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was meant is compared then; what is gone is named with those that are kept."""
    both.put("CREATE TABLE orders AS SELECT i AS id, 0 AS n FROM range(50) r(i)")
    both.put("UPDATE orders SET n = 1 WHERE id = 1")
    pruned: list[int] = []

    def prune_first(*arguments: Any) -> None:
        if len(pruned) % 2 == 0:
            both.put("UPDATE orders SET n = 2 WHERE id < 5")
            pruned.append(prune(both.lake, keep=2, days=0, grace=timedelta(0)).snapshots)
        else:
            pruned.append(0)
        rows_of_spark.fetch_changed(*arguments)

    monkeypatch.setattr(diff_on_spark, "fetch_changed", prune_first)
    found = both.on_spark("orders")
    assert pruned == [1, 0]
    assert (found.old, found.new, found.changed) == (2, 3, 5)
    with pytest.raises(WarehouseError, match=r"no snapshot 2 of .*lake\.\nKept are 3 .*, 4 "):
        both.on_spark("orders", old=2)
    assert pruned == [1, 0, 1]


def test_more_rows_than_may_come_here(filled: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows_of_spark, "MOST_ROWS", 5)
    with pytest.raises(WarehouseError, match=r"orders: 50 rows that changed .*\n.*\n.*view"):
        filled.on_spark("orders")


FLOATS = ["NULL", "'nan'", "0.0", "'-0.0'", "1.5", "'inf'"]
VALUES = {
    "INTEGER": ["NULL", "1", "2", "3"],
    "UBIGINT": ["NULL", "0", "18446744073709551615"],
    "DECIMAL(5,2)": ["NULL", "1.10", "-0.01"],
    "DOUBLE": FLOATS,
    "FLOAT": FLOATS,
    "VARCHAR": ["NULL", "''", "'a'", "'A'", "'a '", "'é'", "'e\u0301'", "'ß'", "'1'", "chr(0)"],
    "BLOB": ["NULL", "''::BLOB", r"'\x00\xFF'::BLOB", "'a'::BLOB"],
    "BOOLEAN": ["NULL", "true", "false"],
    "DATE": ["NULL", "'2026-11-01'", "'0001-01-01'"],
    "TIMESTAMP": ["NULL", "'2026-11-01'", "'2026-11-01 00:00:00.000001'"],
    "TIMESTAMPTZ": ["NULL", "'2026-11-01 00:00:00+00'", "'2026-11-01 01:00:00+01'"],
    "INTERVAL": ["NULL", "INTERVAL '1 month'", "INTERVAL '30 days'", "INTERVAL '-00:00:01'"],
    "JSON": ["NULL", "'{}'", "'{ }'", "'1'"],
    "UUID": ["NULL", "'11111111-1111-1111-1111-111111111111'"],
    "DOUBLE[]": ["NULL", "[]", "['nan', NULL]", "['-0.0']", "[0.0]"],
    "STRUCT(a INTEGER, b VARCHAR)": ["NULL", "{'a': NULL, 'b': 'x'}", "{'a': 1, 'b': NULL}"],
    "MAP(INTEGER, VARCHAR)": ["NULL", "MAP {1: 'a', 2: 'b'}", "MAP {2: 'b', 1: 'a'}"],
}
"""For each type of DuckDB, values that are easily taken for each other."""

RETYPED = {
    "INTEGER": ["BIGINT", "DOUBLE", "VARCHAR", "DECIMAL(12,3)", "UBIGINT"],
    "DECIMAL(5,2)": ["DECIMAL(4,3)", "DOUBLE", "INTEGER"],
    "FLOAT": ["DOUBLE"],
    "VARCHAR": ["JSON", "BLOB"],
    "JSON": ["VARCHAR"],
    "UUID": ["VARCHAR"],
    "DATE": ["TIMESTAMP", "TIMESTAMPTZ", "VARCHAR"],
    "TIMESTAMP": ["TIMESTAMPTZ", "TIMESTAMP_S"],
}
"""What a column of a type may become."""


@dataclass
class Versions:
    """A table before and after: the statements that make it, and the columns that it may have."""

    before: list[str]
    after: list[str]
    key: list[str] | None


@st.composite
def versions(draw: st.DrawFn, name: str) -> Versions:
    """Return a table of a few rows, and what becomes of it."""
    first = draw(st.sampled_from(["id", "a"]))
    # Of few values, so that rows are equal, and keys are repeated.
    types = [draw(st.sampled_from(["INTEGER", "INTEGER", *VALUES]))]
    types += draw(st.lists(st.sampled_from([*VALUES]), min_size=1, max_size=4))
    names = [first, "b", "C d", "e", "f"][: len(types)]
    one = st.tuples(*(st.sampled_from(VALUES[type_]) for type_ in types))
    rows = draw(st.lists(one, max_size=8))
    kept = [row for row in rows if draw(st.integers(0, 3))]
    for place, row in enumerate(kept):
        if draw(st.booleans()):
            at = draw(st.integers(0, len(types) - 1))
            value = draw(st.sampled_from(VALUES[types[at]]))
            kept[place] = (*row[:at], value, *row[at + 1 :])
    kept += draw(st.lists(one, max_size=2))
    listed = ", ".join(f"{quoted(n)} {t}" for n, t in zip(names, types, strict=True))

    def put(rows: Sequence[tuple[str, ...]]) -> list[str]:
        made = [f"CREATE OR REPLACE TABLE {name} ({listed})"]
        values = ", ".join(f"({', '.join(row)})" for row in rows)
        return [*made, f"INSERT INTO {name} VALUES {values}"] if rows else made

    after = put(kept)
    keys = [*names]
    for column, type_ in zip(names, types, strict=True):
        became = draw(st.integers(0, 9))
        if became == 0 and len(keys) > 1:
            after.append(f"ALTER TABLE {name} DROP COLUMN {quoted(column)}")
            keys.remove(column)
        elif became == 1 and type_ in RETYPED:
            to = draw(st.sampled_from(RETYPED[type_]))
            after.append(
                f"ALTER TABLE {name} ALTER {quoted(column)} TYPE {to} "
                f"USING TRY_CAST({quoted(column)} AS {to})"
            )
    if draw(st.integers(0, 9)) == 0:
        after.append(f"ALTER TABLE {name} ADD COLUMN new INTEGER DEFAULT 1")
    one_or_two = st.lists(st.sampled_from(keys), min_size=1, max_size=2, unique=True)
    chosen: list[str] | None = draw(st.none() | one_or_two)
    return Versions(put(rows), after, chosen)


TABLES = 6
"""In each snapshot: to write one takes longer than to compare a table."""


@settings(
    max_examples=2,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.data())
def test_any_two_versions_of_a_table(both: Both, data: st.DataObject) -> None:
    tables = {f"t{i}": data.draw(versions(f"t{i}")) for i in range(TABLES)}
    both.put(*(sql for one in tables.values() for sql in one.before))
    both.put(*(sql for one in tables.values() for sql in one.after))
    for name, one in tables.items():
        note(f"{name}: {one}")
        both.same(name, old=-1, key=one.key)


def test_the_command_prints_what_python_gives(filled: Both) -> None:
    filled.env.configure(spark=filled.spark_url)
    found = warehouse.diff("orders", old=-1)
    done = filled.env.command("diff", "orders", "--old", "-1", "--key", "id")
    gone = filled.env.command("diff", "order")
    filled.env.configure(spark=None)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{found}\n", "")
    assert (gone.returncode, gone.stdout) == (1, "")
    assert "Did you mean orders?" in gone.stderr


def test_ctrl_c_ends_it_at_once_and_leaves_nothing(both: Both) -> None:
    both.env.source("large", "select * from large")
    pairs = "select a.n % 7 as id, count(*) as pairs from large a, large b where a.n <> b.n "
    both.view("slow", f"{pairs} group by a.n % 7")
    both.put("CREATE TABLE large AS SELECT i AS n FROM range(300_000) r(i)")
    both.put("INSERT INTO large VALUES (-1)")
    timer = threading.Timer(3, os.kill, (os.getpid(), signal.SIGINT))
    began = time.monotonic()
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        both.on_spark("slow")
    assert 3 <= time.monotonic() - began < 7
    assert not [*both.env.path.parent.rglob("scratch.*")]
    assert both.on_spark("tick").changed == 0  # the executors are free again
    assert time.monotonic() - began < 60
