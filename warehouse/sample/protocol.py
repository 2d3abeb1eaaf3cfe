"""What MySQL tells of the columns of a result, and mysql-mimic leaves out: exact types.

mysql-mimic calls each column 256 characters long, and tells nothing of a statement that is only
prepared. Here DuckDB's types become MySQL's, with lengths, digits and signs.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from itertools import chain
from typing import Any, cast

from mysql_mimic import ColumnType, MysqlServer, ResultSet
from mysql_mimic.charset import CharacterSet
from mysql_mimic.connection import Connection
from mysql_mimic.prepared import PreparedStatement
from mysql_mimic.types import ColumnDefinition, str_len, uint_len

from warehouse.sample.origins import Origin
from warehouse.sample.tables import DATABASE

Definition = tuple[ColumnType, int, int, bool]
"""The type, the length, the digits after the point, whether it is unsigned."""

_NOT_FIXED = 31
_TYPES: dict[str, Definition] = {
    "BOOLEAN": (ColumnType.LONGLONG, 1, 0, False),
    "TINYINT": (ColumnType.TINY, 4, 0, False),
    "UTINYINT": (ColumnType.TINY, 3, 0, True),
    "SMALLINT": (ColumnType.SHORT, 6, 0, False),
    "USMALLINT": (ColumnType.SHORT, 5, 0, True),
    "INTEGER": (ColumnType.LONG, 11, 0, False),
    "UINTEGER": (ColumnType.LONG, 10, 0, True),
    "BIGINT": (ColumnType.LONGLONG, 20, 0, False),
    "UBIGINT": (ColumnType.LONGLONG, 20, 0, True),
    "HUGEINT": (ColumnType.NEWDECIMAL, 39, 0, False),
    "FLOAT": (ColumnType.FLOAT, 12, _NOT_FIXED, False),
    "DOUBLE": (ColumnType.DOUBLE, 22, _NOT_FIXED, False),
    "DATE": (ColumnType.DATE, 10, 0, False),
    "TIMESTAMP": (ColumnType.DATETIME, 26, 6, False),
    "TIMESTAMP WITH TIME ZONE": (ColumnType.TIMESTAMP, 26, 6, False),
    "BLOB": (ColumnType.BLOB, 65535, 0, False),
}
_TEXT: Definition = (ColumnType.VAR_STRING, 4 * 255, 0, False)

_PACK = {
    ColumnType.TINY: "b",
    ColumnType.SHORT: "h",
    ColumnType.LONG: "i",
    ColumnType.LONGLONG: "q",
    ColumnType.FLOAT: "f",
    ColumnType.DOUBLE: "d",
}
"""How `struct` packs a number; a capital letter is unsigned."""


class Column:
    """A column of a result with its exact type."""

    def __init__(self, name: str, duckdb_type: str, origin: Origin | None = None) -> None:
        """Describe a column.

        Args:
            name: Of it.
            duckdb_type: What DuckDB calls its type; TIMESTAMPTZ is MySQL's TIMESTAMP.
            origin: The column of a table that it is, if it is one.
        """
        self.type, self.length, self.decimals, unsigned = _definition(duckdb_type)
        self.name = name
        self.unsigned = unsigned
        self.origin = origin
        self.flags = ColumnDefinition.UNSIGNED_FLAG if unsigned else ColumnDefinition(0)
        if origin and not origin.nullable:
            self.flags |= ColumnDefinition.NOT_NULL_FLAG
        if origin and origin.key:
            self.flags |= ColumnDefinition.PRI_KEY_FLAG
        text = self.type == ColumnType.VAR_STRING
        self.character_set = CharacterSet.utf8mb4 if text else CharacterSet.binary

    def text(self, value: Any) -> bytes:
        """Write a value as MySQL prints it."""
        if isinstance(value, bytes):
            return value
        if isinstance(value, bool):
            value = int(value)
        if isinstance(value, datetime):
            value = value.replace(tzinfo=None)
        if isinstance(value, Decimal):
            return f"{value:f}".encode()  # str() writes 0E-8
        return str(value).encode()

    def binary(self, value: Any) -> bytes:
        """Write a value as one of a binary row."""
        if self.type in _PACK:
            letter = _PACK[self.type]
            return struct.pack(f"<{letter.upper() if self.unsigned else letter}", value)
        if isinstance(value, date):
            return _packed_date(value)
        return bytes(str_len(self.text(value)))


def _definition(duckdb_type: str) -> Definition:
    if found := re.fullmatch(r"DECIMAL\((\d+),(\d+)\)", duckdb_type):
        digits, scale = map(int, found.groups())
        return ColumnType.NEWDECIMAL, digits + 1 + (scale > 0), scale, False
    return _TYPES.get(duckdb_type, _TEXT)


def _packed_date(value: date) -> bytes:
    day = struct.pack("<HBB", value.year, value.month, value.day)
    if not isinstance(value, datetime):
        return b"\4" + day
    time = (value.hour, value.minute, value.second, value.microsecond)
    return b"\x0b" + day + struct.pack("<BBBI", *time)


def _text_row(row: Sequence[Any], columns: Sequence[Column]) -> bytes:
    return b"".join(
        b"\xfb" if value is None else str_len(column.text(value))
        for column, value in zip(columns, row, strict=True)
    )


def _binary_row(row: Sequence[Any], columns: Sequence[Column]) -> bytes:
    nulls = sum(1 << place for place, value in enumerate(row, 2) if value is None)
    values = (c.binary(value) for c, value in zip(columns, row, strict=True) if value is not None)
    return b"\0" + nulls.to_bytes((len(row) + 9) // 8, "little") + b"".join(values)


class _Connection(Connection):  # type: ignore[misc]
    """A client's connection, which is told the exact type of each column."""

    def _definitions(self, columns: Sequence[Column]) -> Iterator[bytes]:
        for column in columns:
            yield self._column_definition(column)
        if not self.deprecate_eof():
            yield self.eof()

    def _column_definition(self, column: Column) -> bytes:
        """Write what a client is told of a column; mysql-mimic's gives expressions an origin.

        https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_query_response_text_resultset_column_definition.html
        """
        origin = column.origin
        place = (DATABASE, origin.alias, origin.table) if origin else ("", "", "")
        texts = ("def", *place, column.name, origin.column if origin else "")
        fixed = struct.pack(
            "<BHIBHBxx",
            0x0C,  # the length of what follows
            column.character_set,
            column.length,
            column.type,
            column.flags,
            column.decimals,
        )
        return b"".join(str_len(self.server_charset.encode(text)) for text in texts) + fixed

    async def _send(
        self, result_set: ResultSet, row: Callable[[Sequence[Any], Sequence[Column]], bytes]
    ) -> None:
        columns = cast(Sequence[Column], result_set.columns)
        parts = chain(
            [uint_len(len(columns))],
            self._definitions(columns),
            (row(values, columns) for values in cast(Sequence[Any], result_set.rows)),
            [self.ok_or_eof()],
        )
        for part in parts:
            await self.stream.write(part, drain=False)
        await self.stream.drain()

    async def write_text_resultset(self, result_set: Any) -> None:
        """Send a result as text."""
        if all(isinstance(column, Column) for column in result_set.columns):
            await self._send(result_set, _text_row)
        else:  # an answer of mysql-mimic's own, to SHOW and the like
            await super().write_text_resultset(result_set)

    async def handle_stmt_prepare(self, data: bytes) -> None:
        """Tell of the columns that a statement will have."""
        sql = self.client_charset.decode(data)
        columns = self.session.columns_of(sql)
        statement = PreparedStatement(next(self.prepared_stmt_seq), sql, num_params=0)
        self.prepared_stmts[statement.stmt_id] = statement
        ok = struct.pack("<BIHHBH", 0, statement.stmt_id, len(columns), 0, 0, 0)
        for part in chain([ok], self._definitions(columns)):
            await self.stream.write(part, drain=False)
        await self.stream.drain()

    async def handle_stmt_execute(self, data: bytes) -> None:
        """Execute a statement, and send the result as binary rows."""
        (number,) = struct.unpack_from("<I", data)
        await self._send(await self.query(self.get_stmt(number).sql, {}), _binary_row)


class ExactServer(MysqlServer):  # type: ignore[misc]
    """A server whose connections tell exact types."""

    async def _client_connected_cb(self, reader: Any, writer: Any) -> None:
        # mysql-mimic names the class of its connections in the module only.
        from mysql_mimic import server

        server.Connection = _Connection
        await super()._client_connected_cb(reader, writer)
