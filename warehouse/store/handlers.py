"""What an asset may give and take as its rows: streams, Arrow tables, relations."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import dagster as dg
import duckdb
import pyarrow as pa
from dagster._core.storage.db_io_manager import DbClient, DbIOManager, DbTypeHandler, TableSlice
from dagster_duckdb.io_manager import DuckDbClient

from warehouse.store import preview
from warehouse.store.stream import SCHEMA, TableStream, insert

LASTING = (pa.RecordBatchReader, duckdb.DuckDBPyRelation)
"""Inputs whose rows come later: they need their connection until then."""


def _reader(connection: duckdb.DuckDBPyConnection, query: str) -> pa.RecordBatchReader:
    """Return a stream that holds its connection.

    A file whose last connection is gone, while a result of it is still to be read, cannot be
    opened again in this process: DuckDB waits for ever.
    """
    rows = connection.sql(query).to_arrow_reader()

    def batches() -> Iterator[pa.RecordBatch]:
        with connection:
            yield from rows

    return pa.RecordBatchReader.from_batches(rows.schema, batches())


def _relation(connection: duckdb.DuckDBPyConnection, query: str) -> duckdb.DuckDBPyRelation:
    """Return a relation that holds its connection, without which it is of no use."""
    relation = connection.sql(query)
    weakref.finalize(relation, id, connection)
    return relation


_TAKEN: Mapping[object, Callable[[duckdb.DuckDBPyConnection, str], Any]] = {
    pa.RecordBatchReader: _reader,
    pa.Table: lambda connection, query: connection.sql(query).to_arrow_table(),
    duckdb.DuckDBPyRelation: _relation,
}
"""What an input of an asset can be, and how it is read; any other is a DataFrame."""


class ArrowHandler(DbTypeHandler[Any]):
    """Writes a stream of record batches without ever holding more than a few of them.

    So it does what gives one: an Arrow table, a DuckDB relation.
    """

    def __init__(self, memory_limit: str | None = None) -> None:
        """See `insert` for the limit."""
        self._memory_limit = memory_limit
        self._held: list[duckdb.DuckDBPyConnection] = []

    @property
    def supported_types(self) -> Sequence[type[object]]:
        """Arrow's own, relations, and a stream that also says what to do with the rows."""
        return [pa.RecordBatchReader, pa.Table, duckdb.DuckDBPyRelation, TableStream]

    def handle_output(
        self,
        context: dg.OutputContext,
        table_slice: TableSlice,
        obj: pa.RecordBatchReader | pa.Table | duckdb.DuckDBPyRelation | TableStream,
        connection: duckdb.DuckDBPyConnection,
    ) -> Mapping[str, Any]:
        """Store the rows in the table, which is made if it is not there."""
        stream = obj if isinstance(obj, TableStream) else _stream(obj)
        rows = insert(connection, table_slice.table, stream, self._memory_limit)
        finished = stream.finish(connection)
        return {**stored_metadata(context, connection, table_slice, rows), **finished}

    def load_input(
        self,
        context: dg.InputContext,
        table_slice: TableSlice,
        connection: duckdb.DuckDBPyConnection,
    ) -> Any:
        """Read the table; what is `LASTING` keeps the connection."""
        query = DuckDbClient.get_select_statement(table_slice)
        taken = context.dagster_type.typing_type
        if taken is duckdb.DuckDBPyRelation:  # what the asset makes of one needs it, too
            self._held.append(connection)
        return _TAKEN[taken](connection, query)


def _stream(rows: pa.RecordBatchReader | pa.Table | duckdb.DuckDBPyRelation) -> TableStream:
    if isinstance(rows, duckdb.DuckDBPyRelation):
        rows = rows.to_arrow_reader()
    batches = rows.to_batches() if isinstance(rows, pa.Table) else rows
    return TableStream(rows.schema, iter(batches))


class TablesIOManager(DbIOManager):
    """Dagster's manager of tables. It imports pandas only for an asset that gives or takes it."""

    def __init__(
        self, client: DbClient[duckdb.DuckDBPyConnection], database: str, memory_limit: str | None
    ) -> None:
        """Begin with what needs no pandas.

        Args:
            client: Gives the connections.
            database: The link that readers open.
            memory_limit: See `insert`.
        """
        self._arrow = ArrowHandler(memory_limit)
        self._memory_limit = memory_limit
        self._begin = partial(
            super().__init__,
            db_client=client,
            database=database,
            schema=SCHEMA,
            io_manager_name="WarehouseIOManager",
        )
        self._begin(type_handlers=[self._arrow])

    def _take(self, type_: object) -> None:
        """Take DataFrames as well, if a type is none of those that need no pandas.

        Without a type, an input is a DataFrame.
        """
        arrow = (*self._arrow.supported_types,)
        if not (isinstance(type_, type) and issubclass(type_, arrow)):
            from pandas import DataFrame

            from warehouse.store.data_frames import DataFrameHandler

            handlers = [self._arrow, DataFrameHandler(self._memory_limit)]
            self._begin(type_handlers=handlers, default_load_type=DataFrame)

    def handle_output(self, context: dg.OutputContext, obj: object) -> None:
        """Store an asset's rows."""
        self._take(type(obj))
        super().handle_output(context, obj)

    def load_input(self, context: dg.InputContext) -> object:
        """Read an asset's rows as what it asks for."""
        self._take(context.dagster_type.typing_type)
        return super().load_input(context)


def column_schema(connection: duckdb.DuckDBPyConnection, relation: str) -> dg.TableSchema:
    """Return a table's or view's columns as the UI shows them, with their comments."""
    described = connection.execute(
        "SELECT column_name, data_type, comment FROM duckdb_columns() "
        "WHERE schema_name = ? AND table_name = ? ORDER BY column_index",
        [SCHEMA, relation],
    ).fetchall()
    return dg.TableSchema(
        [dg.TableColumn(name, type_, description=comment) for name, type_, comment in described]
    )


def stored_metadata(
    context: dg.OutputContext,
    connection: duckdb.DuckDBPyConnection,
    table_slice: TableSlice,
    rows: int,
) -> dict[str, Any]:
    """Return what the UI shows of a stored table."""
    # A range of partitions shares this metadata: what is told of all is true of none of them.
    about_rows: dict[str, Any] = {}
    if not context.has_asset_partitions or len(context.asset_partition_keys) == 1:
        count = "partition_row_count" if context.has_asset_partitions else "row_count"
        first = preview.first_rows(connection, DuckDbClient.get_select_statement(table_slice))
        about_rows = {f"dagster/{count}": rows, "preview": dg.MetadataValue.md(first)}
    return {
        **about_rows,
        "dagster/column_schema": column_schema(connection, table_slice.table),
        "dagster/storage_kind": "duckdb",
    }
