"""Several sessions show one instant of MySQL, or there is one session; never a mixture."""

from __future__ import annotations

import os
import random
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from itertools import cycle
from typing import Any

import pymysql
import pytest
from pymysql.connections import Connection

from tests.servers import launch
from tests.servers.launch import READER, Database
from warehouse.errors import WarehouseError
from warehouse.mysql.instant import Instant, open_together, transactional
from warehouse.mysql.session import connect, rows
from warehouse.mysql.url import Server, parse_url
from warehouse.sample.server import serve

TABLES = ("cash", "bank", "stocks")
ROWS = 20
TOTAL = 3 * ROWS * 1000
ROUNDS = 50
BUSY_SECONDS = 120
"""The longest that a writer writes, should a test hang."""

POSITIONS = {
    "mariadb": ("--log-bin", "--server-id=1"),
    "mysql": ("--gtid-mode=ON", "--enforce-gtid-consistency=ON"),
}
NO_POSITIONS = {
    "mariadb": ("--skip-log-bin",),
    "mysql": ("--gtid-mode=OFF", "--enforce-gtid-consistency=OFF"),
}


def _started(kind: str, options: tuple[str, ...]) -> Iterator[Database]:
    reason = launch.missing(kind)
    if reason and os.environ.get("REQUIRE_SERVERS") == "1":
        pytest.fail(f"REQUIRE_SERVERS=1, and {reason}")
    if reason:
        pytest.skip(reason)
    with launch.SERVERS[kind](*options) as database:
        yield database


@pytest.fixture(scope="module", params=launch.KINDS)
def logging_server(request: pytest.FixtureRequest) -> Iterator[Database]:
    """Each kind of server, with a position for each commit."""
    yield from _started(request.param, POSITIONS[request.param])


@pytest.fixture(scope="module", params=launch.KINDS)
def silent_server(request: pytest.FixtureRequest) -> Iterator[Database]:
    """Each kind of server, without positions."""
    yield from _started(request.param, NO_POSITIONS[request.param])


@pytest.fixture
def logged(logging_server: Database) -> Database:
    """A server with a position for each commit, and the three tables."""
    make_money(logging_server)
    return logging_server


@pytest.fixture
def plain(silent_server: Database) -> Database:
    """A server without positions, and the three tables."""
    make_money(silent_server)
    return silent_server


def make_money(database: Database) -> None:
    """Make the three tables, with the same money in each."""
    database.run("DROP DATABASE IF EXISTS shop", "CREATE DATABASE shop CHARACTER SET utf8mb4")
    for table in TABLES:
        database.run(
            f"CREATE TABLE {table} (id INT PRIMARY KEY, amount INT NOT NULL) ENGINE=InnoDB",
            f"INSERT INTO {table} VALUES {', '.join(f'({n}, 1000)' for n in range(ROWS))}",
        )


@contextmanager
def under_fire(database: Database, rest_seconds: float = 0.0) -> Iterator[None]:
    """Move money between the tables all the time: each transaction keeps the total.

    Args:
        database: Where.
        rest_seconds: The longest rest after each ten transactions.
    """
    stop = threading.Event()
    chance = random.Random(11)
    moved = 0

    def write() -> None:
        nonlocal moved
        end = time.monotonic() + BUSY_SECONDS
        with closing(database.admin("shop")) as connection, connection.cursor() as cursor:
            while not stop.is_set() and time.monotonic() < end:
                cursor.execute("BEGIN")
                for table, amount in zip(chance.sample(TABLES, 2), (-7, 7), strict=True):
                    cursor.execute(
                        f"UPDATE {table} SET amount = amount + {amount} "
                        f"WHERE id = {chance.randrange(ROWS)}"
                    )
                cursor.execute("COMMIT")
                moved += 1
                if rest_seconds and moved % 10 == 0:
                    stop.wait(chance.uniform(0, rest_seconds))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        while writer.is_alive() and not moved:
            time.sleep(0.01)
        yield
        assert writer.is_alive(), "nobody wrote any more"
    finally:
        stop.set()
        writer.join()


def total(connections: list[Connection[Any]]) -> int:
    """Add up each table on the next of the connections, with pauses in between."""
    amount = 0
    for table, connection in zip(TABLES, cycle(connections), strict=False):
        ((found,),) = rows(connection, f"SELECT SUM(amount) FROM {table}")
        amount += int(found)
        time.sleep(0.005)
    return amount


def open_in_rounds(server: Server, rounds: int = ROUNDS) -> list[Instant]:
    """Open three sessions so often, and check that they show one instant each time.

    Returns:
        What was said of those that were lined up.
    """
    lined_up = []
    for _ in range(rounds):
        said: list[str] = []
        with open_together(server, 3, say=said.append) as (connections, instant):
            assert instant.proven
            assert total(connections) == TOTAL, instant
            assert total(connections[::-1]) == TOTAL, instant
        assert len(connections) == (1 if said else 3), said
        if said:
            assert "tries" in said[0] and "one table after the other" in said[0]
            assert instant.how == "one transaction"
        else:
            lined_up.append(instant)
    return lined_up


def test_one_instant_under_fire(logged: Database) -> None:
    with under_fire(logged):
        lined_up = open_in_rounds(parse_url(logged.url()))
    assert len(lined_up) > 1  # a MySQL that commits every 0.3 ms rarely stands still
    name = {"mariadb": "binary log position", "mysql": "GTID set"}[logged.kind]
    assert {instant.how for instant in lined_up} == {
        f"{name} {instant.position}" for instant in lined_up
    }
    assert len({instant.position for instant in lined_up}) > 1


def test_without_lining_up_they_show_several_instants(logged: Database) -> None:
    """The test above can fail."""
    server = parse_url(logged.url())
    wrong = 0
    with under_fire(logged), ExitStack() as stack:
        connections = [stack.enter_context(connect(server)) for _ in TABLES]
        for _ in range(ROUNDS):
            for connection in connections:
                rows(connection, "START TRANSACTION WITH CONSISTENT SNAPSHOT")
            wrong += total(connections) != TOTAL
    assert wrong > 0


def test_a_server_without_positions_that_rests_now_and_then(plain: Database) -> None:
    """By InnoDB's redo log, which tells when nothing is committed."""
    with under_fire(plain, rest_seconds=0.5):
        lined_up = open_in_rounds(parse_url(plain.url()), 20)
    assert lined_up
    assert all("InnoDB redo log position" in instant.how for instant in lined_up)


def test_a_server_without_positions_that_never_rests(plain: Database) -> None:
    """One session, and that is said."""
    with under_fire(plain):
        assert open_in_rounds(parse_url(plain.url()), 3) == []


def test_a_server_at_rest(logged: Database, plain: Database) -> None:
    for shop in (logged, plain):
        said: list[str] = []
        with open_together(parse_url(shop.url()), 4, say=said.append) as (connections, instant):
            assert len(connections) == 4
            assert instant.proven and instant.position and instant.position in instant.how
            assert not said
            shop.run("UPDATE cash SET amount = amount + 1")
            assert total(connections) == TOTAL


def test_one_session_notes_the_position(logged: Database) -> None:
    said: list[str] = []
    with (
        under_fire(logged) if logged.kind == "mariadb" else ExitStack(),
        open_together(parse_url(logged.url()), 1, say=said.append) as (connections, instant),
    ):
        assert total(connections) == TOTAL
    assert len(connections) == 1
    assert instant.how == "one transaction" and instant.proven and instant.position
    assert not said


def test_sessions_are_ours(plain: Database) -> None:
    """Read only, in UTC, and within the budget, though they are lined up."""
    limit = {"mariadb": "max_statement_time", "mysql": "max_execution_time"}[plain.kind]
    with open_together(parse_url(plain.url()), 2, budget_seconds=7, say=print) as (sessions, _):
        for session in sessions:
            ((zone, seconds),) = rows(session, f"SELECT @@time_zone, @@{limit}")
            assert (zone, float(seconds)) in [("+00:00", 7.0), ("+00:00", 7000.0)]
            with pytest.raises(pymysql.MySQLError, match=r"(?i)read.only|denied"):
                rows(session, "DELETE FROM cash")


def limited(database: Database, how: str) -> Server:
    """Make an account with a limit that may read `shop`."""
    database.run(
        "DROP USER IF EXISTS few@'%'",
        f"CREATE USER few@'%' IDENTIFIED BY 'x' {how}",
        "GRANT SELECT ON shop.* TO few@'%'",
    )
    return parse_url(database.url(user="few", password="x"))


@pytest.mark.parametrize("allowed", [1, 2])
def test_an_account_of_few_connections(logged: Database, allowed: int) -> None:
    said: list[str] = []
    server = limited(logged, f"WITH MAX_USER_CONNECTIONS {allowed}")
    with (
        under_fire(logged),
        open_together(server, 3, say=said.append) as (connections, instant),
    ):
        assert instant.proven
        assert total(connections) == TOTAL
        assert len(connections) == (allowed if len(said) == 1 else 1), said
    assert f"{allowed} of the 3 connections" in said[0]


def test_a_server_of_few_connections(plain: Database) -> None:
    """Too many connections, whosoever they are."""
    before = plain.run("SELECT @@GLOBAL.max_connections")[0][0]
    said: list[str] = []
    server = parse_url(plain.url())
    with ExitStack() as stack:
        # Both servers keep one place for administrators, and MariaDB allows ten at least.
        others = [stack.enter_context(connect(server)) for _ in range(8)]
        assert others
        plain.run("SET GLOBAL max_connections = 10")
        stack.callback(plain.run, f"SET GLOBAL max_connections = {before}")
        with open_together(server, 4, say=said.append) as (connections, instant):
            assert 1 <= len(connections) < 4
            assert instant.proven
            assert total(connections) == TOTAL
    assert "of the 4 connections" in said[0]


def test_a_refused_first_session_is_an_error(plain: Database) -> None:
    server = limited(plain, "ACCOUNT LOCK")
    with pytest.raises(WarehouseError, match="locked"), open_together(server, 3, say=print):
        pass


def test_connections_that_reach_different_servers(logged: Database, mariadb: Database) -> None:
    """A load balancer: equal positions of two servers say nothing."""
    mariadb.start()
    make_money(mariadb)
    said: list[str] = []
    with balancer(logged, mariadb) as port:
        url = logged.url().replace(f":{logged.port}/", f":{port}/")
        with open_together(parse_url(url), 3, say=said.append) as (connections, instant):
            assert len(connections) == 1 and instant.how == "one transaction"
            assert total(connections) == TOTAL
    assert "different servers" in said[0]


@contextmanager
def balancer(*databases: Database) -> Iterator[int]:
    """Forward each connection to the next of the servers."""
    listener = socket.create_server(("127.0.0.1", 0))
    sockets: list[socket.socket] = []

    def pipe(source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65_536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            return  # closed at the end of the test

    def accept() -> None:
        for database in cycle(databases):
            try:
                client, _ = listener.accept()
            except OSError:
                return
            behind = socket.create_connection((database.host, database.port))
            sockets.extend((client, behind))
            for ends in ((client, behind), (behind, client)):
                threading.Thread(target=pipe, args=ends, daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        for each in (listener, *sockets):
            with suppress(OSError):  # a thread that reads would keep it open
                each.shutdown(socket.SHUT_RDWR)
            each.close()


@pytest.mark.parametrize("kind", launch.KINDS)
def test_a_binary_log_that_leaves_the_database_out_proves_nothing(kind: str) -> None:
    """Where the account may see that it does."""
    right = {"mariadb": "BINLOG MONITOR", "mysql": "REPLICATION CLIENT"}[kind]
    with contextmanager(_started)(kind, (*POSITIONS[kind], "--binlog-ignore-db=shop")) as database:
        make_money(database)
        database.run(f"GRANT {right} ON *.* TO {READER}@'%'")
        with open_together(parse_url(database.url()), 3, say=print) as (_, instant):
            assert "InnoDB redo log position" in instant.how


def sessions(database: Database) -> int:
    """Return how many sessions the reader has; one that was closed may take a moment to end."""
    for _ in range(50):
        ((count,),) = database.run(
            f"SELECT COUNT(*) FROM information_schema.processlist WHERE user = '{READER}'"
        )
        if not count:
            break
        time.sleep(0.1)
    return int(count)


def test_all_sessions_end(plain: Database) -> None:
    server = parse_url(plain.url())
    with open_together(server, 3, say=print) as (connections, _):
        rows(connections[2], "SELECT COUNT(*) FROM cash")
    assert not any(connection.open for connection in connections)
    assert sessions(plain) == 0
    with pytest.raises(KeyError), open_together(server, 3, say=print) as (connections, _):
        raise KeyError("of the caller")
    assert not any(connection.open for connection in connections)
    assert sessions(plain) == 0


def test_a_server_that_dies(logged: Database) -> None:
    try:
        with open_together(parse_url(logged.url()), 3, say=print) as (connections, _):
            logged.kill()
        assert not any(connection.open for connection in connections)
    finally:
        logged.start()


def test_a_server_that_falls_silent(logged: Database) -> None:
    """Nobody waits for it at the end."""
    try:
        with open_together(parse_url(logged.url()), 3, say=print) as (connections, _):
            logged.pause()
            began = time.monotonic()
        assert time.monotonic() - began < 1
        assert not any(connection.open for connection in connections)
    finally:
        logged.resume()


def test_tables_without_snapshots_are_told(plain: Database) -> None:
    plain.run(
        "CREATE TABLE old (n INT) ENGINE=MyISAM",
        "CREATE TABLE `of the day` (n INT) ENGINE=MEMORY",
        "CREATE VIEW seen AS SELECT * FROM old",
    )
    engines = ["old", "of the day"]
    if plain.kind == "mariadb":
        plain.run("CREATE TABLE aria (n INT) ENGINE=Aria")
        engines.append("aria")
    tables = [("shop", name) for name in (*TABLES, *engines, "seen", "missing")]
    with connect(parse_url(plain.url())) as connection:
        assert transactional(connection, tables) == sorted(f"shop.{name}" for name in engines)
        assert transactional(connection, tables[:3]) == []
        assert transactional(connection, []) == []


def test_the_sample_never_changes() -> None:
    said: list[str] = []
    with (
        serve() as sample,
        open_together(parse_url(sample.url), 3, say=said.append) as (connections, instant),
    ):
        assert instant == Instant(True, "one transaction", None)
        assert len(connections) == 1
        assert rows(connections[0], "SELECT COUNT(*) FROM shop.orders")
    assert not said
