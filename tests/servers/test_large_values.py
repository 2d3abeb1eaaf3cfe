"""Every value that MySQL holds is loaded at the defaults, however large its row is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest

from tests.servers.launch import Database
from warehouse.errors import WarehouseError
from warehouse.mysql.extract import Extraction, open_extraction
from warehouse.mysql.query import whole_table
from warehouse.mysql.url import parse_url
from warehouse.store import publish, snapshots
from warehouse.store.stream import TableStream, insert

MB = 1 << 20
ROWS = {
    "documents": "SELECT n, REPEAT(SHA2(n, 512), 760) FROM numbers WHERE n < 2000",
    "attachments": "SELECT n, REPEAT(SHA2(n, 512), IF(n % 400 = 7, 32768, 2)) FROM numbers",
    "one of each size": "SELECT n, REPEAT('é', n * n) FROM numbers WHERE n % 180 = 1",
}


@pytest.fixture(autouse=True)
def _defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WAREHOUSE_MEMORY_LIMIT", raising=False)


@pytest.fixture
def big(server: Database) -> Iterator[Database]:
    """A server that takes large values, with a table of numbers."""
    ((before,),) = server.run("SELECT @@GLOBAL.max_allowed_packet")
    server.run(
        f"SET GLOBAL max_allowed_packet = {128 * MB}",
        "CREATE TABLE digits (d INT)",
        "INSERT INTO digits VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)",
        "CREATE TABLE numbers AS SELECT a.d + 10 * b.d + 100 * c.d + 1000 * e.d AS n "
        "FROM digits a, digits b, digits c, digits e WHERE e.d < 5",
    )
    yield server
    server.run(f"SET GLOBAL max_allowed_packet = {before}")


@contextmanager
def stored(
    database: Database, path: Path, table: str
) -> Iterator[tuple[duckdb.DuckDBPyConnection, Extraction]]:
    """Load a table into a snapshot, as the I/O manager does, and open it."""
    extraction = open_extraction(parse_url(database.url()), whole_table(table))
    extraction.begin()
    columns = extraction.plan.columns
    with publish.write(path, keep=1, who="a test") as connection:
        stream = TableStream(
            extraction.schema,
            extraction.batches(),
            ", ".join(column.rebuild for column in columns),
            valid={column.name: column.valid for column in columns if column.valid},
            on_invalid=extraction.note_invalid,
        )
        insert(connection, "loaded", stream)
    with snapshots.read(path) as connection:
        yield connection, extraction


@pytest.mark.parametrize("what", ROWS)
def test_rows_of_any_size(big: Database, tmp_path: Path, what: str) -> None:
    big.run(
        "CREATE TABLE large (id INT PRIMARY KEY, body LONGBLOB)",
        f"INSERT INTO large {ROWS[what]}",
        "CREATE VIEW seen AS SELECT * FROM large",
    )
    expected = big.run("SELECT id, SHA2(body, 256) FROM large ORDER BY id")
    for source in ("large", "seen"):
        with stored(big, tmp_path / source / "w.duckdb", source) as (connection, extraction):
            found = connection.execute("SELECT id, sha256(body) FROM loaded ORDER BY id")
            assert found.fetchall() == expected
        assert extraction.rows == len(expected)


def test_a_row_longer_than_a_packet(big: Database, tmp_path: Path) -> None:
    """Each value was let in by a larger limit, or fits while the row does not."""
    big.run(
        "CREATE TABLE wide (id INT PRIMARY KEY, a LONGTEXT, b LONGTEXT, j JSON)",
        f"INSERT INTO wide VALUES (1, REPEAT('a', {900_000}), REPEAT('b', {900_000}), '[1]')",
        f"INSERT INTO wide VALUES (2, REPEAT('x', {17 * MB}), REPEAT('y', {16 * MB - 1}), '[2]')",
        f"INSERT INTO wide VALUES (3, REPEAT('z', {16 * MB - 12}), NULL, NULL), "
        "(4, '', 'end', '{}')",
        f"SET GLOBAL max_allowed_packet = {MB}",
    )
    with stored(big, tmp_path / "w.duckdb", "wide") as (connection, extraction):
        found = connection.execute(
            "SELECT id, strlen(a), strlen(b), strlen(j), left(a, 1), right(b, 1) "
            "FROM loaded ORDER BY id"
        ).fetchall()
    assert found == [
        (1, 900_000, 900_000, 3, "a", "b"),
        (2, 17 * MB, 16 * MB - 1, 3, "x", "y"),
        (3, 16 * MB - 12, None, None, "z", None),
        (4, 0, 3, 2, "", "d"),
    ]
    assert extraction.invalid == {}


def test_json_longer_than_a_packet(big: Database, tmp_path: Path) -> None:
    """MariaDB sends it; MySQL cuts it, and says so in a warning."""
    document = '["' + "k" * 3 * MB + '"]'
    big.run(
        "CREATE TABLE documents (id INT PRIMARY KEY, j JSON)",
        f"INSERT INTO documents VALUES (1, '{{}}'), (2, '{document}')",
        f"SET GLOBAL max_allowed_packet = {MB}",
    )
    if big.kind == "mysql":
        with (
            pytest.raises(WarehouseError, match="longer than max_allowed_packet became NULL"),
            stored(big, tmp_path / "w.duckdb", "documents"),
        ):
            pass
        assert not (tmp_path / "w.duckdb").exists()
        return
    with stored(big, tmp_path / "w.duckdb", "documents") as (connection, _):
        found = connection.execute("SELECT id, j::VARCHAR FROM loaded ORDER BY id").fetchall()
    assert found == [(1, "{}"), (2, document)]


def test_what_a_function_cuts_is_an_error(big: Database, tmp_path: Path) -> None:
    """A MySQL view whose function makes more than the server lets through gives NULL there."""
    big.run(
        "CREATE VIEW cut AS SELECT n, REPEAT('x', 2000000) AS v FROM numbers WHERE n < 2",
        f"SET GLOBAL max_allowed_packet = {MB}",
    )
    with (
        pytest.raises(WarehouseError, match="max_allowed_packet"),
        stored(big, tmp_path / "w.duckdb", "cut"),
    ):
        pass
    assert not (tmp_path / "w.duckdb").exists()
