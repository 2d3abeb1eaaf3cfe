"""The loads of one run: several sources at one instant of MySQL, read side by side.

The first source of a run opens the sessions for all of them. Each session reads one source after
the other; while one is written into the file, MySQL works for the next ones, whose first rows wait.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

from pymysql.connections import Connection

from warehouse.errors import WarehouseError
from warehouse.mysql.extract import Extraction
from warehouse.mysql.instant import Instant, open_together
from warehouse.mysql.server_errors import SAFE
from warehouse.mysql.session import hang_up
from warehouse.mysql.url import Server
from warehouse.project.source_files import Source

TICK_SECONDS = 0.5
Begin = Callable[[Source, "Connection[Any]", Instant], Extraction]
"""Plans the load of a source and sends its SELECT, with a session that shows the instant."""


class Loads:
    """The sources of one run that are loaded as a whole."""

    def __init__(self) -> None:
        """Open nothing yet."""
        self._open = ExitStack()
        self._waiting: deque[Source] = deque()
        self._begun: dict[str, Future[Extraction]] = {}
        self._session_of: dict[str, Connection[Any]] = {}
        self._pool: ThreadPoolExecutor | None = None
        self._instant: Instant | None = None

    def open(
        self,
        sources: Sequence[Source],
        server: Server,
        connections: int,
        begin: Begin,
        *,
        budget_seconds: float | None,
        say: Callable[[str], None],
    ) -> None:
        """Open the sessions, and begin as many sources as there are.

        Args:
            sources: In the order in which they will be taken.
            server: Where.
            connections: How many sessions there may be.
            begin: Sends the SELECT of a source.
            budget_seconds: What a query may take.
            say: Told what is done.
        """
        if self._pool is not None:
            return
        count = min(connections, len(sources))
        sessions, self._instant = self._open.enter_context(
            open_together(server, count, budget_seconds=budget_seconds, say=say)
        )
        self._begin = begin
        self._pool = ThreadPoolExecutor(len(sessions), thread_name_prefix="mysql-begin")
        self._open.callback(self._pool.shutdown, wait=False, cancel_futures=True)
        self._waiting.extend(sources)
        for session in sessions:
            self._next(session)

    def _next(self, session: Connection[Any]) -> None:
        """Have a session begin the next source that waits."""
        if not self._waiting or self._pool is None or self._instant is None:
            return
        source = self._waiting.popleft()
        self._session_of[source.name] = session
        self._begun[source.name] = self._pool.submit(self._begin, source, session, self._instant)

    @contextmanager
    def take(self, source: Source, tick: Callable[[], None]) -> Iterator[Extraction]:
        """Wait for the first rows of a source; its session goes on to the next one afterwards.

        Raises:
            WarehouseError: its load could not begin.
        """
        future = self._begun.pop(source.name, None)
        if future is None:  # the sessions before it were lost
            raise WarehouseError(
                f"{source.name} was not asked for: the connections to MySQL were lost.",
                safe=SAFE,
                todo="Run again.",
            )
        try:
            while True:
                with suppress(TimeoutError):
                    extraction = future.result(TICK_SECONDS)
                    break
                tick()
            yield extraction
        finally:
            session = self._session_of.pop(source.name)
            if session.open:
                self._next(session)

    def close(self) -> None:
        """End all sessions, and what they still read."""
        for session in self._session_of.values():
            hang_up(session)
        self._open.close()
