"""A comparison computes each view once a side, into temporary files that are gone at each end."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import warehouse
from tests.conftest import WarehouseEnv
from tests.test_full_disk import mounted
from warehouse.cli.exit_codes import ExitCode
from warehouse.settings import ROOT
from warehouse.store import audit, publish, scratch, side_by_side, view_rows
from warehouse.store.snapshots import Snapshot, kept

VIEWS = (
    "CREATE OR REPLACE VIEW chance AS SELECT i, random() AS r FROM t",
    "CREATE OR REPLACE VIEW second AS SELECT i, r FROM chance",
    "CREATE OR REPLACE VIEW large AS SELECT md5((i * 1000 + j)::VARCHAR) AS m "
    "FROM t, range(1000) s(j)",
    "CREATE OR REPLACE VIEW endless AS SELECT max(hash(i)) AS h FROM range(10000000000000) s(i)",
    'CREATE OR REPLACE VIEW "odd AS ""name""" (first) AS SELECT i FROM main.t',
    'CREATE OR REPLACE VIEW "Quoted" AS SELECT i FROM second',
)
NEW = side_by_side.CATALOGS["new"]


@pytest.fixture
def path(warehouse_env: WarehouseEnv) -> Path:
    return two_snapshots(warehouse_env.path)


def two_snapshots(path: Path) -> Path:
    for number in (1, 2):
        with publish.write(path, keep=5, who="a test") as connection:
            rows = f"SELECT {number} AS version, i FROM range(10000) r(i)"
            connection.execute(f"CREATE OR REPLACE TABLE t AS {rows}")
            for view in VIEWS:
                connection.execute(view)
    return path


def both(path: Path) -> tuple[Snapshot, Snapshot]:
    old, new = kept(path)
    return old, new


def folders(path: Path) -> list[Path]:
    return [*(path.parent / ".warehouse").glob(f"{scratch.LEAD}*")]


# Each view once.


def test_what_reads_a_view_sees_the_rows_that_were_compared(path: Path) -> None:
    differ = "SELECT count(*) FROM {} a JOIN {} b USING (i) WHERE a.r <> b.r"
    old, new = both(path)
    with audit.opened(new) as connection:
        ((apart,),) = connection.sql(differ.format("chance", "second")).fetchall()
    assert apart, "computed twice, they differ"
    with side_by_side.attached(old, new) as connection:
        for side, catalog in side_by_side.CATALOGS.items():
            chance, second = (view_rows.store(connection, catalog, v) for v in ("chance", "second"))
            assert side_by_side.rows(connection, side, "second") == 10000
            assert connection.sql(differ.format(chance, second)).fetchall() == [(0,)]
        view_rows.search(connection, NEW)
        assert connection.sql(differ.format("chance", "second")).fetchall() == [(0,)]
        (old_rows, new_rows) = (
            view_rows.store(connection, catalog, "chance")
            for catalog in side_by_side.CATALOGS.values()
        )
        ((apart,),) = connection.sql(differ.format(old_rows, new_rows)).fetchall()
        assert apart, "each side has rows of its own"


@pytest.mark.parametrize(
    "query",
    [
        "SELECT count(*) FROM main.second",
        "SELECT count(*) FROM warehouse.main.second",
        "SELECT count(rowid) FROM t",
        'SELECT count(first) FROM "odd AS ""name"""',
        'SELECT count(*) FROM "quoted"',
    ],
)
def test_names_mean_what_they_mean_in_the_file(path: Path, query: str) -> None:
    old, new = both(path)
    with side_by_side.attached(old, new) as connection:
        for view in ("chance", "second", 'odd AS "name"', "Quoted"):
            assert side_by_side.rows(connection, "new", view) == 10000
        view_rows.search(connection, NEW)
        assert connection.sql(query).fetchall() == [(10000,)]


def test_a_view_of_each_kind_of_name_is_compared(path: Path) -> None:
    for view in ('odd AS "name"', "quoted"):
        assert warehouse.diff(view, old=1).equal
    assert folders(path) == []


# Each end.


@contextmanager
def computing(path: Path, env: WarehouseEnv) -> Iterator[subprocess.Popen[str]]:
    """Run a comparison that does not end, until its temporary files are there."""
    with subprocess.Popen(
        [sys.executable, "-m", "warehouse", "diff", "endless", "--old", "1"],
        cwd=ROOT,
        env=env.env,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            ends = time.monotonic() + 60
            while not any((one / f"{NEW}.duckdb").exists() for one in folders(path)):
                assert process.poll() is None and time.monotonic() < ends
                time.sleep(0.05)
            time.sleep(0.5)
            yield process
        finally:
            process.kill()


def test_stopped_it_leaves_nothing(path: Path, warehouse_env: WarehouseEnv) -> None:
    with computing(path, warehouse_env) as process:
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == ExitCode.STOPPED
    assert folders(path) == []


def test_killed_the_next_start_removes_it(path: Path, warehouse_env: WarehouseEnv) -> None:
    with computing(path, warehouse_env) as process:
        (used,) = folders(path)
        assert not warehouse.diff("t", old=1).equal
        assert folders(path) == [used], "another process needs it"
        process.kill()
        process.wait(60)
        assert folders(path) == [used]
    assert not warehouse.diff("t", old=1).equal
    assert folders(path) == []


def test_killed_the_next_write_removes_it(path: Path) -> None:
    left = path.parent / ".warehouse" / f"{scratch.LEAD}0123"
    left.mkdir()
    (left / "old.duckdb").write_bytes(bytes(1000))
    with scratch.folder(left.parent) as used:
        assert not left.exists()
        left.mkdir()
        with publish.write(path, keep=5, who="a test") as connection:
            connection.execute("CREATE TABLE other AS SELECT 1 AS i")
        assert folders(path) == [used]
    assert folders(path) == []


def test_a_link_is_left_alone(path: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    link = path.parent / ".warehouse" / f"{scratch.LEAD}link"
    link.symlink_to(elsewhere)
    assert not warehouse.diff("t", old=1).equal
    assert elsewhere.is_dir() and link.is_symlink()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    yield from mounted(tmp_path / "small", "size=32m")


def test_a_full_disk_is_said(small_disk: Path, warehouse_env: WarehouseEnv) -> None:
    path = two_snapshots(small_disk / "warehouse.duckdb")
    warehouse_env.configure(path=path)
    done = warehouse_env.command("diff", "large", "--old", "1")
    assert done.returncode == ExitCode.FAILED, done.stdout
    first, safe, todo = done.stderr.splitlines()
    assert first.startswith(f"There is no room for temporary files in {path.parent}/.warehouse: ")
    assert "No snapshot was changed" in safe
    assert "The rows that are compared take 0.0" in todo
    assert folders(path) == []
    assert not warehouse.diff("t", old=1).equal
