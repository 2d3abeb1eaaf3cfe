"""The table `loads`: a receipt for each time a source was asked, in the file that it filled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime

import duckdb

_SQL_TYPES = {
    "datetime": "TIMESTAMPTZ",
    "str": "VARCHAR",
    "str | None": "VARCHAR",
    "int": "BIGINT",
    "float": "DOUBLE",
    "Mapping[str, int]": "MAP(VARCHAR, BIGINT)",
    "Mapping[str, str]": "MAP(VARCHAR, VARCHAR)",
}


@dataclass(frozen=True)
class Receipt:
    """What one load was. The fields are the columns of `loads`; none ever holds a password.

    Attributes:
        started_at: When the query was sent.
        table_name: The table in this file that was filled.
        seconds: From the query to the last row.
        rows: Rows that came.
        bytes: Bytes of the record batches they came in.
        server, host, port, database, source_table: Where from. The server is named as in the
            source file; NULL for the usual one.
        binlog_position, gtid: Where the source's binary log stood before the query, if the account
            may know: what was committed by then is in the load.
        source_version: The source table's version before the query, if it could be told.
        query: The SQL as it was sent.
        invalid_dates: By column, how many zero, partial or impossible dates became NULL.
        invalid_values: By column, how many texts that are not UTF-8, and JSON that is none.
        first_invalid: By column, the primary key of the first value that became NULL.
        hidden_columns: What the account may not read of the source table, in words.
        instant: Which instant of the source the rows show, and what proves that other sources of
            the same run show the same one.
        run_id: The Dagster run.
    """

    started_at: datetime
    table_name: str
    rows: int
    seconds: float
    bytes: int
    server: str | None
    host: str
    port: int
    database: str
    source_table: str
    server_version: str
    binlog_position: str | None
    gtid: str | None
    source_version: str | None
    query: str
    invalid_dates: Mapping[str, int]
    invalid_values: Mapping[str, int]
    first_invalid: Mapping[str, str]
    hidden_columns: str | None
    instant: str | None
    run_id: str


TABLE = "loads"


def record(connection: duckdb.DuckDBPyConnection, receipt: Receipt) -> None:
    """Add a receipt, in the caller's transaction."""
    types = {field.name: _SQL_TYPES[str(field.type)] for field in fields(Receipt)}
    columns = ", ".join(f'"{name}" {type_}' for name, type_ in types.items())
    connection.execute(f"CREATE TABLE IF NOT EXISTS {TABLE} ({columns})")
    present = _columns(connection)
    for name, type_ in types.items():
        if name not in present:  # a file of an earlier version may lack some
            connection.execute(f'ALTER TABLE {TABLE} ADD COLUMN "{name}" {type_}')
    values = asdict(receipt)
    names = ", ".join(f'"{name}"' for name in values)
    marks = ", ".join("map(?, ?)" if isinstance(v, dict) else "?" for v in values.values())
    given = [
        one
        for value in values.values()
        for one in ([list(value), list(value.values())] if isinstance(value, dict) else [value])
    ]
    connection.execute(f"INSERT INTO {TABLE} ({names}) VALUES ({marks})", given)


@dataclass(frozen=True)
class LastLoad:
    """What the newest receipt of a table says."""

    started_at: datetime
    rows: int
    query: str
    version: str | None
    run_id: str
    source: str
    instant: str | None = None
    server: str | None = None


def last_load(connection: duckdb.DuckDBPyConnection, table: str) -> LastLoad | None:
    """Return the newest load of a table, or None if there was none."""
    columns = _columns(connection)
    if "source_version" not in columns:
        return None
    # A file of an earlier version lacks these.
    instant, server = (name if name in columns else "NULL" for name in ("instant", "server"))
    found = connection.execute(
        "SELECT started_at, rows, query, source_version, run_id, "
        f"coalesce({server} || ': ', '') || "
        "host || ':' || port || '/' || database || '.' || source_table, "
        f"{instant}, {server} FROM {TABLE} WHERE table_name = ? ORDER BY started_at DESC LIMIT 1",
        [table],
    ).fetchone()
    return LastLoad(*found) if found else None


def _columns(connection: duckdb.DuckDBPyConnection) -> set[str]:
    asked = "SELECT column_name FROM duckdb_columns() WHERE table_name = ?"
    return {name for (name,) in connection.execute(asked, [TABLE]).fetchall()}
