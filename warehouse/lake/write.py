"""The rows of a table, written into Parquet files."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb

from warehouse.errors import WarehouseError
from warehouse.lake import place
from warehouse.lake.manifest import SAFE, DataFile
from warehouse.lake.names import new_file_path, table_folder
from warehouse.lake.parts import Part, Table
from warehouse.lake.place import Lake
from warehouse.project.quoting import literal

FILE_BYTES = 256_000_000
"""A file is closed when it is about so large."""

_ROW_GROUP = "ROW_GROUP_SIZE 1_000_000, ROW_GROUP_SIZE_BYTES '64MB'"
"""A row group is in memory while it is written, and is what a task of Spark reads at least: large
values close it after 64 MB, which DuckDB counts before it compresses."""

_TOGETHER = 64
"""So many files of a table are sent to an object store, or to the disk, at the same time."""

_SIDE_BY_SIDE = 16


def keep_flat(connection: duckdb.DuckDBPyConnection, memory_limit: str | None) -> None:
    """Have DuckDB write files of any size in little memory.

    One thread keeps the order of the rows all the same, and so what is next to each other.

    Args:
        connection: To the file that is read.
        memory_limit: DuckDB's; None for 500 MB.
    """
    for setting in (
        f"memory_limit = {literal(memory_limit or '500MB')}",
        "threads = 1",
        "async_threads = 0",
        "preserve_insertion_order = false",  # a row group is closed by its bytes only so
        "TimeZone = 'UTC'",
        "enable_progress_bar = false",  # it would go to stdout
    ):
        connection.execute(f"SET {setting}")


class TableWriter:
    """Writes parts of a table into new files, which no manifest names yet."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, lake: Lake, table: Table, folder: Path
    ) -> None:
        """Begin, see `writing`.

        Args:
            connection: To the file that holds the table, see `keep_flat`.
            lake: Where.
            table: Which.
            folder: Into which DuckDB writes.
        """
        self.written: list[DataFile] = []
        self._connection = connection
        self._lake = lake
        self._table = table
        self._folder = folder
        self._waiting: list[DataFile] = []

    def write(self, part: Part) -> list[DataFile]:
        """Write the rows of a part.

        Raises:
            WarehouseError: the lake cannot be written, or DuckDB refuses a value.
        """
        table = self._table
        stem = Path(new_file_path(table.name, self._lake.writer, part.day)).stem
        with _plain_errors(self._lake, table):
            found = self._connection.execute(
                f"COPY ({table.select} WHERE {part.where}) TO {literal(str(self._folder))} ("
                f"FORMAT parquet, COMPRESSION zstd, {_ROW_GROUP}, FILE_SIZE_BYTES {FILE_BYTES}, "
                f"FILENAME_PATTERN {literal(stem + '-{i}')}, OVERWRITE_OR_IGNORE, RETURN_STATS)"
            ).fetchall()
        folder = table_folder(table.name)
        files = [
            DataFile(f"{folder}/{Path(file).name}", rows, size, part.day, part.identity)
            for file, rows, size, *_ in found
        ]
        self.written += files
        self._waiting += files
        full = sum(file.bytes for file in self._waiting) >= FILE_BYTES
        if full or len(self._waiting) >= _TOGETHER:
            self.flush()
        return files

    def flush(self) -> None:
        """Have what was written be where it stays: on the disk, or in the object store.

        Raises:
            WarehouseError: it cannot be written there.
        """
        local = [self._folder / Path(file.path).name for file in self._waiting]
        with place.plain_errors(self._lake, "Writing"):
            if self._lake.is_local:
                # Side by side they share the file system's waits.
                with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
                    [*pool.map(place.sync, local)]
                place.sync(self._folder)
            elif local:
                self._lake.fs.put(
                    [str(one) for one in local],
                    [self._lake.at(file.path) for file in self._waiting],
                )
                for one in local:
                    one.unlink()
        self._waiting = []


@contextmanager
def writing(
    connection: duckdb.DuckDBPyConnection, lake: Lake, table: Table
) -> Iterator[TableWriter]:
    """Write parts of a table. At the end all of them are where they stay."""
    with _local_folder(lake, table) as folder:
        writer = TableWriter(connection, lake, table, folder)
        try:
            yield writer
            writer.flush()
        except BaseException:
            discard(lake, writer.written)
            raise


def discard(lake: Lake, files: list[DataFile]) -> None:
    """Remove files that no manifest is going to name; what cannot be removed is pruned later."""
    for file in files:
        with suppress(WarehouseError):
            place.remove(lake, file.path)


@contextmanager
def _local_folder(lake: Lake, table: Table) -> Iterator[Path]:
    """Yield the folder into which DuckDB writes: that of a lake on this machine, or another one."""
    if not lake.is_local:
        with tempfile.TemporaryDirectory(prefix="warehouse-lake-") as folder:
            yield Path(folder)
        return
    local = Path(lake.at(table_folder(table.name)))
    with place.plain_errors(lake, "Writing"):
        place.make_folder(local)
    yield local


@contextmanager
def _plain_errors(lake: Lake, table: Table) -> Iterator[None]:
    """Tell a value that DuckDB refuses from a place that cannot be written."""
    with place.plain_errors(lake, "Writing"):
        try:
            yield
        except (duckdb.ConversionException, duckdb.OutOfRangeException) as error:
            raise WarehouseError(
                f"{table.name} cannot be written as Parquet: {str(error).splitlines()[0]}",
                safe=SAFE,
                todo="Cast the column in the source or asset that makes it.",
            ) from None
        except duckdb.OutOfMemoryException as error:
            raise WarehouseError(
                f"{table.name} cannot be written in this memory: {str(error).splitlines()[0]}",
                safe=SAFE,
                todo="Raise WAREHOUSE_MEMORY_LIMIT, and run again.",
            ) from None
