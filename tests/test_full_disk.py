"""A disk that is full, at whatever moment of a write, is said, and the last snapshot is served."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.test_snapshots import on_disk, put, value
from tests.writer import refresh
from warehouse.errors import WarehouseError
from warehouse.store.snapshots import kept, read

ROWS = 100_000
LEVELS = 40


def mounted(folder: Path, options: str) -> Iterator[Path]:
    """Mount a small file system for the length of a test."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True).returncode:
        pytest.skip("mounting a tmpfs takes root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    yield from mounted(tmp_path / "small", "size=16m")


@pytest.fixture
def few_inodes(tmp_path: Path) -> Iterator[Path]:
    yield from mounted(tmp_path / "few", "size=32m,nr_inodes=64")


def is_served(path: Path, version: int) -> None:
    with read(path) as connection:
        assert connection.sql("FROM v").fetchall() == [(ROWS, version, version)]
    assert [name for name in on_disk(path) if not name.isdigit()] == ["lock", "writer"]


def try_to_write(path: Path, version: int) -> str | None:
    """Write, and return what was said if it failed; anything but an error for people is raised."""
    try:
        refresh(path, version, ROWS)
    except WarehouseError as error:
        assert "everyone still reads the last snapshot" in str(error)
        assert "then run again" in str(error)
        return str(error)
    return None


def test_each_level_of_a_full_disk(small_disk: Path) -> None:
    path = small_disk / "warehouse.duckdb"
    refresh(path, 0, ROWS)
    size = path.stat().st_size
    version, failed = 0, 0
    for level in range(LEVELS):
        system = os.statvfs(small_disk)
        filler = small_disk / "filler"
        if level % 2:  # with a spare there, a write needs little room
            for one in kept(path)[:-2]:
                one.file.unlink(missing_ok=True)
            system = os.statvfs(small_disk)
        left = 4 * size * level // LEVELS
        filler.write_bytes(bytes(max(system.f_bavail * system.f_frsize - left, 0)))
        said = try_to_write(path, version + 1)
        if said:
            failed += 1
            assert "Make room (" in said, said
        else:
            version += 1
        is_served(path, version)
        filler.unlink()
        refresh(path, version := version + 1, ROWS)
        is_served(path, version)
    assert LEVELS / 8 < failed < LEVELS


def test_each_number_of_inodes_that_are_left(few_inodes: Path) -> None:
    path = few_inodes / "warehouse.duckdb"
    refresh(path, 0, ROWS)
    version, failed = 0, 0
    for left in range(10):
        files = few_inodes / "files"
        files.mkdir()
        for number in range(max(os.statvfs(few_inodes).f_favail - left, 0)):
            (files / str(number)).touch()
        said = try_to_write(path, version + 1)
        if said:
            failed += 1
            assert "no inodes left" in said, said
        else:
            version += 1
        is_served(path, version)
        for file in files.iterdir():
            file.unlink()
        files.rmdir()
        refresh(path, version := version + 1, ROWS)
        is_served(path, version)
    assert 0 < failed < 10


def test_each_limit_on_the_size_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    refresh(path, 0, ROWS)
    size = path.stat().st_size
    failed = 0
    version = 0
    for level in range(8):
        limit = size * level // 7
        code = (
            "import resource, sys\n"
            "from pathlib import Path\n"
            "from tests.test_full_disk import try_to_write\n"
            f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))\n"
            f"said = try_to_write(Path(sys.argv[1]), {version + 1})\n"
            "sys.stderr.write(said or '')\n"
            "sys.exit(bool(said))\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, str(path)],
            # A pipe has no size; a limit of nothing would not let pytest's file take a word.
            capture_output=True,
            text=True,
            timeout=60,
        )
        if done.returncode:
            failed += 1
            assert "a limit on their size is reached" in done.stderr, done.stderr
            assert "Traceback" not in done.stderr, done.stderr
        else:
            version += 1
        is_served(path, version)
    assert failed >= 4
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
    refresh(path, version + 1, ROWS)
    is_served(path, version + 1)


def test_a_read_only_file_system(tmp_path: Path) -> None:
    for small in mounted(tmp_path / "small", "size=16m"):
        path = small / "warehouse.duckdb"
        refresh(path, 0, ROWS)
        subprocess.run(["mount", "-o", "remount,ro", str(small)], check=True)
        said = try_to_write(path, 1)
        assert said and "Mount it for writing" in said
        is_served(path, 0)


@pytest.fixture
def staging(tmp_path: Path) -> Path:
    put(tmp_path / "warehouse.duckdb", 1)
    return tmp_path / ".warehouse" / "staging"


def next_write(staging: Path) -> None:
    path = staging.parents[1] / "warehouse.duckdb"
    put(path, 2)
    assert value(path) == 2
    assert on_disk(path) == ["000001", "000002", "lock", "writer"]


def test_staging_that_is_an_empty_file(staging: Path) -> None:
    staging.touch()
    next_write(staging)


@pytest.mark.parametrize("target", ["nowhere", "mine", "file"])
def test_staging_that_is_a_link(staging: Path, tmp_path: Path, target: str) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    staging.symlink_to(tmp_path / target)
    next_write(staging)
    assert (tmp_path / "mine" / "notes.txt").read_text() == "mine"
    assert (tmp_path / "file").read_text() == "mine"


def test_staging_that_is_somebodys_file(staging: Path) -> None:
    staging.write_text("mine")
    with pytest.raises(WarehouseError, match=r"staging is a file, which .*\n.*\nMove it away"):
        next_write(staging)
    assert staging.read_text() == "mine"
    staging.unlink()
    next_write(staging)


def test_staging_that_is_somebodys_folder(staging: Path) -> None:
    staging.mkdir()
    (staging / "notes.txt").write_text("mine")
    with pytest.raises(WarehouseError, match=r"staging is a folder that holds notes\.txt, which"):
        next_write(staging)
    (staging / "notes.txt").rename(staging.parent.parent / "notes.txt")
    next_write(staging)


def test_staging_that_a_killed_writer_left(staging: Path) -> None:
    for name in ("warehouse.duckdb", "warehouse.duckdb.wal", "spill/duckdb_temp_1", "published"):
        (staging / name).parent.mkdir(parents=True, exist_ok=True)
        (staging / name).write_text("torn")
    staging.chmod(0o555)
    next_write(staging)


@pytest.mark.parametrize("name", ["link", "writer", "lock"])
def test_a_folder_in_the_place_of_a_file_is_named(staging: Path, name: str) -> None:
    entry = staging.parent / name
    entry.unlink(missing_ok=True)
    (entry / "mine").mkdir(parents=True)
    with pytest.raises(WarehouseError, match=rf"{name} is a folder, and in the way. Move it away"):
        next_write(staging)
    (entry / "mine").rmdir()
    entry.rmdir()
    next_write(staging)


def test_a_file_in_the_place_of_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / ".warehouse").write_text("mine")
    with pytest.raises(WarehouseError, match=r"\.warehouse is a file, and in the way"):
        put(tmp_path / "warehouse.duckdb", 1)


def test_a_file_named_as_a_snapshot_is_none(staging: Path) -> None:
    (staging.parent / "000009").write_text("mine")
    path = staging.parents[1] / "warehouse.duckdb"
    put(path, 2)
    assert value(path) == 2
    assert (staging.parent / "000009").read_text() == "mine"
