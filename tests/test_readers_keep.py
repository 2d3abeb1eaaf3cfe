"""Who reads a snapshot keeps it for as long as they like, whatever is written meanwhile."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from tests.test_nothing_lost import ANSWER, sum_of
from tests.writer import refresh
from warehouse.store.snapshots import FILE, newest

ROWS = 30_000
WRITES = 14

HOLDER = """
import sys, time, duckdb
link, rows = sys.argv[1], int(sys.argv[2])
answer = "SELECT count(*), min(version), max(version), sum(h) FROM t"
held = []
print("ready", flush=True)
import select
while not select.select([sys.stdin], [], [], 0.15)[0]:
    try:
        connection = duckdb.connect(link, read_only=True)
    except duckdb.IOException:  # gone between reading the link and opening it
        continue
    held.append((connection, connection.sql(answer).fetchall()))
    for connection, before in held:
        assert connection.sql(answer).fetchall() == before, "a snapshot changed"
    held = held[-4:]
print(len(held), "ok", flush=True)
"""


def holder(path: Path) -> subprocess.Popen[str]:
    process: subprocess.Popen[str] = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path), str(ROWS)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout and process.stdout.readline()
    return process


def answer(file: Path) -> tuple[int, int, int, int]:
    with duckdb.connect(str(file), read_only=True) as connection:
        (found,) = connection.sql(ANSWER).fetchall()
    return found


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "warehouse" / "warehouse.duckdb"
    for version in range(1, 6):
        refresh(path, version, ROWS)
    return path


def test_readers_in_other_processes_and_in_this_one(path: Path) -> None:
    others = [holder(path) for _ in range(2)]
    here = []
    for version in range(6, 6 + WRITES):
        refresh(path, version, ROWS)
        if version % 4 == 0:
            here.append((duckdb.connect(str(path), read_only=True), version))
    for connection, version in here:
        assert connection.sql(ANSWER).fetchall() == [(ROWS, version, version, sum_of(ROWS))]
        connection.close()
    for other in others:
        said, _ = other.communicate("stop", timeout=60)
        assert other.returncode == 0 and said.endswith("ok\n"), said


COPIER = """
import subprocess, sys, pathlib, select
house, target = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
print("ready", flush=True)
number = 0
while not select.select([sys.stdin], [], [], 0)[0]:
    number += 1
    # Names vanish under its hands: cp says so, and goes on.
    subprocess.run(["cp", "-r", house, target / str(number)], stderr=subprocess.DEVNULL)
    subprocess.run(
        ["cp", "-L", house.parent / "warehouse.duckdb", target / f"{number}.duckdb"],
        stderr=subprocess.DEVNULL,
    )
print(number, flush=True)
"""


def test_a_backup_program_copies_whole_files(path: Path, tmp_path: Path) -> None:
    house, target = path.parent / ".warehouse", tmp_path / "backups"
    target.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-c", COPIER, str(house), str(target)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout and process.stdout.readline()
    versions = {5: 5}
    for version in range(6, 6 + WRITES):
        refresh(path, version, ROWS)
        current = newest(path)
        assert current
        versions[current.number] = version
    said, _ = process.communicate("stop", timeout=60)
    assert int(said) >= 3
    copied = 0
    for file in target.rglob(f"[0-9]*/{FILE}"):
        if file.parent.name.isdigit():
            number = int(file.parent.name)
            version = versions.get(number, number)
            assert answer(file) == (ROWS, version, version, sum_of(ROWS)), file
            copied += 1
    for file in target.glob("*.duckdb"):
        count, low, high, total = answer(file)
        assert (count, low, total) == (ROWS, high, sum_of(ROWS))
        copied += 1
    assert copied > 5
    shutil.rmtree(target)
