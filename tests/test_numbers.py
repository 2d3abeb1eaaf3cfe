"""The numbers of snapshots only ever grow, whatever somebody does to the folder by hand."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.test_snapshots import on_disk, put, value
from warehouse.errors import WarehouseError
from warehouse.store import history, publish, snapshots


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "warehouse.duckdb"
    for number in (1, 2, 3):
        put(path, number)
    return path


def set_back(path: Path, number: int) -> None:
    path.unlink()
    path.symlink_to(f".warehouse/{number:06d}/warehouse.duckdb")


def remove(path: Path, number: int) -> None:
    shutil.rmtree(path.parent / f".warehouse/{number:06d}")


def noted(path: Path) -> list[int]:
    with snapshots.read(path) as connection:
        return [n for (n,) in connection.sql("SELECT number FROM snapshots ORDER BY 1").fetchall()]


def newest(path: Path) -> int:
    found = snapshots.newest(path)
    assert found
    return found.number


def test_a_link_set_back_by_hand_takes_no_newer_snapshot_with_it(path: Path) -> None:
    set_back(path, 1)
    assert [one.number for one in snapshots.later(path)] == [2, 3]
    with history.open_snapshot(path, 3) as connection:
        assert connection.sql("FROM t").fetchall() == [(3,)]
    put(path, 4)
    assert value(path) == 4 and newest(path) == 4
    assert on_disk(path) == ["000002", "000003", "000004", "lock", "writer"], "pruned as ever"
    assert noted(path) == [1, 2, 3, 4], "history knows them"


def test_a_link_set_back_and_the_newer_snapshots_removed(path: Path) -> None:
    set_back(path, 2)
    remove(path, 3)
    put(path, 4)
    assert newest(path) == 4
    assert noted(path) == [1, 2, 4]


def test_a_link_removed_and_the_newest_snapshot_with_it(path: Path) -> None:
    path.unlink()
    remove(path, 3)
    put(path, 4)
    assert newest(path) == 4


def test_a_link_to_a_snapshot_that_is_gone(path: Path) -> None:
    remove(path, 3)
    with pytest.raises(WarehouseError, match=r"its file is gone.*\n.*rollback NUMBER"):
        put(path, 4)
    put(path, 4, base=history.find(path, 2))
    assert newest(path) == 4


def test_a_number_that_only_the_table_in_the_file_knows(path: Path) -> None:
    """The folder of 3 was restored under the name of 1, without the note."""
    folder = path.parent / ".warehouse"
    for number in (1, 2):
        remove(path, number)
    (folder / "000003").rename(folder / "000001")
    (folder / "writer").unlink()
    set_back(path, 1)
    put(path, 4)
    assert newest(path) == 4


def test_without_the_note_nothing_that_may_have_been_published_goes(path: Path) -> None:
    (path.parent / ".warehouse/writer").write_text("an earlier version (process 1, x)\n")
    set_back(path, 1)
    put(path, 4)
    assert on_disk(path) == ["000002", "000003", "000004", "lock", "writer"]


def test_what_was_never_linked_goes_and_what_was_stays(path: Path) -> None:
    folder = path.parent / ".warehouse"
    shutil.copytree(folder / "000003", folder / "000004")  # killed before the note and the link
    (folder / "link").symlink_to(".warehouse/000004/warehouse.duckdb")
    set_back(path, 2)
    put(path, 4)
    assert on_disk(path) == ["000002", "000003", "000004", "lock", "writer"]
    assert value(path) == 4


def test_a_rollback_to_a_later_snapshot(path: Path) -> None:
    set_back(path, 1)
    with publish.write(path, keep=3, who="rollback", base=history.find(path, 3)):
        pass
    assert value(path) == 3 and newest(path) == 4


def test_a_clock_set_back_changes_no_number(path: Path) -> None:
    for entry in (path.parent / ".warehouse").rglob("*"):
        os.utime(entry, (0, 0))
    put(path, 4)
    assert newest(path) == 4
