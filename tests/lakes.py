"""A lake and a DuckDB file, for tests: `python -m tests.lakes FILE LAKE WRITER` publishes it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pytest

from warehouse.lake import place
from warehouse.lake.manifest import Manifest
from warehouse.lake.place import Lake, open_lake
from warehouse.lake.publish import Publication, publish
from warehouse.lake.snapshots import newest
from warehouse.lake.write import keep_flat

DAYS = {"by_day": "day"}
"""Of the tables in these files, those that are kept by day."""


@pytest.fixture(scope="module")
def no_waiting_for_the_disk() -> Iterator[None]:
    """Leave out the syncs, which take most of the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(place, "sync", lambda _: None)
        patch.setattr(os, "fsync", lambda _: None)
        yield


@contextmanager
def opened(file: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a file as `just publish` opens the warehouse's."""
    with duckdb.connect(str(file), read_only=True) as connection:
        keep_flat(connection, None)
        yield connection


def change(file: Path, *statements: str) -> None:
    """Change the tables of a file, which is made if it is not there."""
    with duckdb.connect(str(file)) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for statement in statements:
            connection.execute(statement)


def send(
    file: Path,
    lake: Lake,
    only: Sequence[str] = (),
    writer: str = "test",
    say: Callable[[str], None] = lambda _: None,
    removed: Sequence[str] = (),
) -> Publication:
    """Publish the tables of a file."""
    with opened(file) as connection:
        tables = only or [name for (name,) in connection.execute("SHOW TABLES").fetchall()]
        days: Mapping[str, str] = {name: DAYS.get(name, "") for name in tables}
        return publish(connection, lake, days, writer=writer, say=say, removed=removed)


def rows(lake: Lake, table: str, manifest: Manifest | None = None) -> list[tuple[Any, ...]]:
    """Read a table of the newest snapshot, or of another one, as any reader does."""
    manifest = manifest or newest(lake)
    assert manifest
    files = [lake.at(file.path) for file in manifest.tables[table].files]
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        return connection.read_parquet(files).order("ALL").fetchall()


if __name__ == "__main__":
    said: list[str] = []
    done = send(Path(sys.argv[1]), open_lake(sys.argv[2]), writer=sys.argv[3], say=said.append)
    print(done.snapshot.number, *said, sep="\n")
