"""A write starts from the spare only if nobody can read it, and if it is what it was."""

from __future__ import annotations

import hashlib
import mmap
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.test_snapshots import on_disk, put, value
from warehouse.store import blocks, publish, rebuild, reflink, spare, staging
from warehouse.store.snapshots import FILE, Snapshot, kept

KEEP = 3
ANY = settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def spare_of(path: Path) -> Path:
    """Return the file that the next write takes: the snapshot's parts are kept as well."""
    return kept(path)[-3].file


def contents(path: Path) -> dict[int, str]:
    """Return a digest of each snapshot that is kept, whole or as parts."""
    return {one.number: digest_of(one) for one in kept(path)}


def digest_of(snapshot: Snapshot) -> str:
    if snapshot.file.exists():
        return digest(snapshot.file)
    with tempfile.NamedTemporaryFile() as made:
        rebuild.fill(snapshot.file, made.fileno())
        return digest(Path(made.name))


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether each write took the spare. Each one is seen to start from a copy of all bytes."""
    found: list[bool] = []
    take, prepare = spare.take, staging.prepare

    def noted(folder: Path, lent: Path | None, target: Path) -> blocks.Digests | None:
        there = take(folder, lent, target)
        found.append(there is not None)
        return there

    def checked(folder: Path, start: Path, never: Sequence[Path]) -> staging.Copy:
        before = digest_of(Snapshot(int(start.parent.name), start))
        made = prepare(folder, start, never)
        assert digest(folder / "staging" / FILE) == before
        return made

    monkeypatch.setattr(spare, "take", noted)
    monkeypatch.setattr(publish, "prepare", checked)
    return found


@pytest.fixture
def path(tmp_path: Path, taken: list[bool]) -> Path:
    """A warehouse with a spare beside it."""
    if reflink.clones(tmp_path) or not spare.works_in(tmp_path):
        pytest.skip("this file system needs no spare, or cannot tell whether one is free")
    path = tmp_path / "warehouse.duckdb"
    for number in range(KEEP + 1):
        put(path, number)
    assert taken == [False] * (KEEP - 1) + [True]
    return path


def next_write(path: Path, taken: list[bool]) -> bool:
    """Write, and return whether that was into the spare."""
    new = value(path) + 1
    put(path, new)
    assert value(path) == new
    return taken[-1]


def test_the_snapshots_stay_what_they_are(path: Path, taken: list[bool]) -> None:
    for _ in range(5):
        before = contents(path)
        assert next_write(path, taken)
        after = contents(path)
        assert len(after) == KEEP
        assert [before[number] for number in sorted(after)[:-1]] == [
            after[number] for number in sorted(after)[:-1]
        ]
        assert on_disk(path)[:KEEP] == [f"{number:06d}" for number in sorted(after)]


def test_a_failed_write_costs_the_spare_and_no_snapshot(path: Path, taken: list[bool]) -> None:
    before = contents(path)
    with pytest.raises(ZeroDivisionError), publish.write(path, keep=KEEP, who="a test") as made:
        made.execute("CREATE TABLE other AS FROM range(10)")
        raise ZeroDivisionError
    assert contents(path) == before
    assert not next_write(path, taken)
    assert next_write(path, taken)


def test_one_kept_snapshot(path: Path, taken: list[bool]) -> None:
    other = path.parent / "other" / "warehouse.duckdb"
    for number in range(4):
        put(other, number, keep=1)
        assert value(other) == number
    assert taken[-2:] == [True, True]


def test_going_back_starts_from_a_whole_copy(path: Path, taken: list[bool]) -> None:
    for back in (-1, -2, 0, -1):
        base = kept(path)[back - 1]
        number = value_of(base)
        with publish.write(path, keep=KEEP, who="a test", base=base):
            pass
        assert value(path) == number
        assert next_write(path, taken)


def value_of(snapshot: Snapshot) -> int:
    with rebuild.whole(snapshot) as file, duckdb.connect(str(file), read_only=True) as connection:
        ((found,),) = connection.sql("FROM t").fetchall()
    return int(found)


def test_two_values_that_change_places(path: Path, taken: list[bool]) -> None:
    """DuckDB's checksum of a block is the same whatever the order of the words in it."""
    swapped = "CASE i WHEN 100 THEN 101 WHEN 101 THEN 100 ELSE i END"
    heads, bodies = set(), set()
    for turn in range(8):
        with publish.write(path, keep=KEEP, who="a test", replacing=["big"]) as connection:
            key = swapped if turn % 2 else "i"
            connection.execute(
                f"CREATE TABLE big AS SELECT md5_number(({key})::VARCHAR) AS h "
                "FROM range(10000) r(i)"
            )
        with duckdb.connect(str(path), read_only=True) as connection:
            ((block,),) = connection.execute(
                "SELECT block_id FROM pragma_storage_info('big') "
                "WHERE compression = 'Uncompressed' AND segment_type = 'UHUGEINT'"
            ).fetchall()
            ((sound,),) = connection.execute(
                f"SELECT bool_and(h = md5_number(({key.replace('i', 'rowid')})::VARCHAR)) FROM big"
                if turn % 2 == 0
                else "SELECT h = md5_number('101') FROM big WHERE rowid = 100"
            ).fetchall()
        assert sound
        bytes_ = path.read_bytes()[blocks.place(block) : blocks.place(block + 1)]
        heads.add(bytes_[:8])
        bodies.add(bytes_)
        assert taken[-1]
    assert len(heads) < len(bodies), "the checksums told them apart: this tests nothing"


# Who holds it.


@contextmanager
def in_this_process(file: Path) -> Iterator[None]:
    with duckdb.connect(str(file), read_only=True):
        yield


@contextmanager
def as_bytes(file: Path) -> Iterator[None]:
    with file.open("rb"):
        yield


@contextmanager
def as_a_map(file: Path) -> Iterator[None]:
    with file.open("rb") as opened:
        mapped = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)
    yield
    mapped.close()


@contextmanager
def in_another_process(file: Path) -> Iterator[None]:
    code = (
        "import duckdb, sys; connection = duckdb.connect(sys.argv[1], read_only=True); "
        "print(connection.sql('FROM t').fetchall(), flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(file)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout and process.stdout.readline()
        yield
        process.communicate()


@contextmanager
def by_a_program_without_locks(file: Path) -> Iterator[None]:
    """As a backup program does."""
    with file.open("rb") as opened, subprocess.Popen(["sleep", "60"], stdin=opened) as process:
        opened.close()
        yield
        process.kill()


@contextmanager
def by_a_hard_link(file: Path) -> Iterator[None]:
    other = file.parents[2] / "linked"
    other.hardlink_to(file)
    before = digest(other)
    yield
    assert digest(other) == before
    other.unlink()


@contextmanager
def by_a_mount(file: Path) -> Iterator[None]:
    point = file.parents[2] / "mounted"
    point.touch()
    command = ["mount", "--bind", str(file), str(point)]
    if subprocess.run(command, capture_output=True).returncode:
        pytest.skip("mounting takes root")
    before = digest(point)
    try:
        yield
        assert digest(point) == before
    finally:
        subprocess.run(["umount", str(point)], check=True)


HOLDERS = [
    in_this_process,
    as_bytes,
    as_a_map,
    in_another_process,
    by_a_program_without_locks,
    by_a_hard_link,
    by_a_mount,
]


@pytest.mark.parametrize("hold", HOLDERS)
@pytest.mark.parametrize("what", ["the spare", "the next spare"])
def test_who_can_read_it_keeps_it(
    path: Path, taken: list[bool], what: str, hold: Callable[[Path], AbstractContextManager[None]]
) -> None:
    file, writes = (spare_of(path), 1) if what == "the spare" else (kept(path)[-2].file, 2)
    with hold(file):
        for _ in range(writes):
            took = next_write(path, taken)
        assert not took
        assert next_write(path, taken)


def test_a_folder_that_is_held_open(path: Path, taken: list[bool]) -> None:
    """As `cp -r` holds it: it opens the file by its folder, when it comes to it."""
    for find in (spare_of, lambda path: kept(path)[-2].file):
        folder = os.open(find(path).parent, os.O_RDONLY)
        try:
            assert all(next_write(path, taken) for _ in range(2))
            with pytest.raises(FileNotFoundError):
                os.open(FILE, os.O_RDONLY, dir_fd=folder)
        finally:
            os.close(folder)


# What became of it.


@ANY
@given(st.data())
def test_any_damage_is_at_worst_a_whole_copy(
    path: Path, taken: list[bool], data: st.DataObject
) -> None:
    if not spare_of(path).exists():
        next_write(path, taken)
    name = data.draw(st.sampled_from([FILE, blocks.NOTE]))
    file = spare_of(path).with_name(name)
    size = file.stat().st_size
    place = data.draw(st.integers(0, size - 1))
    file.chmod(0o644)
    with file.open("r+b") as opened:
        if data.draw(st.booleans()):
            byte = os.pread(opened.fileno(), 1, place)[0]
            os.pwrite(opened.fileno(), bytes([byte ^ (1 << data.draw(st.integers(0, 7)))]), place)
        else:
            opened.truncate(place)
    file.chmod(0o444)
    assert not next_write(path, taken)
    assert next_write(path, taken)


def with_its_times(file: Path, change: Callable[[Path], None]) -> None:
    """Change a file, and set back what times can be set back."""
    before = file.stat()
    file.chmod(0o644)
    change(file)
    file.chmod(0o444)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def flip(file: Path) -> None:
    with file.open("r+b") as opened:
        opened.seek(blocks.place(0) + 100)
        opened.write(b"rotten")


def replace(file: Path) -> None:
    other = file.with_name("other")
    shutil.copy2(file, other)
    flip(other)
    other.replace(file)


@pytest.mark.parametrize("change", [flip, replace])
def test_damage_that_hides_itself(
    path: Path, taken: list[bool], change: Callable[[Path], None]
) -> None:
    with_its_times(spare_of(path), change)
    assert not next_write(path, taken)


def remove_note(file: Path) -> None:
    file.with_name(blocks.NOTE).unlink()


def remove_file(file: Path) -> None:
    file.unlink()


def put_a_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def put_a_link(file: Path) -> None:
    file.unlink()
    file.symlink_to(file.parents[2] / "warehouse.duckdb")


def put_a_log(file: Path) -> None:
    file.with_name(FILE + ".wal").write_bytes(b"rows")


def put_a_note_of_another(file: Path) -> None:
    shutil.copy2(kept(file.parents[2] / FILE)[-1].file.with_name(blocks.NOTE), file.parent)


@pytest.mark.parametrize(
    "change",
    [
        remove_note,
        remove_file,
        put_a_folder,
        put_a_link,
        put_a_log,
        put_a_note_of_another,
    ],
)
def test_what_stands_in_its_place(
    path: Path, taken: list[bool], change: Callable[[Path], None]
) -> None:
    change(spare_of(path))
    assert not next_write(path, taken)
    assert next_write(path, taken)


def test_the_newest_snapshot_was_written_to(path: Path, taken: list[bool]) -> None:
    """Each of the next writes is seen to start from a copy of all of its bytes."""
    path.resolve().chmod(0o644)
    with path.resolve().open("ab") as file:  # whole blocks, which DuckDB does not know of
        file.write(os.urandom(3 * blocks.SIZE))
    path.resolve().chmod(0o444)
    assert blocks.noted(path.resolve()) is None
    for _ in range(5):
        next_write(path, taken)
    assert taken[-1]


def test_a_copy_of_the_warehouse_knows_nothing_of_its_blocks(
    path: Path, taken: list[bool], tmp_path: Path
) -> None:
    copied = tmp_path / "copy"
    shutil.copytree(path.parent / ".warehouse", copied / ".warehouse", copy_function=shutil.copy2)
    (copied / path.name).symlink_to(path.readlink())
    assert not next_write(copied / path.name, taken)
