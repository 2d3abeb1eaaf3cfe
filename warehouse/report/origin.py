"""Where a report's data came from, as the receipts in the snapshot say."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

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
    """A snapshot, and what was loaded into it. No part of it ever holds a password."""

    number: int
    published: datetime
    loads: tuple[Load, ...]


def read_origin(path: Path) -> Origin:
    """Read what the newest snapshot says of itself.

    Raises:
        WarehouseError: there is no warehouse yet.
    """
    with snapshots.read(path) as connection:
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
