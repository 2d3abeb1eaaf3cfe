"""What changed in a table between two snapshots, told by rows, columns and values."""

import subprocess
import sys
from pathlib import Path

import pytest

import warehouse
from tests.conftest import WarehouseEnv
from warehouse.errors import WarehouseError
from warehouse.settings import ROOT
from warehouse.store.diff import Difference, Example, Retyped
from warehouse.store.publish import write


@pytest.fixture
def path(warehouse_env: WarehouseEnv) -> Path:
    return warehouse_env.path


def put(path: Path, *statements: str) -> None:
    """Publish a snapshot made of the last one by these statements."""
    with write(path, keep=9, who="a test") as connection:
        for statement in statements:
            connection.execute(statement)


def orders(path: Path, rows: int = 10) -> None:
    put(
        path,
        "CREATE TABLE orders AS SELECT i AS id, i % 3 AS customer, i * 1.5 AS amount, "
        f"if(i % 2 = 0, 'paid', NULL) AS status FROM range({rows}) r(i)",
    )


def test_rows_added_removed_and_changed(path: Path) -> None:
    orders(path)
    put(
        path,
        "DELETE FROM orders WHERE id IN (1, 2)",
        "INSERT INTO orders VALUES (10, 0, 3, 'paid')",
        "UPDATE orders SET status = 'done', amount = 7 WHERE id = 4",
        "UPDATE orders SET status = 'open' WHERE id = 5",
    )
    found = warehouse.diff("orders")
    assert (found.old, found.new, found.key) == (1, 2, ("id",))
    assert (found.added, found.removed, found.changed) == (1, 2, 2)
    assert found.values == {"amount": 1, "status": 2}
    assert found.examples[1:] == [
        Example((4,), "status", "paid", "done"),
        Example((5,), "status", None, "open"),
    ]
    back = warehouse.diff("orders", old=2, new=1)
    assert (back.added, back.removed, back.changed, back.values) == (2, 1, 2, found.values)


def test_the_text(path: Path) -> None:
    orders(path)
    put(path, "UPDATE orders SET status = 'NULL', amount = 2 WHERE id = 1")
    assert str(warehouse.diff("orders")).splitlines() == [
        "orders from snapshot 1 to 2: 0 rows added, 0 removed, 1 changed.",
        "",
        "column      differ  id    old    new",
        "--------  --------  ----  -----  ------",
        "amount           1  1     1.5    2.0",
        "status           1  1     NULL   'NULL'",
    ]
    assert repr(warehouse.diff("orders")) == str(warehouse.diff("orders"))


def test_long_values_are_shown_where_they_differ_and_say_how_long_they_are(path: Path) -> None:
    put(path, "CREATE TABLE t AS SELECT 1 AS id, repeat('a', 1000) || 'b' AS note")
    put(path, "UPDATE t SET note = repeat('a', 1000) || 'c'")
    text = str(warehouse.diff("t"))
    assert "ab' (1,003 characters)" in text and "ac' (1,003 characters)" in text
    assert max(map(len, text.splitlines())) < 120


def test_null_differs_from_any_value_and_nan_is_nan(path: Path) -> None:
    put(
        path,
        "CREATE TABLE t (id INTEGER, f DOUBLE, v VARCHAR, m MAP(VARCHAR, INTEGER), "
        "l INTEGER[], j JSON, b BLOB)",
        "INSERT INTO t VALUES (1, 'nan', NULL, MAP {'a': 1}, [1, NULL], '{}', 'x'), "
        "(2, NULL, '', NULL, NULL, NULL, NULL), (3, 1, 'x', MAP {'a': 1}, [1], '1', 'x')",
    )
    put(path, "UPDATE t SET f = 'nan' WHERE id = 1")
    assert warehouse.diff("t", old=-1).equal
    put(path, "UPDATE t SET f = 'nan', v = NULL, m = MAP {}, l = [], j = 'null', b = '' WHERE id=2")
    found = warehouse.diff("t")
    assert found.changed == 1
    assert found.values == dict.fromkeys("fvmljb", 1)


def test_columns_added_removed_and_retyped(path: Path) -> None:
    put(
        path,
        "CREATE TABLE t AS SELECT 1::INTEGER AS id, 1.5::DECIMAL(5,2) AS amount, '1' AS n, "
        "DATE '2026-11-01' AS day, TIMESTAMP '2026-11-01 12:00' AS at, 0 AS gone, "
        "18446744073709551615::UBIGINT AS big",
    )
    put(
        path,
        "CREATE OR REPLACE TABLE t AS SELECT 1::BIGINT AS id, 1.5::DOUBLE AS amount, 2 AS n, "
        "TIMESTAMP '2026-11-01 00:00' AS day, TIMESTAMPTZ '2026-11-01 12:00+00' AS at, "
        "'x' AS come, NULL::DECIMAL(38,30) AS big",
    )
    found = warehouse.diff("t")
    assert found.columns_added == {"come": "VARCHAR"}
    assert found.columns_removed == {"gone": "INTEGER"}
    assert found.columns_retyped["id"] == Retyped("INTEGER", "BIGINT", "BIGINT")
    assert found.columns_retyped["amount"] == Retyped("DECIMAL(5,2)", "DOUBLE", "DOUBLE")
    assert found.columns_retyped["n"] == Retyped("VARCHAR", "INTEGER", "VARCHAR")
    assert set(found.columns_retyped) == {"id", "amount", "n", "day", "at", "big"}
    # A value that the common type cannot hold is not the same as none.
    assert found.values == {"n": 1, "big": 1}
    assert (found.added, found.removed, found.changed) == (0, 0, 1)
    for said in (
        "The column come was added: VARCHAR.",
        "The column gone was removed: INTEGER.",
        "The column n was VARCHAR and is INTEGER; its values are compared as VARCHAR.",
    ):
        assert said in str(found).splitlines()


def test_a_column_alone_is_a_difference(path: Path) -> None:
    orders(path)
    put(path, "ALTER TABLE orders ADD COLUMN note VARCHAR")
    found = warehouse.diff("orders")
    assert not found.equal
    assert (found.added, found.removed, found.changed) == (0, 0, 0)


def test_rows_that_share_a_key_are_compared_as_wholes(path: Path) -> None:
    put(
        path,
        "CREATE TABLE t AS FROM (VALUES (1, 'a'), (1, 'a'), (1, 'b'), (2, 'x'), (3, 'y'), "
        "(NULL, 'p'), (NULL, 'q')) r(id, v)",
    )
    put(path, "CREATE OR REPLACE TABLE t AS FROM t ORDER BY v DESC, id")
    assert warehouse.diff("t", old=-1).equal
    put(
        path,
        "CREATE OR REPLACE TABLE t AS FROM (VALUES (1, 'a'), (1, 'b'), (1, 'c'), (2, 'z'), "
        "(3, 'y'), (3, 'y'), (NULL, 'p')) r(id, v)",
    )
    found = warehouse.diff("t")
    assert found.repeated == 3  # 1 and NULL before, 3 now
    assert (found.added, found.removed, found.changed) == (2, 2, 1)
    assert found.examples == [Example((2,), "v", "x", "z")]
    assert "In more than one row of a snapshot: 3 values of id." in str(found)


def test_without_a_key_rows_are_compared_as_wholes(path: Path) -> None:
    same = "FROM (VALUES (1, 1, 1, 'nan'::DOUBLE), (1, 1, 1, NULL), (1, 1, 1, NULL)) r(a, b, c, d)"
    put(path, f"CREATE TABLE t AS {same}")
    put(path, "UPDATE t SET d = 5 WHERE d = 'nan'")
    found = warehouse.diff("t")
    assert found.key is None
    assert (found.added, found.removed, found.changed) == (1, 1, 0)
    assert "--key" in str(found)
    put(path, "INSERT INTO t VALUES (1, 1, 1, NULL)")
    assert warehouse.diff("t").added == 1
    named = warehouse.diff("t", key=("a", "d"), old=1, new=2)
    assert (named.key, named.repeated, named.added, named.removed) == (("a", "d"), 1, 1, 1)


def test_views_read_the_tables_of_their_own_snapshot(path: Path) -> None:
    orders(path)
    put(
        path,
        "CREATE VIEW by_customer AS SELECT status, customer, count(*) n FROM orders GROUP BY ALL",
        "CREATE VIEW large AS FROM orders WHERE amount > 10",
        "CREATE VIEW total AS SELECT sum(n) AS n, max(customer) AS last FROM by_customer",
    )
    put(path, "UPDATE orders SET customer = 9 WHERE id IN (7, 8)", "DELETE FROM orders WHERE id=0")
    large = warehouse.diff("large")
    assert (large.key, large.values) == (("id",), {"customer": 2})
    grouped = warehouse.diff("by_customer")
    assert (grouped.key, grouped.added, grouped.removed) == (("status", "customer"), 2, 0)
    total = warehouse.diff("total")
    assert (total.key, total.changed) == ((), 1)
    assert total.examples == [Example((), "n", 10, 9), Example((), "last", 2, 9)]


def test_it_goes_back_to_the_snapshot_in_which_the_table_was_different(path: Path) -> None:
    orders(path)
    put(path, "DELETE FROM orders WHERE id = 0", "CREATE VIEW v AS FROM orders")
    put(path, "CREATE TABLE other AS SELECT 1 AS id")
    put(path, "INSERT INTO other VALUES (2)")
    assert (warehouse.diff("orders").old, warehouse.diff("orders").removed) == (1, 1)
    assert warehouse.diff("other").old == 3
    assert warehouse.diff("orders", old=-1).equal
    same = warehouse.diff("v", old=2)
    assert str(same) == "v is the same in snapshot 4 as in snapshot 2."
    assert warehouse.diff("orders", new=2).old == 1


def test_what_is_in_one_snapshot_only_has_all_of_its_rows_added_or_removed(path: Path) -> None:
    orders(path)
    put(path, "CREATE TABLE later AS SELECT 1 AS a, 'x' AS b UNION ALL SELECT 1, 'x'")
    put(path, "CREATE VIEW v AS FROM orders", "CREATE TABLE none (id INTEGER)")
    later = warehouse.diff("later")
    assert (later.old, later.new, later.absent) == (1, 3, 1)
    assert (later.added, later.removed, later.changed, later.columns_added) == (2, 0, 0, {})
    assert str(later).splitlines() == [
        "later from snapshot 1 to 3: 2 rows added, 0 removed, 0 changed.",
        "It is not in snapshot 1: all of its rows count as added.",
    ]
    assert (warehouse.diff("v").added, warehouse.diff("v").old) == (10, 2)
    assert not warehouse.diff("none").equal
    put(path, "DROP VIEW v", "DROP TABLE orders")
    for name in ("v", "orders"):
        gone = warehouse.diff(name)
        assert (gone.old, gone.new, gone.absent, gone.added, gone.removed) == (3, 4, 4, 0, 10)
    assert "not in snapshot 4: all of its rows count as removed" in str(gone)


def test_names_that_sql_would_stumble_over(path: Path) -> None:
    put(path, 'CREATE TABLE "new" AS SELECT 1 AS "id", 2 AS "here", 3 AS "c0", 4 AS "say ""x"""')
    put(path, 'UPDATE "new" SET "here" = 5, "c0" = 6, "say ""x""" = 7')
    assert warehouse.diff("new").values == {"here": 1, "c0": 1, 'say "x"': 1}


def test_tables_of_no_rows(path: Path) -> None:
    put(path, "CREATE TABLE t (a INTEGER, b INTEGER)")
    put(path, "INSERT INTO t VALUES (1, 2)")
    assert warehouse.diff("t").added == 1
    put(path, "DELETE FROM t")
    assert warehouse.diff("t").removed == 1
    assert warehouse.diff("t", old=1).equal


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"table": "order"}, "no table or view order in snapshot 1 or 2.\nDid you mean orders?"),
        ({"table": "xyz"}, "view xyz in snapshot 1 or 2.\nThey hold later, orders, snapshots."),
        ({"table": "orders", "key": "idd"}, "no column idd in both snapshots.\n.*id, customer"),
        ({"table": "orders", "old": 2, "new": 2}, "Both are snapshot 2"),
        (
            {"table": "orders", "new": 1},
            "Snapshot 1 is the oldest that is kept: there is none before it.\n.*just materialize",
        ),
        ({"table": "orders", "old": 7}, r"no snapshot 7 of .*\nKept are 1 \(20.*\), 2 \(20"),
    ],
)
def test_errors_name_the_way_out(path: Path, wanted: dict[str, str], said: str) -> None:
    orders(path)
    put(path, "CREATE TABLE later AS SELECT 1 AS id")
    with pytest.raises(WarehouseError, match=said):
        warehouse.diff(**wanted)


def command(env: WarehouseEnv, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "warehouse", "diff", *arguments],
        env=env.env,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_the_command_prints_what_python_gives(warehouse_env: WarehouseEnv) -> None:
    orders(warehouse_env.path)
    put(warehouse_env.path, "DELETE FROM orders WHERE id = 3")
    done = command(warehouse_env, "orders", "--old", "-1", "--new", "2", "--key", "customer,id")
    found: Difference = warehouse.diff("orders", key=("customer", "id"))
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{found}\n", "")
    spaced = command(warehouse_env, "Orders", "--key", "Customer, ID")
    assert spaced.stdout == done.stdout.replace("orders", "Orders", 1)
    assert warehouse.diff("orders", key=[]).key == ("id",)
    gone = command(warehouse_env, "orders", "--old", "2020-01-01 10:00")
    assert (gone.returncode, gone.stdout) == (1, "")
    assert "is as old as 2020-01-01 10:00:00" in gone.stderr and "Kept are 1" in gone.stderr
