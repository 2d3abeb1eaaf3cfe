"""What a server's errors mean, in plain words, and what to do about each."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import pymysql

from warehouse.errors import WarehouseError, quoted_from
from warehouse.mysql.url import Server

SAFE = "Nothing was changed: everyone still reads the last snapshot."
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
    1054: ("knows no such column", "Correct the file of the source."),
    1064: (
        "cannot parse the query",
        "Correct the file of the source.",
    ),
    1129: (
        "has blocked this machine: too many of its connections broke off",
        "Ask the DBA to unblock it (FLUSH HOSTS), and what broke them off.",
    ),
    1130: ("does not let this machine in", "Ask for an account that may connect from here."),
    1142: ("does not let this account read the table", "Ask for SELECT on it."),
    1143: ("does not let this account read a column", "Ask for SELECT on it."),
    1146: ("has no such table", "Correct the file of the source."),
    1203: (
        "gives this account no further connection: it has as many as it may have",
        "Wait until another program that uses the account has ended, or ask the DBA for more "
        "(MAX_USER_CONNECTIONS).",
    ),
    1226: (
        "has answered this account as often as it may ask within an hour",
        "Run again in an hour, or ask the DBA to raise the account's limit.",
    ),
    1242: (
        "says that a subquery gives more than one row",
        "Have it give one: a condition on a key, an aggregate, LIMIT 1.",
    ),
    1317: ("was told by somebody to stop the query", "Ask the DBA why, and run again."),
    1356: (
        "says that a view is broken, or that a right to what it reads is lacking",
        "Ask the DBA to correct the view, or load from another one.",
    ),
    1370: ("does not let this account call a function", "Ask for EXECUTE on it."),
    1412: (
        "says that a table was altered since the load began",
        "Run again when nobody alters it.",
    ),
    1449: (
        "says that the account as which a view runs is gone",
        "Ask the DBA to give the view another DEFINER, or SQL SECURITY INVOKER.",
    ),
    1690: (
        "cannot compute a value: it does not fit its type",
        "CAST what it is computed from to a wider type, such as DECIMAL(65, 0).",
    ),
    1862: (
        "says that the password of this account has expired",
        "Have it changed (ALTER USER … IDENTIFIED BY …), and write the new one into "
        "WAREHOUSE_MYSQL_URL.",
    ),
    1969: (
        "stopped the query: its time budget is used up",
        "Raise WAREHOUSE_QUERY_BUDGET_SECONDS, or load less: a WHERE in the file of the source.",
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
    3141: (
        "cannot read a value as JSON",
        "Leave such rows out, or have NULL there: IF(JSON_VALID(x), …, NULL).",
    ),
    3159: ("accepts connections over TLS only", "Add ?ssl_mode=required to WAREHOUSE_MYSQL_URL."),
}
_LOST = 2013
_SAME_AS = {
    **dict.fromkeys((1053, 1152, 1158, 1159, 1160, 1161, 1927, 4031), _LOST),
    # Of plugins: not loaded in the server, unknown to the driver, of several factors.
    **dict.fromkeys((1251, 1275, 1524, 3955), 2059),
    **{1698: 1045, 1820: 1862, 3024: 1969, 4151: 3118, 4166: 3118},
}
_MALFORMED = 2027
_TLS = re.compile(r"CERTIFICATE_VERIFY|^.{0,40}SSL|requires secure connection")
_UNKNOWN = ("answered with an error", "If the text does not help, show it to the DBA.")
_CLIENT = range(2000, 3000)
"""The numbers of what goes wrong between here and the server."""
_GARBLED = (
    "sent an answer that cannot be read",
    "Check that host and port are those of a MySQL or MariaDB server, and what stands between "
    "(a proxy, a load balancer); then run again.",
)
_OVER_TLS = "An account that has to use TLS is refused in the same words: try ?ssl_mode=required."
# MariaDB answers an unknown user as if it were one of its accounts, by chance one of this kind.
_SOCKET = (
    "refuses this account: it is unknown, or only a user of the server's own machine may use it",
    f"Correct the user in WAREHOUSE_MYSQL_URL. {_ACCOUNT}caching_sha2_password).",
)


def error_number(error: BaseException) -> int:
    """Return MySQL's number of an error, 0 if it has none."""
    text = str(error.args[-1] if error.args else error)
    if isinstance(error, ssl.SSLError) or _TLS.search(text):
        return 2026  # PyMySQL's number says that the server cannot be reached
    return error.args[0] if error.args and isinstance(error.args[0], int) else 0


def translate(error: BaseException, server: Server, place: str = "") -> WarehouseError:
    """Say in plain words what a driver's error means.

    Args:
        error: What was raised.
        server: Where.
        place: Where the query stands that was asked; named if the server refuses or ends the query,
            and not if the connection is lost.
    """
    text = quoted_from(server.redact(str(error.args[-1] if error.args else error)))
    meaning, todo = _meaning(error, text, server)
    said = f": {text}" if text else ""
    where = f"{place}: " if place and _of_the_query(error) else ""
    return WarehouseError(f"{where}MySQL at {server.name} {meaning}{said}", safe=SAFE, todo=todo)


def _of_the_query(error: BaseException) -> bool:
    number = error_number(error)
    return number not in (0, *_CLIENT) and _SAME_AS.get(number) != _LOST


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
def plain_errors(server: Server, place: str = "") -> Iterator[None]:
    """Turn a driver's errors into ones for people, without the driver's trace behind them.

    What else fails inside is an answer that nobody foresaw; its trace is kept.

    Args:
        server: Where.
        place: Where the query stands that is asked inside, see `translate`.
    """
    try:
        yield
    except WarehouseError:
        raise
    except (pymysql.MySQLError, OSError, RuntimeError) as error:
        raise translate(error, server, place) from None
    except Exception as error:
        meaning, todo = _GARBLED
        text = quoted_from(server.redact(f"{type(error).__name__}: {error}"))
        raise WarehouseError(
            f"MySQL at {server.name} {meaning}: {text}", safe=SAFE, todo=todo
        ) from error


def no_connection_free(error: WarehouseError) -> bool:
    """Whether the server refused a connection only because there are too many already."""
    driver = error.__context__
    return isinstance(driver, pymysql.MySQLError) and error_number(driver) in (1040, 1203, 1226)
