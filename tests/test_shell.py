"""The interactive shell, on a terminal of its own."""

import fcntl
import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import WarehouseEnv
from tests.writer import refresh
from warehouse.serve.shell import Names

ENDLESS = "select sum(hash(a.range + b.range)) from range(1000000) a, range(1000000) b;"


class Terminal:
    """The shell and what is on its screen, without the colours."""

    def __init__(self, env: dict[str, str]) -> None:
        self._ours, theirs = pty.openpty()
        termios.tcsetwinsize(theirs, (40, 200))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "warehouse", "sql"],
            env={**env, "TERM": "xterm"},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            preexec_fn=_controlled,
        )
        os.close(theirs)
        self._seen = ""

    def until(self, text: str, seconds: float = 20) -> str:
        """Return what came up to a text, and forget it."""
        deadline = time.monotonic() + seconds
        while text not in self._seen and time.monotonic() < deadline:
            self.watch(0.2)
        assert text in self._seen, f"no {text!r} in {self._seen!r}"
        before, _, self._seen = self._seen.partition(text)
        return before

    def watch(self, seconds: float) -> None:
        """Read what comes within so many seconds, as a terminal does."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            ready, _, _ = select.select([self._ours], [], [], left)
            if not ready:
                return
            try:
                came = os.read(self._ours, 65536).decode()
            except OSError:  # the shell has left
                return
            if "\x1b[6n" in came:  # "where is the cursor?"
                self.type("\x1b[1;1R")
            self._seen += _plain(came)

    def type(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def wait(self) -> int:
        return self._process.wait(timeout=20)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._ours)


def _controlled() -> None:
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def _plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|\x1b[()=>][0-9A-Z]?", "", text)


@pytest.fixture
def open_shell(warehouse_env: WarehouseEnv, tmp_path: Path) -> Iterator[Callable[[], Terminal]]:
    refresh(warehouse_env.path, 1, 10)
    opened: list[Terminal] = []

    def start() -> Terminal:
        env = {**warehouse_env.env, "XDG_STATE_HOME": str(tmp_path / "state")}
        opened.append(Terminal(env))
        opened[-1].until("snapshot 1>")
        return opened[-1]

    yield start
    for terminal in opened:
        terminal.close()


def test_it_answers_on_the_newest_snapshot_and_leaves(
    open_shell: Callable[[], Terminal], warehouse_env: WarehouseEnv, tmp_path: Path
) -> None:
    shell = open_shell()
    shell.type("select 'version ' || low\r")
    shell.until("...>")
    shell.type("from v;\r")
    shell.until("│ version 1")

    refresh(warehouse_env.path, 2, 10)
    shell.type("select 'version ' || low from v;\r")
    shell.until("Snapshot 2 is new")
    shell.until("│ version 2")
    shell.until("snapshot 2>")

    shell.type("from w;\r")
    said = shell.until("There are snapshots, t, v.")
    assert "There is no table or view w." in said and "Traceback" not in said
    shell.type("create temp table mine as select 'kept' as k;\r")
    shell.until("Count")
    shell.type("from mine;\r")
    shell.until("│ kept")

    shell.type("\x04")
    assert shell.wait() == 0
    assert "from v;" in (tmp_path / "state" / "warehouse" / "history.sql").read_text()


def test_its_commands_and_completion(open_shell: Callable[[], Terminal]) -> None:
    shell = open_shell()
    shell.until(".help · Ctrl-D leaves")
    shell.type(".tables\r")
    assert "snapshots" in shell.until("│ v ")
    shell.type(".schema V\r")
    shell.until("│ high")
    shell.type(".schema vv\r")
    shell.until("Did you mean v?")
    shell.type(".nonsense\r")
    shell.until(".help lists them")
    shell.type("select 'x' || vers")
    shell.until("version")  # in the menu
    shell.type("\t")
    shell.watch(0.5)
    shell.type(" from t;\r")
    shell.until("│ x1")
    shell.type("exit\r")
    assert shell.wait() == 0


def test_it_opens_where_nothing_can_be_kept(
    open_shell: Callable[[], Terminal], tmp_path: Path
) -> None:
    (tmp_path / "state").write_text("no folder")
    shell = open_shell()
    shell.type("select 'here ' || low from v;\r")
    shell.until("│ here 1")
    shell.type(".quit\r")
    assert shell.wait() == 0


def test_ctrl_c_clears_the_line_and_stops_a_query(open_shell: Callable[[], Terminal]) -> None:
    shell = open_shell()
    shell.type("select nonsense\x03")
    shell.until("snapshot 1>")
    shell.type(ENDLESS + "\r")
    shell.watch(1)
    shell.type("\x03")
    shell.until("Stopped.", seconds=5)
    shell.type("select 'still ' || 'here';\r")
    shell.until("│ still here")
    shell.type("\x04")
    assert shell.wait() == 0


def test_modes_and_the_timer(open_shell: Callable[[], Terminal]) -> None:
    shell = open_shell()
    for mode, shown in (
        ("line", "four = 4"),
        ("csv", "four,NIL"),
        ("json", '"four":4'),
        ("markdown", "|-------:|"),
    ):
        shell.type(f".mode {mode}\r")
        shell.until("snapshot 1>")
        shell.type('select 2 + 2 as four, null as "NIL";\r')
        shell.until(shown)
    shell.type(".mode pie\r")
    shell.until("Write table, line, csv, json or markdown.")
    shell.type(".mode csv\r.timer on\r")
    shell.type("select 'r' || range as r from range(5000);\r")
    assert len(re.findall(r"r\d+", shell.until(" s\r\n"))) >= 5000, "all rows"
    shell.type(".quit\r")
    assert shell.wait() == 0


def test_what_completes_where() -> None:
    names = Names(["select"], {"orders": ["id", "status"], "days": ["day"]}, ["strftime"])
    assert names.after("select * from o", "select * from ") == ["orders", "days"]
    assert names.after("from orders JOIN d", "from orders JOIN ") == ["orders", "days"]
    assert names.after("from orders, d", "from orders, ") == ["orders", "days"]
    assert names.after("from orders where s", "from orders where ")[:2] == ["id", "status"]
    assert "strftime" in names.after("select s", "select ")
