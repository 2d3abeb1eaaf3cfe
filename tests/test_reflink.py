"""Where the file system clones, a write begins with a clone, and no spare is kept."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.test_snapshots import on_disk, put, value
from warehouse.doctor.environment import how_a_write_starts
from warehouse.store import disk_use, file_system, publish, reflink, spare, staging
from warehouse.store.snapshots import FILE, kept

MIB = 1 << 20


@pytest.fixture(params=["xfs", "btrfs"])
def cloning(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """Make a file system that clones, in a file."""
    maker = shutil.which(f"mkfs.{request.param}", path="/usr/sbin:/sbin:/usr/bin")
    if maker is None:
        pytest.skip(f"there is no mkfs.{request.param}")
    image, folder = tmp_path / "image", tmp_path / "mounted"
    folder.mkdir()
    with image.open("wb") as file:
        file.truncate(400 * MIB)
    subprocess.run([maker, str(image)], check=True, capture_output=True)
    if subprocess.run(["mount", "-o", "loop", str(image), str(folder)]).returncode:
        pytest.skip("mounting takes root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_clone_shares_its_blocks_until_they_are_written(cloning: Path) -> None:
    assert reflink.clones(cloning)
    original, clone = cloning / "one", cloning / "two"
    original.write_bytes(b"same" * (8 * MIB))
    free = shutil.disk_usage(cloning).free
    assert reflink.clone(original, clone)
    with clone.open("r+b") as file:
        file.write(b"other")
    assert original.read_bytes()[:8] == b"samesame"
    assert clone.read_bytes()[:8] == b"otheresa"[:5] + b"ame"
    assert clone.stat().st_size == original.stat().st_size
    assert free - shutil.disk_usage(cloning).free < 4 * MIB
    assert sorted(entry.name for entry in cloning.iterdir() if entry.is_file()) == ["one", "two"]


def test_a_write_starts_from_a_clone(cloning: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[bool] = []

    def prepare(folder: Path, start: Path, never: Sequence[Path]) -> staging.Copy:
        copy = staging.prepare(folder, start, never)
        assert (folder / "staging" / FILE).read_bytes() == start.read_bytes()
        made.append(copy.cloned)
        return copy

    monkeypatch.setattr(publish, "prepare", prepare)
    path = cloning / "warehouse.duckdb"
    for number in range(6):
        put(path, number)
        assert value(path) == number
    assert made == [True] * 5
    assert not (cloning / ".warehouse" / "spare").exists()
    assert on_disk(path) == ["000004", "000005", "000006", "lock", "writer"]
    assert how_a_write_starts(cloning).startswith("A write starts from a clone")


def test_a_file_system_that_does_not_clone(tmp_path: Path) -> None:
    folder = tmp_path / "mounted"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "none", str(folder)]).returncode:
        pytest.skip("mounting takes root")
    try:
        (folder / "one").write_bytes(b"same")
        assert not reflink.clone(folder / "one", folder / "two")
        assert [entry.name for entry in folder.iterdir()] == ["one"]
        assert spare.works_in(folder)
        assert how_a_write_starts(folder).startswith("A write starts from a spare file")
        assert [entry.name for entry in folder.iterdir()] == ["one"]
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_file_system_that_tells_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spare, "LOCAL", ())
    if reflink.clones(tmp_path):
        pytest.skip("it clones")
    path = tmp_path / "warehouse.duckdb"
    for number in range(5):
        put(path, number)
        assert value(path) == number
    assert not (tmp_path / ".warehouse" / "spare").exists()
    assert how_a_write_starts(tmp_path).startswith("A write starts from a full copy")
    assert file_system.kind(tmp_path)


def test_a_full_disk_is_no_lack_of_clones(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        reflink.clone(tmp_path / "nothing", tmp_path / "clone")


def test_what_is_shared_is_counted_once(cloning: Path) -> None:
    path = cloning / "warehouse.duckdb"
    with publish.write(path, keep=9, who="a test") as connection:
        connection.execute(
            "CREATE TABLE large AS SELECT i, hash(i) AS h FROM range(2_000_000) r(i)"
        )
    for number in range(5):
        with publish.write(path, keep=9, who="a test") as connection:
            connection.execute(f"CREATE OR REPLACE VIEW v AS SELECT {number} AS i")
    subprocess.run(["sync", "-f", str(cloning)], check=True)
    uses = [use for one in kept(path) if (use := disk_use.measure(one))]
    size = path.stat().st_size
    assert len(uses) == 6 and all(use.whole for use in uses), "none became parts"
    assert size > 15 * MIB
    for use in uses:
        assert use.own is not None and use.own < size / 4 and use.shared > size / 2
    assert size < disk_use.total(uses) < 2 * size
