"""What goes to the lake when tables of DuckDB change: what changed, and nothing else."""

from __future__ import annotations

import subprocess
import sys
from datetime import date
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.lakes import change, no_waiting_for_the_disk, opened, rows, send  # noqa: F401
from warehouse.errors import WarehouseError
from warehouse.lake import parts, publish, write
from warehouse.lake.place import Lake, open_lake
from warehouse.lake.snapshots import add_snapshot, newest, numbers

pytestmark = pytest.mark.usefixtures("no_waiting_for_the_disk")

DAYS = (
    "CREATE OR REPLACE TABLE by_day AS SELECT i, DATE '2026-01-01' + (i % 10)::INTEGER AS day, "
    "'row ' || i AS text FROM range(1000) r(i)"
)


@pytest.fixture(params=["folder", "memory"])
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> Lake:
    return open_lake(str(tmp_path / "lake") if request.param == "folder" else f"memory:/{tmp_path}")


@pytest.fixture
def folder(tmp_path: Path) -> Lake:
    return open_lake(str(tmp_path / "lake"))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "warehouse.duckdb"


def held(file: Path, table: str) -> list[tuple[object, ...]]:
    with opened(file) as connection:
        return connection.table(f'"{table}"').order("ALL").fetchall()


def written(lake: Lake, file: Path, table: str = "by_day") -> list[date | None]:
    """Publish, and return the days of the files that were written."""
    (one,) = [one for one in send(file, lake).tables if one.name == table]
    return sorted(
        (data_file.day for data_file in one.written), key=lambda day: (day is None, str(day))
    )


def test_all_of_a_table_arrives(lake: Lake, file: Path) -> None:
    change(
        file,
        DAYS,
        "CREATE TABLE t AS SELECT range AS a FROM range(5)",
        "COMMENT ON COLUMN t.a IS 'what'",
    )
    done = send(file, lake, writer="me")
    assert done.is_new and done.snapshot == newest(lake) and done.snapshot.writer == "me"
    tables = done.snapshot.tables
    assert [(one.name, one.type, one.comment) for one in tables["t"].columns] == [
        ("a", "BIGINT", "what")
    ]
    assert tables["t"].rows == 5 and tables["by_day"].rows == 1000
    assert [one.day for one in tables["by_day"].files] == [date(2026, 1, n + 1) for n in range(10)]
    for data_file in (file for table in tables.values() for file in table.files):
        content = lake.fs.cat_file(lake.at(data_file.path))
        assert len(content) == data_file.bytes and content[:4] == content[-4:] == b"PAR1"
    if lake.is_local:
        assert rows(lake, "by_day") == held(file, "by_day")
        assert rows(lake, "t") == [(n,) for n in range(5)]


def test_nothing_new_makes_no_snapshot(lake: Lake, file: Path) -> None:
    change(file, DAYS, "CREATE TABLE t AS SELECT 1 AS a")
    first = send(file, lake)
    again = send(file, lake)
    assert not again.is_new and again.snapshot == first.snapshot and numbers(lake) == [1]
    assert [one.written for one in again.tables] == [(), ()]
    change(file, DAYS + " ORDER BY hash(i)")  # the same rows, loaded again
    assert not send(file, lake).is_new


def test_a_changed_day_costs_that_day(folder: Lake, file: Path) -> None:
    change(file, DAYS)
    first = send(file, folder).snapshot.tables["by_day"]
    changes = [
        ("UPDATE by_day SET text = 'new' WHERE i = 12", [date(2026, 1, 3)]),
        ("INSERT INTO by_day VALUES (1, '2026-02-01', NULL)", [date(2026, 2, 1)]),
        ("INSERT INTO by_day VALUES (1, NULL, 'undated')", [None]),
        ("DELETE FROM by_day WHERE day = '2026-01-04'", []),
        (
            "UPDATE by_day SET text = i::VARCHAR WHERE i IN (0, 9)",
            [date(2026, 1, 1), date(2026, 1, 10)],
        ),
        ("UPDATE by_day SET day = day + 1 WHERE i = 5", [date(2026, 1, 6), date(2026, 1, 7)]),
        (
            "INSERT INTO by_day SELECT * FROM by_day WHERE i = 1 AND text = 'row 1'",
            [date(2026, 1, 2)],
        ),
    ]
    for statement, days in changes:
        change(file, statement)
        assert written(folder, file) == days, statement
        assert rows(folder, "by_day") == held(file, "by_day"), statement
    last = newest(folder)
    assert last and last.number == 1 + len(changes)
    kept = {one.path for one in first.files} & {one.path for one in last.tables["by_day"].files}
    assert len(kept) == 3  # days 5, 8 and 9 of January


def test_rows_that_swap_values_are_seen(folder: Lake, file: Path) -> None:
    change(file, "CREATE TABLE t (a INTEGER, b INTEGER)", "INSERT INTO t VALUES (1, 2), (3, 4)")
    send(file, folder)
    for swapped in ("(1, 4), (3, 2)", "(3, 2), (1, 4)", "(2, 1), (4, 3)", "(1, 2), (3, 4)"):
        change(file, "DELETE FROM t", f"INSERT INTO t VALUES {swapped}")
        send(file, folder)
        assert rows(folder, "t") == held(file, "t")


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "CHUNK_ROWS", 100)


@pytest.mark.usefixtures("small_chunks")
def test_what_is_added_to_a_table_costs_its_last_part(folder: Lake, file: Path) -> None:
    change(file, "CREATE TABLE t AS SELECT range AS a FROM range(950)")
    assert len(written(folder, file, "t")) == 10
    change(file, "INSERT INTO t SELECT range FROM range(950, 1050)")
    assert len(written(folder, file, "t")) == 2
    change(file, "UPDATE t SET a = -a WHERE a IN (17, 18, 555)")
    assert len(written(folder, file, "t")) == 2
    assert rows(folder, "t") == held(file, "t")


@pytest.mark.usefixtures("small_chunks")
def test_parts_with_the_same_rows_are_parts_of_their_own(folder: Lake, file: Path) -> None:
    change(file, "CREATE TABLE t AS SELECT 1 AS a FROM range(300)")
    send(file, folder)
    change(file, "COMMENT ON COLUMN t.a IS 'new'")
    assert len(written(folder, file, "t")) == 0
    assert len(rows(folder, "t")) == 300


def test_files_of_a_size(folder: Lake, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write, "FILE_BYTES", 1_000_000)
    monkeypatch.setattr(write, "_ROW_GROUP", "ROW_GROUP_SIZE 20_000")
    change(file, "CREATE TABLE t AS SELECT i, hash(i) AS h FROM range(400_000) r(i)")
    table = send(file, folder).snapshot.tables["t"]
    assert len(table.files) > 2 and len({one.identity for one in table.files}) == 1
    assert rows(folder, "t") == held(file, "t")
    assert not send(file, folder).is_new


@pytest.mark.parametrize(
    ("statement", "columns", "count"),
    [
        ("ALTER TABLE by_day ADD COLUMN x INTEGER", "x INTEGER", 10),
        ("ALTER TABLE by_day DROP COLUMN text", "", 10),
        ("ALTER TABLE by_day RENAME COLUMN text TO words", "words VARCHAR", 10),
        ("ALTER TABLE by_day ALTER COLUMN i TYPE INTEGER", "i INTEGER", 10),
        ("COMMENT ON COLUMN by_day.i IS 'it''s'", "i BIGINT it's", 0),
    ],
)
def test_columns_that_change(
    folder: Lake, file: Path, statement: str, columns: str, count: int
) -> None:
    change(file, DAYS)
    send(file, folder)
    change(file, statement)
    assert len(written(folder, file)) == count
    found = newest(folder)
    assert found and found.number == 2
    told = [f"{one.name} {one.type} {one.comment or ''}" for one in found.tables["by_day"].columns]
    assert columns in "\n".join(told)
    assert rows(folder, "by_day") == held(file, "by_day")


def test_a_table_without_rows_has_a_file_that_tells_its_columns(folder: Lake, file: Path) -> None:
    change(file, 'CREATE TABLE t (a INTEGER, "b c" VARCHAR)', "CREATE TABLE by_day (day DATE)")
    tables = send(file, folder).snapshot.tables
    for name in ("t", "by_day"):
        (one,) = tables[name].files
        assert one.rows == 0 and one.day is None and rows(folder, name) == []
    assert not send(file, folder).is_new


def test_odd_names(folder: Lake, file: Path) -> None:
    names = ["a b", "a/b", "A.b", "Größe", "x" * 64, '"', "'", "[a]*?", "..", "-- x", "{i}"]
    for name in names:
        quoted = name.replace('"', '""')
        change(file, f'CREATE TABLE "{quoted}" AS SELECT 1 AS "{quoted}", 2 AS "c , ;{{}}()="')
    found = send(file, folder).snapshot
    assert {*found.tables} == {*names}
    for name in names:
        assert rows(folder, name) == [(1, 2)]
    assert (
        len({one.path.rpartition("/")[0] for t in found.tables.values() for one in t.files}) == 11
    )


def test_only_some_tables(folder: Lake, file: Path) -> None:
    change(file, "CREATE TABLE a AS SELECT 1 AS n", "CREATE TABLE b AS SELECT 1 AS n")
    send(file, folder)
    change(file, "UPDATE a SET n = 2", "UPDATE b SET n = 2")
    done = send(file, folder, only=["b"])
    assert [one.name for one in done.tables] == ["b"]
    assert rows(folder, "a") == [(1,)] and rows(folder, "b") == [(2,)]


def test_a_table_that_goes(folder: Lake, file: Path) -> None:
    change(file, "CREATE TABLE a AS SELECT 1 AS n", "CREATE TABLE b AS SELECT 1 AS n")
    send(file, folder)
    change(file, "DROP TABLE a")
    assert {*send(file, folder).snapshot.tables} == {"a", "b"}, "another one may have written it"
    assert {*send(file, folder, removed=["a"]).snapshot.tables} == {"b"}
    with pytest.raises(WarehouseError, match=r"The lake has no table a\.\n.*\nTables are b\."):
        send(file, folder, removed=["a"])


@pytest.mark.parametrize("harm", ["remove", "cut"])
def test_a_file_that_somebody_removed_is_written_again(folder: Lake, file: Path, harm: str) -> None:
    change(file, DAYS)
    first = send(file, folder).snapshot
    lost = Path(folder.at(first.tables["by_day"].files[3].path))
    if harm == "remove":
        lost.unlink()
    else:
        lost.write_bytes(lost.read_bytes()[:-1])
    said: list[str] = []
    done = send(file, folder, say=said.append)
    assert done.is_new and [one.day for one in done.tables[0].written] == [date(2026, 1, 4)]
    assert said == ["by_day: files of the last snapshot of the lake are missing or damaged."]
    assert rows(folder, "by_day") == held(file, "by_day")


def test_a_failure_leaves_no_file(folder: Lake, file: Path) -> None:
    change(file, "CREATE TABLE a AS SELECT 1 AS n")
    send(file, folder)
    before = sorted(Path(folder.root).rglob("*"))
    change(file, "UPDATE a SET n = 2", "CREATE TABLE b AS SELECT 'infinity'::DATE AS d")
    with pytest.raises(WarehouseError, match=r"b\.d: 1 values of DATE are infinite"):
        send(file, folder)
    assert sorted(Path(folder.root).rglob("*")) == before


def test_another_writer_in_between(
    folder: Lake, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change(file, "CREATE TABLE a AS SELECT 1 AS n", "CREATE TABLE b AS SELECT 1 AS n")
    base = send(file, folder).snapshot
    change(file, "UPDATE a SET n = 2")
    said: list[str] = []

    def overtaken(*given: object, **options: object) -> object:
        monkeypatch.undo()
        swapped = {"a": base.tables["b"], "c": base.tables["b"]}
        add_snapshot(folder, swapped, writer="the other")
        return add_snapshot(*given, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(publish, "add_snapshot", overtaken)
    done = send(file, folder, say=said.append)
    assert done.snapshot.number == 3 and {*done.snapshot.tables} == {"a", "b", "c"}
    assert rows(folder, "a") == [(2,)] and rows(folder, "b") == rows(folder, "c") == [(1,)]
    assert any("a: snapshot 2 of the lake (the other) came meanwhile" in text for text in said)


DAY, VALUE = st.none() | st.integers(0, 3), st.none() | st.integers(0, 2)


@settings(max_examples=15, deadline=None)
@given(
    st.lists(
        st.lists(
            st.tuples(st.none() | st.integers(0, 3), st.none() | st.integers(0, 2)), max_size=6
        ),
        min_size=2,
        max_size=4,
    )
)
def test_whatever_comes_after_whatever(
    tmp_path_factory: pytest.TempPathFactory, states: list[list[tuple[int | None, int | None]]]
) -> None:
    lake = open_lake(str(tmp_path_factory.mktemp("lake")))
    with duckdb.connect() as connection:
        write.keep_flat(connection, None)
        connection.execute("CREATE TABLE by_day (day DATE, n INTEGER)")
        for state in states:
            connection.execute("DELETE FROM by_day")
            for day, n in state:
                connection.execute(
                    "INSERT INTO by_day VALUES (DATE '2026-01-01' + ?::INTEGER, ?)", [day, n]
                )
            before = newest(lake)
            same = before is not None and rows(lake, "by_day") == sorted_rows(connection)
            done = publish.publish(connection, lake, {"by_day": "day"}, writer="test")
            assert rows(lake, "by_day") == sorted_rows(connection)
            assert done.is_new != same


def sorted_rows(connection: duckdb.DuckDBPyConnection) -> list[tuple[object, ...]]:
    return connection.sql("FROM by_day ORDER BY ALL").fetchall()


LARGE = """
import re, sys
from pathlib import Path
from tests.lakes import send
from warehouse.lake.place import open_lake
send(Path(sys.argv[1]), open_lake(sys.argv[2]))
print(re.search(r"VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())[1])
"""


@pytest.mark.parametrize(
    "table",
    [
        "SELECT i, md5(i::VARCHAR) AS a, md5((i + 1)::VARCHAR) AS b FROM range(3_000_000) r(i)",
        "SELECT i, repeat(md5(i::VARCHAR), 3000) AS a FROM range(8_000) r(i)",
    ],
    ids=["many rows", "large values"],
)
def test_a_large_table_takes_little_memory(tmp_path: Path, file: Path, table: str) -> None:
    change(file, "SET memory_limit = '700MB'", "SET threads = 1", f"CREATE TABLE t AS {table}")
    done = subprocess.run(
        [sys.executable, "-c", LARGE, str(file), str(tmp_path / "lake")],
        capture_output=True,
        text=True,
        check=True,
        timeout=100,
    )
    assert int(done.stdout) < 650_000, "kB: DuckDB may have 500 MB"
