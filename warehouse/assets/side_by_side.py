"""The loads of one run: several sources at one instant of each server, read side by side.

The first source of a run opens the sessions for all of them. Each session reads one source after
the other; while one is written into the file, MySQL works for the next ones, whose first rows wait.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from threading import Thread
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
Begin = Callable[[Source, "Connection[Any]", Server, Instant], Extraction]
"""Plans the load of a source and sends its SELECT, with a session that shows the instant."""


class _Sessions:
    """The sessions with one server, which show one instant of it, and what they read in turn."""

    def __init__(
        self,
        server: Server,
        sessions: Sequence[Connection[Any]],
        instant: Instant,
        sources: Sequence[Source],
        begin: Begin,
    ) -> None:
        """Begin as many sources as there are sessions."""
        self._server = server
        self._instant = instant
        self._waiting = deque(sources)
        self._begin = begin
        self._begun: dict[str, Future[Extraction]] = {}
        self._session_of: dict[str, Connection[Any]] = {}
        self._pool = ThreadPoolExecutor(len(sessions), thread_name_prefix="mysql-begin")
        for session in sessions:
            self._next(session)

    def _next(self, session: Connection[Any]) -> None:
        """Have a session begin the next source that waits."""
        if not self._waiting:
            return
        source = self._waiting.popleft()
        self._session_of[source.name] = session
        self._begun[source.name] = self._pool.submit(
            self._begin, source, session, self._server, self._instant
        )

    @contextmanager
    def take(self, source: Source, tick: Callable[[], None]) -> Iterator[Extraction]:
        """See `Loads.take`."""
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

    def hang_up(self) -> None:
        """End what is still read."""
        for session in self._session_of.values():
            hang_up(session)
        self._pool.shutdown(wait=False, cancel_futures=True)


_LOADS: dict[str, Loads] = {}
"""By run: what begins before Dagster is there finds its run by the run's id."""


def loads_of(run_id: str) -> Loads:
    """Return the loads of a run, in this process."""
    return _LOADS.setdefault(run_id, Loads())


def close_loads(run_id: str) -> None:
    """End the sessions of a run, and what they still read."""
    if loads := _LOADS.pop(run_id, None):
        loads.close()


class Loads:
    """The sources of one run that are loaded as a whole."""

    def __init__(self) -> None:
        """Open nothing yet."""
        self._open = ExitStack()
        self._sessions_of: dict[str, _Sessions] = {}
        self._refused: dict[str, WarehouseError] = {}
        self._early: Future[None] | None = None

    def open_early(self, work: Callable[[], None]) -> None:
        """Open in a thread of its own; whoever asks for the first source waits for it."""
        early: Future[None] = Future()
        self._early = early

        def open_all() -> None:
            try:
                work()
            except BaseException as error:
                early.set_exception(error)
            else:
                early.set_result(None)

        # A daemon: nobody who stops the program waits for a server that does not answer.
        Thread(target=open_all, name="mysql-open", daemon=True).start()

    @property
    def opened(self) -> bool:
        """Whether the sessions are open; waits for them if they are about to be.

        Raises:
            WarehouseError: they could not be opened.
        """
        if self._early:
            self._early.result()
        return bool(self._sessions_of or self._refused)

    def open(
        self,
        server: Server,
        sources: Sequence[Source],
        connections: int,
        begin: Begin,
        *,
        budget_seconds: float | None,
        say: Callable[[str], None],
    ) -> None:
        """Open the sessions with a server, and begin as many sources as there are sessions.

        Args:
            server: Where.
            sources: In the order in which they will be taken.
            connections: How many sessions there may be.
            begin: Sends the SELECT of a source.
            budget_seconds: What a query may take.
            say: Told what is done.
        """
        count = min(connections, len(sources))
        sessions, instant = self._open.enter_context(
            open_together(server, count, budget_seconds=budget_seconds, say=say)
        )
        made = _Sessions(server, sessions, instant, sources, begin)
        self._open.callback(made.hang_up)
        self._sessions_of.update(dict.fromkeys((source.name for source in sources), made))

    def refuse(self, sources: Sequence[Source], error: WarehouseError) -> None:
        """Note why sources cannot be loaded; `take` raises it."""
        self._refused.update(dict.fromkeys((source.name for source in sources), error))

    def take(self, source: Source, tick: Callable[[], None]) -> AbstractContextManager[Extraction]:
        """Wait for the first rows of a source; its session goes on to the next one afterwards.

        Args:
            source: One that was opened.
            tick: Called while it waits.

        Raises:
            WarehouseError: its load could not begin.
        """
        if source.name in self._refused:
            raise self._refused[source.name]
        return self._sessions_of[source.name].take(source, tick)

    def close(self) -> None:
        """End all sessions, and what they still read."""
        self._open.close()
