"""The interactive shell, on a terminal of its own."""

from __future__ import annotations

import codecs
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
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

Open = Callable[..., "ShellTerminal"]


class ShellTerminal:
    """The shell and what is on its screen, without the colours."""

    def __init__(self, env: Mapping[str, str], size: tuple[int, int] = (40, 200)) -> None:
        self._ours, theirs = pty.openpty()
        termios.tcsetwinsize(theirs, size)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "warehouse", "sql"],
            env={"TERM": "xterm", **env},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            preexec_fn=_controlled,
        )
        os.close(theirs)
        self._seen = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")()

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
                came = self._decoder.decode(os.read(self._ours, 65536))
            except OSError:  # the shell has left
                return
            if "\x1b[6n" in came:  # "where is the cursor?"
                self.type("\x1b[1;1R")
            self._seen += _plain(came)

    def type(self, text: str) -> None:
        os.write(self._ours, text.encode())

    @property
    def pid(self) -> int:
        """The id of its process."""
        return self._process.pid

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
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|\x1b[()][0-9A-Z]|\x1b[=>]", "", text)


@contextmanager
def shells(env: Mapping[str, str], newest: int) -> Iterator[Open]:
    """Yield what opens a shell; variables of the environment and a size may be given.

    Args:
        env: The environment; what pager there is stays outside.
        newest: The number of the newest snapshot, which the prompt names.
    """
    opened: list[ShellTerminal] = []
    plain = {name: value for name, value in env.items() if name not in ("PAGER", "LESS")}

    def start(size: tuple[int, int] = (40, 200), **variables: str) -> ShellTerminal:
        opened.append(ShellTerminal({**plain, **variables}, size))
        opened[-1].until(f"snapshot {newest}>")
        return opened[-1]

    try:
        yield start
    finally:
        for terminal in opened:
            terminal.close()
