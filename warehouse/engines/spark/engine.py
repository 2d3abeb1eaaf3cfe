"""Spark as an engine: a SELECT in DuckDB's dialect goes out, a DuckDB relation comes back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
import sqlglot
from sqlglot import exp

from warehouse.engines.catalog import add_views, columns_of, open_catalog
from warehouse.engines.parameters import inlined
from warehouse.engines.spark.session import create_views, quote, record_batches
from warehouse.engines.spark.stored_types import schema
from warehouse.engines.spark.translate import Translated, translate
from warehouse.errors import WarehouseError
from warehouse.project.quoting import quoted
from warehouse.project.view_files import View

if TYPE_CHECKING:
    from pyspark.sql.connect.session import SparkSession


@dataclass(frozen=True)
class ParquetTable:
    """A table as it lies in Parquet files.

    Attributes:
        columns: Its columns and their DuckDB types.
        files: The URLs of its files; none if it is empty.
        position: A further column of the files, by which the rows are ordered; empty if they have
            no order.
    """

    columns: Mapping[str, str]
    files: Sequence[str]
    position: str = ""


class SparkEngine:
    """Answers SELECTs on tables in Parquet files, and on views over them.

    Spark holds what a query reads as temporary views of the session, from the first query that
    reads it on. What asks no table for rows, such as `describe`, DuckDB answers from the catalog.
    """

    def __init__(
        self, session: SparkSession, tables: Mapping[str, ParquetTable], views: Iterable[View]
    ) -> None:
        """Open the engine.

        Args:
            session: Of Spark Connect.
            tables: What there is, by name.
            views: In an order in which they can be created.
        """
        self.session = session
        self._tables = tables
        self._views = {view.name: view for view in views if view.name not in tables}
        self.catalog = open_catalog({name: table.columns for name, table in tables.items()})
        self.broken = add_views(self.catalog, self._views.values())
        # Neither engine tells names by their case.
        self._names = {name.lower(): name for name in (*tables, *self._views)}
        self._registered: set[str] = set()
        self._results = count(1)
        self._interrupted = False
        self.failure: Exception | None = None

    @property
    def names(self) -> Mapping[str, str]:
        """The tables and views, by their names in lower case."""
        return self._names

    @cached_property
    def columns(self) -> Mapping[str, Mapping[str, str]]:
        """The columns and DuckDB types of each table and view."""
        return columns_of(self.catalog)

    @cached_property
    def _names_alone(self) -> duckdb.DuckDBPyConnection:
        """A catalog with tables in the place of views, to be asked what a query names.

        DuckDB 2.0 forgets the columns of a catalog's views when it is asked that.
        """
        return open_catalog(self.columns)

    def sql(
        self, query: str, /, *, params: Mapping[str, Any] | None = None
    ) -> duckdb.DuckDBPyRelation:
        """Run a SELECT; its rows come from Spark as the relation is read, and only once.

        Args:
            query: In DuckDB's dialect.
            params: The values of its `$name` parameters, by name.

        Raises:
            WarehouseError: a construct has no counterpart in Spark, or Spark fails.
            duckdb.Error: DuckDB does not understand the query.
        """
        if params:
            query = inlined(query, params)
        statements = duckdb.extract_statements(query)
        if len(statements) != 1:
            raise WarehouseError(
                f"These are {len(statements)} statements, and Spark is sent one SELECT.",
                safe="None of them was run.",
                todo="Write one SELECT; WITH takes the place of temporary tables.",
            )
        if statements[0].type != duckdb.StatementType.SELECT:
            raise WarehouseError(
                f"{statements[0].type.name} is not a SELECT, and Spark is sent SELECTs alone.",
                safe="It was not run.",
                todo="Without WAREHOUSE_SPARK the query runs in DuckDB.",
            )
        bound = self.catalog.sql(query)  # DuckDB says first what is wrong with it
        reads = self._reads(query)
        if not reads or _describes(query):
            return bound
        translated = translate(
            query, self._columns_of(reads), lambda line: f"line {line} of the query"
        )
        self.register(reads)
        return self._relation(translated)

    def interrupt(self) -> None:
        """Stop the query that runs: it raises `duckdb.InterruptException`, as DuckDB's do."""
        self._interrupted = True
        self.session.interruptAll()
        self.catalog.interrupt()

    def close(self) -> None:
        """End the session. The catalog lasts for as long as one of its relations does."""
        self.session.stop()

    def register(self, names: Iterable[str]) -> None:
        """Have Spark know these tables and views, and all that they read.

        Raises:
            WarehouseError: a view cannot run there; names its file and line.
        """
        for name in (self._names[name.lower()] for name in names):
            if name in self._registered:
                continue
            if error := self.broken.get(name):
                raise error
            if table := self._tables.get(name):
                self._register_table(name, table)
            elif view := self._views.get(name):
                self.register(view.reads)
                translated = translate(view.sql, self._columns_of(view.reads), view.at)
                create_views(self.session, {}, [(name, translated.sql)])
            self._registered.add(name)

    def _register_table(self, name: str, table: ParquetTable) -> None:
        columns = dict(table.columns)
        if not table.position:
            create_views(self.session, {name: (table.files, schema(columns))}, [])
            return
        rows = f"rows of {name}"
        placed = schema({**columns, table.position: "BIGINT"})
        listed = ", ".join(map(quote, columns))
        ordered = f"SELECT {listed} FROM {quote(rows)} ORDER BY {quote(table.position)}"
        create_views(self.session, {rows: (table.files, placed)}, [(name, ordered)])

    def _reads(self, query: str) -> set[str]:
        """Return the tables and views that a query names."""
        return set(self._names_alone.get_table_names(query))

    def _columns_of(self, reads: Iterable[str]) -> dict[str, Mapping[str, str]]:
        """Return the columns of what a query reads: to bind it among all takes as much longer."""
        names = [self._names.get(name.lower()) for name in reads]
        return {name: self.columns[name] for name in names if name}

    def _relation(self, translated: Translated) -> duckdb.DuckDBPyRelation:
        """Return Spark's rows with the types that DuckDB gives them."""
        self._interrupted, self.failure = False, None
        name = f"rows_of_spark_{next(self._results)}"
        with self._failing():
            reader = record_batches(self.session, translated.sql)
        stream = pa.RecordBatchReader.from_batches(reader.schema, self._batches(reader))
        self.catalog.register(name, stream)
        typed = ", ".join(
            f"CAST(#{number} AS {type_}) AS {quoted(column)}"
            for number, (column, type_) in enumerate(translated.columns, 1)
        )
        return self.catalog.sql(f"SELECT {typed} FROM {name}")

    def _batches(self, reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
        with self._failing():
            yield from reader

    @contextmanager
    def _failing(self) -> Iterator[None]:
        """Keep what Spark says, for `own_errors`."""
        try:
            yield
        except WarehouseError as error:
            stopped = duckdb.InterruptException("Interrupted!")
            self.failure = stopped if self._interrupted else error
            raise self.failure from None


def _describes(query: str) -> bool:
    """Whether a query asks for names and types alone."""
    return isinstance(sqlglot.parse_one(query, dialect="duckdb"), exp.Describe)
