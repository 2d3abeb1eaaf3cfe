"""The tables `loads` and `cached_days` of a lake: read into DuckDB, changed there, written back."""

from __future__ import annotations

import io

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from warehouse.lake import place
from warehouse.lake.manifest import LakeTable, Manifest
from warehouse.lake.parts import read_table
from warehouse.lake.place import Lake
from warehouse.lake.write import writing
from warehouse.project.quoting import quoted
from warehouse.store import cached_days, ledger

TABLES = (ledger.TABLE, cached_days.TABLE)


def open_books(lake: Lake, manifest: Manifest | None) -> duckdb.DuckDBPyConnection:
    """Open a database in memory that holds what a snapshot of the lake notes of its loads.

    Raises:
        WarehouseError: the lake cannot be read.
    """
    connection = duckdb.connect(config={"python_enable_replacements": False})
    connection.execute("SET TimeZone = 'UTC'")
    held = manifest.tables if manifest else {}
    for name in TABLES:
        if name in held:
            _read(connection, lake, name, held[name])
    return connection


def _read(connection: duckdb.DuckDBPyConnection, lake: Lake, name: str, table: LakeTable) -> None:
    columns = ", ".join(f"{quoted(one.name)} {one.type}" for one in table.columns)
    connection.execute(f"CREATE TABLE {name} ({columns})")
    contents = (place.read(lake, file.path) for file in table.files)
    parts = [pq.read_table(io.BytesIO(content)) for content in contents if content is not None]
    if parts:
        connection.register("parts", pa.concat_tables(parts))
        connection.execute(f"INSERT INTO {name} BY NAME FROM parts")
        connection.unregister("parts")


def write_books(connection: duckdb.DuckDBPyConnection, lake: Lake) -> dict[str, LakeTable]:
    """Write the tables into new files, which no manifest names yet.

    Raises:
        WarehouseError: the lake cannot be written.
    """
    present = {name for (name,) in connection.execute("SHOW TABLES").fetchall()}
    written: dict[str, LakeTable] = {}
    for name in TABLES:
        if name in present:
            table = read_table(connection, name)
            with writing(connection, lake, table) as writer:
                files = [file for part in table.parts for file in writer.write(part)]
            written[name] = LakeTable(table.columns, tuple(files))
    return written
