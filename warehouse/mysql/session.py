"""A session that is ours, whatever the server does at connect."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

import pymysql
from pymysql.connections import Connection
from pymysql.constants import FIELD_TYPE
from pymysql.converters import encoders

from warehouse.errors import WarehouseError
from warehouse.mysql.driver import GuardedConnection
from warehouse.mysql.server_errors import SAFE, plain_errors
from warehouse.mysql.url import Server
from warehouse.mysql.variables import UNLIMITED, Setting, variables

CONNECT_SECONDS = 10
ANSWER_SECONDS = 60
"""How long a short question may take, the greeting of the server included."""
STOP_SECONDS = 2.0
"""How long somebody who wants to leave waits for a server that no longer answers."""

_KEEP_ALIVE = {"TCP_KEEPIDLE": 15, "TCP_KEEPALIVE": 15, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 4}
"""After 15 seconds of silence ask every 5 seconds, 4 times. macOS has its own first name."""

# Integers and doubles as such; everything else as the server wrote it (text or bytes).
_CONVERSIONS: dict[Any, Any] = {
    **encoders,
    **dict.fromkeys(
        (
            FIELD_TYPE.TINY,
            FIELD_TYPE.SHORT,
            FIELD_TYPE.INT24,
            FIELD_TYPE.LONG,
            FIELD_TYPE.LONGLONG,
            FIELD_TYPE.YEAR,
        ),
        int,
    ),
    **dict.fromkeys((FIELD_TYPE.FLOAT, FIELD_TYPE.DOUBLE), float),
}


@contextmanager
def connect(
    server: Server,
    within: float | None = None,
    *,
    budget_seconds: float | None = None,
    writes: bool = False,
) -> Iterator[Connection[Any]]:
    """Open a session that is ours, see `variables`; its rows hold int, float, str and bytes only.

    Args:
        server: Where.
        within: So many seconds the server has to answer; None for as many as is polite.
        budget_seconds: So long the server lets a query run; None for as long as it does anyway.
        writes: Whether it may write.

    Raises:
        WarehouseError: the server cannot be reached or refuses, or the session is not what we set;
            says why.
    """
    with plain_errors(server):
        connection = GuardedConnection(
            host=server.host,
            port=server.port,
            user=server.user,
            password=server.password.encode(),  # PyMySQL would take text for Latin-1
            database=server.database,
            unix_socket=server.socket,
            ssl=_tls_context(server),
            ssl_disabled=server.tls == "disabled",
            compressed=server.compressed,
            charset="utf8mb4",
            autocommit=True,
            connect_timeout=within or CONNECT_SECONDS,
            read_timeout=within or ANSWER_SECONDS,
            program_name="warehouse",
            conv=_CONVERSIONS,
        )
    try:
        with plain_errors(server):
            _keep_alive(connection)
            set_session(connection, server, variables(budget_seconds, writes))
        yield connection
    finally:
        if connection.open:
            connection.close()


def set_session(connection: Connection[Any], server: Server, wanted: Mapping[str, Setting]) -> None:
    """Set everything that values depend on, after whatever the server did at connect, and look.

    Raises:
        WarehouseError: a variable is not what was set; names it.
    """
    ask = _ask(wanted)
    rows(connection, f"SET {_assigned(wanted, UNLIMITED)}")  # else the answer may be cut
    known = [name for name, _ in rows(connection, ask) if name in wanted]
    rows(connection, f"SET {_assigned(wanted, known)}")
    for name, value in rows(connection, ask):
        if name in known and wanted[name][1] not in (None, str(value)):
            raise WarehouseError(
                f"MySQL at {server.name} keeps the session's {name} at {value}, not at "
                f"{wanted[name][1]}: values could come out changed.",
                safe=SAFE,
                todo="Ask the DBA what sets it, or for an account that may set it.",
            )


def session_statement(connection: Connection[Any], wanted: Mapping[str, Setting]) -> str:
    """Return one statement that makes a session ours, for who connects by another driver.

    Args:
        connection: One of ours with the same server, which tells what variables it has.
        wanted: What to set.
    """
    known = [name for name, _ in rows(connection, _ask(wanted)) if name in wanted]
    return f"SET {_assigned(wanted, known)}"


def _ask(wanted: Mapping[str, Setting]) -> str:
    names = ", ".join(map(repr, wanted))
    return f"SHOW SESSION VARIABLES WHERE variable_name IN ({names})"


def _assigned(wanted: Mapping[str, Setting], names: Iterable[str]) -> str:
    return ", ".join(f"SESSION {name} = {wanted[name][0]}" for name in names)


def _keep_alive(connection: Connection[Any]) -> None:
    """Have the operating system notice a peer that is gone: at once, not after two hours."""
    sock: socket.socket = connection._sock  # type: ignore[attr-defined]
    if sock.family == socket.AF_UNIX:
        return
    for name, value in _KEEP_ALIVE.items():
        if hasattr(socket, name):  # each system has its own
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _tls_context(server: Server) -> ssl.SSLContext | None:
    if server.tls in ("disabled", "preferred"):
        return None  # without one PyMySQL encrypts if the server can, and insists on nothing
    for file in (server.ca, server.cert, server.key):
        if file and not os.access(file, os.R_OK):
            raise WarehouseError(
                f"The TLS file {file} named in WAREHOUSE_MYSQL_URL cannot be read.",
                safe=SAFE,
                todo="Correct its path; a relative one counts from the repository's root.",
            )
    try:
        context = ssl.create_default_context(cafile=server.ca)
        context.check_hostname = server.tls == "verify_identity"
        context.verify_mode = (
            ssl.CERT_REQUIRED if server.tls.startswith("verify") else ssl.CERT_NONE
        )
        # MySQL's self-made certificate authority lacks an extension that strict mode asks for.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        if server.cert:
            context.load_cert_chain(server.cert, server.key)
    except OSError as error:
        raise WarehouseError(
            f"A TLS file named in WAREHOUSE_MYSQL_URL is not what it should be: {error}.",
            safe=SAFE,
        ) from None
    return context


def wait_as_long_as_it_takes(connection: Connection[Any]) -> None:
    """Lift the limit on short questions: a long query may work an hour for its first row."""
    connection._read_timeout = None  # type: ignore[attr-defined]  # it has no other way


def answer_soon(connection: Connection[Any]) -> None:
    """Expect short answers again on a session whose limit was lifted."""
    connection._read_timeout = ANSWER_SECONDS  # type: ignore[attr-defined]


def hang_up(connection: Connection[Any]) -> None:
    """End a connection at once, and wake the thread that reads from it."""
    sock: socket.socket | None = connection._sock  # type: ignore[attr-defined]
    if sock:
        with suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
    connection._force_close()  # type: ignore[attr-defined]


def stop(server: Server, connection_id: int) -> None:
    """Have MySQL end a connection of this account, if it answers at all."""
    with suppress(Exception), connect(server, within=STOP_SECONDS) as connection:
        rows(connection, f"KILL {connection_id}")


def rows(connection: Connection[Any], sql: str, *values: object) -> list[tuple[Any, ...]]:
    """Run a short question and return its rows."""
    with connection.cursor() as cursor:
        cursor.execute(sql, values or None)
        return list(cursor.fetchall())


def optional(connection: Connection[Any], sql: str, *values: object) -> list[tuple[Any, ...]]:
    """Ask what an account may be too small to see, or a server too old: no answer is an answer."""
    try:
        return rows(connection, sql, *values)
    except pymysql.MySQLError:
        return []


def as_connected(server: Server, connection: Connection[Any]) -> Server:
    """Return a server whose next connection is encrypted if this one is."""
    if server.tls != "preferred":
        return server
    encrypted = getattr(connection, "_secure", False)
    return replace(server, tls="required" if encrypted else "disabled")
