"""Older snapshots: opened by number or time, and never pulled away under a reader."""

import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

import warehouse
from tests.conftest import WarehouseEnv
from tests.writer import refresh
from warehouse.errors import WarehouseError
from warehouse.settings import ROOT
from warehouse.store import open_files as holders
from warehouse.store import reflink
from warehouse.store.history import find, written
from warehouse.store.publish import write
from warehouse.store.snapshots import Snapshot, newest


@pytest.fixture
def path(warehouse_env: WarehouseEnv) -> Path:
    return warehouse_env.path


def version(snapshot: Any) -> int:
    with warehouse.connect(snapshot) as connection:
        ((found,),) = connection.sql("SELECT low FROM v").fetchall()
    return int(found)


@pytest.fixture
def far_from_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A local time of its own."""
    with monkeypatch.context() as local:
        local.setenv("TZ", "XYZ+7:30")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("far_from_utc")
def test_by_time(path: Path) -> None:
    before = datetime.now(UTC)
    for number in (1, 2, 3, 4):
        refresh(path, number, 10)
    times = written(path)
    assert list(times) == [1, 2, 3, 4]
    assert before < times[1] < times[2] < times[3] < times[4] < datetime.now(UTC)
    just_before = times[3] - timedelta(microseconds=1)
    for moment, expected in ((times[3], 3), (just_before, 2), (datetime.now(UTC), 4)):
        local = moment.astimezone().replace(tzinfo=None)
        assert local == moment.replace(tzinfo=None) - timedelta(hours=7, minutes=30)
        assert version(moment) == version(local) == expected
        assert version(str(moment)) == version(local.isoformat(" ")) == expected
    assert version("3") == 3 and version("-1") == 3
    # Snapshot 1 was the newest one then, and is gone.
    with pytest.raises(
        WarehouseError, match=r"is kept is as old as 20.*\nKept are 2 \(20[^)]*:\d\d\), 3 \(.*"
    ):
        warehouse.connect(times[1])


def test_the_time_is_that_after_which_it_could_be_read(path: Path) -> None:
    with write(path, keep=3, who="a test") as connection:
        connection.execute("CREATE TABLE t AS SELECT 1 AS i")
        meanwhile = datetime.now(UTC)
    assert written(path)[1] > meanwhile


@pytest.mark.parametrize(
    "which", ["yesterday", "12:00", "2026-13-01", "", "1.5", "0001-01-01", datetime.min, 1.5, [1]]
)
@pytest.mark.usefixtures("far_from_utc")
def test_what_is_neither_a_number_nor_a_time(path: Path, which: Any) -> None:
    refresh(path, 1, 10)
    with pytest.raises(WarehouseError, match="neither the number of a snapshot nor a time such as"):
        warehouse.connect(which)


def test_with_one_snapshot_it_says_how_there_comes_to_be_another(
    path: Path, warehouse_env: WarehouseEnv
) -> None:
    refresh(path, 1, 10)
    said = r"Snapshot 1 is the oldest that is kept: there is none before it\.\n.*just materialize"
    with pytest.raises(WarehouseError, match=said):
        warehouse.connect(snapshot=-1)
    for arguments in (["rollback", "-1"], ["diff", "t"], ["diff", "t", "--old", "-1"]):
        done = warehouse_env.command(*arguments)
        assert (done.returncode, done.stdout) == (1, "")
        assert re.match(said, done.stderr), done.stderr


def test_numbers_and_days_of_other_libraries(path: Path) -> None:
    for number in (1, 2):
        refresh(path, number, 10)
    assert version(np.int64(1)) == 1
    assert version(date.today() + timedelta(days=1)) == 2
    with pytest.raises(WarehouseError, match="is as old as"):
        warehouse.connect(date(2020, 1, 1))


def damage(file: Path, how: str) -> None:
    file.chmod(0o644)
    if how == "gone":
        shutil.rmtree(file.parent)
    else:
        file.write_bytes(b"" if how == "empty" else b"no database" * 1000)


@pytest.mark.parametrize("how", ["gone", "empty", "foreign"])
def test_a_damaged_file_is_said_and_an_older_one_takes_its_place(
    path: Path, warehouse_env: WarehouseEnv, how: str
) -> None:
    for number in (1, 2):
        refresh(path, number, 10)
    damage(find(path, 2).file, how)
    said = r"Snapshot 2 of .* cannot be opened: .*\n.*rollback NUMBER.* kept are 1\."
    for arguments in (["sql", "from t"], ["status"], ["history"], ["export", f"{path}.out"]):
        done = warehouse_env.command(*arguments)
        assert (done.returncode, done.stdout) == (1, "")
        assert re.fullmatch(f"{said}\n", done.stderr), done.stderr
    with pytest.raises(WarehouseError, match=said):
        refresh(path, 3, 10)
    assert warehouse_env.command("rollback", "1").returncode == 0
    assert version(0) == 1
    damage(find(path, 0).file, how)
    for number in (1, 2):
        shutil.rmtree(path.parent / ".warehouse" / f"{number:06}", ignore_errors=True)
    with pytest.raises(WarehouseError, match="beside it away, and build it again"):
        warehouse.connect()


def test_a_file_that_opens_and_is_damaged_further_in(
    path: Path, warehouse_env: WarehouseEnv
) -> None:
    for number in (1, 2):
        refresh(path, number, 100_000)
    file = find(path, 2).file
    size = file.stat().st_size
    file.chmod(0o644)
    with file.open("r+b") as writing:  # its first and last blocks tell what is in it
        writing.seek(300_000)
        writing.write(b"x" * (size - 600_000))
    done = warehouse_env.command("diff", "t")
    assert (done.returncode, done.stdout) == (1, ""), done.stdout
    assert "Traceback" not in done.stderr and "`just rollback NUMBER`" in done.stderr


def test_a_path_through_a_file(path: Path, warehouse_env: WarehouseEnv) -> None:
    path.write_text("a file")
    warehouse_env.configure(path=path / "warehouse.duckdb")
    with pytest.raises(WarehouseError, match=r"cannot be read: Not a directory\."):
        warehouse.connect()
    assert holders.writer(path / "warehouse.duckdb") is None


def test_before_anything_was_built(path: Path) -> None:
    for which in (1, -1, "2026-11-20"):
        with pytest.raises(WarehouseError, match="There is no warehouse at"):
            find(path, which)


READER = """
import sys, duckdb, warehouse
connection = warehouse.connect(snapshot=1)
print("open", flush=True)
sys.stdin.readline()
question = "SELECT count(*), count(DISTINCT h), min(version), max(version), sum(i) FROM t"
print(connection.execute(question).fetchall())
print(connection.cursor().execute(question).fetchall())
print(connection.sql("FROM v").fetchall())
with warehouse.connect() as newer:
    print(newer.sql("SELECT low FROM v").fetchall())
try:
    warehouse.connect(snapshot=1)
except warehouse.errors.WarehouseError as error:
    print(str(error).splitlines()[0].split(" of ")[0])
"""


def test_a_snapshot_in_use_is_read_to_its_end_after_it_was_pruned(
    path: Path, warehouse_env: WarehouseEnv
) -> None:
    rows = 1_000_000
    refresh(path, 1, rows)
    reader = subprocess.Popen(
        [sys.executable, "-c", READER],
        env=warehouse_env.env,
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert reader.stdout
    assert reader.stdout.readline() == "open\n"  # and has read no row yet
    oldest = newest(path)
    assert oldest
    for number in range(2, 6):
        refresh(path, number, 10)
    assert not oldest.file.exists()
    said, _ = reader.communicate("go\n", timeout=60)
    whole = [(rows, rows, 1, 1, rows * (rows - 1) // 2)]
    assert said.splitlines() == [
        str(whole),
        str(whole),
        str([(rows, 1, 1)]),
        "[(5,)]",
        "There is no snapshot 1",
    ]


def test_a_diff_that_is_under_way_is_not_disturbed_either(path: Path) -> None:
    from warehouse.store import side_by_side

    for number in (1, 2):
        refresh(path, number, 1000)
    with side_by_side.attached(find(path, 1), find(path, 2)) as connection:
        for number in range(3, 7):
            refresh(path, number, 10)
        for side, expected in (("old", 1), ("new", 2)):
            held = side_by_side.CATALOGS[side]
            answer = connection.sql(f"SELECT n, low, high FROM {held}.v").fetchall()
            assert answer == [(1000, expected, expected)]


def test_a_diff_of_what_is_pruned_before_it_begins_takes_what_is_meant_now(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from warehouse.store import side_by_side

    attached = side_by_side.attached
    newer = [3, 4, 5]

    def hurried_by(old: Snapshot, new: Snapshot, *how: Any) -> Any:
        while newer:
            refresh(path, newer.pop(0), 10)
        return attached(old, new, *how)

    for number in (1, 2):
        refresh(path, number, 10)
    monkeypatch.setattr(side_by_side, "attached", hurried_by)
    found = warehouse.diff("t", old=-1)
    assert (found.old, found.new) == (4, 5)
    newer = [6, 7, 8]
    with pytest.raises(WarehouseError, match="There is no snapshot 4 of"):
        warehouse.diff("t", old=4)


def test_a_rollback_to_what_was_pruned_while_it_waited_names_what_is_kept(path: Path) -> None:
    refresh(path, 1, 10)
    oldest = find(path, 1)
    for number in range(2, 6):
        refresh(path, number, 10)
    with (
        pytest.raises(WarehouseError, match=r"no snapshot 1 of .*\nKept are 3 "),
        write(path, keep=3, who="a test", base=oldest),
    ):
        pass
    with duckdb.connect(str(path), read_only=True) as connection:
        assert connection.sql("SELECT low FROM v").fetchall() == [(5,)]


def test_what_is_kept_and_what_it_costs(path: Path, warehouse_env: WarehouseEnv) -> None:
    with write(path, keep=6, who="the first", part_of="run") as connection:
        connection.execute("CREATE TABLE large AS SELECT i, hash(i) AS h FROM range(400_000) r(i)")
    for number in range(2, 9):
        with write(path, keep=6, who=f"write {number}") as connection:
            connection.execute(f"CREATE OR REPLACE VIEW v AS SELECT {number} AS i")
    done = warehouse_env.command("history", "--format", "json")
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert [line["number"] for line in found] == [*range(1, 9)]
    assert [line["writer"] for line in found] == ["the first", *(f"write {n}" for n in range(2, 9))]
    assert [line["kept"] for line in found[:2]] == [None, None]
    house = path.parent / ".warehouse"
    for line in found[2:]:
        files = [*(house / f"{line['number']:06d}").iterdir()]
        took = sum(file.stat().st_blocks * 512 for file in files)
        assert line["bytes"] + line["shared_bytes"] == took
        assert (line["kept"] == "file") is any(file.name == path.name for file in files)
    moment = datetime.fromisoformat(found[0]["written_at"])
    assert moment == written(path)[1].replace(microsecond=0)

    shown = warehouse_env.command("history")
    assert len(shown.stdout.splitlines()) == 9
    *_, last = shown.stdout.splitlines()
    assert re.fullmatch(r" *8  20\d\d-\S+ \S+  file +\d+\.\d MB  write 8", last), last
    if not reflink.clones(path.parent):
        assert [line["kept"] for line in found[2:]] == ["parts"] * 3 + ["file"] * 3
        small, large = found[2]["bytes"], found[-1]["bytes"]
        assert small < large / 3
        total = sum(line["bytes"] for line in found[2:]) / 1e6
        said = f"6 of 8 are kept. They take {total:,.1f} MB on the disk."
        assert said in shown.stderr
        status = warehouse_env.command("status").stderr
        assert f"6 snapshots on the disk, {total:,.1f} MB." in status
    assert warehouse_env.command("history", "--format", "csv").stdout.count("\n") == 9
