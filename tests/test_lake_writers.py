"""The next writer removes what a dead one left in a lake, and nothing of those that live."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from tests.lakes import change, rows, send
from warehouse.lake import writers
from warehouse.lake.names import new_file_path, new_folder_path
from warehouse.lake.place import Lake, create, open_lake, sizes
from warehouse.lake.snapshots import named_files, newest
from warehouse.lake.writers import Note, noted
from warehouse.settings import ROOT

WRITER = """
import sys, time
from pathlib import Path
from warehouse.lake.names import new_file_path, new_folder_path
from warehouse.lake.place import open_lake
from warehouse.lake.writers import noted

lake = open_lake(sys.argv[1])
with noted(lake):
    file = Path(lake.at(new_file_path("t", lake.writer)))
    folder = Path(lake.at(new_folder_path("t", lake.writer) + "/day=1/_temporary"))
    folder.mkdir(parents=True)
    for one in (file, folder / "part.parquet"):
        one.write_bytes(b"rows")
    print("written", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A lake with a table."""
    change(tmp_path / "file", "CREATE TABLE t AS SELECT 1 AS n")
    lake = open_lake(str(tmp_path / "lake"))
    send(tmp_path / "file", lake)
    return lake


@contextmanager
def writing(lake: Lake) -> Iterator[subprocess.Popen[str]]:
    """Run a process that writes a file and a folder, and goes on."""
    command = [sys.executable, "-c", WRITER, lake.root]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout and process.stdout.readline() == "written\n"
            yield process
        finally:
            process.kill()


def unnamed(lake: Lake) -> set[str]:
    return {*sizes(lake, "tables")} - named_files(lake)


def notes(lake: Lake) -> list[Path]:
    return [*Path(lake.at("writers")).iterdir()]


def test_what_a_killed_writer_left_goes_and_what_a_living_one_writes_stays(lake: Lake) -> None:
    with writing(lake) as living, writing(lake) as killed:
        assert len(unnamed(lake)) == 4
        killed.kill()
        killed.wait()
        with noted(open_lake(lake.root)):
            assert len(unnamed(lake)) == 2
            assert len([*Path(lake.at("tables/t")).iterdir()]) == 3
        assert living.poll() is None
    with noted(open_lake(lake.root)):
        assert not unnamed(lake)
        assert len([*Path(lake.at("tables/t")).iterdir()]) == 1
    assert rows(lake, "t") == [(1,)]


def test_executors_that_go_on_are_looked_for_again(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = open_lake(lake.root)
    with pytest.raises(OSError), noted(gone, by_executors=True):
        raise OSError
    for _ in range(3):
        late = Path(lake.at(new_folder_path("t", gone.writer)))
        late.mkdir()
        (late / "part.parquet").write_bytes(b"late")
        with noted(lake):
            assert not unnamed(lake)
    assert len(notes(lake)) == 1
    monkeypatch.setattr(writers, "_LINGERING", timedelta(0))
    with noted(lake):
        pass
    assert not notes(lake)


def test_a_dead_writer_that_had_published(lake: Lake, tmp_path: Path) -> None:
    """A signal can come between the manifest and the end."""
    change(tmp_path / "file", "UPDATE t SET n = 2")
    dead = open_lake(lake.root)
    note = Note(dead)
    send(tmp_path / "file", dead)
    note.end(executors_write=True)
    before = newest(lake)
    with noted(lake):
        pass
    assert newest(lake) == before
    assert rows(lake, "t") == [(2,)]


@pytest.mark.parametrize("content", ["", "dead\n"])
def test_the_writers_of_other_machines_are_left_alone(lake: Lake, content: str) -> None:
    path = new_file_path("t", "0123456789ab")
    Path(lake.at(path)).write_bytes(b"rows")
    note = Path(lake.at("writers/ffffffff-0123456789ab"))
    note.write_text(content)
    with noted(lake):
        assert unnamed(lake) == {path}
    assert note.exists()
    old = note.stat().st_mtime - timedelta(hours=25).total_seconds()
    os.utime(note, (old, old))
    with noted(lake):
        assert unnamed(lake) == {path}
    assert not note.exists()


def test_a_manifest_that_cannot_be_read_keeps_everything(lake: Lake) -> None:
    with writing(lake):
        pass
    create(lake, "snapshots/000002.json", b"{")
    with noted(lake):
        there = sizes(lake, "tables")
    assert len(there) == 3


def test_without_locks_there_are_no_notes(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    with writing(lake) as living:
        with monkeypatch.context() as patch:
            patch.setattr(fcntl, "flock", no_locks)
            with noted(open_lake(lake.root)):
                assert len(notes(lake)) == 1, "that of the other one"
        assert living.poll() is None and len(unnamed(lake)) == 2


def no_locks(*_: object) -> None:
    raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))


def test_an_object_store_has_no_notes() -> None:
    lake = open_lake("memory://of-notes")
    with noted(lake):
        assert not sizes(lake, "writers")
