"""A write is a new immutable snapshot behind the link, or nothing."""

import stat
import threading
from pathlib import Path

import duckdb
import pytest

from warehouse.errors import WarehouseError
from warehouse.store import history, publish, snapshots, write_lock
from warehouse.store.publish import write
from warehouse.store.snapshots import newest, read


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "warehouse.duckdb"


def put(path: Path, value: int, **options: object) -> None:
    settings = {"keep": 3, "memory_limit": "100MB", "who": "a test", **options}
    with write(path, replacing=["t"], **settings) as connection:  # type: ignore[arg-type]
        connection.execute(f"CREATE TABLE t AS SELECT {value} AS i")


def value(path: Path) -> int:
    with read(path) as connection:
        (found,) = connection.sql("SELECT i FROM t").fetchall()[0]
    return int(found)


def on_disk(path: Path) -> list[str]:
    """Return what a warehouse keeps, whether or not the file system needs a spare beside it."""
    return sorted(p.name for p in (path.parent / ".warehouse").iterdir() if p.name != "spare")


def test_the_path_is_a_relative_link_to_a_read_only_file(path: Path) -> None:
    put(path, 1)
    assert str(path.readlink()) == ".warehouse/000001/warehouse.duckdb"
    assert stat.S_IMODE(path.stat().st_mode) == 0o444
    assert value(path) == 1


def test_the_whole_folder_can_be_moved(path: Path, tmp_path: Path) -> None:
    put(path, 1)
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    (tmp_path / ".warehouse").rename(moved / ".warehouse")
    path.rename(moved / path.name)
    assert value(moved / path.name) == 1


def test_older_duckdb_can_open_the_file(path: Path) -> None:
    put(path, 1)
    with duckdb.connect(str(path), read_only=True) as connection:
        (tags,) = connection.execute(
            "SELECT tags['storage_version'] FROM duckdb_databases() WHERE NOT internal"
        ).fetchall()
    assert tags[0].startswith("v1.5")


def test_an_open_reader_stays_on_its_snapshot_and_a_new_one_sees_the_new(path: Path) -> None:
    put(path, 1)
    with duckdb.connect(str(path), read_only=True) as before:
        put(path, 2)
        with duckdb.connect(str(path), read_only=True) as after:
            assert before.sql("SELECT i FROM t").fetchall() == [(1,)]
            assert after.sql("SELECT i FROM t").fetchall() == [(2,)]


def test_so_many_snapshots_are_kept(path: Path) -> None:
    for i in range(6):
        put(path, i, keep=2)
    assert on_disk(path) == ["000005", "000006", "lock", "writer"]


def test_an_error_leaves_everything_as_it_was(path: Path) -> None:
    put(path, 1)
    before = on_disk(path)
    with (
        pytest.raises(ZeroDivisionError),
        write(path, keep=3, memory_limit="100MB", who="a test", replacing=["t"]) as connection,
    ):
        connection.execute("CREATE TABLE t AS SELECT 2 AS i")
        raise ZeroDivisionError
    assert on_disk(path) == before
    assert value(path) == 1


def test_a_view_that_would_break_is_not_published(path: Path) -> None:
    put(path, 1)
    with write(path, keep=3, memory_limit="100MB", who="a test") as connection:
        connection.execute("CREATE VIEW v AS SELECT i FROM t")
    with (
        pytest.raises(WarehouseError, match=r"view v would no longer work.*\bi\b"),
        write(path, keep=3, memory_limit="100MB", who="a test", replacing=["t"]) as connection,
    ):
        connection.execute("CREATE TABLE t AS SELECT 2 AS other")
    assert value(path) == 1


def test_leftovers_of_a_killed_writer_are_cleared(path: Path) -> None:
    put(path, 1)
    folder = path.parent / ".warehouse"
    for leftover in ("staging", "000002"):  # died while writing; died before the link
        (folder / leftover).mkdir()
        (folder / leftover / "warehouse.duckdb").write_bytes(b"torn")
    (folder / "link").symlink_to("nowhere")
    assert value(path) == 1
    put(path, 2)
    assert value(path) == 2
    assert on_disk(path) == ["000001", "000002", "lock", "writer"]


def test_a_link_that_somebody_removed_takes_no_snapshot_with_it(path: Path) -> None:
    for number in (1, 2, 3):
        put(path, number)
    path.unlink()
    put(path, 4)
    assert value(path) == 4
    assert [snapshot.number for snapshot in snapshots.kept(path)] == [2, 3, 4]
    with history.open_snapshot(path, 2) as connection:
        assert connection.sql("SELECT i FROM t").fetchall() == [(2,)]


def test_replacing_a_table_does_not_grow_the_file(path: Path) -> None:
    sizes = []
    for _ in range(6):
        with write(path, keep=3, memory_limit="200MB", who="a test", replacing=["t"]) as connection:
            connection.execute(
                "CREATE TABLE t AS SELECT i, hash(i) AS h FROM range(1_000_000) r(i)"
            )
        sizes.append(path.stat().st_size)
    assert max(sizes) < 1.1 * sizes[0], sizes


def test_somebody_elses_file_is_not_touched(path: Path) -> None:
    path.write_text("mine")
    with pytest.raises(WarehouseError, match="not a link to a snapshot"):
        put(path, 1)
    with pytest.raises(WarehouseError, match="not a link to a snapshot"):
        value(path)
    assert path.read_text() == "mine"


def test_somebody_elses_link_is_not_touched(path: Path, tmp_path: Path) -> None:
    (tmp_path / "real").write_text("mine")
    path.symlink_to("real")
    with pytest.raises(WarehouseError, match="not a snapshot"):
        put(path, 1)
    assert str(path.readlink()) == "real"


def test_two_warehouses_in_one_folder_are_refused(path: Path) -> None:
    put(path, 1)
    with pytest.raises(WarehouseError, match=r"already holds the warehouse warehouse\.duckdb"):
        put(path.with_name("other.duckdb"), 2)
    assert value(path) == 1


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    path = tmp_path / "file" / "data" / "warehouse.duckdb"
    with pytest.raises(
        WarehouseError, match=r"Writing .*warehouse\.duckdb failed.*\n.*\n.*WAREHOUSE_PATH"
    ):
        put(path, 1)


def test_no_warehouse_yet(path: Path) -> None:
    assert newest(path) is None
    with pytest.raises(WarehouseError, match=r"no warehouse at .*\n.*just materialize"):
        value(path)


def test_a_misspelt_table_never_becomes_a_python_variable(path: Path) -> None:
    put(path, 1)
    orders = [1]  # noqa: F841
    with read(path) as connection, pytest.raises(duckdb.CatalogException):
        connection.sql("SELECT * FROM orders")


def test_the_second_writer_waits_and_says_for_whom(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write_lock, "_WAIT_SECONDS", 0.1)
    put(path, 0)
    holding, may_end = threading.Event(), threading.Event()

    def first() -> None:
        with write(
            path, keep=3, memory_limit="100MB", who="the first", replacing=["t"]
        ) as connection:
            connection.execute("CREATE TABLE t AS SELECT 1 AS i")
            holding.set()
            may_end.wait(30)

    said: list[str] = []

    def say(text: str) -> None:
        said.append(text)
        may_end.set()

    thread = threading.Thread(target=first)
    thread.start()
    assert holding.wait(30)
    put(path, 2, say=say)
    thread.join()
    assert "Waiting for the first (process" in said[0]
    assert value(path) == 2
    assert newest(path) == snapshots.Snapshot(3, path.parent / ".warehouse/000003/warehouse.duckdb")


def test_the_earlier_parts_of_a_whole_do_not_eat_the_history(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    for value, part_of in enumerate(["a", "b", "b", "b", "c", None, None]):
        with publish.write(path, keep=3, who="a test", part_of=part_of) as connection:
            connection.execute(f"CREATE OR REPLACE TABLE t AS SELECT {value} AS i")
        kept = [snapshot.number for snapshot in snapshots.kept(path)]
        if value == 3:
            assert kept == [1, 4], "the state before the whole stays, however many parts there are"
    assert kept == [5, 6, 7], "what is no part of anything stands for itself"


def test_a_file_that_knows_nothing_of_parts_takes_the_next_write(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    with publish.write(path, keep=3, who="a test"):
        pass
    file = path.resolve()
    file.chmod(0o644)
    with duckdb.connect(str(file)) as connection:
        connection.execute("ALTER TABLE snapshots DROP COLUMN part_of")
    with publish.write(path, keep=3, who="a test", part_of="a"):
        pass
    with snapshots.read(path) as connection:
        found = connection.execute("SELECT number, part_of FROM snapshots").fetchall()
    assert found == [(1, None), (2, "a")]
