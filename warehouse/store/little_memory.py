"""DuckDB in little memory: what does not fit goes into temporary files, and they into a limit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from warehouse.engines import progress_bar
from warehouse.engines.interrupts import stoppable
from warehouse.errors import WarehouseError
from warehouse.store import scratch
from warehouse.store.disk_errors import is_full

MEMORY_LIMIT = "300MB"


@contextmanager
def opened(
    snapshots: Path, database: str = ":memory:", *, read_only: bool = False
) -> Iterator[tuple[duckdb.DuckDBPyConnection, Path]]:
    """Open a DuckDB that puts what does not fit into `MEMORY_LIMIT` into temporary files.

    Args:
        snapshots: The folder of the snapshots.
        database: A file, or one in memory.
        read_only: Whether the file may not be written.

    Yields:
        A connection, and a folder for further temporary files.

    Raises:
        WarehouseError: there is no room for temporary files.
    """
    with scratch.folder(snapshots) as folder, _errors_for_people(folder):
        config: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": MEMORY_LIMIT,
            "temp_directory": str(folder / "spill"),
            "python_enable_replacements": False,
        }
        with duckdb.connect(database, read_only=read_only, config=config) as connection:
            # A column that became a TIMESTAMPTZ is compared with the UTC that it was, and the days
            # of a TIMESTAMP are those of UTC, wherever this runs.
            connection.execute("SET GLOBAL TimeZone = 'UTC'")
            progress_bar.only_in_a_terminal(connection)
            with stoppable(connection):
                yield connection, folder


def why_not_computed(error: duckdb.Error | WarehouseError) -> str:
    """Return why a query failed, in a line.

    Raises:
        duckdb.Error: the disk is full: it is not the query that is wrong.
    """
    if is_full(error):
        raise error
    return str(error).splitlines()[0]


@contextmanager
def _errors_for_people(folder: Path) -> Iterator[None]:
    try:
        yield
    except duckdb.Error as error:
        if not is_full(error):
            raise
        used = sum(one.stat().st_blocks * 512 for one in folder.rglob("*") if one.is_file())
        raise scratch.no_room(
            folder.parent,
            error,
            f"The rows that are compared take {used / 1e9:,.2f} GB there so far.",
        ) from None
