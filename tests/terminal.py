"""A command on a terminal of its own: what a person types, and what is on the screen."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import subprocess
import sys
import termios
import time
from collections.abc import Mapping
from pathlib import Path


class Terminal:
    """A run of the program."""

    def __init__(self, env: Mapping[str, str], folder: Path, width: int, *arguments: str) -> None:
        self._ours, theirs = pty.openpty()
        termios.tcsetwinsize(theirs, (50, width))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "warehouse", *arguments],
            cwd=folder,
            env=env,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            preexec_fn=_controlled,
        )
        os.close(theirs)
        self.screen = ""
        self._seen = 0

    @property
    def pid(self) -> int:
        """The id of its process."""
        return self._process.pid

    def until(self, text: str, seconds: float = 30) -> None:
        """Wait for a text, behind all that was waited for before."""
        deadline = time.monotonic() + seconds
        while self.screen.find(text, self._seen) < 0 and time.monotonic() < deadline:
            if not self._watch():
                break
        place = self.screen.find(text, self._seen)
        assert place >= 0, f"no {text!r} in {self.screen[self._seen :]!r}"
        self._seen = place + len(text)

    @property
    def text(self) -> str:
        """What is on the screen, without the colours."""
        return re.sub(r"\x1b\[[0-9;]*m", "", self.screen)

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self._ours, keys.encode())

    def end(self, seconds: float = 30) -> int:
        """Wait until it is over, and return the exit code."""
        while self._watch():
            pass
        os.close(self._ours)
        return self._process.wait(seconds)

    def _watch(self) -> bool:
        """Read what comes; whether more may."""
        if not select.select([self._ours], [], [], 30)[0]:
            return False
        try:
            came = os.read(self._ours, 65536)
        except OSError:  # Linux's way to say that the other side is closed
            return False
        self.screen += came.decode()
        return bool(came)


def _controlled() -> None:
    """Have the terminal control the program: Ctrl-C comes from it."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
