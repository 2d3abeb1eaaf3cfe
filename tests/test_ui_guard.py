"""Which requests the UI answers, by their headers alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import WarehouseEnv
from warehouse.errors import WarehouseError
from warehouse.settings import load_settings
from warehouse.ui.guard import (
    FOREIGN_HOST,
    FOREIGN_PAGE,
    MUTATION_BY_GET,
    NOT_JSON,
    SETTING,
    Request,
    address,
    read_hosts,
    refusal,
)

HOSTS = read_hosts(" Box.example, 192.168.1.5 ,[fd00::5],tunnel.example:8443,")
OWN = {"host": "localhost:3000", "origin": "http://localhost:3000"}
JSON = {"content-type": "application/json"}


def judge(
    method: str, headers: dict[str, str] | list[tuple[str, str]], target: str = "/graphql"
) -> str | None:
    path, _, query = target.partition("?")
    pairs = headers.items() if isinstance(headers, dict) else headers
    return refusal(Request(method, path, query, tuple(pairs)), HOSTS)


@pytest.mark.parametrize(
    "host",
    [
        *("localhost", "localhost:3000", "LOCALHOST:1", "127.0.0.1", "127.0.0.1:3000"),
        *("127.255.3.4:80", "[::1]", "[::1]:3000"),
        *("box.example", "BOX.example:3000", "192.168.1.5:3000", "[fd00::5]:3000"),
        "tunnel.example:8443",
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "WEBSOCKET"])
def test_what_the_ui_may_be_called(host: str, method: str) -> None:
    assert judge(method, {"host": host, **JSON}) is None
    assert judge(method, {"host": host, "origin": f"http://{host}"}) is None


@pytest.mark.parametrize(
    "headers",
    [
        *([("host", host)] for host in ("evil.example", "evil.example:3000", "", ":3000")),
        *([("host", host)] for host in ("localhost.evil.example", "evil-localhost", "xlocalhost")),
        *([("host", host)] for host in ("127.0.0.1.evil.example", "127.0.0.1.nip.io", "0.0.0.0")),
        *([("host", host)] for host in ("evil@localhost", "localhost@evil", "localhost/evil")),
        *([("host", host)] for host in ("localhost:3000:1", "localhost:x", "localhost, evil")),
        *([("host", host)] for host in ("[::2]", "[::1", "::1", "[::ffff:127.0.0.1]", "128.0.0.1")),
        *(
            [("host", host)]
            for host in ("10.0.0.1", "127.1", "2130706433", "0x7f.1", "127.0.0.256")
        ),
        *([("host", host)] for host in ("tunnel.example", "tunnel.example:3000", "x.box.example")),
        [],
        [("host", "localhost"), ("host", "evil.example")],
        [("x-forwarded-host", "localhost")],
        [("host", "evil.example"), ("x-forwarded-host", "localhost")],
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST", "WEBSOCKET"])
def test_other_names(headers: list[tuple[str, str]], method: str) -> None:
    assert judge(method, [*headers, *JSON.items()]) == FOREIGN_HOST


FOREIGN = [
    *("http://evil.example", "https://evil.example:3000", "null", "", "file://"),
    *("http://localhost", "http://localhost:3001", "http://127.0.0.1:3000", "http://[::1]:3000"),
    *("http://localhost:3000.evil.example", "http://evil@localhost:3000", "localhost:3000"),
    *("http://box.example:3000", "http://localhost:3000/", "chrome-extension://localhost:3000"),
]


@pytest.mark.parametrize("origin", FOREIGN)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "WEBSOCKET", "TRACE"])
@pytest.mark.parametrize("path", ["/graphql", "/report_asset_materialization/orders"])
def test_what_a_foreign_page_may_not_do(origin: str, method: str, path: str) -> None:
    assert judge(method, {**OWN, "origin": origin, **JSON}, path) == FOREIGN_PAGE
    both = [*OWN.items(), ("origin", origin), *JSON.items()]
    assert judge(method, both, path) == FOREIGN_PAGE


@pytest.mark.parametrize("site", ["cross-site", "same-site", "CROSS-SITE", "unheard-of"])
@pytest.mark.parametrize("method", ["POST", "WEBSOCKET"])
def test_the_second_sign(site: str, method: str) -> None:
    assert judge(method, {**OWN, "sec-fetch-site": site, **JSON}) == FOREIGN_PAGE
    without = {"host": OWN["host"], "sec-fetch-site": site, **JSON}
    assert judge(method, without) == FOREIGN_PAGE
    assert judge("GET", without, "/runs") is None, "a link from another page opens the UI"


@pytest.mark.parametrize("site", ["same-origin", "none"])
@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "multipart/form-data"])
def test_what_the_uis_own_pages_do(site: str, content_type: str) -> None:
    headers = {**OWN, "sec-fetch-site": site, "content-type": content_type}
    assert judge("POST", headers) is None
    assert judge("WEBSOCKET", headers) is None
    assert judge("POST", {**headers, "origin": "https://localhost:3000"}) is None, "behind TLS"


@pytest.mark.parametrize(
    ("content_type", "verdict"),
    [
        ("application/json", None),
        ("application/json; charset=utf-8", None),
        ("Application/JSON", None),
        ("text/plain", NOT_JSON),
        ("text/plain; application/json", NOT_JSON),
        ("text/plain, application/json", NOT_JSON),
        ("application/x-www-form-urlencoded", NOT_JSON),
        ("multipart/form-data; boundary=application/json", NOT_JSON),
        ("application/jsonp", NOT_JSON),
        (None, NOT_JSON),
    ],
)
def test_who_sends_no_origin(content_type: str | None, verdict: str | None) -> None:
    headers = {"host": "localhost"} | ({"content-type": content_type} if content_type else {})
    assert judge("POST", headers) == verdict


@pytest.mark.parametrize(
    "target",
    [
        "/graphql?query=mutation{stop}",
        "/graphql?query=mutation%20X($a:Int){stop}",
        "/graphql?query=%6d%75%74ation{stop}",
        "/graphql?query={runs}+mutation+A{stop}&operationName=A",
        "/graphql?query=%23comment%0Amutation{stop}",
        "/graphql?query=%EF%BB%BFmutation{stop}",
        "/graphql?query={runs}&query=mutation{stop}",
        "/graphql?query=mutation{stop}&query={runs}",
        "/graphql/?query=mutation{stop}",
        "/prefix/graphql?query=,mutation{stop}",
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_mutation_by_get(target: str, method: str) -> None:
    assert judge(method, {"host": "localhost"}, target) == MUTATION_BY_GET
    assert judge(method, OWN, target) == MUTATION_BY_GET


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "/runs?q=mutation",
        "/graphql",
        "/graphql?query={runs{id}}",
        "/graphql?query={__schema{mutationType{name}}}",
        "/assets/mutation",
    ],
)
@pytest.mark.parametrize("origin", ["http://localhost:3000", "http://evil.example", "null"])
def test_who_only_looks(target: str, origin: str) -> None:
    assert judge("GET", {**OWN, "origin": origin}, target) is None


def test_every_refusal_names_the_setting_in_one_sentence() -> None:
    for text in (FOREIGN_HOST, FOREIGN_PAGE, MUTATION_BY_GET, NOT_JSON):
        assert SETTING in text and text.endswith(".") and text.count(". ") == 0


@given(st.text(max_size=30))
def test_no_header_makes_it_stumble(text: str) -> None:
    ours = {"localhost", "[::1]"} | HOSTS
    if text.strip().lower() not in ours and not text.strip().startswith("127."):
        assert judge("GET", {"host": text}) == FOREIGN_HOST
    own = ("http://localhost:3000", "https://localhost:3000")
    if text.strip().lower() not in own:
        assert judge("POST", {**OWN, "origin": text}) == FOREIGN_PAGE


@pytest.mark.parametrize(
    ("setting", "hosts"),
    [
        (None, set()),
        ("box.example", {"box.example"}),
        (" Box.example , 10.0.0.1:3000,[fd00::5] ", {"box.example", "10.0.0.1:3000", "[fd00::5]"}),
    ],
)
def test_the_setting(warehouse_env: WarehouseEnv, setting: str | None, hosts: set[str]) -> None:
    warehouse_env.configure(ui_hosts=setting)
    assert read_hosts(load_settings().ui_hosts) == hosts


@pytest.mark.parametrize("setting", ["*", "http://box.example", "box.example/", "a b", "a,,b"])
def test_what_is_no_host(warehouse_env: WarehouseEnv, setting: str) -> None:
    warehouse_env.configure(ui_hosts=setting)
    with pytest.raises(WarehouseError, match=SETTING):
        load_settings()


@pytest.mark.parametrize(
    ("host", "shown", "told"),
    [
        ("127.0.0.1", "127.0.0.1", False),
        ("localhost", "localhost", False),
        ("::1", "[::1]", False),
        ("192.168.1.5", "192.168.1.5", False),
        ("0.0.0.0", "127.0.0.1", True),
        ("::", "[::1]", True),
        ("10.1.1.1", "10.1.1.1", True),
    ],
)
def test_what_is_said_at_the_start(host: str, shown: str, told: bool) -> None:
    text = address(host, 3000, HOSTS)
    assert text.startswith(f"Dagster's UI is at http://{shown}:3000, until Ctrl-C.")
    assert (f"{SETTING}: 192.168.1.5, [fd00::5], box.example" in text) is told
