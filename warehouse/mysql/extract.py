"""One load from MySQL: a plan, one SELECT, an Arrow stream, and what was counted on the way."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from warehouse.mysql.plan import Days, Plan, check_days, describe
from warehouse.mysql.readers import READERS, Batches, choose_reader, conform, wire_schema
from warehouse.mysql.session import connect, plain_errors, session_statements, stop
from warehouse.mysql.url import Server

OnProgress = Callable[[int, float], None]
"""Told the rows and the seconds so far."""

BATCHES_AHEAD = 2
TICK_SECONDS = 0.5
SILENCE_SECONDS = 30
"""After so long without a row, MySQL is asked on a second connection whether it is still there."""

# The comment in the SQL names the run: this finds our query and nobody else's.
_RUNNING = "SELECT id FROM information_schema.processlist WHERE info = %s"


@dataclass
class Extraction:
    """One SELECT, not sent before the first batch is asked for.

    Attributes:
        rows: Rows that came so far.
        bytes: Bytes of the record batches that came so far.
        seconds: From the moment the SELECT was sent to the last row.
        invalid_dates: By column, how many zero, partial or impossible dates became NULL.
    """

    plan: Plan
    sql: str
    reader: str
    budget_seconds: float | None = None
    rows: int = 0
    bytes: int = 0
    seconds: float = 0.0
    invalid_dates: dict[str, int] = field(default_factory=dict)

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema of the batches: wire values, not yet what they stand for."""
        return wire_schema(self.plan)

    def batches(self, on_progress: OnProgress = lambda _rows, _seconds: None) -> Batches:
        """Send the SELECT, and yield the rows as they come.

        Raises:
            WarehouseError: MySQL refused the query, stopped it or went away.
        """
        began = time.monotonic()

        def tick() -> None:
            self.seconds = time.monotonic() - began
            on_progress(self.rows, self.seconds)

        session = session_statements(self.plan.mariadb, self.budget_seconds)
        read = READERS[self.reader]
        with (
            plain_errors(self.plan.server),
            self._stopped_with_us(),
            read(self.plan, self.sql, session) as batches,
        ):
            for batch in _ahead(batches, self._waiting(tick)):
                conformed = conform(batch, self.plan)
                self.rows += batch.num_rows
                self.bytes += batch.nbytes
                self._count_invalid_dates(conformed)
                tick()
                yield conformed

    @contextmanager
    def _stopped_with_us(self) -> Iterator[None]:
        """See that a query whose answer nobody waits for any more does not run on in MySQL."""
        try:
            yield
        except (KeyboardInterrupt, GeneratorExit):
            stop(self.plan.server, _RUNNING, self.sql)
            raise

    def _waiting(self, tick: Callable[[], None]) -> Callable[[float], None]:
        """Return what is done while no batch comes: show progress, and see that MySQL lives."""

        def waiting(silent_seconds: float) -> None:
            tick()
            if silent_seconds >= SILENCE_SECONDS:
                with connect(self.plan.server):
                    pass

        return waiting

    def _count_invalid_dates(self, batch: pa.RecordBatch) -> None:
        for column, array in zip(self.plan.columns, batch.columns, strict=True):
            if column.rule.lowest is None:
                continue
            # With a scalar of the column's own type: Arrow would widen all values to an int64's.
            found = pc.less(array, pa.scalar(column.rule.lowest, array.type)).true_count
            if not column.nullable:
                found += array.null_count
            if found:
                self.invalid_dates[column.name] = self.invalid_dates.get(column.name, 0) + found


def open_extraction(
    server: Server,
    table: str,
    *,
    where: str | None = None,
    days: Days | None = None,
    comment: str = "",
    reader: str = "auto",
    budget_seconds: float | None = None,
) -> Extraction:
    """Plan the load of one table. MySQL is asked about the table, not yet for its rows.

    Raises:
        WarehouseError: the server, the database or the table is not there, or refuses.
    """
    plan = describe(server, table)
    if days:
        check_days(plan, days.column)
    return Extraction(
        plan=plan,
        sql=plan.select(where, comment, days),
        reader=choose_reader(plan, reader),
        budget_seconds=budget_seconds,
    )


def _ahead(batches: Batches, waiting: Callable[[float], None]) -> Batches:
    """Read a few batches ahead on a thread of its own.

    MySQL sends on while DuckDB writes, and waiting on a queue can be cut short: for progress, and
    to notice that a server has fallen silent.
    """
    ready: queue.Queue[pa.RecordBatch | BaseException | None] = queue.Queue(BATCHES_AHEAD)
    abandoned = threading.Event()

    def put(item: pa.RecordBatch | BaseException | None) -> None:
        while not abandoned.is_set():
            with suppress(queue.Full):
                ready.put(item, timeout=TICK_SECONDS)
                return

    def pump() -> None:
        try:
            for batch in batches:
                put(batch)
                if abandoned.is_set():
                    return
            put(None)
        except BaseException as error:
            put(error)

    threading.Thread(target=pump, name="mysql-reader", daemon=True).start()
    try:
        last = time.monotonic()
        while True:
            try:
                item = ready.get(timeout=TICK_SECONDS)
            except queue.Empty:
                silent = time.monotonic() - last
                waiting(silent)
                if silent >= SILENCE_SECONDS:
                    last = time.monotonic()
                continue
            last = time.monotonic()
            if item is None:
                return
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        abandoned.set()
