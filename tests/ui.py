"""`warehouse dev` as a real process, and what a test asks of it."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

START_SECONDS = 120
END_SECONDS = 60
EVENTS = "{assetOrError(assetKey:{path:[%s]}){... on Asset{assetMaterializations{timestamp}}}}"


@dataclass(frozen=True)
class Answer:
    status: int
    text: str
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Dev:
    """A running UI."""

    process: subprocess.Popen[str]
    log: Path
    port: int

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(
        self, method: str, target: str, body: str | None = None, **headers: str | None
    ) -> Answer:
        """Send a request just as it is; `_` in a header's name is a dash, None leaves it out."""
        sent = {"host": f"127.0.0.1:{self.port}"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items() if value}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        for name, value in sent.items():
            connection.putheader(name, value)
        if body is not None:
            connection.putheader("content-length", str(len(body.encode())))
        connection.endheaders(body.encode() if body is not None else None)
        response = connection.getresponse()
        text = "" if response.status == 101 else response.read().decode(errors="replace")
        connection.close()
        return Answer(response.status, text, {k.lower(): v for k, v in response.getheaders()})

    def graphql(self, query: str, **headers: str | None) -> dict[str, Any]:
        """Ask as a notebook or curl does."""
        body = json.dumps({"query": query})
        answer = self.ask("POST", "/graphql", body, content_type="application/json", **headers)
        assert answer.status == 200, answer
        data: dict[str, Any] = json.loads(answer.text)["data"]
        return data

    def reported(self, asset: str) -> int:
        """Return how many events of an asset were reported by mutations."""
        found = self.graphql(EVENTS % json.dumps(asset))["assetOrError"]
        return len(found.get("assetMaterializations", []))

    def handshake(self, **headers: str | None) -> Answer:
        """Ask for a WebSocket."""
        asked = {
            "connection": "Upgrade",
            "upgrade": "websocket",
            "sec_websocket_version": "13",
            "sec_websocket_key": "dGhlIHNhbXBsZSBub25jZQ==",
            "sec_websocket_protocol": "graphql-ws",
        }
        return self.ask("GET", "/graphql", None, **{**asked, **headers})

    def end(self, sign: signal.Signals) -> int:
        """Send it a signal. Returns its exit code."""
        self.process.send_signal(sign)
        return self.process.wait(END_SECONDS)


def mutation(asset: str) -> str:
    """Return a mutation that leaves a trace."""
    return (
        "mutation{reportRunlessAssetEvents(eventParams:{eventType:ASSET_MATERIALIZATION,"
        f"assetKey:{{path:[{json.dumps(asset)}]}}}}){{__typename}}}}"
    )


@contextmanager
def running(env: Mapping[str, str], log: Path, *arguments: str) -> Iterator[Dev]:
    """Run the UI on a free port, as a script's background process: it ignores Ctrl-C at first."""
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "warehouse", "dev", "--port", "0", *arguments],
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            text=True,
            start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
        )
    try:
        yield Dev(process, log, _port(process, log))
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _port(process: subprocess.Popen[str], log: Path) -> int:
    ends = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < ends:
        if found := re.search(r"Dagster's UI is at (http://\S+),", log.read_text()):
            port = urlsplit(found[1]).port
            assert port
            return port
        time.sleep(0.1)
    raise AssertionError(f"The UI did not start:\n{log.read_text()}")


def left(home: str) -> list[str]:
    """Return the processes that still have this DAGSTER_HOME."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            variables = (folder / "environ").read_bytes().split(b"\0")
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:  # it has ended meanwhile
            continue
        if f"DAGSTER_HOME={home}".encode() in variables and int(folder.name) != os.getpid():
            found.append(command)
    return found
