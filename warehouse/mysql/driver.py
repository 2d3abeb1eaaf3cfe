"""PyMySQL's connection, on guard: against what a server asks for, and against one without an end.

PyMySQL limits how long it waits for each piece of an answer. A server that sends a byte every few
seconds, or packets for ever, would keep it for ever: here a whole short answer has its limits.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from pymysql import err
from pymysql.connections import Connection
from pymysql.constants import CLIENT, CR

from warehouse.mysql.compression import CompressedSocket

ANSWER_BYTES = 64 * 1024 * 1024
"""How long a short answer may be, the greeting of the server included."""

SPOKEN = frozenset(
    {
        *("mysql_native_password", "mysql_old_password", "mysql_clear_password"),
        *("caching_sha2_password", "sha256_password", "client_ed25519"),
    }
)
"""The plugins by which PyMySQL logs in. It has `dialog` as well, and fails at MariaDB's."""


if TYPE_CHECKING:
    _Connection = Connection[Any]
else:  # its generics are those of its stubs
    _Connection = Connection


class GuardedConnection(_Connection):
    """A connection whose short answers end, and that trusts no plugin that it does not know."""

    _left: int | None = None
    """Bytes that the answer may still have; None for any number."""

    _sock: Any
    _rfile: Any

    def __init__(self, *, compressed: bool, **options: Any) -> None:
        """Connect as PyMySQL does; compressed, if it is wanted and the server can."""
        self._compressed = compressed
        super().__init__(**options)

    def connect(self, sock: Any = None) -> None:
        """Connect and log in, within the limits of a short answer."""
        with self._limited():
            super().connect(sock)

    def _request_authentication(self) -> None:
        offered = self.server_capabilities & CLIENT.COMPRESS  # type: ignore[attr-defined]
        if self._compressed and offered:
            self.client_flag |= CLIENT.COMPRESS
        super()._request_authentication()  # type: ignore[misc]
        if self._compressed and offered:  # from the next packet on
            self._rfile.close()
            self._sock = CompressedSocket(self._sock)
            self._rfile = self._sock.makefile()

    def _execute_command(self, command: int, sql: str | bytes) -> None:
        super()._execute_command(command, sql)  # type: ignore[misc]
        if isinstance(self._sock, CompressedSocket):
            # Servers go on with the number of the frames, of which a long command takes several.
            self._next_seq_id = self._sock.number

    def _read_query_result(self, unbuffered: bool = False) -> Any:
        if unbuffered or self._read_timeout is None:  # type: ignore[attr-defined]
            return super()._read_query_result(unbuffered)  # type: ignore[misc]
        with self._limited():
            return super()._read_query_result(unbuffered)  # type: ignore[misc]

    def _read_bytes(self, num_bytes: int) -> Any:
        if self._left is not None:
            self._left -= num_bytes
            if self._left < 0:
                self._force_close()  # type: ignore[attr-defined]
                raise err.InternalError(f"more than {ANSWER_BYTES:,} bytes to a short question")
        return super()._read_bytes(num_bytes)  # type: ignore[misc]

    def _process_auth(self, plugin_name: bytes, auth_packet: Any, handler: Any = None) -> Any:
        """Log in by the plugin that the server asks for, if it is one to be trusted with that."""
        plugin = plugin_name.decode(errors="replace")
        if plugin not in SPOKEN:
            raise err.OperationalError(CR.CR_AUTH_PLUGIN_CANNOT_LOAD, f"the plugin is {plugin}")
        if plugin == "mysql_clear_password" and not self._secure:  # type: ignore[attr-defined]
            raise err.OperationalError(
                CR.CR_AUTH_PLUGIN_ERR, "it asks for the password in the clear, without TLS"
            )
        return super()._process_auth(plugin_name, auth_packet, handler)  # type: ignore[misc]

    @contextmanager
    def _limited(self) -> Iterator[None]:
        """Hang up on an answer that does not end."""
        seconds = self._read_timeout  # type: ignore[attr-defined]
        self._left = ANSWER_BYTES
        ended = threading.Event()
        late = threading.Event()

        def watch() -> None:
            if ended.wait(seconds):
                return
            late.set()
            while not ended.wait(0.2):  # the socket may be another one by then: TLS wraps it
                with suppress(Exception):
                    self._sock.shutdown(socket.SHUT_RDWR)

        threading.Thread(target=watch, name="mysql-limit", daemon=True).start()
        try:
            yield
        except Exception:
            if not late.is_set():
                raise
            raise err.OperationalError(
                CR.CR_SERVER_LOST, f"its answer was not complete after {seconds:g} seconds"
            ) from None
        finally:
            ended.set()
            self._left = None
