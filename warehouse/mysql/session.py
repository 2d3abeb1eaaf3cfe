"""A session that is ours, whatever the server does at connect; and errors in plain words."""

from __future__ import annotations

import os
import re
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

from warehouse.errors import WarehouseError, quoted_from
from warehouse.mysql.driver import GuardedConnection
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
        connection = GuardedConnection(
            host=server.host,
            port=server.port,
            user=server.user,
            password=server.password.encode(),  # PyMySQL would take text for Latin-1
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
# MariaDB's own start at 1900. Those from 2000 are the client's, which are the same in both.
_ACCOUNT = "Ask the DBA for an account that logs in by a password (mysql_native_password, ed25519, "
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
    1129: (
        "has blocked this machine: too many of its connections broke off",
        "Ask the DBA to unblock it (FLUSH HOSTS), and what broke them off.",
    ),
    1130: ("does not let this machine in", "Ask for an account that may connect from here."),
    1142: ("does not let this account read the table", "Ask for SELECT on it."),
    1143: ("does not let this account read a column", "Ask for SELECT on it."),
    1146: ("has no such table", "Correct WAREHOUSE_ORDERS_TABLE."),
    1203: (
        "gives this account no further connection: it has as many as it may have",
        "Wait until another program that uses the account has ended, or ask the DBA for more "
        "(MAX_USER_CONNECTIONS).",
    ),
    1226: (
        "has answered this account as often as it may ask within an hour",
        "Run again in an hour, or ask the DBA to raise the account's limit.",
    ),
    1317: ("was told by somebody to stop the query", "Ask the DBA why, and run again."),
    1356: (
        "says that a view is broken, or that a right to what it reads is lacking",
        "Ask the DBA to correct the view, or load from another one.",
    ),
    1370: ("does not let this account call a function", "Ask for EXECUTE on it."),
    1449: (
        "says that the account as which a view runs is gone",
        "Ask the DBA to give the view another DEFINER, or SQL SECURITY INVOKER.",
    ),
    1862: (
        "says that the password of this account has expired",
        "Have it changed (ALTER USER … IDENTIFIED BY …), and write the new one into "
        "WAREHOUSE_MYSQL_URL.",
    ),
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
    2059: (
        "has this account log in in a way that the warehouse does not know",
        _ACCOUNT + "caching_sha2_password or sha256_password).",
    ),
    2061: (
        "wants the password of this account unencrypted over the network",
        "Add ?ssl_mode=required to WAREHOUSE_MYSQL_URL, best with ssl_ca. The password was not "
        "sent.",
    ),
    3032: ("lets only administrators in for now (offline mode)", "Ask the DBA, or try later."),
    3118: ("has locked this account", "Ask the DBA to unlock it (ALTER USER … ACCOUNT UNLOCK)."),
    3159: ("accepts connections over TLS only", "Add ?ssl_mode=required to WAREHOUSE_MYSQL_URL."),
}
_SAME_AS = {
    **dict.fromkeys((1053, 1152, 1158, 1159, 1160, 1161, 1927, 4031), 2013),
    # Of plugins: not loaded in the server, unknown to the driver, of several factors.
    **dict.fromkeys((1251, 1275, 1524, 3955), 2059),
    **{1698: 1045, 1820: 1862, 3024: 1969, 4151: 3118, 4166: 3118},
}
_MALFORMED = 2027
_TLS = re.compile(r"CERTIFICATE_VERIFY|^.{0,40}SSL|requires secure connection")
_UNKNOWN = ("answered with an error", "If the text does not help, show it to the DBA.")
_GARBLED = (
    "sent an answer that cannot be read",
    "Check that host and port are those of a MySQL or MariaDB server, and what stands between "
    "(a proxy, a load balancer); then run again.",
)
_OVER_TLS = "An account that has to use TLS is refused in the same words: try ?ssl_mode=required."
_SOCKET = (
    "does not let this account in by a password: it belongs to a user of the server's own machine",
    _ACCOUNT + "caching_sha2_password).",
)


def error_number(error: BaseException) -> int:
    """Return MySQL's number of an error, 0 if it has none."""
    text = str(error.args[-1] if error.args else error)
    if isinstance(error, ssl.SSLError) or _TLS.search(text):
        return 2026  # PyMySQL's number says that the server cannot be reached
    return error.args[0] if error.args and isinstance(error.args[0], int) else 0


def no_connection_free(error: WarehouseError) -> bool:
    """Whether the server refused a connection only because there are too many already."""
    driver = error.__context__
    return isinstance(driver, pymysql.MySQLError) and error_number(driver) in (1040, 1203, 1226)


def translate(error: BaseException, server: Server) -> WarehouseError:
    """Say in plain words what a driver's error means."""
    text = quoted_from(server.redact(str(error.args[-1] if error.args else error)))
    meaning, todo = _meaning(error, text, server)
    said = f": {text}" if text else ""
    return WarehouseError(f"MySQL at {server.name} {meaning}{said}", safe=SAFE, todo=todo)


def _meaning(error: BaseException, text: str, server: Server) -> tuple[str, str]:
    number = error_number(error)
    if number == 1226 and "max_user_connections" in text:
        number = 1203
    if number == 1698 and "using password" not in text:
        return _SOCKET
    if isinstance(error, pymysql.InterfaceError) and not number:
        number = 2006  # PyMySQL has hung up before
    if isinstance(error, pymysql.MySQLError) and number in (0, _MALFORMED):
        return _GARBLED  # the driver's own words on packets out of order
    meaning, todo = _MEANINGS.get(_SAME_AS.get(number, number), _UNKNOWN)
    if number == 1045 and server.tls == "disabled":
        todo = f"{todo} {_OVER_TLS}"
    return meaning, todo


@contextmanager
def plain_errors(server: Server) -> Iterator[None]:
    """Turn a driver's errors into ones for people, without the driver's trace behind them.

    What else fails inside is an answer that nobody foresaw; its trace is kept.
    """
    try:
        yield
    except WarehouseError:
        raise
    except (pymysql.MySQLError, OSError, RuntimeError) as error:
        raise translate(error, server) from None
    except Exception as error:
        meaning, todo = _GARBLED
        text = quoted_from(server.redact(f"{type(error).__name__}: {error}"))
        raise WarehouseError(
            f"MySQL at {server.name} {meaning}: {text}", safe=SAFE, todo=todo
        ) from error


def as_connected(server: Server, connection: Connection[Any]) -> Server:
    """Return a server whose next connection is encrypted if this one is."""
    if server.tls != "preferred":
        return server
    encrypted = getattr(connection, "_secure", False)
    return replace(server, tls="required" if encrypted else "disabled")
