"""MySQL's client/server protocol, as far as a large result needs it: a prepared statement's rows.

PyMySQL connects, authenticates and asks the short questions. What it does slowly, packet by packet,
is done here in blocks: the bytes of many rows at once, with the place where each row begins. The
binary protocol is used, for its values are exact and cost the server the least to send.

https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_command_phase_ps.html
"""

from __future__ import annotations

import select
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from pymysql import err
from pymysql.connections import Connection
from pymysql.constants import COMMAND
from pymysql.protocol import FieldDescriptorPacket, MysqlPacket

BLOCK_BYTES = 2 << 20
"""So much is read before the rows in it are handed on; a longer row is a block of its own."""
TRICKLE_SECONDS = 0.25
"""Rows that came are handed on when no more come for so long."""
PADDING = 16
"""Bytes behind a block that may be read, and are no part of it: decoding looks ahead."""

_LONGEST = 0xFFFFFF
"""A packet of this length goes on in the next one."""
_END_BYTES = 5
"""The packet behind the last row: a mark, the number of warnings, the server's status."""


class MalformedResult(err.InternalError):
    """The server sent bytes that are no result."""

    def __init__(self, what: str) -> None:
        """Say what is wrong with them; the number is that of MySQL's own clients."""
        super().__init__(2027, what)


@dataclass(frozen=True)
class Field:
    """What the server says of a column of a result.

    Attributes:
        name: As the result calls it.
        type_code: `pymysql.constants.FIELD_TYPE`.
        length: In bytes, or in digits and signs.
        scale: Digits after the point, or of a second; 31 where they are not fixed.
        flags: `pymysql.constants.FLAG`.
        charset: The number of its collation; 63 is binary.
        schema, table, column: Where it comes from, if it is a column of a table as it is.
    """

    name: str
    type_code: int
    length: int
    scale: int
    flags: int
    charset: int
    schema: str
    table: str
    column: str


@dataclass(frozen=True)
class Statement:
    """A prepared SELECT, and the columns that its result will have."""

    number: int
    fields: tuple[Field, ...]


@dataclass(frozen=True)
class Block:
    """The bytes of some rows.

    Attributes:
        data: The bytes, with at least `PADDING` behind the last row.
        starts: Where each row begins in them.
        ends: Where each row ends.
    """

    data: bytearray
    starts: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]


def prepare(connection: Connection[Any], sql: str) -> Statement:
    """Have the server parse a SELECT: it tells the columns, and reads no row.

    Raises:
        pymysql.MySQLError: it refuses.
    """
    _command(connection, COMMAND.COM_STMT_PREPARE, sql.encode())
    answer = _packet(connection)
    number, columns, parameters = struct.unpack_from("<xIHH", _content(answer))
    if parameters:
        raise err.ProgrammingError(1210, "the statement has a place for a parameter")
    return Statement(number, _fields(connection, columns))


def close(connection: Connection[Any], statement: Statement) -> None:
    """Have the server forget a statement; it does not answer."""
    _command(connection, COMMAND.COM_STMT_CLOSE, struct.pack("<I", statement.number))


def _command(connection: Any, command: int, body: bytes) -> None:
    connection._execute_command(command, body)


def _packet(connection: Any) -> MysqlPacket:
    packet: MysqlPacket = connection._read_packet()
    return packet


def _content(packet: Any) -> bytes:
    content: bytes = packet.get_all_data()
    return content


def _fields(connection: Any, count: int) -> tuple[Field, ...]:
    """Read the definitions of columns, and the packet behind them."""
    if not count:
        return ()
    fields = tuple(_field(connection._read_packet(FieldDescriptorPacket)) for _ in range(count))
    _packet(connection)
    return fields


def _field(packet: Any) -> Field:
    return Field(
        name=packet.name,
        type_code=packet.type_code,
        length=packet.length,
        scale=packet.scale,
        flags=packet.flags,
        charset=packet.charsetnr,
        schema=packet.db.decode(),
        table=packet.org_table,
        column=packet.org_name,
    )


class Result:
    """The result of a statement that is being executed: its columns, then its rows.

    Attributes:
        fields: The columns as they come, for the caller to compare with those it planned for.
        received: Bytes of rows that came so far.
        warnings: How many the server counted; known after the last row.
    """

    def __init__(self, connection: Connection[Any], statement: Statement) -> None:
        """Execute a statement, and read what comes before the first row.

        Raises:
            pymysql.MySQLError: the server refuses.
            MalformedResult: it answers something else than a result.
        """
        self.received = 0
        self.warnings = 0
        _command(connection, COMMAND.COM_STMT_EXECUTE, struct.pack("<IBI", statement.number, 0, 1))
        count = _packet(connection).read_length_encoded_integer()
        if not count:
            raise MalformedResult("It has no columns.")
        self.fields = _fields(connection, count)
        self._connection: Any = connection

    def blocks(self) -> Iterator[Block]:
        """Read the rows, block by block.

        Raises:
            pymysql.MySQLError: the server ended the result with an error, or the connection.
            MalformedResult: what came is neither rows nor their end.
        """
        # What PyMySQL read ahead of the rows comes first. Afterwards its buffer is empty.
        reader = self._connection._rfile
        rest: bytes | memoryview = reader.read(len(reader.peek()))
        self.received = len(rest)
        size = 0
        while True:
            buffer = bytearray(max(BLOCK_BYTES, size, len(rest)) + PADDING)
            have = len(rest)
            buffer[:have] = rest
            starts: list[int] = []
            at = 0
            while True:
                at, size = _scan(buffer, at, have, starts)
                ended = bool(starts) and buffer[starts[-1]] != 0
                full = at + size > len(buffer) - PADDING or size > _LONGEST
                if ended or full or (starts and not self._more_comes()):
                    break
                have += self._receive(memoryview(buffer)[have:-PADDING])
            if ended:
                last = bytes(buffer[starts.pop() : at])
            if starts:
                yield _block(buffer, starts, at - len(last) - 4 if ended else at)
            if ended:
                self._end(last, have - at)
                return
            rest = memoryview(buffer)[at:have]
            if size > _LONGEST:
                row, rest = self._long_row(rest)
                yield _block(row, [0], len(row) - PADDING)
                size = 0

    def _receive(self, into: memoryview) -> int:
        count: int = self._connection._sock.recv_into(into)
        if not count:
            raise err.OperationalError(2013, "Lost connection to MySQL server during query")
        self.received += count
        return count

    def _more_comes(self) -> bool:
        """Whether more is there already, or soon."""
        sock = self._connection._sock
        pending = getattr(sock, "pending", int)()  # what TLS has decrypted, select does not see
        return bool(pending or select.select([sock], [], [], TRICKLE_SECONDS)[0])

    def _long_row(self, rest: memoryview) -> tuple[bytearray, memoryview]:
        """Read a row of several packets. Returns it, and what came behind it."""
        row = bytearray()
        data = bytearray(rest)

        def need(size: int) -> None:
            missing = size - len(data)
            if missing > 0:
                have = len(data)
                data.extend(bytes(missing))
                view = memoryview(data)
                while have < size:
                    have += self._receive(view[have:])

        while True:
            need(4)
            size = int.from_bytes(data[:3], "little")
            need(4 + size)
            row += memoryview(data)[4 : 4 + size]
            data = data[4 + size :]
            if size < _LONGEST:
                row += bytes(PADDING)
                return row, memoryview(data)

    def _end(self, packet: bytes, behind: int) -> None:
        """Read the packet that ends a result."""
        if packet[0] == 0xFF:
            MysqlPacket(packet, self._connection.encoding).raise_for_error()
        if packet[0] != 0xFE or len(packet) != _END_BYTES or behind:
            raise MalformedResult(f"A packet that begins with {packet[:8].hex()} is no row.")
        (self.warnings,) = struct.unpack_from("<xH", packet)


def _scan(data: bytearray, at: int, have: int, starts: list[int]) -> tuple[int, int]:
    """Find the packets that came whole.

    Args:
        data: The bytes.
        at: Where a packet begins.
        have: How many bytes came.
        starts: Where the content of each packet begins, to be added to.

    Returns:
        Where the first packet begins that is not whole, and its size as far as it is known. A row
        that goes on in further packets is larger than any packet.
    """
    while at + 4 <= have:
        size = data[at] | data[at + 1] << 8 | data[at + 2] << 16
        if size == _LONGEST:
            return at, 4 + size
        end = at + 4 + size
        if end > have:
            return at, 4 + size
        starts.append(at + 4)
        at = end
    return at, 4


def _block(data: bytearray, starts: list[int], end: int) -> Block:
    begins = np.array(starts, dtype=np.int64)
    return Block(data, begins, np.append(begins[1:] - 4, end))
