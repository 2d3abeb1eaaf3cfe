"""A network between the warehouse and a server that can fall silent: a proxy on loopback."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from tests.servers.launch import Database

CHUNK = 65_536


@dataclass
class Proxy:
    """Forwards connections, until one of them has brought so many bytes from the server.

    Attributes:
        after: That many; None for ever.
        swallows: Whether it goes on taking the server's bytes then; else the server waits.
        silent: Set when the first connection fell silent. Later ones are forwarded as before.
    """

    target: tuple[str, int]
    after: int | None = None
    swallows: bool = False
    silent: threading.Event = field(default_factory=threading.Event)
    _sockets: list[socket.socket] = field(default_factory=list)
    _muted: list[socket.socket] = field(default_factory=list)

    def mute(self) -> None:
        """Lose what the server sends from now on over the connections that are open."""
        self._muted = list(self._sockets)

    def serve(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(self.target)
            except OSError:  # there is no server any more
                client.close()
                continue
            self._sockets += [client, server]
            threading.Thread(target=self._pipe, args=[client, server], daemon=True).start()
            threading.Thread(target=self._answers, args=[server, client], daemon=True).start()

    def _pipe(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(CHUNK):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)

    def _answers(self, server: socket.socket, client: socket.socket) -> None:
        forwarded = 0
        with suppress(OSError):
            while data := server.recv(CHUNK):
                if server in self._muted:
                    continue
                if self.after is not None and forwarded + len(data) > self.after:
                    client.sendall(data[: self.after - forwarded])
                    self.after = None
                    self.silent.set()
                    while self.swallows and server.recv(CHUNK):
                        pass
                    return
                client.sendall(data)
                forwarded += len(data)
            client.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """End the connections that are open, as a server does that goes away."""
        for one in self._sockets:
            with suppress(OSError):  # the other side did so before
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        self._sockets.clear()


@contextmanager
def proxy(
    database: Database, after: int | None = None, swallows: bool = False
) -> Iterator[tuple[Proxy, str]]:
    """Run a proxy in front of a server. Yields it, and the URL that leads through it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        made = Proxy((database.host, database.port), after, swallows)
        threading.Thread(target=made.serve, args=[listener], daemon=True).start()
        try:
            yield made, database.url().replace(f":{database.port}/", f":{port}/")
        finally:
            made.close()
