"""A large table's days are counted on two connections: together they say what one would say."""

from __future__ import annotations

import threading
import time
from datetime import date

import pytest

from tests.servers.launch import READER, Database
from tests.servers.loading import orders
from warehouse.errors import WarehouseError
from warehouse.mysql import fingerprints
from warehouse.mysql.fingerprints import Counted, ask_days
from warehouse.mysql.plan import Days, describe
from warehouse.mysql.url import parse_url

SPAN = (date(2026, 1, 1), date(2026, 12, 31))
ROWS = [
    *[(n, f"'2026-{1 + n % 12:02}-{1 + n % 27:02}'") for n in range(1, 60)],
    (60, "NULL"),
    (61, "NULL"),
    (62, "'2025-06-01'"),
    (63, "'2027-01-01'"),
]


@pytest.fixture(autouse=True)
def _halve_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fingerprints, "HALVED_ROWS", -1)


def fill(database: Database, rows: list[tuple[int, str]], null: str = "NULL") -> None:
    database.run(
        f"CREATE TABLE orders (id INT PRIMARY KEY, day DATE {null}, updated_at TIMESTAMP NULL)",
        *[
            f"INSERT INTO orders VALUES ({n}, {day}, '2026-02-01 00:00:{n % 60}')"
            for n, day in rows
        ],
        "CREATE INDEX by_day ON orders (day, updated_at)",
        "ANALYZE TABLE orders",
    )
    database.clear_log()


def counted(database: Database, connections: int, **account: str) -> Counted:
    plan = describe(parse_url(database.url(**account)), orders())
    with ask_days(
        plan,
        Days("day", (SPAN,)),
        key=("id",),
        updated="updated_at",
        comment="halves",
        connections=connections,
    ) as asked:
        return asked.counted(lambda _: None)


def counts(database: Database, user: str = READER) -> int:
    return sum("BIT_XOR" in query for query in database.queries(user))


@pytest.mark.parametrize(
    ("rows", "null"),
    [
        (ROWS, "NULL"),
        (ROWS[:59], "NULL"),
        (ROWS[:59], "NOT NULL"),
        (ROWS[:1], "NULL"),
        (ROWS[59:61], "NULL"),
        ([], "NULL"),
    ],
    ids=["all kinds", "dated", "not null", "one day", "no day", "none"],
)
def test_the_halves_are_the_whole(server: Database, rows: list[tuple[int, str]], null: str) -> None:
    fill(server, rows, null)
    whole = counted(server, 1)
    assert counts(server) == 1
    assert sum(one.rows for one in whole.fingerprints.values()) >= len(rows[:59]) - 2
    assert counted(server, 2) == whole
    assert counts(server) == 1 + 2


def test_where_no_connection_is_free(server: Database) -> None:
    """The account's limit leaves one for the load meanwhile; the server's own is met."""
    fill(server, ROWS)
    whole = counted(server, 1)
    server.run(
        "CREATE USER few@'%' IDENTIFIED BY 'few' WITH MAX_USER_CONNECTIONS 2",
        "GRANT SELECT ON shop.* TO few@'%'",
    )
    ((before,),) = server.run("SELECT @@GLOBAL.max_connections")
    try:
        assert counted(server, 2, user="few", password="few") == whole
        server.run("ALTER USER few@'%' WITH MAX_USER_CONNECTIONS 0")
        held = server.admin()
        with held:
            ended = time.monotonic() + 20
            with held.cursor() as cursor:
                connected = 0
                while connected != 1 and time.monotonic() < ended:  # a closed one counts on a while
                    cursor.execute("SHOW STATUS LIKE 'Threads_connected'")
                    ((_, connected),) = cursor.fetchall()
                    connected = int(connected)
            server.run("SET GLOBAL max_connections = 10")
            others = [server.admin() for _ in range(8)]
            assert counted(server, 2, user="few", password="few") == whole
            for other in others:
                other.close()
            with held.cursor() as cursor:
                cursor.execute(f"SET GLOBAL max_connections = {before}")
    finally:
        server.run(f"SET GLOBAL max_connections = {before}", "DROP USER few@'%'")
    assert counts(server, "few") == 2


def test_a_half_that_is_stopped_ends_the_other(
    server: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(server, ROWS)
    plan = describe(parse_url(server.url()), orders())
    monkeypatch.setattr(fingerprints, "checksum", lambda *_: "SLEEP(2)")
    listed = "SELECT id FROM information_schema.processlist WHERE info LIKE '/* halves%'"
    began = time.monotonic()

    def stop_one() -> None:
        while len(found := server.run(listed)) < 2 and time.monotonic() - began < 20:
            time.sleep(0.05)
        server.run(f"KILL {found[0][0]}")

    killer = threading.Thread(target=stop_one)
    killer.start()
    with (
        pytest.raises(WarehouseError, match=r"went away in the middle|closed the connection"),
        ask_days(
            plan,
            Days("day", (SPAN,)),
            key=("id",),
            updated="updated_at",
            comment="halves",
            connections=2,
        ) as asked,
    ):
        asked.counted(lambda _: None)
    killer.join()
    while server.run(listed) and time.monotonic() - began < 20:
        time.sleep(0.05)  # the server lists a query a moment longer than it runs
    assert time.monotonic() - began < 20, "sixty rows would take longer"
