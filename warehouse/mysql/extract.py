"""One load from MySQL: a plan, one SELECT, an Arrow stream, and what was counted on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
from pymysql.connections import Connection

from warehouse.errors import WarehouseError
from warehouse.mysql.decode import Decoded
from warehouse.mysql.instant import Instant
from warehouse.mysql.plan import Days, Plan, check_days, describe, make_plan
from warehouse.mysql.query import SourceQuery
from warehouse.mysql.reading import Reading
from warehouse.mysql.server_errors import SAFE
from warehouse.mysql.url import Server

OnProgress = Callable[[int, float], None]
"""Told the rows and the seconds so far."""

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
    _reading: Reading | None = None

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

        What comes is compared with the plan: a table that was altered in between is planned again,
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
        reading = Reading(self.plan, self.sql, self.budget_seconds, self.session)
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
                    f"{self.plan.query.place}: MySQL at {self.plan.server.name} changed values of "
                    f"the result: {_CUT[number]} ({text}).",
                    safe=SAFE,
                    todo="Ask for a larger max_allowed_packet, or leave the column out.",
                )
            if text not in self.warnings:
                self.warnings.append(text)


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
