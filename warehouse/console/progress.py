"""What a person sees of a run: a bar on a terminal, and lines in the log every few seconds."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from tqdm import tqdm

from warehouse.console.terminal import width_of, wrapped
from warehouse.errors import printable

LOG_EVERY_SECONDS = 5.0

narrating = False
"""Whether to speak to a person: on the command line. Under `just dev` there is its log."""


class Progress:
    """The progress of one load."""

    def __init__(self, say: Callable[[str], None], what: str, rows_estimate: int) -> None:
        self._say = say
        self._what = what
        self._logged_at = 0.0
        self._bar = tqdm(
            total=rows_estimate or None,
            desc=what,
            unit=" rows",
            unit_scale=True,
            leave=False,
            file=sys.stderr,
            disable=not (narrating and sys.stderr.isatty()),
        )

    def update(self, rows: int, seconds: float) -> None:
        """Show that so many rows came in so many seconds."""
        self._bar.total = max(self._bar.total or 0, rows) or None  # the estimate may be too low
        self._bar.update(rows - self._bar.n)
        if seconds - self._logged_at < LOG_EVERY_SECONDS:
            return
        self._logged_at = seconds
        if rows:
            self._say(f"{self._what}: {rows:,} rows so far, {rows / seconds:,.0f} rows/s.")
        else:
            self._say(f"{self._what}: waiting for the first row, {seconds:.0f} s so far.")

    def close(self) -> None:
        """Take the bar away."""
        self._bar.close()


def begin_to_narrate() -> None:
    """Speak to the person at the command line from now on."""
    global narrating
    narrating = True


def stop_narrating() -> None:
    """Say nothing any more."""
    global narrating
    narrating = False


def narrate(message: str) -> None:
    """Write a line for the person at the command line, above the bar if there is one."""
    if narrating:
        text = f"{time.strftime('%H:%M:%S')}  {printable(message)}"
        tqdm.write(wrapped(text, width_of(sys.stderr), len("HH:MM:SS  ")), file=sys.stderr)
