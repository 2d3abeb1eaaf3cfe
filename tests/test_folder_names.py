"""A warehouse works in a folder of any name, or one sentence says why not."""

from __future__ import annotations

from pathlib import Path

import pytest

import warehouse
from tests.conftest import WarehouseEnv
from tests.test_snapshots import put, value
from warehouse.errors import WarehouseError
from warehouse.serve.export import export
from warehouse.store import open_files as holders
from warehouse.store import publish, snapshots

WORK = ["%41", "h#x", "a b", "it's", 'a"b', "🎁", "new\nline", "*", "[ab]", "{x}", "$HOME", "a;b"]
REFUSED = ["a?b", "a\\b", "\\", "x?access_mode=read_only", "\\?"]


@pytest.mark.parametrize("name", WORK)
def test_a_folder_of_an_odd_name(tmp_path: Path, name: str, warehouse_env: WarehouseEnv) -> None:
    path = tmp_path / name / "warehouse.duckdb"
    put(path, 1)
    put(path, 2)
    assert value(path) == 2
    warehouse_env.configure(path=path)
    with warehouse.connect(-1) as connection:
        assert connection.sql("FROM t").fetchall() == [(1,)]
        reading = [reader.snapshot for reader in holders.readers(path) or []]
        assert reading == [], "this process is not among them"
    assert not warehouse.diff("t").equal
    export(path, tmp_path / name / "out")
    assert (tmp_path / name / "out" / "t.parquet").exists()


def test_rows_that_do_not_fit_in_the_memory(tmp_path: Path) -> None:
    path = tmp_path / "it's 100% 'odd'\n#1" / "warehouse.duckdb"
    with publish.write(path, keep=1, who="a test", memory_limit="60MB") as connection:
        connection.execute(
            "CREATE TABLE t AS SELECT i, hash(i)::VARCHAR AS h FROM range(2_000_000) r(i) "
            "ORDER BY h"
        )
    with snapshots.read(path) as connection:
        assert snapshots.count(connection, "t") == 2_000_000


@pytest.mark.parametrize("name", REFUSED)
def test_a_folder_that_duckdb_cannot_write_in(tmp_path: Path, name: str) -> None:
    path = tmp_path / name / "warehouse.duckdb"
    said = r"DuckDB cannot keep a file at .*: there is a [?\\] in the path\.\n.*\n.*WAREHOUSE_PATH"
    with pytest.raises(WarehouseError, match=said):
        put(path, 1)
    assert not path.parent.exists(), "nothing was made"


@pytest.mark.parametrize("name", ["a?b", "a\\b"])
def test_a_link_that_leads_to_such_a_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / "plain").symlink_to(tmp_path / name)
    with pytest.raises(WarehouseError, match="there is a"):
        put(tmp_path / "plain" / "warehouse.duckdb", 1)
    assert list((tmp_path / name).iterdir()) == []
