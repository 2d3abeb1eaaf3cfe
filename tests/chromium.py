"""A page in Chromium, and all that it asked for: over the DevTools protocol."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
START_SECONDS = 60
QUIET_SECONDS = 1.0
"""A page that says nothing for so long has asked for all that it wants."""


@dataclass
class Page:
    """An open page.

    Attributes:
        requests: The URLs that it asked for, by number, but for those that it forbids itself.
        complaints: What stands in its console.
    """

    socket: ClientConnection
    requests: dict[str, str] = field(default_factory=dict)
    complaints: list[str] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=count)

    def open(self, url: str) -> None:
        """Go there, and wait until nothing happens any more."""
        for domain in ("Network", "Log", "Runtime", "Page"):
            self.ask(f"{domain}.enable")
        self.ask("Page.navigate", url=url)
        while self._hear(QUIET_SECONDS):
            pass

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """Give a command, and return its result."""
        number = next(self._numbers)
        self.socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            heard = self._hear(START_SECONDS)
            assert heard is not None, f"no answer to {method}"
            if heard.get("id") == number:
                assert "error" not in heard, heard
                result: dict[str, Any] = heard["result"]
                return result

    def value(self, script: str) -> Any:
        """Return what a script gives."""
        return self.ask("Runtime.evaluate", expression=script, returnByValue=True)["result"].get(
            "value"
        )

    def _hear(self, seconds: float) -> dict[str, Any] | None:
        try:
            heard: dict[str, Any] = json.loads(self.socket.recv(seconds))
        except TimeoutError:
            return None
        said = heard.get("params", {})
        match heard.get("method"):
            case "Network.requestWillBeSent":
                self.requests[said["requestId"]] = said["request"]["url"]
            case "Network.loadingFailed" if said.get("blockedReason") == "csp":
                del self.requests[said["requestId"]]
            case "Log.entryAdded":
                self.complaints.append(said["entry"]["text"])
            case "Runtime.consoleAPICalled" | "Runtime.exceptionThrown":
                self.complaints.append(json.dumps(said))
        return heard


@contextmanager
def page(profile: Path) -> Iterator[Page]:
    """Run Chromium with a profile of its own, and open a page that is empty."""
    assert CHROMIUM
    process = subprocess.Popen(
        [
            *(CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0"),
            *(f"--user-data-dir={profile}", "--no-first-run", "about:blank"),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        port = _port(profile / "DevToolsActivePort", process)
        asked = urllib.request.Request(f"http://127.0.0.1:{port}/json/new", method="PUT")
        with urllib.request.urlopen(asked, timeout=START_SECONDS) as answer:
            address = json.load(answer)["webSocketDebuggerUrl"]
        with connect(address, max_size=None) as socket:
            yield Page(socket)
    finally:
        process.terminate()
        process.wait(START_SECONDS)


def _port(file: Path, process: subprocess.Popen[bytes]) -> str:
    ends = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < ends:
        if file.is_file() and (lines := file.read_text().splitlines()):
            return lines[0]
        time.sleep(0.1)
    raise AssertionError("Chromium did not start.")
