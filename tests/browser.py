"""Chromium, driven as a person drives it: open a page, wait for a text, click on one."""

from __future__ import annotations

import base64
import itertools
import json
import shutil
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
WAIT_SECONDS = 60

_PLACE = """
(() => {
  const found = [...document.querySelectorAll(%s)].filter(
    one => one.innerText?.trim().startsWith(%s) && one.getClientRects().length && !one.disabled)
  const box = found.at(-1)?.getBoundingClientRect()
  return box && box.width && [box.x + box.width / 2, box.y + box.height / 2]
})()
"""


class Page:
    """A page of a browser."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._numbers = itertools.count(1)
        self.call("Page.enable")

    def call(self, method: str, **parameters: object) -> dict[str, Any]:
        """Call a method of the DevTools protocol."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters}
        self._connection.send(json.dumps(message))
        while True:
            answer = json.loads(self._connection.recv(WAIT_SECONDS))
            if answer.get("id") == number:
                assert "error" not in answer, answer
                result: dict[str, Any] = answer["result"]
                return result

    def value(self, script: str) -> Any:
        """Return what a script in the page comes to."""
        result = self.call("Runtime.evaluate", expression=script, returnByValue=True)
        return result["result"].get("value")

    @property
    def text(self) -> str:
        """What is there to read."""
        return str(self.value("document.body?.innerText"))

    def open(self, address: str) -> None:
        self.call("Page.navigate", url=address)

    def wait(self, *texts: str) -> str:
        """Wait until all these texts are there. Returns all that is there to read."""
        ends = time.monotonic() + WAIT_SECONDS
        while not all(text in (shown := self.text) for text in texts):
            assert time.monotonic() < ends, f"{texts} did not come:\n{shown}"
            time.sleep(0.1)
        return shown

    def hover(self, text: str, element: str = "button, a") -> dict[str, object]:
        """Move to what begins with a text, as soon as it can be clicked on. Returns where it is."""
        ends = time.monotonic() + WAIT_SECONDS
        while not (place := self.value(_PLACE % (json.dumps(element), json.dumps(text)))):
            assert time.monotonic() < ends, f"No {text} to click on:\n{self.text}"
            time.sleep(0.1)
        there = {"x": place[0], "y": place[1]}
        self.call("Input.dispatchMouseEvent", type="mouseMoved", **there)
        return there

    def click(self, text: str, element: str = "button, a") -> None:
        """Click on what begins with a text, as soon as it can be clicked on."""
        there = self.hover(text, element)
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, button="left", clickCount=1, **there)

    def picture(self, file: Path) -> None:
        """Take a picture of the page."""
        file.write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))


@contextmanager
def browser(width: int = 1600, height: int = 1000) -> Iterator[Page]:
    """Run a browser with one page."""
    assert CHROMIUM
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [
                *(CHROMIUM, *FLAGS, f"--user-data-dir={profile}"),
                *(f"--window-size={width},{height}", "--remote-debugging-port=0", "about:blank"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            address = _page(Path(profile) / "DevToolsActivePort")
            with connect(address, max_size=None) as connection:
                yield Page(connection)
        finally:
            process.terminate()
            process.wait(WAIT_SECONDS)


def _page(file: Path) -> str:
    """Return the address of the DevTools of the first page."""
    ends = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            port = file.read_text().splitlines()[0]
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/json") as answer:
                pages = [one for one in json.load(answer) if one["type"] == "page"]
            return str(pages[0]["webSocketDebuggerUrl"])
        except (OSError, IndexError):
            assert time.monotonic() < ends, "The browser did not start."
            time.sleep(0.1)
