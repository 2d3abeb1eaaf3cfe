"""Older snapshots are kept at the cost of what changed, and open as they were published."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

import warehouse
from tests.conftest import WarehouseEnv
from tests.test_spare import contents, digest
from tests.writer import refresh
from warehouse.days import retention
from warehouse.errors import WarehouseError
from warehouse.settings import ROOT
from warehouse.store import (
    blocks,
    delta,
    history,
    prune,
    publish,
    rebuild,
    reflink,
    tampering,
)
from warehouse.store.history import open_snapshot
from warehouse.store.snapshots import FILE, kept, newest

ROWS = 400_000
"""Of a table that takes some MB, and does not change."""


@pytest.fixture
def path(warehouse_env: WarehouseEnv) -> Path:
    folder = warehouse_env.path.parent
    folder.mkdir(parents=True, exist_ok=True)
    if reflink.clones(folder):
        pytest.skip("here all snapshots are whole")
    return warehouse_env.path


def put(path: Path, number: int, keep: int = 10, days: int = 0) -> None:
    """Publish a snapshot that differs in a small table and in one of ten views."""
    with publish.write(path, keep=keep, keep_days=days, who="a test") as connection:
        connection.execute(
            "CREATE TABLE IF NOT EXISTS large AS SELECT i, hash(i) AS h, md5(i::VARCHAR) AS m "
            f"FROM range({ROWS}) r(i)"
        )
        connection.execute(f"CREATE OR REPLACE TABLE t AS SELECT {number} AS i FROM range(1000)")
        connection.execute(f"CREATE OR REPLACE VIEW v{number % 10} AS SELECT {number} AS i")


def written(path: Path, count: int, keep: int = 10) -> dict[int, str]:
    """Publish so many snapshots, and return a digest of each one's file when it was published."""
    found = {}
    for number in range(1, count + 1):
        put(path, number, keep)
        found[number] = digest(path)
    return found


def folder(path: Path, number: int) -> Path:
    return path.parent / ".warehouse" / f"{number:06d}"


def allocated(entry: Path) -> int:
    return sum(file.stat().st_blocks * 512 for file in entry.rglob("*") if file.is_file())


def shows(path: Path, number: int) -> None:
    with open_snapshot(path, number) as connection:
        assert connection.sql("SELECT DISTINCT i FROM t").fetchall() == [(number,)]
        assert connection.sql(f"FROM v{number % 10}").fetchall() == [(number,)]
        assert connection.sql("SELECT count(*) FROM large").fetchall() == [(ROWS,)]


def test_ten_views_rewritten_in_turn(path: Path) -> None:
    published = written(path, 12)
    assert [one.number for one in kept(path)] == [*range(3, 13)]
    for number in range(3, 13):
        shows(path, number)
        assert digest(folder(path, number) / FILE) == published[number]


def test_they_cost_what_changed(path: Path) -> None:
    written(path, 12)
    size = path.stat().st_size
    assert size > 10e6
    assert [one.number for one in kept(path) if one.file.exists()] == [10, 11, 12]
    for number in range(3, 10):
        assert allocated(folder(path, number)) < size / 10
    assert allocated(path.parent / ".warehouse") < 3 * size + 10 * size / 10


def test_who_comes_next_finds_what_was_made_whole_and_the_next_write_removes_it(path: Path) -> None:
    written(path, 6)
    file = folder(path, 2) / FILE
    shows(path, 2)
    made = file.stat()
    assert made.st_mode & 0o777 == 0o444 and not tampering.is_changed(file)
    published = json.loads(file.with_name(tampering.SEAL).read_text())
    assert made.st_mtime_ns == published["mtime_ns"], "else its headers are read each time"
    with open_snapshot(path, 2) as reader:
        assert file.stat().st_ino == made.st_ino, "it was made again"
        put(path, 7)
        assert not file.exists()
        assert reader.sql("SELECT DISTINCT i FROM t").fetchall() == [(2,)]
        put(path, 8)
        assert reader.cursor().sql("SELECT count(*) FROM large").fetchall() == [(ROWS,)]
    assert [one.number for one in kept(path) if one.file.exists()] == [6, 7, 8]
    shows(path, 2)


def test_by_days_the_last_of_each_stays(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those in between go, and what the older ones need of them is moved."""
    today = datetime.now(UTC)
    published = {}
    monkeypatch.setattr(
        history,
        "times",
        lambda _: {number: today - timedelta(days=(15 - number) // 3) for number in range(1, 16)},
    )
    for number in range(1, 16):
        put(path, number, keep=2, days=14)
        published[number] = digest(path)
    numbers = [one.number for one in kept(path)]
    assert numbers == [3, 6, 9, 12, 14, 15]
    assert contents(path) == {number: published[number] for number in numbers}
    assert allocated(folder(path, 3)) < path.stat().st_size / 5
    for number in numbers:
        shows(path, number)
    put(path, 16, keep=1)
    assert [one.number for one in kept(path)] == [16]


@pytest.mark.parametrize(
    ("keep", "days", "expected"),
    [
        (1, 0, [9]),
        (3, 0, [7, 8, 9]),
        (3, 1, [6, 7, 8, 9]),
        (3, 2, [3, 6, 7, 8, 9]),
        (1, 3, [2, 3, 6, 9]),
        (20, 0, [*range(1, 10)]),
    ],
)
def test_which_stay(keep: int, days: int, expected: list[int]) -> None:
    day = datetime(2026, 3, 29, 23, 30).astimezone()  # local
    written = {
        number: day - timedelta(days=back)
        for number, back in {1: 3, 2: 3, 3: 2, 4: 1, 5: 1, 6: 1, 7: 0, 8: 0, 9: 0}.items()
    }
    found = retention.staying(
        [*range(1, 10)], written, keep=keep, days=days, today=date(2026, 3, 29)
    )
    assert found == expected


def test_what_older_ones_need_of_parts_that_go_is_moved(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = written(path, 8)
    assert [one.number for one in kept(path) if one.file.exists()] == [6, 7, 8]
    monkeypatch.setattr(retention, "staying", lambda *_, **__: [1, 8, 9])
    put(path, 9)
    published[9] = digest(path)
    assert contents(path) == {number: published[number] for number in (1, 8, 9)}


def test_a_day_is_one_of_the_time_zone_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    late = datetime(2026, 3, 28, 20, tzinfo=UTC)  # the next day, in Tokyo
    times = {1: late - timedelta(hours=6), 2: late, 3: late + timedelta(hours=1), 4: late}
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        found = retention.staying(times, times, keep=1, days=1, today=date(2026, 3, 29))
    finally:
        monkeypatch.undo()
        time.tzset()
    assert found == [1, 4]


def test_what_has_no_time_stays_by_number_only() -> None:
    found = retention.staying([1, 2, 3], {}, keep=1, days=9)
    assert found == [3]


# Damage.


def flip(file: Path, at: int) -> None:
    file.chmod(0o644)
    with file.open("r+b") as opened:
        opened.seek(at)
        byte = opened.read(1)
        opened.seek(at)
        opened.write(bytes([byte[0] ^ 1]))


@pytest.mark.parametrize("what", ["its bytes", "its list", "gone", "the digests", "cut"])
def test_damage_is_named_and_everything_newer_is_safe(
    path: Path, warehouse_env: WarehouseEnv, what: str
) -> None:
    written(path, 7)
    (file,) = delta.files(folder(path, 3))
    note = file.with_name(blocks.NOTE)
    if what == "its bytes":
        flip(file, file.stat().st_size - 1000)
    elif what == "its list":
        flip(file, 30)
    elif what == "gone":
        file.unlink()
    elif what == "the digests":
        flip(note, 100)
    else:
        os.truncate(file, file.stat().st_size - 1000)
    with pytest.raises(WarehouseError, match=r"Snapshot 3 cannot be put together again: ") as error:
        open_snapshot(path, 3)
    assert "Every snapshot after 3 is safe" in str(error.value)
    done = subprocess.run(
        [sys.executable, "-m", "warehouse", "diff", "t", "--old", "3"],
        env=warehouse_env.env,
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.returncode == 1 and done.stderr.startswith("Snapshot 3 cannot be put together")
    with (
        pytest.raises(WarehouseError, match="Snapshot 3 cannot be put together"),
        publish.write(path, keep=9, who="a test", base=kept(path)[2]),
    ):
        pass
    assert [entry.name for entry in (path.parent / ".warehouse").glob("scratch.*")] == []
    for number in (4, 5, 6, 7):
        shows(path, number)
    put(path, 8)
    shows(path, 8)
    shows(path, 4)


def test_damage_in_the_file_of_a_newer_one_is_named_as_such(path: Path) -> None:
    written(path, 6)
    base = kept(path)[-3].file  # the first that is whole
    found = blocks.noted(base)
    assert found
    flip(base, blocks.place(20))
    with pytest.raises(WarehouseError, match=rf"Snapshot 1 cannot .*{base} is damaged") as error:
        open_snapshot(path, 1)
    assert "Every snapshot after 4 is safe" in str(error.value)


def test_a_snapshot_that_somebody_wrote_to_stays_a_file(path: Path) -> None:
    written(path, 3)
    file = folder(path, 3) / FILE
    Path(f"{file}.wal").write_bytes(b"rows")
    for number in range(4, 9):
        put(path, number)
    assert file.exists()
    assert tampering.findings(3, file)
    shows(path, 2)


# Where it is made.


@contextmanager
def mounted(point: Path, *options: str) -> Iterator[None]:
    point.mkdir(exist_ok=True)
    if subprocess.run(["mount", *options, str(point)], capture_output=True).returncode:
        pytest.skip("mounting takes root")
    try:
        yield
    finally:
        subprocess.run(["umount", str(point)], check=True)


def test_where_nobody_may_write_it_is_made_in_a_temporary_folder(
    path: Path, warehouse_env: WarehouseEnv, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(path, 6)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    with mounted(tmp_path / "readonly", "--bind", "-o", "ro", str(path.parent)):
        read_only = tmp_path / "readonly" / path.name
        warehouse_env.configure(path=read_only)
        with warehouse.connect(snapshot=1) as connection:
            assert [*temporary.iterdir()] == [], "gone, and still read"
            assert connection.sql("SELECT DISTINCT i FROM t").fetchall() == [(1,)]
            assert connection.cursor().sql("SELECT count(*) FROM large").fetchall() == [(ROWS,)]
        assert warehouse.diff("t", old=1, new=2, key=[]).old == 1
        assert warehouse.diff("large").equal
    assert [*temporary.iterdir()] == []


def test_where_there_is_no_room_it_is_said(path: Path, tmp_path: Path) -> None:
    written(path, 6)
    small = tmp_path / "small"
    with mounted(small, "-t", "tmpfs", "-o", "size=80m", "tmpfs"):
        shutil.copytree(
            path.parent, small / "data", symlinks=True, ignore=shutil.ignore_patterns("small")
        )
        room = shutil.disk_usage(small).free
        (small / "filler").write_bytes(bytes(room - 5_000_000))
        said = r"Snapshot 1 is kept as .* GB cannot be made .*: No space left.*\n.*\nMake room"
        with pytest.raises(WarehouseError, match=said):
            open_snapshot(small / "data" / path.name, 1)
        assert [*(small / "data" / ".warehouse").glob("scratch.*")] == []
        (small / "filler").unlink()
        shows(small / "data" / path.name, 1)


def test_a_full_disk_leaves_them_whole_and_nothing_is_lost(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        retention,
        "staying",
        lambda numbers, *_, **__: sorted({1, *sorted(numbers)[-3:]}),
    )
    published = written(path, 4)
    keep = delta.keep

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(delta, "keep", full)
    put(path, 5)
    published[5] = digest(path)
    assert contents(path).items() <= published.items()
    assert contents(path).keys() >= {1, 3, 4, 5}, "1 needs what is kept of those after it"
    monkeypatch.setattr(delta, "keep", keep)
    put(path, 6)
    published[6] = digest(path)
    assert contents(path) == {number: published[number] for number in (1, 4, 5, 6)}


def test_what_a_killed_process_left_that_made_one_whole(path: Path) -> None:
    written(path, 6)
    code = (
        "import sys, time; from pathlib import Path; from warehouse.store import rebuild, history\n"
        "def wait(*_):\n    print('begun', flush=True); time.sleep(60)\n"
        "rebuild._fill = wait\n"
        "history.open_snapshot(Path(sys.argv[1]), 1)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, cwd=ROOT
    )
    assert process.stdout and process.stdout.readline() == b"begun\n"
    house = path.parent / ".warehouse"
    put(path, 7)
    assert len([*house.glob("scratch.*")]) == 1, "it is still being made"
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    put(path, 8)
    assert [*house.glob("scratch.*")] == []


# With everything else at the same time.


def test_going_back_to_one_that_is_not_whole(path: Path) -> None:
    published = written(path, 7)
    for number in (1, 4, 2):
        base = next(one for one in kept(path) if one.number == number)
        assert not base.file.exists()
        with publish.write(path, keep=20, who="a test", base=base):
            pass
        with warehouse.connect() as connection:
            assert connection.sql("SELECT DISTINCT i FROM t").fetchall() == [(number,)]
    found = contents(path)
    assert {number: found[number] for number in published} == published


def test_a_link_set_by_hand_to_one_that_is_not_whole(
    path: Path, warehouse_env: WarehouseEnv
) -> None:
    published = written(path, 7)
    path.unlink()
    path.symlink_to(f".warehouse/000002/{FILE}")
    with pytest.raises(
        WarehouseError, match=r"Snapshot 2 .* kept as parts.*\n.*\n`just rollback 2`"
    ):
        warehouse.connect()
    done = subprocess.run(
        [sys.executable, "-m", "warehouse", "rollback", "2"], env=warehouse_env.env, cwd=ROOT
    )
    assert done.returncode == 0
    with warehouse.connect() as connection:
        assert connection.sql("SELECT DISTINCT i FROM t").fetchall() == [(2,)]
    found = contents(path)
    assert {number: found[number] for number in published} == published


def test_readers_of_older_ones_while_others_write(path: Path) -> None:
    written(path, 5, keep=6)
    stop = threading.Event()
    code = (
        "import sys, warehouse\n"
        "from warehouse.errors import WarehouseError\n"
        "for turn in range(12):\n"
        "    for back in (-2, -4, -5):\n"
        "        with warehouse.connect(snapshot=back) as c:\n"
        "            ((i,),) = c.sql('SELECT DISTINCT i FROM t').fetchall()\n"
        "            assert c.sql(f'FROM v{i % 10}').fetchall() == [(i,)]\n"
        f"            assert c.sql('SELECT count(*) FROM large').fetchall() == [({ROWS},)]\n"
    )
    readers = [
        subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True, cwd=ROOT)
        for _ in range(2)
    ]
    number = 6
    while any(reader.poll() is None for reader in readers):
        put(path, number, keep=6)
        number += 1
        time.sleep(0.05)
    stop.set()
    for reader in readers:
        _, said = reader.communicate()
        assert reader.returncode == 0, said
    assert number > 10


def test_a_diff_that_walks_back_makes_one_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each step costs what differs, and nothing is left."""
    written(path, 9)
    made = []
    fill = rebuild.fill

    def counted(file: Path, target: int, there: tuple[bytes, ...] = ()) -> None:
        wanted = blocks.listed(file)
        assert wanted
        made.append(sum(1 for part, one in enumerate(wanted) if [*there[part : part + 1]] != [one]))
        fill(file, target, there)

    monkeypatch.setattr(rebuild, "fill", counted)
    found = warehouse.diff("large")
    assert found.equal and found.old == 1
    assert len(made) == 6 and made[0] > 40
    assert max(made[1:]) < 12, made
    assert [one.number for one in kept(path) if one.file.exists()] == [7, 8, 9]
    assert [*(path.parent / ".warehouse").glob("scratch.*")] == []


def test_a_warehouse_of_an_earlier_version(path: Path) -> None:
    """It has whole files, and notes that tell nothing here."""
    published = written(path, 6)
    for one in kept(path):
        with rebuild.whole(one) as file:
            assert digest(file) == published[one.number]
        for name in (blocks.NOTE, *(part.name for part in delta.files(file.parent))):
            file.with_name(name).unlink(missing_ok=True)
        file.with_name(blocks.NOTE).write_bytes(bytes(500))
    put(path, 7)
    published[7] = digest(path)
    assert contents(path) == published
    assert [one.number for one in kept(path) if one.file.exists()] == [5, 6, 7]


def test_a_newer_one_that_is_read_by_duckdb_alone(path: Path) -> None:
    """The link and the newest snapshots need nothing of this."""
    written(path, 6)
    for number in (1, 2, 3):
        shutil.rmtree(folder(path, number))
    for number in (4, 5, 6):
        shows(path, number)
    refresh(path, 7, 10)
    current = newest(path)
    assert current and current.number == 7
    assert prune.WHOLE == 2
