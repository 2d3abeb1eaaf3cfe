"""Readers run through refreshes: no error, no torn answer, never an older one than before."""

import multiprocessing
import subprocess
import sys
import time
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import duckdb

from tests.writer import refresh

ROWS = 100_000
REFRESHES = 20
READERS = 5


def _read_until(path: Path, stop: Event, holds: bool, answers: Any) -> None:
    """Connect and query in a loop; one reader also holds a connection open all the while."""
    held = duckdb.connect(str(path), read_only=True) if holds else None
    held_answer = held.sql("FROM v").fetchall() if held else None
    seen, wrong = [], []
    while not stop.is_set():
        try:
            with duckdb.connect(str(path), read_only=True) as connection:
                count, low, high = connection.sql("FROM v").fetchall()[0]
            if count != ROWS or low != high:
                wrong.append(f"torn: {count}, {low}, {high}")
            seen.append(low)
            if held and held.sql("FROM v").fetchall() != held_answer:
                wrong.append("a held connection moved")
        except Exception as error:
            wrong.append(str(error))
    if seen != sorted(seen):
        wrong.append(f"went back: {seen}")
    answers.put((len(seen), len(set(seen)), wrong))


def test_readers_through_twenty_refreshes(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    refresh(path, 0, ROWS)
    context = multiprocessing.get_context("spawn")
    stop, answers = context.Event(), context.Queue()
    readers = [
        context.Process(target=_read_until, args=(path, stop, number == 0, answers))
        for number in range(READERS)
    ]
    for reader in readers:
        reader.start()
    subprocess.run(
        [sys.executable, "-m", "tests.writer", str(path), "1", str(REFRESHES), str(ROWS)],
        check=True,
        stdout=subprocess.DEVNULL,
        timeout=120,
    )
    stop.set()
    results = [answers.get(timeout=60) for _ in readers]
    for reader in readers:
        reader.join(60)
    assert [wrong for _, _, wrongs in results for wrong in wrongs] == []
    assert all(queries > 0 for queries, _, _ in results)
    # They really ran while it was refreshed.
    assert max(versions for _, versions, _ in results) > 2


def test_the_same_process_sees_each_refresh(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    seen = []
    held = []
    for version in range(4):
        refresh(path, version, 10)
        connection = duckdb.connect(str(path), read_only=True)
        held.append(connection)  # as a notebook does that never closes one
        seen += connection.sql("SELECT low FROM v").fetchall()
    assert seen == [(0,), (1,), (2,), (3,)]


def test_a_notebook_that_holds_the_file_does_not_delay_a_refresh(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    refresh(path, 0, 10)

    def timed(version: int) -> float:
        began = time.monotonic()
        refresh(path, version, 10)
        return time.monotonic() - began

    free = min(timed(version) for version in range(1, 4))
    with duckdb.connect(str(path), read_only=True):
        held = min(timed(version) for version in range(4, 7))
    # Waiting for the reader would take for ever; this leaves room for a busy machine only.
    assert held < free + 1
