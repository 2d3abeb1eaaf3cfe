"""A publisher that is killed, starved or raced leaves a lake whose newest snapshot is whole."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lakes import change, rows, send
from tests.test_full_disk import mounted
from warehouse.errors import WarehouseError
from warehouse.lake.names import manifest_path
from warehouse.lake.place import Lake, open_lake, sizes
from warehouse.lake.snapshots import named_files, newest, numbers
from warehouse.settings import ROOT

KILLED = """
import os, signal, sys
from pathlib import Path
from tests.lakes import send
from warehouse.lake.place import open_lake

EVENTS = ("open", "os.mkdir", "os.link", "os.remove", "os.rename")
file, lakes = Path(sys.argv[1]), Path(sys.argv[2])
number = 0

def publish(lake, at):
    seen = 0
    def watch(event, arguments):
        nonlocal seen
        if event in EVENTS and str(arguments[0]).startswith(str(lake)):
            seen += 1
            if seen == at:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(watch)
    send(file, open_lake(str(lake)))

while True:
    number += 1
    child = os.fork()
    if not child:
        publish(lakes / str(number), number)
        os._exit(0)
    if os.waitpid(child, 0)[1] == 0:
        break
print(number)
"""
"""Publishes into the copies of a lake; in the copy N it is killed at the Nth thing that it does to
a file. It ends with the first copy in which it comes to its end."""

COPIES = 60


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "warehouse.duckdb"
    change(
        file,
        "CREATE TABLE by_day AS SELECT i, DATE '2026-01-01' + (i % 3)::INTEGER AS day "
        "FROM range(30) r(i)",
        "CREATE TABLE t AS SELECT 0 AS n",
    )
    return file


def is_whole(lake: Lake) -> None:
    """See that each file that the newest snapshot names is there."""
    manifest = newest(lake)
    assert manifest
    there = sizes(lake, "tables")
    for table in manifest.tables.values():
        assert all(there[one.path] == one.bytes for one in table.files)


def nothing_is_left_over(lake: Lake) -> None:
    """See that each file is named by a snapshot, or is a manifest."""
    manifests = {manifest_path(number) for number in numbers(lake)}
    assert {*sizes(lake, "")} - {*sizes(lake, "writers")} == named_files(lake) | manifests


def test_a_kill_at_each_moment(tmp_path: Path, file: Path) -> None:
    first = open_lake(str(tmp_path / "first"))
    send(file, first)
    before = {name: rows(first, name) for name in ("by_day", "t")}
    change(file, "UPDATE by_day SET i = -i WHERE i = 1", "UPDATE t SET n = 1")
    for number in range(1, COPIES):
        shutil.copytree(first.root, tmp_path / "lakes" / str(number))
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(file), str(tmp_path / "lakes")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    unharmed = int(done.stdout)
    assert 10 < unharmed < COPIES, "so many things does a publisher do to files"
    published = 0
    for number in range(1, unharmed + 1):
        lake = open_lake(str(tmp_path / "lakes" / str(number)))
        is_whole(lake)
        after = {name: rows(lake, name) for name in ("by_day", "t")}
        if numbers(lake) == [1]:
            assert after == before
        else:
            published += 1
            assert numbers(lake) == [1, 2] and after["t"] == [(1,)]
            assert after["by_day"][0][:1] == (-1,)
        assert send(file, lake).is_new == (numbers(lake)[-1] == 2 and after == before)
        is_whole(lake)
        assert rows(lake, "t") == [(1,)]
        nothing_is_left_over(lake)
    assert published >= 2, "what comes after the link changes nothing"


def test_two_publishers_at_once(tmp_path: Path) -> None:
    """Each has a table of its own, and both have one: all of it is there at the end."""
    lake = tmp_path / "lake"
    names = ("a", "b", "c")
    running = []
    for name in names:
        file = tmp_path / f"{name}.duckdb"
        change(
            file, f"CREATE TABLE {name} AS SELECT 1 AS n", f"CREATE TABLE t AS SELECT '{name}' n"
        )
        command = [sys.executable, "-m", "tests.lakes", str(file), str(lake), name]
        running.append(subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True))
    outputs = [process.communicate(timeout=60)[0].splitlines() for process in running]
    assert [process.returncode for process in running] == [0, 0, 0]
    found = open_lake(str(lake))
    assert numbers(found) == [1, 2, 3]
    assert sorted(lines[0] for lines in outputs) == ["1", "2", "3"]
    for name in names:
        assert rows(found, name) == [(1,)]
    (last,) = [name for name, lines in zip(names, outputs, strict=True) if lines[0] == "3"]
    assert rows(found, "t") == [(last,)]
    is_whole(found)


def test_all_is_on_the_disk_before_a_manifest_names_it(
    tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = open_lake(str(tmp_path / "lake"))
    done: list[str] = []
    fsync, link = os.fsync, os.link

    def synced(descriptor: int) -> None:
        done.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        fsync(descriptor)

    def linked(part: Path, manifest: Path) -> None:
        done.append(f"link to {manifest}")
        assert str(part) in done
        link(part, manifest)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "link", linked)
    manifest = send(file, lake).snapshot
    at = done.index(f"link to {lake.root}/snapshots/000001.json")
    files = {lake.at(one.path) for table in manifest.tables.values() for one in table.files}
    folders = {f"{lake.root}{name}" for name in ("", "/tables", "/tables/t", "/tables/by_day")}
    assert {*files, *folders, str(tmp_path)} <= {*done[:at]}
    assert done[at + 1 :] == [f"{lake.root}/snapshots"]
    last = {path: place for place, path in enumerate(done)}
    assert all(last[str(Path(path).parent)] > last[path] for path in files)


def test_somebody_stops_it(tmp_path: Path) -> None:
    file, lake = tmp_path / "w.duckdb", open_lake(str(tmp_path / "lake"))
    change(file, "CREATE TABLE t AS SELECT i, md5(i::VARCHAR) AS h FROM range(12_000_000) r(i)")
    command = [sys.executable, "-m", "tests.lakes", str(file), lake.root, "me"]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 60
        while not [*Path(lake.root).rglob("*.parquet")] and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode != 0
    assert newest(lake) is None
    assert [*Path(lake.root).rglob("*.parquet")] == [], "what nobody is going to name is removed"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    yield from mounted(tmp_path / "small", "size=4m")


def test_each_level_of_a_full_disk(tmp_path: Path, small_disk: Path) -> None:
    file, lake = tmp_path / "w.duckdb", open_lake(str(small_disk / "lake"))
    change(file, "CREATE TABLE t AS SELECT 0 AS version, hash(i) AS h FROM range(60_000) r(i)")
    send(file, lake)
    before = rows(lake, "t")
    size = sum(sizes(lake, "tables").values())
    change(file, "UPDATE t SET version = 1")
    failed = 0
    for level in range(10):
        system = os.statvfs(small_disk)
        left = size * level // 6
        filler = small_disk / "filler"
        filler.write_bytes(bytes(max(system.f_bavail * system.f_frsize - left, 0)))
        try:
            send(file, lake)
            break
        except WarehouseError as error:
            failed += 1
            assert f"Writing the lake {lake.root} failed" in str(error)
            assert "Make room there" in str(error) and "still reads the last snapshot" in str(error)
        filler.unlink()
        assert rows(lake, "t") == before and numbers(lake) == [1]
        assert len([*small_disk.rglob("*.parquet")]) == 1, "what was half-written is removed"
    assert 3 < failed < 10
    assert rows(lake, "t") != before and numbers(lake) == [1, 2]


def test_a_read_only_file_system(tmp_path: Path, file: Path) -> None:
    for small in mounted(tmp_path / "small", "size=4m"):
        lake = open_lake(str(small / "lake"))
        subprocess.run(["mount", "-o", "remount,ro", str(small)], check=True)
        with pytest.raises(WarehouseError, match="Mount the file system for writing"):
            send(file, lake)
        subprocess.run(["mount", "-o", "remount,rw", str(small)], check=True)
        send(file, lake)
        change(file, "UPDATE t SET n = 5")
        subprocess.run(["mount", "-o", "remount,ro", str(small)], check=True)
        with pytest.raises(WarehouseError, match="Mount the file system for writing"):
            send(file, lake)
        assert rows(lake, "t") == [(0,)]


@pytest.mark.parametrize("way", ["tables", "tables/t", "snapshots"])
def test_a_file_in_the_way_of_a_folder(tmp_path: Path, file: Path, way: str) -> None:
    lake = open_lake(str(tmp_path / "lake"))
    blocking = Path(lake.at(way))
    blocking.parent.mkdir(parents=True)
    blocking.write_text("mine")
    with pytest.raises(WarehouseError, match="failed: Not a directory") as raised:
        send(file, lake)
    assert "A file is in the way of a folder" in str(raised.value)
    assert blocking.read_text() == "mine" and newest(lake) is None
