"""A session that is ours, whatever the server does at connect; and errors in plain words."""

from __future__ import annotations

import os
import re
import socket
import ssl
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import pymysql
from pymysql.connections import Connection
from pymysql.constants import FIELD_TYPE
from pymysql.converters import encoders

from warehouse.errors import WarehouseError
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

SAFE = "Nothing was changed: everyone still reads the last snapshot."


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
        connection = pymysql.connect(
            host=server.host,
            port=server.port,
            user=server.user,
            password=server.password,
            database=server.database,
            unix_socket=server.socket,
            ssl=_tls_context(server),
            ssl_disabled=server.tls == "disabled",
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
    ask = f"SHOW SESSION VARIABLES WHERE variable_name IN ({', '.join(map(repr, wanted))})"
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


# MySQL's error numbers: https://dev.mysql.com/doc/mysql-errors/en/server-error-reference.html
# MariaDB's own start at 1900.
_MEANINGS: dict[int, tuple[str, str]] = {
    1040: ("has no connection free", "Try again later."),
    1044: (
        "does not let this account into the database (or there is no such database)",
        "Check the name in WAREHOUSE_MYSQL_URL, or ask for SELECT on it.",
    ),
    1045: (
        "refuses this account: wrong user or password",
        "Correct the user and the password in WAREHOUSE_MYSQL_URL.",
    ),
    1049: ("has no such database", "Correct the database's name in WAREHOUSE_MYSQL_URL."),
    1054: ("knows no such column", "Correct WAREHOUSE_ORDERS_WHERE."),
    1064: (
        "cannot parse the query",
        "Correct WAREHOUSE_ORDERS_WHERE: it is sent to MySQL as it is.",
    ),
    1130: ("does not let this machine in", "Ask for an account that may connect from here."),
    1142: ("does not let this account read the table", "Ask for SELECT on it."),
    1143: ("does not let this account read a column", "Ask for SELECT on it."),
    1146: ("has no such table", "Correct WAREHOUSE_ORDERS_TABLE."),
    1317: ("was told by somebody to stop the query", "Ask the DBA why, and run again."),
    1969: (
        "stopped the query: its time budget is used up",
        "Raise WAREHOUSE_QUERY_BUDGET_SECONDS, or load less with WAREHOUSE_ORDERS_WHERE.",
    ),
    2003: ("cannot be reached", "Check host and port in WAREHOUSE_MYSQL_URL, and the network."),
    2006: ("closed the connection", "Run again."),
    2013: ("went away in the middle of the answer", "Run again when it is back."),
    2026: (
        "and this machine do not agree on TLS",
        "Check ssl_mode and ssl_ca in WAREHOUSE_MYSQL_URL.",
    ),
    3159: ("accepts connections over TLS only", "Add ?ssl_mode=required to WAREHOUSE_MYSQL_URL."),
}
_SAME_AS = {1152: 2013, 1159: 2013, 1226: 1040, 1203: 1040, 1698: 1045, 3024: 1969, 1927: 2013}
_LOST = re.compile(r"IoError|CodecError|Connection reset|Broken pipe|UnexpectedEof|server.*disconn")
_UNKNOWN = ("answered with an error", "If the text does not help, show it to the DBA.")


def translate(error: BaseException, server: Server) -> WarehouseError:
    """Say in plain words what a driver's error means.

    PyMySQL's errors carry the number; ConnectorX's carry it in their text.
    """
    text = server.redact(str(error.args[-1] if error.args else error)).strip()
    number = error.args[0] if error.args and isinstance(error.args[0], int) else 0
    if found := re.search(r"ERROR (\d+) \(", text):
        number = int(found[1])
    if not number and _LOST.search(text):
        number = 2013
    if isinstance(error, ssl.SSLError) or "CERTIFICATE_VERIFY" in text or "SSL" in text[:40]:
        number = 2026
    meaning, todo = _MEANINGS.get(_SAME_AS.get(number, number), _UNKNOWN)
    return WarehouseError(f"MySQL at {server.name} {meaning}: {text}", safe=SAFE, todo=todo)


@contextmanager
def plain_errors(server: Server) -> Iterator[None]:
    """Turn a driver's errors into ones for people, without the driver's trace behind them."""
    try:
        yield
    except (pymysql.MySQLError, OSError, RuntimeError) as error:
        raise translate(error, server) from None
