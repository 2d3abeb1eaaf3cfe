"""A server that says what it is told to, and a recorder of what a real one says."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from pymysql.constants import CLIENT

HOST = "127.0.0.1"
Talk = Sequence[bytes]
"""What a server sends on one connection: its greeting, and the answer to each packet."""

Serve = Callable[[socket.socket, int], None]
"""Talks on a connection; told which one it is, from 0."""


def packet(payload: bytes, number: int) -> bytes:
    """Return one packet of the protocol."""
    return struct.pack("<I", len(payload))[:3] + bytes([number % 256]) + payload


def greeting(plugin: bytes = b"mysql_native_password", version: bytes = b"8.0.99") -> bytes:
    """Return the first packet of a server."""
    flags = (
        CLIENT.PROTOCOL_41
        | CLIENT.SECURE_CONNECTION
        | CLIENT.PLUGIN_AUTH
        | CLIENT.CONNECT_WITH_DB
        | CLIENT.LONG_PASSWORD
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


def receive(client: socket.socket) -> bytes:
    """Return the next packet of a client, header included.

    Raises:
        OSError: it has hung up.
    """
    header = _exactly(client, 4)
    return header + _exactly(client, int.from_bytes(header[:3], "little"))


def _exactly(client: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = client.recv(size - len(data))
        if not more:
            raise ConnectionError("the client has hung up")
        data += more
    return data


def talking(*talks: Talk) -> Serve:
    """Return a server that says these things in turn; on the last, it then falls silent."""

    def serve(client: socket.socket, number: int) -> None:
        if number >= len(talks):
            return
        first, *answers = talks[number]
        client.sendall(first)
        for answer in answers:
            receive(client)
            client.sendall(answer)
        receive(client)

    return serve


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
