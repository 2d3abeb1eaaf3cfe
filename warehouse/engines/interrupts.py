"""Ctrl-C, and SIGTERM, while DuckDB works in the main thread."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

import duckdb


@contextmanager
def stoppable(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """End the query of a connection at once when a signal raises an error.

    DuckDB looks for signals while it works, and gives its query up. But it waits then for what its
    other threads have begun, and that can be the whole rest of the query, unless they are
    interrupted (DuckDB 2.0). A cursor is a connection of its own.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # signals are not for this thread
        return
    changed = []
    for number in (signal.SIGINT, signal.SIGTERM):
        before = signal.getsignal(number)
        if callable(before):
            handler = _interrupting(connection, before)
            signal.signal(number, handler)
            changed.append((number, before, handler))
    try:
        yield
    finally:
        for number, before, handler in changed:
            if signal.getsignal(number) is handler:  # nobody else changed it meanwhile
                signal.signal(number, before)


def _interrupting(
    connection: duckdb.DuckDBPyConnection, handler: Callable[[int, FrameType | None], Any]
) -> Callable[[int, FrameType | None], None]:
    """Return a signal's handler that does the same, and interrupts the query if that raises."""

    def handle(number: int, frame: FrameType | None) -> None:
        try:
            handler(number, frame)
        except BaseException:
            with suppress(duckdb.Error):  # the connection is closed
                connection.interrupt()
            raise

    return handle
