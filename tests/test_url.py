"""A connection URL is read exactly, or refused with a text that shows no part of it."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote, unquote

import dagster as dg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.conftest import WarehouseEnv
from warehouse.caches.mysql import SmartMySQLIOManager
from warehouse.cli.run import Request, run
from warehouse.doctor import examine
from warehouse.doctor.context import Case
from warehouse.doctor.settings import values as doctor_settings
from warehouse.errors import WarehouseError
from warehouse.mysql.url import parse_url

SHOWN = "reader@db.example.com:3307/shop"
UNREADABLE = "WAREHOUSE_MYSQL_URL is not a connection URL that can be read."

# Most of what can go wrong is in these characters, alone and side by side.
SPECIAL = "%@:/?#[]&=+ '\"\\;!$(),<>^`{|}~\t\n"
raw_texts = st.text(
    st.one_of(
        st.sampled_from(SPECIAL),
        st.sampled_from("aZ09é漢"),
        st.characters(exclude_characters="\0"),
    ),
    max_size=20,
)


def url(password: str, user: str = "reader", rest: str = "db.example.com:3307/shop") -> str:
    return f"mysql+pymysql://{user}:{password}@{rest}"


def refusal(text: str) -> str | None:
    """Return the error's text, or None for a URL that is read."""
    try:
        parse_url(text)
    except WarehouseError as error:
        return str(error)
    return None


REFUSAL = refusal("")
"""The text about a URL that cannot be read. It is the same for all, so it shows nothing of any."""

LEAKED = [
    "p@ss/w0rd",
    "p@ss",
    "p@ss@w0rd",
    "pass/w0rd",
    "pass?w0rd",
    "pass#w0rd",
    "p@ss?w0rd",
    "p@ss#w0rd",
    "p@ss:w0rd",
    "p@ss:3306/w0rd",
    "p@ss:3306/w0rd?ssl_ca=secret",
    "p@ss/w0rd?ssl_mode=secret",
    "p@ss/w0rd?secret=secret",
    "[pass",
    "pass]w0rd",
    "p@[ss]/w0rd",
    "p@[::1]/w0rd",
    "pass%",
    "pass%w0rd",
    "pass%4",
    "pass%ff",
    "p@ss%2Fw0rd",
    "pass w0rd",
    "pass\nw0rd",
    "p@ss w0rd/'\"",
    "\udce9secret",
]


def test_the_text_says_what_to_encode_and_how() -> None:
    assert REFUSAL is not None and REFUSAL.startswith(UNREADABLE)
    for character in "%@:/?#[]":
        assert f"{character} as {quote(character, safe='')}" in REFUSAL
    assert "a space as %20" in REFUSAL
    assert "urllib.parse.quote(password, safe='')" in REFUSAL


@pytest.mark.parametrize("password", LEAKED)
def test_a_raw_password_that_divides_the_url(password: str) -> None:
    assert refusal(url(password)) == REFUSAL
    assert refusal(url("secret", user=password)) == REFUSAL


@pytest.mark.parametrize(
    "text",
    [
        url("secret", rest="db.example.com:secret/shop"),
        url("secret", rest="db.example.com:123456/shop"),
        url("secret", rest="db example.com/shop"),
        url("secret", rest="db.example.com%2Fsecret/shop"),
        url("secret", rest="db.example.com/shop/secret"),
        url("secret", rest="db.example.com/shop?ssl_ca=a@secret"),
        url("secret", rest="db.example.com/shop#secret"),
        url("secret", rest="[secret]/shop"),
        url("secret").removeprefix("mysql+pymysql://"),
        f" {url('secret')}",
        f"'{url('secret')}'",
        "secret",
        "secret://",
    ],
)
def test_other_parts_that_cannot_be(text: str) -> None:
    assert "secret" not in (refusal(text) or "secret").replace("secret://", "")


@pytest.mark.parametrize(
    "parameters", ["password=hidden", "ssl_mode=hidden", "ssl_ca=x&ssl_mode=hidden"]
)
def test_a_value_that_is_not_known_is_not_shown(parameters: str) -> None:
    text = refusal(f"{url('p')}?{parameters}")
    assert text and "known are" in text and "hidden" not in text


@given(password=raw_texts, user=raw_texts.filter(lambda text: ":" not in text))
@example(password="p@ss/w0rd", user="reader")
def test_a_raw_one_is_read_as_it_is_or_refused(password: str, user: str) -> None:
    text = url(password, user)
    if refusal(text) is not None:
        assert refusal(text) == REFUSAL
        return
    server = parse_url(text)
    assert (server.host, server.port, server.database) == ("db.example.com", 3307, "shop")
    assert (server.user, server.password) == (unquote(user), unquote(password))


anything = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)


@given(
    user=anything,
    password=anything,
    database=anything.filter(bool),
    host=st.sampled_from(["db.example.com", "my_host", "127.0.0.1", "[::1]", "[fe80::1%eth0]", ""]),
    port=st.one_of(st.none(), st.integers(1, 65535)),
)
def test_an_encoded_one_is_read_exactly(
    user: str, password: str, database: str, host: str, port: int | None
) -> None:
    account = f"{quote(user, safe='')}:{quote(password, safe='')}"
    place = host if port is None else f"{host}:{port}"
    server = parse_url(f"mysql://{account}@{place}/{quote(database, safe='')}")
    assert (server.user, server.password, server.database) == (user, password, database)
    assert server.host == (host.strip("[]") or "127.0.0.1")
    assert server.port == (port or 3306)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("mysql://reader@db/shop", "reader@db:3306/shop"),
        ("mariadb+pymysql://reader:a:b!$&'()*+,;=~^|<>@db/shop", "reader@db:3306/shop"),
        ("mysql://reader:é漢@bücher.example/läden", "reader@bücher.example:3306/läden"),
        ("mysql://reader:p@/shop?unix_socket=/run/my:sql.sock", "reader@/run/my:sql.sock/shop"),
        ("mysql://db/shop", "@db:3306/shop"),
    ],
)
def test_what_was_valid_stays_valid(text: str, shown: str) -> None:
    assert parse_url(text).name == shown


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(password=raw_texts.filter(lambda text: not any("\ud800" <= c <= "\udfff" for c in text)))
@example(password="p@ss/w0rd")
def test_what_doctor_shows_of_a_raw_one(warehouse_env: WarehouseEnv, password: str) -> None:
    warehouse_env.configure(mysql_url=url(password), cache_mysql_url=url(password))
    with Case() as case:
        texts = [finding.text for finding in doctor_settings(case)]
    for name in ("WAREHOUSE_MYSQL_URL", "WAREHOUSE_CACHE_MYSQL_URL"):
        (line,) = (text for text in texts if text.startswith(f"{name}="))
        assert line in (f"{name}=*** (environment)", f"{name}={SHOWN} (environment)")


def test_nothing_of_it_is_left_anywhere(
    warehouse_env: WarehouseEnv, capfd: pytest.CaptureFixture[str]
) -> None:
    warehouse_env.configure(mysql_url=url("Zq@Xvq/Kjz0"), cache_mysql_url=url("Zq@Xvq/Kjz0"))
    with pytest.raises(WarehouseError) as caught:
        run(Request("mysql_orders"))
    findings = [(name, finding) for name, finding in examine()]
    shown = capfd.readouterr()
    said = [str(caught.value), shown.out, shown.err, *(f"{name} {f}" for name, f in findings)]
    kept = {path: path.read_bytes() for path in _files(warehouse_env.path.parent)}
    assert any(b"mysql_orders" in content for content in kept.values()), "the run is in the history"
    for piece in ("Xvq", "Kjz", "Zq@"):
        assert not any(piece in text for text in said)
        assert [path for path, content in kept.items() if piece.encode() in content] == []
    assert any("WAREHOUSE_CACHE_MYSQL_URL is not" in finding.text for _, finding in findings)


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_the_cache_names_its_own_setting(warehouse_env: WarehouseEnv) -> None:
    warehouse_env.configure(cache_mysql_url=url("p@ss/w0rd"))
    with pytest.raises(WarehouseError, match="WAREHOUSE_CACHE_MYSQL_URL is not") as caught:
        SmartMySQLIOManager().create_io_manager(dg.build_init_resource_context())
    assert "w0rd" not in str(caught.value)
