"""A pager such as `less`, for text that is higher or wider than the terminal."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.cells import cell_len

_LESS = ("less", "-SRX")
"""Long lines stay whole (-S), colours are shown (-R), and the text stays on the screen (-X)."""

_BELOW = 2
"""So many lines of the screen belong to the prompt."""


def find_pager() -> list[str] | None:
    """Return the command of the pager: $PAGER, or else less.

    Returns:
        None if stdin or stdout is no terminal, the terminal cannot move its cursor, $PAGER is
        empty, or there is no pager.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return None
    if os.environ.get("TERM", "dumb") == "dumb":
        return None
    wanted = os.environ.get("PAGER")
    if wanted is None:
        commands = [list(_LESS)]
    elif not wanted.strip():
        return None
    else:
        commands = [_split(wanted), list(_LESS)]
    return next((each for each in commands if each and shutil.which(each[0])), None)


def _split(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:  # a quote that does not end
        return []


class Paged:
    """Takes text as it comes. The pager starts when it is more than the screen shows.

    Attributes:
        left: Whether the person has left the pager.
    """

    def __init__(self, command: Sequence[str], stop: Callable[[], None]) -> None:
        self.left = False
        self._command = command
        self._stop = stop
        self._held = bytearray()
        self._process: subprocess.Popen[bytes] | None = None
        self._watcher: threading.Thread | None = None
        self._ended = False

    def write(self, data: bytes) -> int:
        """Write text in UTF-8.

        Raises:
            BrokenPipeError: the person has left the pager.
        """
        if self._process is not None:
            self._send(self._process, data)
            return len(data)
        self._held += data
        if not _fits(self._held.decode(errors="replace")):
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                env={"LESS": "".join(_LESS[1:]), **os.environ},
            )
            self._watcher = threading.Thread(target=self._watch, args=(self._process,), daemon=True)
            self._watcher.start()
            self._send(self._process, self._held)
        return len(data)

    def flush(self) -> None:
        """Do nothing: what is written is sent at once."""

    def _send(self, process: subprocess.Popen[bytes], data: bytes | bytearray) -> None:
        assert process.stdin is not None
        try:
            process.stdin.write(data)
            process.stdin.flush()
        except BrokenPipeError:
            self.left = True
            raise

    def _watch(self, process: subprocess.Popen[bytes]) -> None:
        """Stop the query when the person leaves, also while it has no rows to send."""
        process.wait()
        if not self._ended:
            self.left = True
            self._stop()

    def end(self) -> None:
        """Print what fits the screen, or else wait until the person leaves the pager."""
        self._ended = True
        if self._process is None or self._watcher is None:
            sys.stdout.flush()
            sys.stdout.buffer.write(self._held)
            sys.stdout.buffer.flush()
            return
        assert self._process.stdin is not None
        try:
            self._process.stdin.close()
        except BrokenPipeError:
            self.left = True
        while True:
            try:
                self._process.wait()
                self._watcher.join()  # from here on it stops nothing
                return
            except KeyboardInterrupt:  # Ctrl-C is for the pager as well, which stays
                continue


def _fits(text: str) -> bool:
    columns, lines = os.get_terminal_size(sys.stdout.fileno())
    shown = text.split("\n")
    return len(shown) <= lines - _BELOW and max(map(cell_len, shown)) <= columns


@contextmanager
def paged(command: Sequence[str], stop: Callable[[], None]) -> Iterator[Paged]:
    """Show what is written, in a pager if it is more than the screen shows.

    An error inside the `with` leaves the pager open, and is raised when the person has left it.
    Leaving the pager early is no error.

    Args:
        command: The pager and its options, see `find_pager`.
        stop: Ends what writes. It is called when the person leaves the pager early.
    """
    out = Paged(command, stop)
    try:
        yield out
    except BaseException:
        if not out.left:
            out.end()
            raise
        out.end()
    else:
        out.end()
