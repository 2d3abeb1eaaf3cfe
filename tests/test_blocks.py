"""Whatever is written, the blocks that are taken over from an older file are the same bytes."""

from __future__ import annotations

from array import array
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.test_spare import digest, spare_of
from tests.test_spare import taken as taken
from warehouse.store import blocks, publish, reflink, spare
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
@given(writes, st.integers(1, 4))
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
        before = {one.file: digest(one.file) for one in kept(path)}
        base = kept(path)[-1 - back] if len(before) > back > 0 else None
        with publish.write(
            path, keep=keep, who="a test", part_of=part_of, base=base, memory_limit="200MB"
        ) as connection:
            for change, table, number in changes:
                connection.execute(CHANGES[change].format(t=table, n=number))
        assert all(digest(file) == was for file, was in before.items() if file.exists())
    found = blocks.noted(path.resolve())
    assert found is not None and path.stat().st_size == blocks.place(len(found))
    assert spare_of(path).exists() == (len(writes) > keep) or any(part for _, part, _ in writes)


def test_only_what_differs_is_copied() -> None:
    old, new = array("Q", [1, 2, 3, 4, 5, 6]), array("Q", [1, 7, 7, 4, 8])
    found = list(blocks.differing(old, new))
    size = blocks.SIZE
    assert found == [
        (0, blocks.HEADERS),
        (blocks.place(1), 2 * size),
        (blocks.place(4), size),
    ]


def test_a_longer_file_is_copied_to_its_end() -> None:
    found = list(blocks.differing(array("Q", [1]), array("Q", [1, 2, 3])))
    assert found[1:] == [(blocks.place(1), 2 * blocks.SIZE)]


@pytest.mark.parametrize("base", [None, [1, 2, 3], [1, 2, 3, 4, 5]])
def test_what_is_not_known_to_be_the_same_gets_the_number_of_the_write(
    base: list[int] | None,
) -> None:
    found = blocks.after(array("Q", base) if base else None, blocks.place(4), {1})
    own = found[1]
    assert (
        list(found)
        == {
            None: [own] * 4,
            3: [1, own, 3, own],
            5: [1, own, 3, 4],
        }[len(base) if base else None]
    )
    assert own not in (1, 2, 3, 4)


def test_a_file_that_nothing_was_noted_of(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(bytes(blocks.place(2)))
    assert blocks.noted(tmp_path / "file") is None
    blocks.note(tmp_path / "file", array("Q", [1, 2]))
    assert blocks.noted(tmp_path / "file") == array("Q", [1, 2])
