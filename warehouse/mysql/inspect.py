"""Questions about a connection, an account and a table. None of them asks for a row."""

from __future__ import annotations

import ipaddress
import re
import time
from dataclasses import dataclass
from typing import Any

from pymysql.connections import Connection

from warehouse.mysql.columns import TableKey
from warehouse.mysql.session import optional, rows
from warehouse.mysql.url import Server

ROUND_TRIPS = 3

_GRANT = re.compile(r"GRANT (?P<privileges>.+?) ON (?P<where>\S+) TO ")
_MAY_WRITE = frozenset(
    {
        *("ALL", "INSERT", "UPDATE", "DELETE", "DELETE HISTORY", "CREATE", "DROP", "ALTER"),
        *("INDEX", "TRIGGER", "EVENT", "CREATE VIEW", "CREATE ROUTINE", "ALTER ROUTINE"),
        *("CREATE USER", "FILE", "SUPER", "GRANT"),
    }
)
_INDEXES = """
SELECT index_name, column_name, non_unique FROM information_schema.statistics
WHERE table_schema = %s AND table_name = %s ORDER BY index_name, seq_in_index
"""
_KIND = """
SELECT table_type FROM information_schema.tables WHERE table_schema = %s AND table_name = %s
"""
_LIMITS = ("max_execution_time", "max_statement_time")


@dataclass(frozen=True)
class Grant:
    """Privileges by which an account can write, and on what."""

    privileges: tuple[str, ...]
    where: str


@dataclass(frozen=True)
class Tls:
    """How a connection is encrypted."""

    version: str
    cipher: str


def server_version(connection: Connection[Any]) -> str:
    """Return what the server says of itself."""
    ((version,),) = rows(connection, "SELECT VERSION()")
    return str(version)


def round_trip_seconds(connection: Connection[Any]) -> float:
    """Return how long a question takes that is no work, at best of a few."""

    def once() -> float:
        began = time.perf_counter()
        rows(connection, "SELECT 1")
        return time.perf_counter() - began

    return min(once() for _ in range(ROUND_TRIPS))


def writing_grants(connection: Connection[Any]) -> list[Grant] | None:
    """Return by what the account can write, its active roles included.

    Returns:
        None where the server does not tell.
    """
    grants = optional(connection, "SHOW GRANTS")
    if not grants:
        return None
    found = []
    for (text,) in grants:
        if match := _GRANT.match(text):
            # Columns stand in brackets behind a privilege.
            names = re.sub(r" ?\([^)]*\)", "", match["privileges"]).upper().split(",")
            privileges = [name.strip().removesuffix(" PRIVILEGES") for name in names]
            if "WITH GRANT OPTION" in text:
                privileges.append("GRANT")
            if writing := tuple(name for name in privileges if name in _MAY_WRITE):
                found.append(Grant(writing, match["where"].replace("`", "")))
    return found


def tls(connection: Connection[Any]) -> Tls | None:
    """Return how the connection is encrypted, or None if it is not."""
    status = dict(
        row
        for name in ("Ssl_version", "Ssl_cipher")
        for row in optional(connection, f"SHOW SESSION STATUS LIKE '{name}'")
    )
    cipher = status.get("Ssl_cipher")
    return Tls(status.get("Ssl_version", ""), cipher) if cipher else None


def on_this_machine(server: Server) -> bool:
    """Whether nothing but this machine carries the connection."""
    if server.socket or server.host == "localhost":
        return True
    try:
        return ipaddress.ip_address(server.host).is_loopback
    except ValueError:
        return False


def limits(connection: Connection[Any]) -> dict[str, float]:
    """Return the settings of the session that end a long answer, in seconds; 0 is no limit."""
    found = {}
    for name in _LIMITS:
        for _, value in optional(connection, f"SHOW SESSION VARIABLES LIKE '{name}'"):
            found[name] = float(value) / (1000 if name == "max_execution_time" else 1)
    return found


@dataclass(frozen=True)
class Index:
    """An index of a table: its columns, in its order and in lower case."""

    columns: tuple[str, ...]
    unique: bool


def indexes(connection: Connection[Any], table: TableKey | None) -> list[Index]:
    """Return the indexes of a table; of a query that is more than one table, none serve."""
    if table is None:
        return []
    columns: dict[str, list[str]] = {}
    unique: set[str] = set()
    for index, column, repeats in optional(connection, _INDEXES, *table):
        # MySQL has no name for an index on an expression.
        columns.setdefault(index, []).append((column or "").lower())
        if not repeats:
            unique.add(index)
    return [Index(tuple(named), index in unique) for index, named in columns.items()]


def is_view(connection: Connection[Any], table: TableKey) -> bool:
    """Whether a table is a view in MySQL."""
    return optional(connection, _KIND, *table) == [("VIEW",)]
