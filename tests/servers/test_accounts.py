"""Odd accounts: a correct password is taken, and what is refused is said in one sentence."""

from __future__ import annotations

from contextlib import ExitStack, closing, suppress
from urllib.parse import quote

import pymysql
import pytest

from tests.servers.launch import Database
from tests.servers.loading import query
from warehouse.errors import WarehouseError
from warehouse.mysql.extract import open_extraction
from warehouse.mysql.session import connect, rows
from warehouse.mysql.url import parse_url

PASSWORDS = {
    "umlauts": "ümläut ß ÿ",
    "emoji": "🎁🎄",
    "CJK": "密码かな",
    "combining": "e\u0301a\u0308",
    "control": "a\tb\nc\x01",
    "percent": " %41%C3%BC+&?#/:@ ",
    "quotes": "p'\"`\\€",
}
PLUGINS = {
    "mariadb": ("mysql_native_password", "ed25519"),
    "mysql": ("caching_sha2_password", "sha256_password"),
}
ODD = "odd"


@pytest.fixture
def shop(server: Database) -> Database:
    """A server with one row in `shop.one`, and the plugins that these tests need."""
    server.run("CREATE TABLE one (id INT PRIMARY KEY)", "INSERT INTO one VALUES (1)")
    for installing in ("INSTALL SONAME 'auth_ed25519'", "INSTALL SONAME 'auth_pam'"):
        if server.kind == "mariadb":
            with suppress(pymysql.MySQLError):  # it is there from the test before
                server.run(installing)
    return server


def literal(text: str) -> str:
    """Return a text as a literal of MySQL's."""
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def make(shop: Database, how: str, user: str = ODD) -> None:
    """Make an account that may read `shop`."""
    account = f"{literal(user)}@'%'"
    shop.run(
        f"DROP USER IF EXISTS {account}",
        f"CREATE USER {account} {how}",
        f"GRANT SELECT ON shop.* TO {account}",
    )


def identified(shop: Database, plugin: str, password: str) -> str:
    """Return what makes an account log in by a plugin."""
    if shop.kind == "mariadb":
        return f"IDENTIFIED VIA {plugin} USING PASSWORD({literal(password)})"
    return f"IDENTIFIED WITH {plugin} BY {literal(password)}"


def load(shop: Database, user: str, password: str, tls: str = "") -> None:
    """Load the one row."""
    url = shop.url(user=user, password=password) + tls
    extraction = open_extraction(parse_url(url), query("select * from one"))
    assert [batch.num_rows for batch in extraction.batches()] == [1]


@pytest.mark.parametrize("password", PASSWORDS.values(), ids=list(PASSWORDS))
@pytest.mark.parametrize("way", [0, 1])
def test_any_password_is_taken(shop: Database, way: int, password: str) -> None:
    make(shop, identified(shop, PLUGINS[shop.kind][way], password))
    for tls in ("", "?ssl_mode=required") if shop.kind == "mysql" else ("",):
        shop.run("FLUSH PRIVILEGES")  # forgets whom MySQL has let in: RSA, or TLS, it is
        load(shop, ODD, password, tls)
        load(shop, ODD, password, tls)
    with pytest.raises(WarehouseError, match="wrong user or password"):
        load(shop, ODD, password[::-1] + "x")


@pytest.mark.parametrize("user", ["ümläut", "usér 密", "a'b\"`c", "50% +&", "a:b/c@d?e#"])
def test_any_user_is_taken(shop: Database, user: str) -> None:
    make(shop, "IDENTIFIED BY 'x'", user)
    try:
        load(shop, user, "x")
    finally:
        shop.run(f"DROP USER {literal(user)}@'%'")


@pytest.mark.parametrize("database", ["dä tà", "q'u\"o", "p%41c", "b`t", "数据", "a?b#c/d"])
def test_any_database_is_taken(shop: Database, database: str) -> None:
    make(shop, "IDENTIFIED BY 'x'")
    name = "`" + database.replace("`", "``") + "`"
    shop.run(
        f"CREATE DATABASE IF NOT EXISTS {name}",
        f"CREATE TABLE IF NOT EXISTS {name}.one AS SELECT 1 AS id",
        f"GRANT SELECT ON {name}.* TO {ODD}@'%'",
    )
    try:
        url = shop.url(quote(database, safe=""), ODD, "x")
        extraction = open_extraction(parse_url(url), query("select * from one"))
        assert [batch.num_rows for batch in extraction.batches()] == [1]
    finally:
        shop.run(f"DROP DATABASE {name}")


BY_X = "IDENTIFIED BY 'x'"
REFUSED = {
    "locked": (f"{BY_X} ACCOUNT LOCK", "has locked this account", "ACCOUNT UNLOCK"),
    "expired": (f"{BY_X} PASSWORD EXPIRE", "password of this account has expired", "new one"),
    "over TLS": (f"{BY_X} REQUIRE SSL", "refuses this account", "ssl_mode=required"),
    "by certificate": (f"{BY_X} REQUIRE X509", "refuses this account", "ssl_mode=required"),
    "questions": (
        f"{BY_X} WITH MAX_QUERIES_PER_HOUR 4",
        "as often as it may ask within an hour",
        "in an hour",
    ),
    "logins": (
        f"{BY_X} WITH MAX_CONNECTIONS_PER_HOUR 1",
        "as often as it may ask within an hour",
        "in an hour",
    ),
}


def refused(shop: Database, loads: int = 1, user: str = ODD) -> str:
    """Return what is said of a load by an account, the odd one if none is given."""
    url = parse_url(shop.url(user=user, password="x"))
    with pytest.raises(WarehouseError) as caught:
        for _ in range(loads):
            list(open_extraction(url, query("select * from one")).batches())
    text = str(caught.value)
    assert f"MySQL at {user}@" in text
    assert len(text.splitlines()) == 3, text
    return text


@pytest.mark.parametrize("why", REFUSED)
def test_a_refused_account_is_told_why(shop: Database, why: str) -> None:
    how, said, todo = REFUSED[why]
    make(shop, how)
    text = refused(shop, loads=3)
    assert said in text
    assert todo in text.splitlines()[2]


def test_no_connection_more_for_the_account(shop: Database) -> None:
    make(shop, f"{BY_X} WITH MAX_USER_CONNECTIONS 1")
    with connect(parse_url(shop.url(user=ODD, password="x"))):
        text = refused(shop)
    assert "as many as it may have" in text
    assert "MAX_USER_CONNECTIONS" in text


def test_no_connection_more_for_anybody(shop: Database) -> None:
    make(shop, BY_X)
    ((before,),) = shop.run("SELECT @@GLOBAL.max_connections")
    shop.run("SET GLOBAL max_connections = 10")
    with ExitStack() as many:
        with suppress(pymysql.MySQLError):
            for _ in range(20):
                connection = pymysql.connect(
                    host=shop.host, port=shop.port, user=ODD, password="x", ssl_disabled=True
                )
                many.enter_context(closing(connection))
        text = refused(shop)
    shop.run(f"SET GLOBAL max_connections = {before}")
    assert "no connection free" in text


def test_no_privilege_at_all(shop: Database) -> None:
    make(shop, BY_X)
    shop.run(f"REVOKE SELECT ON shop.* FROM {ODD}@'%'")
    assert "does not let this account into the database" in refused(shop)


def test_privileges_on_another_table_only(shop: Database) -> None:
    make(shop, BY_X)
    shop.run(
        "CREATE TABLE two (id INT)",
        f"REVOKE SELECT ON shop.* FROM {ODD}@'%'",
        f"GRANT SELECT ON shop.two TO {ODD}@'%'",
    )
    assert "shows this account no table `one`" in refused(shop)


def test_a_privilege_that_is_not_to_read(shop: Database) -> None:
    make(shop, BY_X)
    shop.run(f"REVOKE SELECT ON shop.* FROM {ODD}@'%'", f"GRANT INSERT ON shop.one TO {ODD}@'%'")
    text = refused(shop)
    assert "does not let this account read" in text or "none of the columns of `one`" in text
    assert "Ask for SELECT on it" in text


def test_expired_in_the_middle_of_a_session(shop: Database) -> None:
    make(shop, BY_X)
    with connect(parse_url(shop.url(user=ODD, password="x"))) as connection:
        shop.run(f"ALTER USER {ODD}@'%' PASSWORD EXPIRE")
        rows(connection, "SELECT 1")  # the session goes on; the next one is refused
    assert "has expired" in refused(shop)


def test_a_plugin_that_nobody_knows(mariadb: Database) -> None:
    mariadb.start()
    with suppress(pymysql.MySQLError):
        mariadb.run("INSTALL SONAME 'auth_pam'")
    make(mariadb, "IDENTIFIED VIA pam USING 'mariadb'")
    text = refused(mariadb)
    assert "a way that the warehouse does not know: the plugin is dialog" in text


def test_an_account_of_a_user_of_that_machine(mariadb: Database) -> None:
    mariadb.start()
    make(mariadb, "IDENTIFIED VIA unix_socket")
    assert "only a user of the server's own machine may use it" in refused(mariadb)


def test_an_unknown_account_is_never_said_to_exist(mariadb: Database) -> None:
    """MariaDB lets an unknown user look like an account that it has, of one kind or another."""
    mariadb.start()
    make(mariadb, "IDENTIFIED VIA unix_socket")
    for name in ("nobody", "ghost", "someone", "analyst2", "bi", "etl", "reports", "x"):
        text = refused(mariadb, user=name)
        assert "refuses this account: " in text
        assert "unknown, or" in text or "wrong user or password" in text
        assert "Correct the user" in text
