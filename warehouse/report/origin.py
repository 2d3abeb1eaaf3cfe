"""Where a report's data came from, as the receipts in the snapshot say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from warehouse.errors import WarehouseError
from warehouse.store import history, ledger, snapshots


@dataclass(frozen=True)
class Load:
    """What became of a source: when MySQL was asked, how many rows came, from which table."""

    table: str
    at: datetime
    rows: int
    source: str


@dataclass(frozen=True)
class Origin:
    """A snapshot, and what was loaded into it. No part of it ever holds a password.

    Attributes:
        published: When; None of a snapshot that is not kept any more.
    """

    number: int
    published: datetime | None = None
    loads: tuple[Load, ...] = ()


def read_origins(path: Path, numbers: Sequence[int]) -> tuple[Origin, ...]:
    """Read what snapshots say of themselves, or the newest one if no number is given.

    Raises:
        WarehouseError: there is no warehouse yet.
    """
    if not numbers:
        with snapshots.read(path) as connection:
            return (_origin(connection),)
    return tuple(_kept_origin(path, number) for number in numbers)


def _kept_origin(path: Path, number: int) -> Origin:
    try:
        connection = history.open_snapshot(path, number)
    except WarehouseError:  # a later one has taken its place
        return Origin(number)
    with connection:
        return _origin(connection)


def _origin(connection: duckdb.DuckDBPyConnection) -> Origin:
    connection.execute("SET TimeZone = 'UTC'")
    ((number, published),) = connection.execute(
        f"SELECT number, written_at FROM {history.TABLE} ORDER BY number DESC LIMIT 1"
    ).fetchall()
    tables = connection.execute(
        "SELECT table_name FROM duckdb_tables() WHERE NOT internal ORDER BY ALL"
    ).fetchall()
    found = [(table, ledger.last_load(connection, table)) for (table,) in tables]
    loads = tuple(
        Load(table, load.started_at, load.rows, load.source) for table, load in found if load
    )
    return Origin(number, published, loads)
