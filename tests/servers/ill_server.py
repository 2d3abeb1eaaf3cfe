"""A server that says what it is told to, and a recorder of what a real one says."""

from __future__ import annotations

import socket
import struct
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from pymysql.constants import CLIENT

HOST = "127.0.0.1"
PACKET_HEADER, FRAME_HEADER = 4, 7
Talk = Sequence[bytes]
"""What a server sends on one connection: its greeting, and the answer to each packet."""

Serve = Callable[[socket.socket, int], None]
"""Talks on a connection; told which one it is, from 0."""


def packet(payload: bytes, number: int) -> bytes:
    """Return one packet of the protocol."""
    return struct.pack("<I", len(payload))[:3] + bytes([number % 256]) + payload


def frame(content: bytes, number: int = 1) -> bytes:
    """Return packets, or pieces of them, in one compressed frame."""
    packed = zlib.compress(content)
    sizes = [struct.pack("<I", size)[:3] for size in (len(packed), len(content))]
    return sizes[0] + bytes([number % 256]) + sizes[1] + packed


def greeting(plugin: bytes = b"mysql_native_password", version: bytes = b"8.0.99") -> bytes:
    """Return the first packet of a server that can compress."""
    flags = (
        CLIENT.PROTOCOL_41
        | CLIENT.SECURE_CONNECTION
        | CLIENT.PLUGIN_AUTH
        | CLIENT.CONNECT_WITH_DB
        | CLIENT.LONG_PASSWORD
        | CLIENT.COMPRESS
    )
    payload = b"".join(
        [
            b"\x0a" + version + b"\0" + struct.pack("<I", 7) + b"saltsalt" + b"\0",
            struct.pack("<HBHHB", flags & 0xFFFF, 45, 2, flags >> 16, 21),
            bytes(10) + b"saltsaltsalt" + b"\0" + plugin + b"\0",
        ]
    )
    return packet(payload, 0)


def ok(number: int) -> bytes:
    """Return the packet that says that something is done."""
    return packet(b"\0\0\0\x02\0\0\0", number)


def error(number: int, text: str, code: int = 1105, state: bytes = b"HY000") -> bytes:
    """Return an error packet."""
    return packet(b"\xff" + struct.pack("<H", code) + b"#" + state + text.encode(), number)


@contextmanager
def serving(serve: Serve) -> Iterator[int]:
    """Run a server on a loopback port, each connection in a thread. Yields the port."""
    listener = socket.create_server((HOST, 0))
    open_sockets: list[socket.socket] = []

    def handle(client: socket.socket, number: int) -> None:
        with suppress(OSError):  # the client has hung up, or the test is over
            serve(client, number)
        client.close()

    def accept() -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                number = len(open_sockets)
                open_sockets.append(client)
                threading.Thread(target=handle, args=(client, number), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        for each in (listener, *open_sockets):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()


def receive(client: socket.socket, header_bytes: int = PACKET_HEADER) -> bytes:
    """Return the next packet of a client, or its next frame, header included.

    Raises:
        OSError: it has hung up.
    """
    header = _exactly(client, header_bytes)
    return header + _exactly(client, int.from_bytes(header[:3], "little"))


def _exactly(client: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = client.recv(size - len(data))
        if not more:
            raise ConnectionError("the client has hung up")
        data += more
    return data


def talking(*talks: Talk, compressed: bool = False, hangs_up: bool = False) -> Serve:
    """Return a server that says these things in turn; behind the last, it then falls silent.

    Args:
        talks: What it says on each connection.
        compressed: Whether the client speaks in frames from its second packet on.
        hangs_up: Whether it hangs up instead.
    """

    def serve(client: socket.socket, number: int) -> None:
        if number >= len(talks):
            return
        first, *answers = talks[number]
        client.sendall(first)
        header = PACKET_HEADER
        for answer in answers:
            receive(client, header)
            header = FRAME_HEADER if compressed else PACKET_HEADER
            client.sendall(answer)
        if not hangs_up:
            receive(client, header)

    return serve


def in_frames(talk: Talk, size: int) -> list[bytes]:
    """Return what a server would say that compresses, in frames of so many bytes of packets."""
    first, login, *answers = talk
    at = first.index(b"\0", 5) + 1 + 4 + 8 + 1  # behind the version, a number, salt and a zero
    offers = first[:at] + bytes([first[at] | CLIENT.COMPRESS]) + first[at + 1 :]
    pieces = [[one[at : at + size] for at in range(0, len(one), size)] for one in answers]
    return [
        offers,
        login,
        *(b"".join(frame(piece, n) for n, piece in enumerate(each, 1)) for each in pieces),
    ]


@contextmanager
def recording(port: int) -> Iterator[tuple[int, list[list[bytes]]]]:
    """Stand before a real server. Yields our port, and what that server says by connection."""
    talks: list[list[bytes]] = []

    def serve(client: socket.socket, number: int) -> None:
        while len(talks) <= number:
            talks.append([b""])
        talk = talks[number]
        with socket.create_connection((HOST, port)) as upstream:

            def forward() -> None:
                with suppress(OSError):
                    while data := upstream.recv(65_536):
                        talk[-1] += data
                        client.sendall(data)

            threading.Thread(target=forward, daemon=True).start()
            while True:
                asked = receive(client)
                talk.append(b"")
                upstream.sendall(asked)

    with serving(serve) as own_port:
        yield own_port, talks
        time.sleep(0.1)
