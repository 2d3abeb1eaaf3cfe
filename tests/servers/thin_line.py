"""A thin line on loopback: a proxy that lets so many bits a second through, each a while later."""

from __future__ import annotations

import queue
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

CHUNK = 4096
AHEAD = 64
"""Chunks on the way. More wait with who sends them, as before a real line."""
BURST_SECONDS = 0.02
"""What a sleep that lasts too long may be made up for."""


@dataclass
class _Direction:
    """One way of the line, for all connections together."""

    bytes_per_second: float
    delay: float
    _free: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def pipe(self, source: socket.socket, sink: socket.socket) -> None:
        """Carry what comes until its end, and then the end."""
        on_the_way: queue.Queue[tuple[float, bytes]] = queue.Queue(AHEAD)

        def arrive() -> None:
            with suppress(OSError):
                while True:
                    due, data = on_the_way.get()
                    if not data:
                        sink.shutdown(socket.SHUT_WR)
                        return
                    time.sleep(max(0.0, due - time.monotonic()))
                    sink.sendall(data)

        threading.Thread(target=arrive, daemon=True).start()
        data = b"-"
        while data:
            data = b""
            with suppress(OSError):
                data = source.recv(CHUNK)
            on_the_way.put((self._taken(len(data)) + self.delay, data))

    def _taken(self, size: int) -> float:
        """Wait until the line has taken so many bytes; return when that was."""
        with self._lock:
            now = time.monotonic()
            self._free = max(self._free, now - BURST_SECONDS) + size / self.bytes_per_second
            time.sleep(max(0.0, self._free - now))
            return max(self._free, now)


@contextmanager
def thin_line(
    address: tuple[str, int], bits_per_second: float, round_trip_seconds: float = 0.0
) -> Iterator[int]:
    """Run such a line to a server. Yields the port of its near end."""
    up, down = (_Direction(bits_per_second / 8, round_trip_seconds / 2) for _ in "12")
    ends: list[socket.socket] = []

    def serve(listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                near, _ = listener.accept()
                far = socket.socket()
                # Before it is connected; else the system holds megabytes that nobody sent yet.
                far.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, CHUNK * AHEAD)
                far.connect(address)
                ends.extend([near, far])
                for way, source, sink in ((up, near, far), (down, far, near)):
                    threading.Thread(target=way.pipe, args=[source, sink], daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, args=[listener], daemon=True).start()
        try:
            yield listener.getsockname()[1]
        finally:
            for end in ends:
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
                end.close()
