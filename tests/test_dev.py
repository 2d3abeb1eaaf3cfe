"""`just dev` answers its own pages and this machine, and no page of another origin can drive it."""

from __future__ import annotations

import html
import json
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests import ui
from tests.browser import CHROMIUM, FLAGS
from tests.conftest import WarehouseEnv
from warehouse.ui.guard import SETTING

RUN = """mutation($config: RunConfigData!) {
  launchRun(executionParams: {
    selector: {repositoryName: "__repository__", repositoryLocationName: "warehouse",
               jobName: "__ASSET_JOB", assetSelection: [{path: ["mysql_orders"]}]},
    runConfigData: $config, executionMetadata: {tags: [{key: "warehouse/force", value: "true"}]}
  }) {
    __typename
    ... on RunConfigValidationInvalid { errors { message } }
    ... on LaunchRunSuccess { run { runId } }
  }
}"""


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ui.Dev]:
    """A UI that is also called box.example, for all tests that leave it as it is."""
    folder = tmp_path_factory.mktemp("ui")
    with pytest.MonkeyPatch.context() as monkeypatch:
        env = _env(folder, monkeypatch)
        env.configure(ui_hosts="box.example")
        with ui.running(env.env, folder / "log") as running:
            yield running
            assert running.end(signal.SIGTERM) == 0, running.log.read_text()
        assert _nothing_is_left(env.env["DAGSTER_HOME"])
        assert "Traceback" not in running.log.read_text()


def _env(folder: Path, monkeypatch: pytest.MonkeyPatch) -> WarehouseEnv:
    def no_history() -> None:
        raise AssertionError

    return WarehouseEnv(folder, monkeypatch, no_history)  # type: ignore[arg-type]


def _nothing_is_left(home: str) -> bool:
    """The code server may take a moment longer than who started it."""
    ends = time.monotonic() + 20
    while ui.left(home) and time.monotonic() < ends:
        time.sleep(0.2)
    return ui.left(home) == []


def test_what_anybody_here_may_look_at(dev: ui.Dev) -> None:
    for host in ("localhost", f"localhost:{dev.port}", "127.0.0.1", "[::1]:3000", "box.example"):
        assert dev.ask("GET", "/server_info", host=host).status == 200, host
    page = dev.ask("GET", "/assets/orders_summary", accept="text/html", sec_fetch_site="cross-site")
    assert page.status == 200 and "/_next/static/" in page.text
    assert page.headers["x-frame-options"] == "SAMEORIGIN"
    assert dev.ask("GET", "/favicon.png").status == 200
    found = json.loads(dev.ask("GET", f"/graphql?query={quote('{version}')}").text)
    assert found["data"]["version"]


def test_a_name_that_was_made_to_lead_here(dev: ui.Dev) -> None:
    for method, target in (("GET", "/server_info"), ("GET", "/"), ("POST", "/graphql")):
        answer = dev.ask(method, target, host=f"evil.example:{dev.port}")
        assert answer.status == 403 and SETTING in answer.text
        assert len(answer.text.splitlines()) == 1
    foreign = {"host": f"evil.example:{dev.port}", "origin": f"http://evil.example:{dev.port}"}
    assert dev.handshake(**foreign).status == 403


def test_the_uis_own_pages_and_curl_change_things(dev: ui.Dev) -> None:
    for host in (f"127.0.0.1:{dev.port}", f"localhost:{dev.port}", f"box.example:{dev.port}"):
        dev.graphql(ui.mutation("own"), host=host, origin=f"http://{host}")
        assert dev.handshake(host=host, origin=f"http://{host}").status == 101
    dev.graphql(ui.mutation("own"))
    assert dev.handshake().status == 101
    assert dev.reported("own") == 4


@pytest.mark.parametrize("origin", ["http://evil.example", "http://127.0.0.1:1", "null"])
def test_what_a_page_of_another_origin_can_send(dev: ui.Dev, origin: str) -> None:
    target = f"/graphql?query={quote(ui.mutation('evil'))}"
    body = json.dumps({"query": ui.mutation("evil")})
    answers = [
        dev.ask("GET", target, origin=origin),
        dev.ask("GET", target),  # a link, a picture
        dev.ask("POST", target, "", origin=origin, content_type="text/plain"),
        dev.ask("POST", "/graphql", body, origin=origin, content_type="application/json"),
        dev.ask("POST", "/graphql", body, origin=origin, content_type="text/plain"),
        dev.ask("POST", "/report_asset_materialization/evil", "", origin=origin),
        dev.ask("POST", target, "", content_type="application/x-www-form-urlencoded"),
        dev.ask("POST", target, "", content_type="text/plain; application/json"),
        dev.ask("POST", "/graphql", body, content_type="text/plain; application/json"),
        dev.ask("POST", "/report_asset_materialization/evil", "", content_type="text/plain"),
        dev.ask(
            "POST", "/graphql", body, content_type="application/json", sec_fetch_site="cross-site"
        ),
        dev.handshake(origin=origin),
    ]
    assert [answer.status for answer in answers] == [403] * len(answers)
    assert all(SETTING in answer.text for answer in answers)
    assert dev.reported("evil") == 0


def launch(dev: ui.Dev, config: dict[str, Any]) -> dict[str, Any]:
    """Ask for a run that loads `mysql_orders`, as the UI's own page does."""
    body = json.dumps({"query": RUN, "variables": {"config": config}})
    answer = dev.ask("POST", "/graphql", body, content_type="application/json", origin=dev.address)
    found: dict[str, Any] = json.loads(answer.text)["data"]["launchRun"]
    return found


def test_a_run_that_is_asked_for(dev: ui.Dev) -> None:
    run_id = launch(dev, {})["run"]["runId"]
    query = f'{{runOrError(runId:"{run_id}"){{... on Run{{status}}}}}}'
    status, ends = "", time.monotonic() + 90
    while status not in ("SUCCESS", "FAILURE") and time.monotonic() < ends:
        time.sleep(0.5)
        status = dev.graphql(query)["runOrError"]["status"]
    assert status == "SUCCESS"


def test_a_run_does_not_say_where(dev: ui.Dev, tmp_path: Path) -> None:
    elsewhere = tmp_path / "evil.duckdb"
    config = {"resources": {"io_manager": {"config": {"database": str(elsewhere)}}}}
    found = launch(dev, config)
    assert found["__typename"] == "RunConfigValidationInvalid"
    assert 'unexpected config entry "database"' in found["errors"][0]["message"]
    assert not elsewhere.exists()


PAGE = """<title>A page of somebody else</title><pre id=said></pre>
<iframe name=hidden></iframe>
<form id=form method=post target=hidden enctype=text/plain action="{ui}/graphql?query={query}">
</form>
<script>
async function send(name, ...request) {{
  try {{ await fetch(...request); return name + ":sent" }} catch {{ return name + ":failed" }}
}}
function handshake(address) {{
  return new Promise(done => {{
    const socket = new WebSocket(address, "graphql-ws")
    socket.onopen = () => done("socket:open")
    socket.onerror = () => done("socket:refused")
  }})
}}
(async () => {{
  document.getElementById("form").submit()
  const url = "{ui}/graphql?query={query}", mode = "no-cors"
  const body = JSON.stringify({{query: decodeURIComponent("{query}")}})
  said.textContent = [
    await send("get", url, {{mode}}),
    await send("post", url, {{mode, method: "POST", body: ""}}),
    await send("disguised", "{ui}/graphql", {{mode, method: "POST", body,
      headers: {{"content-type": "text/plain; application/json"}}}}),
    await send("json", "{ui}/graphql", {{method: "POST", body,
      headers: {{"content-type": "application/json"}}}}),
    await send("report", "{ui}/report_asset_materialization/page", {{mode, method: "POST"}}),
    await handshake("{ui}/graphql".replace("http", "ws")),
    "done"].join(" ")
}})()
</script>"""


@contextmanager
def foreign_page(text: str) -> Iterator[str]:
    """Serve a page from another port, which makes it one of another origin. Yields its address."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def browse(address: str, *flags: str) -> str:
    """Open a page in Chromium. Returns what it has become."""
    assert CHROMIUM
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        done = subprocess.run(
            [
                *(CHROMIUM, *FLAGS, f"--user-data-dir={profile}", *flags),
                *("--virtual-time-budget=15000", "--dump-dom", address),
            ],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
    return html.unescape(done.stdout)


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
def test_a_page_of_another_origin_in_chromium(dev: ui.Dev) -> None:
    page = PAGE.format(ui=dev.address, query=quote(ui.mutation("page")))
    with foreign_page(page) as address:
        shown = browse(address)
        named = browse(
            address.replace("127.0.0.1", "evil.example"),
            "--host-resolver-rules=MAP evil.example 127.0.0.1",
        )
    for text in (shown, named):
        assert "socket:refused" in text and "done" in text, text
    assert dev.reported("page") == 0


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
def test_a_rebound_name_in_chromium(dev: ui.Dev) -> None:
    rules = "--host-resolver-rules=MAP evil.example 127.0.0.1"
    shown = browse(f"http://evil.example:{dev.port}/server_info", rules)
    assert SETTING in shown and "dagster_version" not in shown


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
def test_the_ui_itself_in_chromium(dev: ui.Dev) -> None:
    shown = browse(f"{dev.address}/assets")
    assert "mysql_orders" in shown and "Refused" not in shown


def test_ctrl_c_ends_all_of_it(
    warehouse_env: WarehouseEnv, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with ui.running(warehouse_env.env, tmp_path / "log") as dev:
        assert dev.graphql("{version}")["version"]
        with socket.create_connection(("127.0.0.1", dev.port)):  # a page that stays open
            assert dev.end(signal.SIGINT) == 130
        assert dev.log.read_text().endswith("Stopped. Nothing half-written is visible.\n")
        assert "Traceback" not in dev.log.read_text()
    assert _nothing_is_left(warehouse_env.env["DAGSTER_HOME"])


def test_a_port_that_is_taken(warehouse_env: WarehouseEnv, tmp_path: Path) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(AssertionError, match=r"cannot listen on 127\.0\.0\.1, port .* in use"),
        ui.running(warehouse_env.env, tmp_path / "log", "--port", str(taken.getsockname()[1])),
    ):
        pass
