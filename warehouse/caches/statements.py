"""The SQL that creates and fills a table of the MySQL cache."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from warehouse.caches.columns import ROW, StoredColumn
from warehouse.errors import WarehouseError
from warehouse.mysql.plan import quote
from warehouse.mysql.server_errors import SAFE
from warehouse.mysql.url import Server

CHUNK_ROWS = 1_000
STATEMENT_CHARACTERS = 1_000_000
"""An INSERT ends at the row that goes past it: far below `max_allowed_packet`, but for that row."""


def create_table(
    table: str, columns: list[StoredColumn], owner: str, escape: Callable[[str], str]
) -> str:
    lines = [f"{quote(ROW)} BIGINT UNSIGNED NOT NULL PRIMARY KEY"]
    for column in columns:
        comment = escape(column.comment)
        lines.append(f"{quote(column.name)} {column.mysql_type} NULL COMMENT {comment}")
    return (
        f"CREATE TABLE {table} ({', '.join(lines)}) "
        f"ENGINE = InnoDB DEFAULT CHARACTER SET = utf8mb4 COMMENT = {escape(owner)}"
    )


def inserts(
    table: str, columns: list[StoredColumn], count: int, escape: Callable[[str], str]
) -> Iterator[str]:
    """Yield INSERTs of many rows each."""
    head = f"INSERT INTO {table} VALUES "
    waiting: list[str] = []
    size = 0
    for start in range(0, count, CHUNK_ROWS):
        numbers = [str(row) for row in range(start, min(start + CHUNK_ROWS, count))]
        values = [column.literals(start, CHUNK_ROWS, escape) for column in columns]
        for row in zip(numbers, *values, strict=True):
            waiting.append(f"({','.join(row)})")
            size += len(waiting[-1])
            if size > STATEMENT_CHARACTERS:
                yield head + ",".join(waiting)
                waiting, size = [], 0
    if waiting:
        yield head + ",".join(waiting)


def check_size(size: int, packet: int, table: str, server: Server) -> None:
    """See that the server takes an INSERT: of one that is too large it only hangs up."""
    if size >= packet:
        raise WarehouseError(
            f"A row of {table} is too large for {server.name}: its INSERT takes {size:,} bytes, "
            f"and max_allowed_packet is {packet:,}.",
            safe=SAFE,
            todo="Ask for a larger max_allowed_packet, or keep the asset with 'pickle_cache'.",
        )
