"""A SELECT under way: one thread reads and decodes, while the load writes what it hands over."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from time import monotonic
from typing import Any

from pymysql.connections import Connection

from warehouse.mysql.decode import Decoded, decode
from warehouse.mysql.plan import Plan
from warehouse.mysql.protocol import Result, prepare
from warehouse.mysql.server_errors import plain_errors
from warehouse.mysql.session import connect, hang_up, optional, stop, wait_as_long_as_it_takes
from warehouse.mysql.watch import Watch

BLOCKS_AHEAD = 2
TICK_SECONDS = 0.5


class Reading:
    """A SELECT under way, read and decoded on a thread of its own.

    MySQL sends on while DuckDB writes, and waiting on a queue can be cut short: for progress, for
    Ctrl-C, and to notice a connection that is dead.

    Attributes:
        warnings: Number and text of each, after the last row.
        seconds: Since the SELECT was sent, until the last row.
    """

    def __init__(
        self,
        plan: Plan,
        sql: str,
        budget_seconds: float | None,
        session: Connection[Any] | None,
    ) -> None:
        self.warnings: list[tuple[int, str]] = []
        self._server = plan.server
        self._place = plan.query.place
        self._differs = plan.differs
        self._decoders = [column.rule.decode for column in plan.columns]
        self._sql = sql
        self._budget = budget_seconds
        self._open = ExitStack()
        self._ready: queue.Queue[Any] = queue.Queue(BLOCKS_AHEAD)
        self._closed = threading.Event()
        self._first: list[Decoded] | None = None
        self._result: Result | None = None
        self._session = session
        self._connection: Connection[Any] | None = None
        self._began = monotonic()
        self._ended: float | None = None

    @property
    def seconds(self) -> float:
        return (self._ended or monotonic()) - self._began

    @property
    def received(self) -> int:
        """Bytes of rows that came so far."""
        return self._result.received if self._result else 0

    def start(self, tick: Callable[[], None]) -> str:
        """Send the SELECT, and wait for the first rows or the end.

        Returns:
            How the columns that come differ from the plan; no row is read then.
        """
        connection = self._session or self._open.enter_context(
            connect(self._server, budget_seconds=self._budget)
        )
        self._connection = connection
        optional(connection, "SET SESSION max_error_count = 65535")
        wait_as_long_as_it_takes(connection)
        self._watch = Watch(self._server, connection.thread_id())  # type: ignore[no-untyped-call]
        threading.Thread(target=self._pump, name="mysql-reader", daemon=True).start()
        differs: str = self._next(tick)
        if not differs:
            self._first = self._next(tick)
        return differs

    def columns(self, tick: Callable[[], None]) -> Iterator[list[Decoded]]:
        """Yield the decoded columns of each block of rows."""
        block = self._first
        self._first = None
        while block is not None:
            yield block
            del block  # may be as large as values are
            block = self._next(tick)
        self._ended = monotonic()

    def close(self) -> None:
        """End the connection, and with it the query, whether or not it is over."""
        self._closed.set()
        if self._connection is not None and self._ended is None:
            # Not in order: that would read the rest of the rows first.
            hang_up(self._connection)
            stop(self._server, self._watch.connection_id)
        self._open.close()

    def _next(self, tick: Callable[[], None]) -> Any:
        """Wait for what the thread hands over; None is the end."""
        heard = self.received
        while True:
            try:
                item = self._ready.get(timeout=TICK_SECONDS)
            except queue.Empty:
                tick()
                if self.received > heard:  # a part of a block: over a thin line it takes long
                    heard = self.received
                    self._watch.heard()
                self._watch.look()
                continue
            self._watch.heard()
            if isinstance(item, BaseException):
                with plain_errors(self._server, self._place):
                    raise item
            return item

    def _pump(self) -> None:
        connection = self._connection
        assert connection is not None
        try:
            result = self._result = Result(connection, prepare(connection, self._sql))
            differs = self._differs(result.fields)
            self._put(differs)
            if differs:
                return
            for block in result.blocks():
                self._put(decode(block, self._decoders))
                if self._closed.is_set():
                    return
            if result.warnings:
                found = optional(connection, "SHOW WARNINGS")
                self.warnings = [(int(number), str(text)) for _, number, text in found]
            self._put(None)
        except BaseException as error:
            self._put(error)

    def _put(self, item: Any) -> None:
        while not self._closed.is_set():
            with suppress(queue.Full):
                self._ready.put(item, timeout=TICK_SECONDS)
                return
