"""What a notebook imports is light, finds the newest snapshot, and says what is missing."""

import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

import warehouse
from tests.writer import refresh
from warehouse.errors import WarehouseError


def test_importing_it_loads_neither_dagster_nor_pandas() -> None:
    code = (
        "import sys, warehouse\n"
        "try: warehouse.connect()\n"
        "except Exception: pass\n"
        "heavy = ('dagster', 'pandas', 'pyarrow', 'sqlalchemy', 'IPython')\n"
        "print([m for m in heavy if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_it_gives_the_newest_snapshot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "warehouse.duckdb"
    monkeypatch.setenv("WAREHOUSE_PATH", str(path))
    with pytest.raises(WarehouseError, match="just materialize"):
        warehouse.connect()
    answers = []
    for version in (1, 2):
        refresh(path, version, 10)
        answers += warehouse.sql("SELECT low FROM v").fetchall()
    assert answers == [(1,), (2,)]
    with warehouse.connect() as connection, pytest.raises(duckdb.Error, match="read-only"):
        connection.execute("CREATE TABLE mine (i INTEGER)")


def test_it_opens_older_snapshots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "warehouse.duckdb"
    monkeypatch.setenv("WAREHOUSE_PATH", str(path))
    for version in (1, 2, 3, 4):
        refresh(path, version, 10)
    for which, version in ((4, 4), (0, 4), (-1, 3), (2, 2), (-2, 2)):
        with warehouse.connect(which) as connection:
            assert connection.sql("SELECT low FROM v").fetchall() == [(version,)]
    for gone in (1, -3, 5):
        with pytest.raises(
            WarehouseError, match=rf"no snapshot {gone} of .*\nKept are 2 \(.*, 4 \("
        ):
            warehouse.connect(gone)


def test_relative_paths_count_from_the_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from warehouse.settings import ROOT, load_settings

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WAREHOUSE_PATH", "data/other.duckdb")
    assert load_settings().path == ROOT / "data" / "other.duckdb"
