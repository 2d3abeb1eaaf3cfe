"""Rows on their way into a table: a stream of record batches, and the one statement it feeds."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from warehouse.errors import WarehouseError
from warehouse.store import snapshots, staging

SCHEMA = "main"
PART_BYTES = 64 << 20
ROW_GROUP = 122_880
"""DuckDB's. Rows that are small enough for this many of them in a part are not cut."""


@dataclass
class TableStream:
    """Rows on their way into a table.

    Attributes:
        schema: Arrow schema of the batches.
        batches: The rows; nothing is read before the writer is ready.
        select: What the table holds: SQL over the columns of the batches.
        where: Which rows it holds: SQL over the columns of `select`.
        valid: For columns of the batches, SQL that tells which values DuckDB takes. Others become
            NULL.
        on_invalid: Told of these: the column, the places in the batch, the batch.
        finish: Called after the last row, in the same transaction: what must be published with
            the table or not at all.
    """

    schema: pa.Schema
    batches: Iterator[pa.RecordBatch]
    select: str = "*"
    where: str = "true"
    valid: Mapping[str, str] = field(default_factory=dict)
    on_invalid: Callable[[str, Sequence[int], pa.RecordBatch], None] = lambda *_: None
    finish: Callable[[duckdb.DuckDBPyConnection], Mapping[str, Any]] = lambda _: {}
    error: BaseException | None = field(default=None, init=False)
    _cancelled: threading.Event = field(default_factory=threading.Event, init=False)

    def reader(self, batches: Iterator[pa.RecordBatch]) -> pa.RecordBatchReader:
        """Return batches for DuckDB, which hides what they raise: `error` keeps it."""
        return pa.RecordBatchReader.from_batches(self.schema, self._kept(batches))

    def screened(self) -> Iterator[pa.RecordBatch]:
        """Yield the batches, with NULL for what DuckDB does not take."""
        if not self.valid:
            yield from self.batches
            return
        with duckdb.connect() as connection:
            for batch in self.batches:
                yield self._screen(connection, batch)

    def _screen(
        self, connection: duckdb.DuckDBPyConnection, batch: pa.RecordBatch
    ) -> pa.RecordBatch:
        connection.register("batch", pa.table(batch))
        tests = ", ".join(self.valid.values())
        verdicts = connection.sql(f"SELECT {tests} FROM batch").to_arrow_table().columns
        screened = batch
        for name, verdict in zip(self.valid, verdicts, strict=True):
            if places := pc.indices_nonzero(pc.invert(verdict)).to_pylist():
                self.on_invalid(name, places, batch)
                place = batch.schema.get_field_index(name)
                valid = pc.if_else(verdict.combine_chunks(), batch.column(place), None)
                screened = screened.set_column(place, batch.schema.field(place), valid)
        return screened

    def cancel(self) -> None:
        """Make whoever waits for rows stop waiting."""
        self._cancelled.set()

    def check(self) -> None:
        """Called now and then while waiting for rows.

        Raises:
            KeyboardInterrupt: the rows are no longer wanted.
        """
        if self._cancelled.is_set():
            raise KeyboardInterrupt

    def _kept(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        try:
            yield from batches
        except BaseException as error:
            self.error = error
            raise


class Parts:
    """Cuts a stream into parts of so many bytes, where its rows are large.

    DuckDB holds all large values of up to 2,048 rows in memory while it writes them, and while it
    reads them again. Rows that are written by themselves are a row group by themselves, however few
    they are.
    """

    def __init__(self, batches: Iterator[pa.RecordBatch], make_room: Callable[[int], None]) -> None:
        """Begin.

        Args:
            batches: The stream.
            make_room: Told how many bytes of rows DuckDB may hold from now on.
        """
        self.over = False
        self._batches = batches
        self._make_room = make_room
        self._next: pa.RecordBatch | None = None

    def part(self) -> Iterator[pa.RecordBatch]:
        """Yield the batches of the next part; `over` tells afterwards whether it was the last."""
        rows = size = 0
        while True:
            batch = self._next or next(self._batches, None)
            self._next = None
            if batch is None:
                self.over = True
                return
            if size and size + batch.nbytes > PART_BYTES:
                self._next = batch
                return
            rows, size = rows + batch.num_rows, size + batch.nbytes
            if rows >= ROW_GROUP:  # it is written
                rows = size = 0
            else:
                self._make_room(size)
            yield batch


def insert(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    stream: TableStream,
    memory_limit: str | None = None,
) -> int:
    """Create the table from the rows, or add them to it by name. Returns how many it holds more.

    Args:
        connection: To the private copy.
        table: Its name.
        stream: The rows.
        memory_limit: DuckDB's, where one is set, which stays; None to allow what the rows need.

    Raises:
        WarehouseError: the table is there and has other columns, which it names; or DuckDB refuses
            a row. Whatever the batches raise is raised.
    """
    try:
        return _insert(connection, table, stream, memory_limit)
    except duckdb.Error as error:
        if stream.error:
            raise stream.error from None
        if isinstance(error, duckdb.OperationalError):
            raise  # the disk or the memory: the store says what to do
        raise WarehouseError(
            f"DuckDB refused rows of {table}: {str(error).splitlines()[0]}",
            safe=snapshots.SAFE,
        ) from None


def _insert(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    stream: TableStream,
    memory_limit: str | None,
) -> int:
    name = f'{SCHEMA}."{table}"'
    select = f"SELECT * FROM (SELECT {stream.select} FROM incoming) WHERE {stream.where}"
    total = 0
    make_room = _no_room if memory_limit else _room_maker(connection, len(stream.schema))
    batches = Parts(stream.screened(), make_room)
    while True:
        connection.register("incoming", stream.reader(batches.part()))
        if snapshots.has_table(connection, table):
            _check_columns(connection, table, select)
            statement = f"INSERT INTO {name} BY NAME {select}"
        else:
            statement = f"CREATE TABLE {name} AS {select}"
        ((count,),) = _interruptibly(connection, statement, stream)
        connection.unregister("incoming")
        total += int(count)
        if batches.over:
            return total
        staging.flush(connection)


def _no_room(_: int) -> None:
    """Leave the memory as it is."""


def _room_maker(connection: duckdb.DuckDBPyConnection, columns: int) -> Callable[[int], None]:
    """Return what gives DuckDB the memory for so many bytes of rows, and no more."""
    settings = connection.cursor()  # the connection itself is busy with the rows
    given = 0

    def make_room(size: int) -> None:
        nonlocal given
        needed = staging.BASE_MB + columns * staging.COLUMN_MB + (2 * size >> 20)
        if needed > given:
            given = needed
            settings.execute(f"SET memory_limit = '{needed}MB'")

    make_room(0)
    return make_room


def _check_columns(connection: duckdb.DuckDBPyConnection, table: str, select: str) -> None:
    """See that rows fit beside those of other partitions: nothing is rounded or left empty."""
    if changed := changed_columns(connection, table, select):
        raise WarehouseError(
            f"The columns of {table} changed: {changed}.",
            safe=snapshots.SAFE,
            todo="Load all of its partitions in one run: the table is then made again.",
        )


def changed_columns(connection: duckdb.DuckDBPyConnection, table: str, select: str) -> str:
    """Say how the columns of a query differ from a table's, in name or type; empty if they do not.

    Args:
        connection: To the file with the table.
        table: Its name.
        select: The query.
    """
    there, come = (
        {(name, type_) for name, type_, *_ in connection.execute(f"DESCRIBE {what}").fetchall()}
        for what in (f'{SCHEMA}."{table}"', select)
    )
    if there == come:
        return ""
    told = {"new": come - there, "gone": there - come}
    return "; ".join(
        f"{what} are {', '.join(f'{name} {type_}' for name, type_ in sorted(columns))}"
        for what, columns in told.items()
        if columns
    )


def _interruptibly(
    connection: duckdb.DuckDBPyConnection, statement: str, stream: TableStream
) -> list[tuple[Any, ...]]:
    """Run a statement beside the main thread: inside DuckDB it would be deaf to Ctrl-C."""
    with ThreadPoolExecutor(1, thread_name_prefix="duckdb-writer") as pool:
        running = pool.submit(lambda: connection.execute(statement).fetchall())
        try:
            return running.result()
        except BaseException:
            stream.cancel()
            connection.interrupt()
            raise
