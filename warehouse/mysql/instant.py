"""Several sessions whose transactions show one instant of MySQL, and what proves it.

Each session begins `START TRANSACTION WITH CONSISTENT SNAPSHOT`. They show one instant if nothing
was committed between the first and the last of these statements. Three things can tell that, and
an account with SELECT alone may read each of them; the best one that the server has is taken:

- MariaDB and Percona Server with a binary log tell the position of each open snapshot.
- MySQL with GTIDs tells which transactions are committed, and which are being committed.
- InnoDB tells how far its redo log is written: no change is committed without a record there.

The first two count what is in the binary log: not what somebody with the privilege for it keeps out
of it (`SET sql_log_bin = 0`). The positions that SHOW MASTER STATUS and SHOW BINARY LOG STATUS tell
prove nothing: MySQL writes a transaction there first, and may show it to others seconds later.

https://mariadb.com/kb/en/enhancements-for-start-transaction-with-consistent-snapshot/
https://dev.mysql.com/doc/refman/en/replication-options-gtids.html
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import pymysql
from pymysql.connections import Connection
from pymysql.constants import COMMAND

from warehouse.errors import WarehouseError
from warehouse.mysql.server_errors import no_connection_free, plain_errors
from warehouse.mysql.session import connect, optional, rows
from warehouse.mysql.url import Server

TRIES = 20
PAUSE_SECONDS = 0.002
"""After the first try; after each further one as much longer. All together: 0.4 seconds."""
COMMIT_SECONDS = 0.05
"""InnoDB writes the record of a commit first, and shows the rows to others microseconds later."""

_START = "START TRANSACTION WITH CONSISTENT SNAPSHOT"
_ALONE = "one transaction"


@dataclass(frozen=True)
class Instant:
    """What the transactions of some sessions show.

    Attributes:
        proven: Whether all show one instant of MySQL.
        how: What proves it, in words for the receipt.
        position: The position in the binary log or the redo log, or the GTID set, if it is known.
    """

    proven: bool
    how: str
    position: str | None

    @property
    def words(self) -> str:
        """The same in a sentence."""
        at = f" at {self.position}" if self.position else ""
        return f"one instant{at}, by {self.how}" if self.proven else f"not proven: {self.how}"


@dataclass(frozen=True)
class _Proof:
    """A way to begin transactions and to tell whether they show one instant.

    Attributes:
        name: In words.
        begin: Begins them; returns where the server stood, None if it moved meanwhile.
        cheap: Whether it costs no pause.
    """

    name: str
    begin: Callable[[Sequence[Connection[Any]]], str | None]
    cheap: bool = True


class _NotOne(Exception):
    """Why several sessions are not known to show one instant."""


@contextmanager
def open_together(
    server: Server,
    count: int,
    *,
    budget_seconds: float | None = None,
    say: Callable[[str], None],
) -> Iterator[tuple[list[Connection[Any]], Instant]]:
    """Open up to `count` sessions whose snapshot transactions show one instant of MySQL.

    There is one session where an instant of several cannot be proven. Tables of engines without
    snapshots are not covered, see `transactional`. At the end all sessions are closed, which ends
    their transactions, also when the server is gone.

    Args:
        server: Where.
        count: How many sessions are wanted; at least 1.
        budget_seconds: So long the server lets a query run; None for as long as it does anyway.
        say: Told why there are fewer sessions than wanted.

    Raises:
        WarehouseError: as `connect` does for the first session; for a further one unless the server
            only has no connection free.
    """
    with ExitStack() as first, ExitStack() as further:
        connections = [first.enter_context(connect(server, budget_seconds=budget_seconds))]
        with plain_errors(server):
            sample = "mimic" in rows(connections[0], "SELECT VERSION()")[0][0]
        if sample:
            with suppress(pymysql.MySQLError):  # it has no transactions, and never changes
                _begin(connections)
            yield connections, Instant(True, _ALONE, None)
            return
        connections += _open_further(server, count - 1, budget_seconds, say, further)
        with plain_errors(server):
            proof = _proof(connections[0])
            if len(connections) > 1:
                try:
                    instant = _line_up(connections, proof)
                except _NotOne as reason:
                    further.close()
                    del connections[1:]
                    say(f"{reason}: MySQL at {server.name} is read one table after the other.")
            if len(connections) == 1:
                instant = _alone(connections, proof)
        yield connections, instant


def transactional(connection: Connection[Any], tables: Sequence[tuple[str, str]]) -> list[str]:
    """Return which of the tables have an engine without snapshots: no instant covers them.

    Args:
        connection: Any session.
        tables: Schema and name of each. A view has no engine: give the tables behind it.
    """
    if not tables:
        return []
    marks = ", ".join(["(%s, %s)"] * len(tables))
    found = rows(
        connection,
        "SELECT table_schema, table_name FROM information_schema.tables "
        f"WHERE (table_schema, table_name) IN ({marks}) "
        "AND engine NOT IN ('InnoDB', 'ROCKSDB', 'TokuDB') ORDER BY 1, 2",
        *(part for table in tables for part in table),
    )
    return [f"{schema}.{name}" for schema, name in found]


def _open_further(
    server: Server,
    count: int,
    budget_seconds: float | None,
    say: Callable[[str], None],
    stack: ExitStack,
) -> list[Connection[Any]]:
    """Open so many sessions more, or as many as the server gives."""
    connections: list[Connection[Any]] = []
    for _ in range(count):
        try:
            connections.append(stack.enter_context(connect(server, budget_seconds=budget_seconds)))
        except WarehouseError as error:
            if not no_connection_free(error):
                raise
            say(
                f"MySQL at {server.name} gives this account {1 + len(connections)} of the "
                f"{1 + count} connections that were asked for: fewer tables are read side by side."
            )
            break
    return connections


def _line_up(connections: Sequence[Connection[Any]], proof: _Proof | None) -> Instant:
    """Begin the transactions of several sessions at one instant.

    Raises:
        _NotOne: that cannot be had, or not be proven.
    """
    if len({rows(each, "SELECT @@hostname, @@port, @@server_id")[0] for each in connections}) > 1:
        raise _NotOne("The connections reach different servers")
    if proof is None:
        raise _NotOne("The server does not tell when nothing is committed")
    for attempt in range(1, TRIES + 1):
        position = proof.begin(connections)
        if position:
            return Instant(True, f"{proof.name} {position}", position)
        time.sleep(PAUSE_SECONDS * attempt)
    raise _NotOne(f"Something was committed during each of {TRIES} tries to begin at one instant")


def _alone(connections: Sequence[Connection[Any]], proof: _Proof | None) -> Instant:
    """Begin the transaction of the only session: that is one instant by itself."""
    if proof and proof.cheap:
        return Instant(True, _ALONE, proof.begin(connections))
    _begin(connections)
    return Instant(True, _ALONE, None)


def _proof(connection: Connection[Any]) -> _Proof | None:
    """Return the best proof that the server offers, None if it offers none."""
    variables = _shown(
        connection, "GLOBAL VARIABLES", "log_bin", "log_slave_updates", "gtid_mode", "wsrep_on"
    )
    status = _shown(
        connection, "STATUS", *_SNAPSHOT, *_REDO, "slaves_running", "innodb_redo_log_enabled"
    )
    # A replica (or a Galera node) may apply what others wrote without writing it into its own log.
    logs_all = variables.get("log_slave_updates") == "ON" or (
        status.get("slaves_running") == "0" and variables.get("wsrep_on", "OFF") == "OFF"
    )
    filtered = _leaves_databases_out(connection)
    if status.get(_SNAPSHOT[0]) and logs_all and not filtered:
        return _Proof("binary log position", _by_snapshot_position)
    if (variables.get("gtid_mode"), variables.get("log_bin")) == ("ON", "ON") and not filtered:
        return _Proof("GTID set", _by_gtid_set)
    redo = any(name in status for name in _REDO)
    if redo and status.get("innodb_redo_log_enabled") != "OFF" and not _has_others(connection):
        return _Proof("InnoDB redo log position", _by_redo_position, cheap=False)
    return None


_SNAPSHOT = ("binlog_snapshot_file", "binlog_snapshot_position")
_REDO = ("innodb_lsn_current", "innodb_redo_log_current_lsn")
"""The name in MariaDB, and in MySQL from 8.0.30 on."""


def _by_snapshot_position(connections: Sequence[Connection[Any]]) -> str | None:
    """The server itself tells the position of each snapshot, at any time after."""
    _begin(connections)
    positions = {
        ":".join(shown[name] for name in _SNAPSHOT)
        for shown in (_shown(each, "STATUS", *_SNAPSHOT) for each in connections)
    }
    return positions.pop() if len(positions) == 1 else None


def _by_gtid_set(connections: Sequence[Connection[Any]]) -> str | None:
    """A GTID is owned by its session first, then the rows are visible, then it is executed.

    So a transaction that became visible between two of the snapshots was not in the executed set
    before, and after is owned or in that set. Owned is read first: it may be executed meanwhile.
    """
    executed = "SELECT @@GLOBAL.gtid_executed"
    ((before,),) = rows(connections[0], executed)
    _begin(connections)
    ((owned,),) = rows(connections[0], "SELECT @@GLOBAL.gtid_owned")
    ((after,),) = rows(connections[0], executed)
    stood_still = before == after and not owned
    return "".join(str(before).split()) if stood_still and before else None


def _by_redo_position(connections: Sequence[Connection[Any]]) -> str | None:
    """A transaction that became visible between two of the snapshots wrote its record before.

    It wrote it after the first look, as the pause is longer than a commit takes from its record
    to being visible; so the second look, after the last snapshot, shows it.
    """
    before = _shown(connections[0], "STATUS", *_REDO)
    time.sleep(COMMIT_SECONDS)
    _begin(connections)
    after = _shown(connections[0], "STATUS", *_REDO)
    return "".join(before.values()) if before == after else None


def _begin(connections: Sequence[Connection[Any]]) -> None:
    """Begin all transactions as close together as can be: send all, then read the answers."""
    for connection in connections:
        connection._execute_command(COMMAND.COM_QUERY, _START)  # type: ignore[attr-defined]
    for connection in connections:
        connection._read_query_result()  # type: ignore[attr-defined]


def _shown(connection: Connection[Any], what: str, *names: str) -> Mapping[str, str]:
    """Return variables by their names in lower case; those that the server lacks are not in it."""
    asked = ", ".join(map(repr, names))
    found = rows(connection, f"SHOW {what} WHERE variable_name IN ({asked})")
    return {str(name).lower(): str(value) for name, value in found}


def _leaves_databases_out(connection: Connection[Any]) -> bool:
    """Whether the binary log is known to leave databases out. Small accounts are not told."""
    status = optional(connection, "SHOW BINARY LOG STATUS") or optional(
        connection, "SHOW MASTER STATUS"
    )
    return any(only or ignored for _, _, only, ignored, *_ in status)


def _has_others(connection: Connection[Any]) -> bool:
    """Whether an engine with snapshots and a redo log of its own is installed beside InnoDB."""
    return bool(
        rows(
            connection,
            "SELECT 1 FROM information_schema.engines "
            "WHERE engine IN ('ROCKSDB', 'TokuDB') AND support IN ('YES', 'DEFAULT')",
        )
    )
