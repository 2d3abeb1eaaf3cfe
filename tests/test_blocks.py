"""Whatever is written, the blocks that are taken over from an older file are the same bytes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.test_spare import contents
from tests.test_spare import taken as taken
from warehouse.store import blocks, prune, publish, reflink, spare
from warehouse.store.snapshots import kept

CHANGES = {
    "load": "CREATE OR REPLACE TABLE t{t} AS "
    "SELECT i, hash(i + {n}) AS h FROM range({n} * 40) r(i)",
    "load sorted": "CREATE OR REPLACE TABLE t{t} AS "
    "SELECT md5_number(i::VARCHAR) AS h FROM range({n} * 10) r(i) ORDER BY h",
    "load again, sorted otherwise": "CREATE OR REPLACE TABLE t{t} AS "
    "SELECT md5_number(i::VARCHAR) AS h FROM range({n} * 10) r(i) ORDER BY i",
    "add": "CREATE TABLE IF NOT EXISTS a{t} (i BIGINT, h UBIGINT); "
    "INSERT INTO a{t} SELECT i, hash(i) FROM range({n}) r(i)",
    "delete": "CREATE TABLE IF NOT EXISTS a{t} (i BIGINT, h UBIGINT); "
    "DELETE FROM a{t} WHERE i % 7 = {n} % 7",
    "update": "CREATE TABLE IF NOT EXISTS a{t} (i BIGINT, h UBIGINT); "
    "UPDATE a{t} SET h = {n} WHERE i % 11 = 1",
    "drop": "DROP TABLE IF EXISTS t{t}",
    "text": "CREATE OR REPLACE TABLE s{t} AS SELECT repeat(i::VARCHAR, {n} % 500) AS s "
    "FROM range({n} // 10) r(i)",
    "large values": "CREATE OR REPLACE TABLE b{t} AS SELECT repeat('{n}', 100000) AS b "
    "FROM range({n} // 500)",
    "view": "CREATE OR REPLACE VIEW v{t} AS SELECT {n} AS n",
    "column": "CREATE TABLE IF NOT EXISTS a{t} (i BIGINT, h UBIGINT); "
    "ALTER TABLE a{t} ADD COLUMN c{n} INTEGER DEFAULT {n}; ALTER TABLE a{t} DROP COLUMN c{n}",
    "in steps": "CREATE OR REPLACE TABLE t{t} AS FROM range({n}); COMMIT; CHECKPOINT; BEGIN; "
    "DROP TABLE t{t}; COMMIT; CHECKPOINT; BEGIN",
}

writes = st.lists(
    st.tuples(
        st.lists(
            st.tuples(st.sampled_from(sorted(CHANGES)), st.integers(0, 2), st.integers(1, 9000)),
            max_size=3,
        ),
        st.sampled_from([None, None, None, "a whole", "another"]),
        st.sampled_from([0, 0, 0, 1, 2]),
    ),
    min_size=6,
    max_size=14,
)


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(writes, st.integers(1, 7))
@pytest.mark.usefixtures("taken")
def test_any_writes(
    tmp_path_factory: pytest.TempPathFactory,
    writes: list[tuple[list[tuple[str, int, int]], str | None, int]],
    keep: int,
) -> None:
    folder = tmp_path_factory.mktemp("written")
    if reflink.clones(folder) or not spare.works_in(folder):
        pytest.skip("this file system needs no spare, or cannot tell whether one is free")
    path = folder / "warehouse.duckdb"
    for changes, part_of, back in writes:
        before, there = contents(path), kept(path)
        base = there[-1 - back] if len(there) > back > 0 else None
        with publish.write(
            path, keep=keep, who="a test", part_of=part_of, base=base, memory_limit="200MB"
        ) as connection:
            for change, table, number in changes:
                connection.execute(CHANGES[change].format(t=table, n=number))
        after = contents(path)
        assert len(after) <= keep and before | after == after | before, "one changed"
        assert sum(one.file.exists() for one in kept(path)) <= prune.WHOLE + 1
    found = blocks.noted(path.resolve())
    assert found is not None and path.stat().st_size == blocks.length(found)
    assert found == blocks.after(None, path.resolve(), ()), "what was noted is not what there is"


def parts(*names: str) -> blocks.Digests:
    return tuple(blocks.digest(name.encode()) for name in names)


def test_only_what_differs_is_copied() -> None:
    old, new = parts("h1", *"123456"), parts("h2", *"17748")
    size = blocks.SIZE
    assert list(blocks.differing(old, new)) == [
        (0, blocks.HEADERS),
        (blocks.place(1), 2 * size),
        (blocks.place(4), size),
    ]


def test_a_longer_file_is_copied_to_its_end() -> None:
    found = list(blocks.differing(parts("h", "1"), parts("h", *"123")))
    assert found == [(blocks.place(1), 2 * blocks.SIZE)]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file of four blocks, each of one letter."""
    content = b"h" * blocks.HEADERS + b"".join(
        letter * blocks.SIZE for letter in (b"abcd"[i : i + 1] for i in range(4))
    )
    (tmp_path / "file").write_bytes(content)
    return tmp_path / "file"


@pytest.mark.parametrize("base", [None, "123", "12345"])
def test_what_is_not_known_is_read(file: Path, base: str | None) -> None:
    found = blocks.after(parts("h", *base) if base else None, file, {1})
    read = blocks.after(None, file, ())
    assert found is not None and read is not None
    assert read[1] == blocks.digest(b"a" * blocks.SIZE)
    one, _, three, four = parts(*"1234")
    assert (
        found
        == {
            None: read,
            "123": (*read[:1], one, read[2], three, read[4]),
            "12345": (*read[:1], one, read[2], three, four),
        }[base]
    )


@pytest.mark.parametrize("size", [0, 100, blocks.place(1) + 1])
def test_a_file_that_is_not_made_of_blocks(tmp_path: Path, size: int) -> None:
    (tmp_path / "file").write_bytes(bytes(size))
    assert blocks.after(None, tmp_path / "file", ()) is None
    assert blocks.known(tmp_path / "file") is None


def test_a_file_that_nothing_was_noted_of(file: Path) -> None:
    assert blocks.noted(file) is None
    read = blocks.after(None, file, ())
    assert blocks.known(file) == read == blocks.noted(file) == blocks.listed(file)
    file.write_bytes(file.read_bytes())
    assert blocks.noted(file) is None, "it was written to"
    assert blocks.listed(file) == read
