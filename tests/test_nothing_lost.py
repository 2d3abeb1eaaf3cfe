"""Killed, starved or raced, a writer never harms what readers see, and the next one works."""

import random
import resource
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import duckdb
import pytest

from tests.test_snapshots import on_disk
from tests.writer import refresh
from warehouse.store.snapshots import open_newest, read

ROWS = 200_000
KILLS = 20
ANSWER = "SELECT count(*), min(version), max(version), sum(h) FROM t"


def start(
    path: Path, version: int, times: int, rows: int = ROWS, **options: object
) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.writer", str(path), *map(str, (version, times, rows))]
    process: subprocess.Popen[str] = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,  # type: ignore[call-overload]
    )
    return process


@cache
def sum_of(rows: int) -> int:
    with duckdb.connect() as connection:
        ((total,),) = connection.execute(f"SELECT sum(hash(i)) FROM range({rows}) r(i)").fetchall()
    return int(total)


def whole(path: Path, rows: int = ROWS) -> int:
    """Return the version that readers see, all of it."""
    with read(path) as connection:
        ((count, low, high, total),) = connection.sql(ANSWER).fetchall()
    assert (count, low, total) == (rows, high, sum_of(rows))
    return int(low)


def kill_writers(path: Path, kills: int, rows: int = ROWS) -> int:
    """Kill a writer so often, at random moments; return how many were in the middle of a write."""
    refresh(path, 0, rows)
    rng = random.Random(kills)
    in_the_middle = 0
    published = 0
    with ExitStack() as readers:
        held: list[tuple[duckdb.DuckDBPyConnection, int]] = []
        for kill in range(kills):
            writer = start(path, 1000 * (kill + 1), 999, rows)
            assert writer.stdout
            for _ in range(rng.randint(1, 4)):  # it is at work now, with and without a spare
                writer.stdout.readline()
            time.sleep(rng.uniform(0, 0.3))
            writer.send_signal(signal.SIGKILL)
            writer.wait(30)
            writer.stdout.close()
            assert writer.stderr
            writer.stderr.close()
            in_the_middle += (path.parent / ".warehouse" / "staging").exists()
            assert whole(path, rows) > published
            published = whole(path, rows)
            for connection, version in held:
                assert connection.sql(ANSWER).fetchall() == [(rows, version, version, sum_of(rows))]
            if kill % 3 == 0:
                # Each of these stays on its snapshot, long after that is gone.
                held.append((readers.enter_context(open_newest(path)), published))
                held = held[-8:]
    return in_the_middle


def test_kills_at_random_moments(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    in_the_middle = kill_writers(path, KILLS)
    assert in_the_middle > KILLS / 4, "the kills came between the refreshes, not in them"
    refresh(path, 10**6, ROWS)
    assert whole(path) == 10**6
    left = on_disk(path)
    assert len([name for name in left if name.isdigit()]) == 3
    assert [name for name in left if not name.isdigit()] == ["lock", "writer"]


def test_two_writers_at_once(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    writers = [start(path, base, 5) for base in (100, 200)]
    for writer in writers:
        _, errors = writer.communicate(timeout=120)
        assert writer.returncode == 0, errors
    assert whole(path) in (104, 204)
    assert path.readlink().parent.name == "000010"  # each of the ten was a snapshot of its own


def test_a_full_disk(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    refresh(path, 1, ROWS)
    limit = path.stat().st_size // 2

    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    writer = start(path, 2, 1, preexec_fn=small_files)
    _, errors = writer.communicate(timeout=60)
    assert writer.returncode == 1
    assert "Make room" in errors and "everyone still reads the last snapshot" in errors
    assert whole(path) == 1
    refresh(path, 3, ROWS)
    assert whole(path) == 3


def test_a_full_file_system(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(small)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("mounting a tmpfs takes root")
    try:
        path = small / "warehouse.duckdb"
        refresh(path, 1, 1000)
        writer = start(path, 2, 1, rows=2_000_000)
        _, errors = writer.communicate(timeout=60)
        assert writer.returncode == 1
        assert "No space left" in errors and "Make room" in errors
        with read(path) as connection:
            assert connection.sql("SELECT n, low FROM v").fetchall() == [(1000, 1)]
        refresh(path, 3, 1000)
    finally:
        subprocess.run(["umount", str(small)], check=True)


if __name__ == "__main__":  # python -m tests.test_nothing_lost FOLDER KILLS ROWS
    folder, kills_, rows_ = Path(sys.argv[1]), *map(int, sys.argv[2:])
    print(kill_writers(folder / "warehouse.duckdb", kills_, rows_), "in the middle of a write")
