"""Snapshots of a lake stay as those of a warehouse do, and nobody loses a file that is needed."""

from __future__ import annotations

import dataclasses
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.lakes import change, no_waiting_for_the_disk, opened, rows, send  # noqa: F401
from warehouse.errors import WarehouseError
from warehouse.lake import place, snapshots
from warehouse.lake.manifest import to_json
from warehouse.lake.names import manifest_path
from warehouse.lake.place import Lake, open_lake
from warehouse.lake.prune import Pruned, prune
from warehouse.lake.publish import publish
from warehouse.lake.snapshots import GRACE, newest, numbers, read, roll_back

pytestmark = pytest.mark.usefixtures("no_waiting_for_the_disk")

HOUR = timedelta(hours=1)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return open_lake(str(tmp_path / "lake"))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "warehouse.duckdb"


def put(file: Path, lake: Lake, value: int) -> None:
    """Publish a table with a value, and one that never changes."""
    change(
        file,
        f"CREATE OR REPLACE TABLE t AS SELECT {value} AS n",
        "CREATE TABLE IF NOT EXISTS same AS SELECT 0 AS n",
    )
    send(file, lake)


def age(lake: Lake, by: timedelta) -> None:
    """Have all of a lake be older by so much."""
    for number in numbers(lake):
        manifest = read(lake, number)
        assert manifest
        older = dataclasses.replace(manifest, written_at=manifest.written_at - by)
        Path(lake.at(manifest_path(number))).write_bytes(to_json(older))
    for path in Path(lake.root).rglob("*"):
        at = path.stat().st_mtime - by.total_seconds()
        os.utime(path, (at, at))


def files(lake: Lake) -> set[str]:
    return {*place.sizes(lake, "tables")}


def named(lake: Lake) -> set[str]:
    found = [read(lake, number) for number in numbers(lake)]
    return {
        file.path
        for manifest in found
        if manifest
        for table in manifest.tables.values()
        for file in table.files
    }


def test_the_last_ones_stay(lake: Lake, file: Path) -> None:
    for value in range(5):
        put(file, lake, value)
    age(lake, GRACE + HOUR)
    done = prune(lake, keep=2, days=0)
    assert (done.snapshots, done.files) == (3, 3) and done.bytes > 0
    assert numbers(lake) == [4, 5] and files(lake) == named(lake) and len(files(lake)) == 3
    assert rows(lake, "t") == [(4,)] and rows(lake, "same") == [(0,)]
    assert rows(lake, "t", read(lake, 4)) == [(3,)]
    assert prune(lake, keep=2, days=0) == Pruned()


def test_one_a_day_stays(lake: Lake, file: Path) -> None:
    for value in range(6):
        put(file, lake, value)
        if value % 2:
            age(lake, timedelta(days=1))
    prune(lake, keep=1, days=30)
    assert numbers(lake) == [2, 4, 6]
    prune(lake, keep=1, days=2)
    assert numbers(lake) == [4, 6]
    assert rows(lake, "t", read(lake, 4)) == [(3,)]


def test_who_reads_a_snapshot_may_go_on_when_a_newer_one_comes(lake: Lake, file: Path) -> None:
    put(file, lake, 0)
    age(lake, timedelta(days=99))
    put(file, lake, 1)
    assert prune(lake, keep=1, days=0) == Pruned()
    age(lake, GRACE - HOUR)
    assert prune(lake, keep=1, days=0) == Pruned() and rows(lake, "t", read(lake, 1)) == [(0,)]
    age(lake, 2 * HOUR)
    assert prune(lake, keep=1, days=0).snapshots == 1 and numbers(lake) == [2]


def test_what_nobody_names_goes_when_it_is_old(lake: Lake, file: Path) -> None:
    put(file, lake, 0)
    left = [
        Path(lake.at(path))
        for path in (
            "tables/t/left.parquet",
            "tables/gone/a/b.parquet",
            "snapshots/.000002.json.ab",
        )
    ]
    for path in left:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"part")
    foreign = Path(lake.at("snapshots/README"))
    foreign.write_text("mine")
    age(lake, GRACE - HOUR)
    assert prune(lake, keep=1, days=0) == Pruned()
    age(lake, 2 * HOUR)
    assert prune(lake, keep=1, days=0) == Pruned(0, 3, 12)
    assert foreign.exists() and not any(path.exists() for path in left)
    assert rows(lake, "t") == [(0,)]


def test_in_an_object_store(tmp_path: Path, file: Path) -> None:
    lake = open_lake(f"memory:/{tmp_path}")
    for value in range(3):
        put(file, lake, value)
    assert prune(lake, keep=1, days=0) == Pruned()
    done = prune(lake, keep=1, days=0, grace=timedelta(0))
    assert (done.snapshots, done.files) == (2, 2) and files(lake) == named(lake)
    assert numbers(lake) == [3]


def test_a_damaged_manifest_keeps_everything(lake: Lake, file: Path) -> None:
    for value in range(3):
        put(file, lake, value)
    age(lake, 2 * GRACE)
    Path(lake.at(manifest_path(1))).write_text("{")
    said: list[str] = []
    assert prune(lake, keep=1, days=0, say=said.append) == Pruned()
    assert len(said) == 1 and "Nothing is pruned: " in said[0] and "000001.json" in said[0]
    assert len(files(lake)) == 4


def test_a_writer_that_is_slow_keeps_what_it_builds_on(
    lake: Lake, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It looks at snapshot 1, another one replaces all of it and prunes, and then it publishes."""
    put(file, lake, 0)
    change(tmp_path / "other.duckdb", "CREATE TABLE same AS SELECT 9 AS n")
    age(lake, timedelta(days=99))
    overtaken: list[bool] = []
    check = snapshots._check_files

    def slow(*given: object) -> None:
        if not overtaken:
            overtaken.append(True)
            send(tmp_path / "other.duckdb", lake)
            age(lake, snapshots.LONGEST)
            prune(lake, keep=1, days=0)
        check(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(snapshots, "_check_files", slow)
    change(file, "UPDATE t SET n = 1")
    with opened(file) as connection:
        publish(connection, lake, {"t": "", "same": ""}, writer="slow")
    assert overtaken and numbers(lake) == [1, 2, 3]
    assert rows(lake, "t") == [(1,)] and rows(lake, "same") == [(0,)]


def test_going_back(lake: Lake, file: Path, tmp_path: Path) -> None:
    put(file, lake, 0)
    put(file, lake, 1)
    change(tmp_path / "other.duckdb", "CREATE TABLE other AS SELECT 9 AS n")
    send(tmp_path / "other.duckdb", lake)
    before, after = roll_back(lake, 1)
    assert (before.number, after.number) == (1, 4) and after.tables == before.tables
    assert newest(lake) == after and after.writer == "rollback to 1" and rows(lake, "t") == [(0,)]
    assert roll_back(lake, -1)[1].tables.keys() == {"t", "same", "other"}
    for number in (9, -9):
        with pytest.raises(WarehouseError, match=rf"has no snapshot {number}\.\n.*\nKept are 1, 2"):
            roll_back(lake, number)


@pytest.mark.parametrize("moment", ["before it publishes", "after it published"])
def test_going_back_to_what_is_pruned_meanwhile(
    lake: Lake, file: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """Either the rollback says so and changes nothing, or all of its files stay."""
    put(file, lake, 0)
    put(file, lake, 1)
    age(lake, 2 * GRACE)
    put(file, lake, 2)
    age(lake, 2 * GRACE)
    create = place.create

    def prune_first(*given: object) -> bool:
        monkeypatch.undo()
        assert prune(lake, keep=1, days=0).snapshots == 2
        return create(*given)  # type: ignore[arg-type]

    def prune_between(where: Lake, path: str) -> None:
        monkeypatch.undo()
        roll_back(where, 1)
        place.remove(where, path)

    if moment == "before it publishes":
        monkeypatch.setattr(place, "create", prune_first)
        with pytest.raises(WarehouseError, match=r"Snapshot 1 of .* was pruned meanwhile"):
            roll_back(lake, 1)
        assert numbers(lake) == [3] and rows(lake, "t") == [(2,)]
    else:
        monkeypatch.setattr(place, "remove", prune_between)
        prune(lake, keep=1, days=0)
        assert numbers(lake) == [3, 4] and rows(lake, "t") == [(0,)]
    assert named(lake) <= files(lake)


def test_the_times_are_those_of_utc(lake: Lake, file: Path) -> None:
    put(file, lake, 0)
    found = newest(lake)
    assert found and abs(found.written_at - datetime.now(UTC)) < timedelta(minutes=5)
    (path, *_) = files(lake)
    at = place.modified(lake, path)
    assert at and abs(at - datetime.now(UTC)) < timedelta(minutes=5)
