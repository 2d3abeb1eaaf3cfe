"""A program that writes to a published snapshot is seen and said, and its rows are not shown."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import duckdb
import pytest

import warehouse
from tests.conftest import WarehouseEnv
from warehouse.errors import WarehouseError
from warehouse.store import snapshots, tampering
from warehouse.store.history import open_snapshot
from warehouse.store.publish import write
from warehouse.store.snapshots import newest, read

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may write what is read-only")


@pytest.fixture
def path(warehouse_env: WarehouseEnv) -> Path:
    put(warehouse_env.path, 1)
    return warehouse_env.path


def put(path: Path, value: int, **options: object) -> list[str]:
    said: list[str] = []
    settings = {"keep": 3, "who": "a test", "say": said.append, **options}
    with write(path, replacing=["t"], **settings) as connection:  # type: ignore[arg-type]
        connection.execute(f"CREATE TABLE t AS SELECT {value} AS i")
    return said


def open_for_writing(path: Path, statement: str, *, killed: bool) -> None:
    """Do what a careless tool does; killed, it leaves its log."""
    code = (
        "import duckdb, os, sys; connection = duckdb.connect(sys.argv[1]); "
        "connection.execute(sys.argv[2]); " + ("os._exit(0)" if killed else "connection.close()")
    )
    subprocess.run([sys.executable, "-c", code, str(path), statement], check=True)


def values(path: Path) -> list[int]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", tampering.SnapshotChanged)
        with read(path) as connection:
            return [i for (i,) in connection.sql("FROM t ORDER BY i").fetchall()]


def command(env: WarehouseEnv, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "warehouse", *arguments],
        env=env.env,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO t VALUES (2)",
        "DELETE FROM t",
        "DROP TABLE t",
        "UPDATE t SET i = 9",
        "CREATE OR REPLACE VIEW v AS SELECT 9",
    ],
)
def test_the_rows_of_a_stray_log_are_not_shown(path: Path, statement: str) -> None:
    open_for_writing(path, statement, killed=True)
    assert tampering.stray_log(path.resolve())
    assert values(path) == [1]
    with (
        pytest.warns(tampering.SnapshotChanged, match=r"opened snapshot 1 for writing and left"),
        warehouse.connect() as connection,
    ):
        assert connection.sql("FROM t").fetchall() == [(1,)]
    assert values(path) == [1], "a second time, when the other name is there"


def test_a_log_that_cannot_be_played_back_is_in_nobodys_way(path: Path) -> None:
    path.resolve().with_name("warehouse.duckdb.wal").write_bytes(b"no log")
    assert values(path) == [1]


def test_the_command_line_says_it_and_does_not_show_it(
    path: Path, warehouse_env: WarehouseEnv
) -> None:
    open_for_writing(path, "INSERT INTO t VALUES (2)", killed=True)
    for arguments in (["sql", "from t"], ["status"], ["export", f"{path}.out"], ["history"]):
        done = command(warehouse_env, *arguments)
        assert done.returncode == 0, done.stderr
        assert done.stderr.count("Warning: A program opened snapshot 1 for writing") == 1
        assert "warehouse.duckdb.wal" in done.stderr and "Remove that file" in done.stderr
    assert "2" not in command(warehouse_env, "sql", "from t", "--format", "csv").stdout
    done = command(warehouse_env, "doctor")
    assert "warning" in done.stdout and "opened snapshot 1 for writing" in done.stdout


def test_a_diff_leaves_the_log_out(path: Path) -> None:
    put(path, 1)
    open_for_writing(path, "INSERT INTO t VALUES (2)", killed=True)
    with pytest.warns(tampering.SnapshotChanged, match="snapshot 2"):
        assert warehouse.diff("t", old=1, new=2).equal


def test_a_write_starts_without_the_log_and_says_so(path: Path) -> None:
    open_for_writing(path, "CREATE TABLE other AS SELECT 1", killed=True)
    (said,) = put(path, 2)
    assert "opened snapshot 1 for writing" in said and "starts from it" in said
    with read(path) as connection:
        assert not snapshots.has_table(connection, "other")
        assert connection.sql("FROM t").fetchall() == [(2,)]
    assert tampering.stray_log(path.resolve()) is None
    assert put(path, 3) == []


@pytest.mark.parametrize(
    "statement", ["INSERT INTO t VALUES (2)", "CREATE TABLE big AS FROM range(1_000_000)"]
)
def test_what_was_written_into_the_file_is_said(
    path: Path, warehouse_env: WarehouseEnv, statement: str
) -> None:
    open_for_writing(path, statement, killed=False)
    with pytest.warns(tampering.SnapshotChanged, match="Snapshot 1 is not as it was published"):
        warehouse.connect().close()
    assert "not as it was published" in command(warehouse_env, "sql", "from t").stderr
    assert "not as it was published" in command(warehouse_env, "doctor").stdout
    (said,) = put(path, 3)
    assert "Snapshot 1 is not as it was published" in said and "just rollback NUMBER" in said
    assert put(path, 4) == []


@pytest.mark.parametrize("statement", ["SELECT * FROM t", "CHECKPOINT", "VACUUM"])
def test_who_opens_it_for_writing_and_writes_nothing_did_nothing(
    path: Path, statement: str
) -> None:
    open_for_writing(path, statement, killed=False)
    assert tampering.findings(1, path.resolve()) == []


@pytest.mark.parametrize("keep_times", [True, False])
def test_a_copy_of_the_whole_folder_is_as_it_was_published(
    path: Path, tmp_path: Path, keep_times: bool
) -> None:
    copied = tmp_path / "copy"
    shutil.copytree(
        path.parent / ".warehouse",
        copied / ".warehouse",
        copy_function=shutil.copy2 if keep_times else shutil.copyfile,
    )
    (copied / path.name).symlink_to(path.readlink())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with read(copied / path.name) as connection:
            assert connection.sql("FROM t").fetchall() == [(1,)]


def test_a_snapshot_of_an_earlier_version_has_no_seal_and_is_not_accused(path: Path) -> None:
    (path.resolve().with_name(tampering.SEAL)).unlink()
    assert tampering.findings(1, path.resolve()) == []
    open_for_writing(path, "INSERT INTO t VALUES (2)", killed=True)
    assert values(path) == [1]


def test_where_the_log_cannot_be_left_out_nothing_is_shown(path: Path) -> None:
    open_for_writing(path, "INSERT INTO t VALUES (2)", killed=True)
    # Root may write anywhere: a file in the place of the folder stands for what it may not.
    (path.resolve().parent / tampering.UNALTERED).write_text("")
    with pytest.raises(WarehouseError, match=r"are not shown\.\n.*remove .*\.wal"):
        read(path).__enter__()


def test_an_older_snapshot_is_guarded_too(path: Path) -> None:
    older = path.resolve()
    put(path, 2)
    open_for_writing(older, "INSERT INTO t VALUES (2)", killed=True)
    with (
        pytest.warns(tampering.SnapshotChanged, match="snapshot 1"),
        open_snapshot(path, 1) as connection,
    ):
        assert connection.sql("FROM t").fetchall() == [(1,)]
    now = newest(path)
    assert now and tampering.findings(2, now.file) == []


def test_a_reader_of_duckdbs_own_is_not_guarded(path: Path) -> None:
    """docs/troubleshooting.md says so: this is what it would see."""
    open_for_writing(path, "INSERT INTO t VALUES (2)", killed=True)
    with duckdb.connect(str(path), read_only=True) as connection:
        assert connection.sql("FROM t").fetchall() == [(1,), (2,)]
