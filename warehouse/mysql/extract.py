"""One load from MySQL: a plan, one SELECT, an Arrow stream, and what was counted on the way."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import pyarrow as pa
from pymysql.connections import Connection

from warehouse.errors import WarehouseError
from warehouse.mysql.decode import Decoded, decode
from warehouse.mysql.instant import Instant
from warehouse.mysql.plan import Days, Plan, check_days, describe, make_plan
from warehouse.mysql.protocol import Result, prepare
from warehouse.mysql.query import SourceQuery
from warehouse.mysql.server_errors import SAFE, plain_errors
from warehouse.mysql.session import connect, hang_up, optional, stop, wait_as_long_as_it_takes
from warehouse.mysql.url import Server
from warehouse.mysql.watch import Watch

OnProgress = Callable[[int, float], None]
"""Told the rows and the seconds so far."""

BATCHES_AHEAD = 2
TICK_SECONDS = 0.5

_CUT: dict[int, str] = {
    1260: "GROUP_CONCAT was cut",
    1301: "a value longer than max_allowed_packet became NULL",
    1931: "rows were left out",
    3854: "a text could not be converted",
}
"""Warnings of a SELECT that mean a changed value, and what they mean."""


@dataclass
class Invalid:
    """Values of a column that have no counterpart, and are NULL here.

    Attributes:
        count: How many.
        first: The primary key of the first of them, or which row it was.
    """

    count: int
    first: str


@dataclass
class Extraction:
    """One SELECT, not sent before it is begun or the first batch is asked for.

    Attributes:
        session: The one to read it with, whose transaction shows an instant that other sources
            share; None for one of its own.
        instant: That instant.
        rows: Rows that came so far.
        bytes: Bytes that came so far.
        seconds: From the moment the SELECT was sent to the last row.
        invalid_dates: By column, the zero, partial and impossible dates.
        invalid_values: By column, the texts that are not UTF-8, and the JSON that is none.
        warnings: What MySQL warned of, which changed no value.
    """

    plan: Plan
    days: Days | None = None
    comment: str = ""
    budget_seconds: float | None = None
    session: Connection[Any] | None = None
    instant: Instant | None = None
    rows: int = 0
    bytes: int = 0
    seconds: float = 0.0
    invalid_dates: dict[str, Invalid] = field(default_factory=dict)
    invalid_values: dict[str, Invalid] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    _reading: _Reading | None = None

    @property
    def invalid(self) -> Mapping[str, Invalid]:
        """All values that became NULL, by column."""
        return self.invalid_dates | self.invalid_values

    @property
    def sql(self) -> str:
        """The SELECT as it is sent."""
        return self.plan.select(self.comment, self.days)

    @property
    def begun(self) -> bool:
        """Whether the SELECT is sent, and its first rows are there."""
        return self._reading is not None

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema of the batches: decoded values, not yet what DuckDB makes of them."""
        return pa.schema([(column.name, column.rule.arrow) for column in self.plan.columns])

    def begin(self, on_progress: OnProgress = lambda _rows, _seconds: None) -> None:
        """Send the SELECT, and wait for its first rows or its end.

        What comes is compared with the plan: a table that was altered in between is planned anew,
        once.

        Raises:
            WarehouseError: MySQL refused the query, stopped it or went away; or the table was
                altered again.
        """
        if self._reading:
            return
        differs = self._begin(on_progress)
        if differs:
            self.plan = self._planned_again()
            differs = self._begin(on_progress)
        if differs:
            raise WarehouseError(
                f"{self.plan.named} was altered while it was being read, twice: {differs}.",
                safe=SAFE,
                todo="Run again when nobody alters it.",
            )

    def _planned_again(self) -> Plan:
        if self.session is None:
            return describe(self.plan.server, self.plan.query)
        return make_plan(self.session, self.plan.server, self.plan.query)

    def _begin(self, on_progress: OnProgress) -> str:
        """Send the SELECT. Returns how the columns that come differ from the plan, if they do."""
        reading = _Reading(self.plan, self.sql, self.budget_seconds, self.session)
        try:
            if differs := reading.start(lambda: on_progress(self.rows, reading.seconds)):
                reading.close()
                return differs
        except BaseException:
            reading.close()
            raise
        self._reading = reading
        return ""

    def batches(
        self, on_progress: OnProgress = lambda _rows, _seconds: None
    ) -> Iterator[pa.RecordBatch]:
        """Yield the rows as they come.

        Raises:
            WarehouseError: MySQL refused the query, stopped it, went away, or sent changed values.
        """
        self.begin(on_progress)
        reading = self._reading
        assert reading

        def tick() -> None:
            self.seconds = reading.seconds
            on_progress(self.rows, self.seconds)

        try:
            for columns in reading.columns(tick):
                batch = pa.RecordBatch.from_arrays(
                    [one.array for one in columns], schema=self.schema
                )
                self._note_invalid(columns, batch)
                self.rows += batch.num_rows
                self.bytes = reading.received
                tick()
                yield batch
            self._judge(reading.warnings)
        finally:
            reading.close()

    def note_invalid(self, column: str, places: Sequence[int], batch: pa.RecordBatch) -> None:
        """Count values that DuckDB has no counterpart for.

        Args:
            column: Its name.
            places: The rows of the batch, counted from 0.
            batch: The newest one.
        """
        self._note(self.invalid_values, column, places, batch, self.rows - batch.num_rows)

    def _note_invalid(self, columns: Sequence[Decoded], batch: pa.RecordBatch) -> None:
        for column, decoded in zip(self.plan.columns, columns, strict=True):
            if decoded.invalid is not None:
                kept = self.invalid_dates if column.has_days else self.invalid_values
                places = [int(place) for place in decoded.invalid.nonzero()[0]]
                self._note(kept, column.name, places, batch, self.rows)

    def _note(
        self,
        kept: dict[str, Invalid],
        column: str,
        places: Sequence[int],
        batch: pa.RecordBatch,
        before: int,
    ) -> None:
        keys = [column.name for column in self.plan.columns if column.key]
        values = [f"{key}={batch.column(key)[places[0]].as_py()!r}" for key in keys]
        first = ", ".join(values) or f"row {before + places[0] + 1} of the result"
        kept.setdefault(column, Invalid(0, first)).count += len(places)

    def _judge(self, warnings: Sequence[tuple[int, str]]) -> None:
        """Judge what MySQL warned of.

        Raises:
            WarehouseError: a value came changed.
        """
        for number, text in warnings:
            if number in _CUT:
                raise WarehouseError(
                    f"MySQL at {self.plan.server.name} changed values of the result: "
                    f"{_CUT[number]} ({text}).",
                    safe=SAFE,
                    todo="Ask for a larger max_allowed_packet, or leave the column out.",
                )
            if text not in self.warnings:
                self.warnings.append(text)


class _Reading:
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
        self._differs = plan.differs
        self._decoders = [column.rule.decode for column in plan.columns]
        self._sql = sql
        self._budget = budget_seconds
        self._open = ExitStack()
        self._ready: queue.Queue[Any] = queue.Queue(BATCHES_AHEAD)
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
        while True:
            try:
                item = self._ready.get(timeout=TICK_SECONDS)
            except queue.Empty:
                tick()
                self._watch.look()
                continue
            self._watch.heard()
            if isinstance(item, BaseException):
                with plain_errors(self._server):
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


def open_extraction(
    server: Server,
    query: SourceQuery,
    *,
    days: Days | None = None,
    comment: str = "",
    budget_seconds: float | None = None,
) -> Extraction:
    """Plan the load of a query. MySQL is asked about it, not yet for its rows.

    Raises:
        WarehouseError: the server or the database is not there, or refuses the query.
    """
    plan = describe(server, query)
    if days:
        check_days(plan, days.column)
    return Extraction(plan, days, comment, budget_seconds)
