"""The compressed form of MySQL's protocol, under PyMySQL and under the reader of large results.

Packets travel in frames, which have a header and numbers of their own; a frame holds any piece of
the stream of packets. Frames are unpacked piece by piece as they come: nothing that a server says
of a frame's size is believed before it is so, and no frame is ever held as a whole.

https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_basic_compression_packet.html
"""

from __future__ import annotations

import io
import socket
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from pymysql import err

from warehouse.mysql.protocol import MalformedResult

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

SMALLEST = 50
"""Shorter frames travel as they are, as in MySQL's own clients."""
PIECE_BYTES = 64 * 1024
"""So much is taken from the network at once, and so much is unpacked at once."""

_HEADER = 7  # bytes that follow: 3; number of the frame: 1; bytes when unpacked: 3, 0 for as it is
_LONGEST = 0xFFFFFF


class CompressedSocket(io.RawIOBase):
    """What PyMySQL and the reader use of a socket, with compressed frames on the other side of it.

    Attributes:
        number: Of the next frame, in either direction.
    """

    def __init__(self, sock: socket.socket) -> None:
        """Speak in frames from here on; whatever came before is read."""
        super().__init__()
        self._sock = sock
        self.number = 0
        self._raw = memoryview(b"")
        self._unpacked = memoryview(b"")
        self._pieces = self._unpack()

    def sendall(self, data: ReadableBuffer) -> None:
        """Send packets of the protocol. The first one's number tells whether a command begins."""
        packets = memoryview(data).cast("B")
        if packets[3] == 0:
            self.number = 0
        frames = bytearray()
        for at in range(0, len(packets), _LONGEST):
            plain = packets[at : at + _LONGEST]
            packed = zlib.compress(plain) if len(plain) >= SMALLEST else plain
            smaller = len(packed) < len(plain)
            frames += (len(packed) if smaller else len(plain)).to_bytes(3, "little")
            frames.append(self.number)
            frames += (len(plain) if smaller else 0).to_bytes(3, "little")
            frames += packed if smaller else plain
            self.number = (self.number + 1) % 256
        self._sock.sendall(frames)

    def recv_into(self, buffer: WriteableBuffer) -> int:
        """Receive what is there of the packets, or wait for some. 0: the server has hung up.

        Raises:
            MalformedResult: what came is no frame, or not what the frame's header says.
            OSError: as a socket does.
        """
        if not self._unpacked:
            self._unpacked = memoryview(next(self._pieces, b""))
        into = memoryview(buffer).cast("B")
        count = min(len(into), len(self._unpacked))
        into[:count] = self._unpacked[:count]
        self._unpacked = self._unpacked[count:]
        return count

    readinto = recv_into

    def readable(self) -> bool:
        """Files that read can be made of it."""
        return True

    def makefile(self) -> io.BufferedReader:
        """Return a file that reads; closing it closes the connection."""
        return io.BufferedReader(self)

    def pending(self) -> int:
        """Return how many bytes are there that `select` no longer sees."""
        decrypted: int = getattr(self._sock, "pending", int)()
        return len(self._unpacked) + len(self._raw) + decrypted

    def fileno(self) -> int:
        """Return the socket's number, for `select`."""
        return self._sock.fileno()

    @property
    def family(self) -> socket.AddressFamily:
        """What kind of address it is connected to."""
        return socket.AddressFamily(self._sock.family)

    def setsockopt(self, level: int, option: int, value: int) -> None:
        """Set an option of the socket."""
        self._sock.setsockopt(level, option, value)

    def settimeout(self, seconds: float | None) -> None:
        """Limit how long the network is waited for."""
        self._sock.settimeout(seconds)

    def shutdown(self, how: int) -> None:
        """End the connection, and wake who waits for it."""
        self._sock.shutdown(how)

    def close(self) -> None:
        """Close the socket."""
        self._sock.close()
        super().close()

    def _unpack(self) -> Iterator[bytes | memoryview]:
        """Yield the pieces of all frames, none of them empty; end where the server hangs up."""
        while header := self._exactly(_HEADER):
            packed, number = int.from_bytes(header[:3], "little"), header[3]
            if number != self.number:
                if number == 0:  # with it MariaDB says that it shuts down, whatever was said before
                    raise err.OperationalError(2013, "Lost connection to MySQL server")
                raise MalformedResult(f"A frame has the number {number}, not {self.number}.")
            self.number = (number + 1) % 256
            if not packed:
                raise MalformedResult("A frame is empty.")
            if size := int.from_bytes(header[4:], "little"):
                yield from self._inflated(packed, size)
            else:
                yield from self._arriving(packed)

    def _inflated(self, packed: int, size: int) -> Iterator[bytes]:
        """Yield the pieces of a compressed frame, the last one when all of the frame is right."""
        inflate = zlib.decompressobj()
        piece = b""
        for data in self._arriving(packed):
            packed -= len(data)
            rest: bytes | memoryview = data
            more = True
            while more:
                try:
                    unpacked = inflate.decompress(rest, PIECE_BYTES)
                except zlib.error as error:
                    raise MalformedResult(f"A frame cannot be unpacked: {error}.") from None
                rest = inflate.unconsumed_tail
                more = bool(rest) or len(unpacked) == PIECE_BYTES
                size -= len(unpacked)
                if size < 0 or inflate.unused_data:
                    raise MalformedResult("A frame is longer than it says.")
                if piece and unpacked:
                    yield piece
                piece = unpacked or piece
        if packed:
            return  # the server hung up in the middle of it
        if size or not inflate.eof:
            raise MalformedResult("A frame is shorter than it says.")
        yield piece

    def _arriving(self, size: int) -> Iterator[memoryview]:
        """Yield so many bytes as they come from the network; fewer if the server hangs up."""
        while size:
            if not self._raw:
                self._raw = memoryview(self._sock.recv(PIECE_BYTES))
                if not self._raw:
                    return
            data = self._raw[:size]
            self._raw = self._raw[size:]
            size -= len(data)
            yield data

    def _exactly(self, size: int) -> bytes:
        """Return so many bytes; none if the server hangs up before."""
        data = b"".join(self._arriving(size))
        return data if len(data) == size else b""
