"""Values do not depend on what a DBA set for all, or at connect: the session is ours."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers.launch import Database
from tests.servers.loading import load
from warehouse.errors import WarehouseError
from warehouse.mysql import session, variables
from warehouse.mysql.url import parse_url

AT_CONNECT = [
    "SET NAMES utf8mb3",
    "SET NAMES latin1",
    "SET character_set_results = NULL",
    "SET character_set_results = ucs2",
    "SET sql_mode = 'ANSI,NO_BACKSLASH_ESCAPES,PAD_CHAR_TO_FULL_LENGTH'",
    "SET time_zone = '+05:30'",
    "SET sql_select_limit = 2",
    "SET SESSION TRANSACTION ISOLATION LEVEL READ UNCOMMITTED",
    "SET sql_safe_updates = 1, sql_select_limit = 1, max_join_size = 1",
    "SET div_precision_increment = 0, default_week_format = 6, lc_time_names = 'de_DE'",
    "SET group_concat_max_len = 4",
    "SET timestamp = 1",
]
"""What `init_connect` of a server may hold: it runs for accounts without SUPER."""

EXPECTED = [
    (1, "plain", '{"a": "x"}', "a", "ab"),
    (2, "emoji 🎁 here", '{"a": "🎁"}', "🎁", "ab"),
    (3, "Größe", '{"a": "ß"}', "a", "ab"),
]


@pytest.fixture
def dba(server: Database) -> Iterator[Database]:
    """A server with texts beyond the 16 bits of utf8mb3, whose settings are put back at the end."""
    server.run(
        "CREATE TABLE texts (id INT PRIMARY KEY, v VARCHAR(50), j JSON, e ENUM('a', '🎁'), "
        "c CHAR(5), t TIMESTAMP NULL)",
        "SET time_zone = '+00:00'",
    )
    rows = ", ".join(
        f"({number}, '{v}', '{j}', '{e}', '{c}', '2024-01-01 00:00:00')"
        for number, v, j, e, c in EXPECTED
    )
    server.run("SET time_zone = '+00:00'", f"INSERT INTO texts VALUES {rows}")
    modes = server.run("SELECT @@GLOBAL.sql_mode")
    yield server
    server.run("SET GLOBAL init_connect = ''", f"SET GLOBAL sql_mode = '{modes[0][0]}'")


def check(database: Database) -> None:
    connection, _ = load(database, "texts")
    found = connection.execute("SELECT * EXCLUDE t FROM loaded ORDER BY id").fetchall()
    assert found == EXPECTED
    moments = connection.execute("SELECT DISTINCT epoch_us(t) FROM loaded").fetchall()
    assert moments == [(1_704_067_200_000_000,)]


@pytest.mark.parametrize("statement", AT_CONNECT)
def test_what_the_server_does_at_connect(dba: Database, statement: str) -> None:
    dba.run(f'SET GLOBAL init_connect = "{statement}"')
    check(dba)


def test_a_mode_for_all(dba: Database) -> None:
    dba.run("SET GLOBAL sql_mode = 'PAD_CHAR_TO_FULL_LENGTH,ANSI_QUOTES,PIPES_AS_CONCAT'")
    check(dba)


def test_a_variable_that_stays_as_it_was(dba: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked for after it was set: here, a value that the server shows otherwise."""
    stubborn = {**variables.variables(None), "time_zone": ("'+00:00'", "+01:00")}
    monkeypatch.setattr(session, "variables", lambda *_: stubborn)
    with (
        pytest.raises(WarehouseError, match="keeps the session's time_zone at \\+00:00"),
        session.connect(parse_url(dba.url())),
    ):
        pass
