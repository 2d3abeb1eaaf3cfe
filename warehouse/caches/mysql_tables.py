"""Assets as tables of a MySQL database, swapped whole, and in memory for the rest of the run."""

import hashlib
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import dagster as dg
import duckdb
import pandas as pd
import pyarrow as pa
import pymysql
from pymysql.connections import Connection

from warehouse.caches.cache_errors import plain_errors
from warehouse.caches.columns import NAME_CHARACTERS, ROW, StoredColumn, restore, store
from warehouse.caches.statements import check_size, create_table, inserts
from warehouse.errors import WarehouseError
from warehouse.mysql.columns import Column, quote
from warehouse.mysql.extract import open_extraction
from warehouse.mysql.query import whole_table
from warehouse.mysql.session import connect, rows, wait_as_long_as_it_takes
from warehouse.mysql.url import Server

PREFIX = "cache_"
NEW, OLD = "__new", "__old"

LOCK_SECONDS = 10
SWAP_SECONDS = 300
"""How long the swap waits for a reader to finish."""

_SESSION = (
    # A value that does not fit is an error, never cut to fit.
    "SET SESSION sql_mode = 'STRICT_ALL_TABLES'",
    f"SET SESSION lock_wait_timeout = {SWAP_SECONDS}",
)
_TABLES = """
SELECT table_name, table_comment FROM information_schema.tables
WHERE table_schema = %s AND table_name IN (%s, %s, %s)
"""


class MySQLCache(dg.IOManager):
    """Keeps DataFrames as tables `cache_<asset>`, one instance a run.

    What a run stored or read once, it has in memory from then on: the assets of one run see the
    same rows, and MySQL is asked for them once at most.
    """

    def __init__(self, server: Server) -> None:
        """Know the database; nothing is asked of it yet."""
        self._server = server
        self._frames: dict[str, pd.DataFrame] = {}

    def handle_output(self, context: dg.OutputContext, obj: object) -> None:
        """Store a DataFrame; readers see the old table until the new one is whole.

        Raises:
            WarehouseError: not a DataFrame, something in it that MySQL cannot keep exactly, a
                partition, or what MySQL says.
        """
        asset, table = _table_of(context)
        if not isinstance(obj, pd.DataFrame):
            raise WarehouseError(
                f"The asset {asset} returned a {type(obj).__name__}; mysql_cache keeps pandas "
                "DataFrames.",
                safe="Nothing was written.",
                todo="Return a DataFrame, or use io_manager_key='pickle_cache'.",
            )
        frame = without_index(obj)
        columns = store(frame)
        with plain_errors(self._server, f"{table} holds what it held before."):
            self._write(table, asset, context.run_id, columns, len(frame), context.log.info)
        self._frames[table] = frame
        context.add_output_metadata(
            {
                "dagster/row_count": len(frame),
                "dagster/table_name": f"{self._server.database}.{table}",
                "dagster/column_schema": dg.TableSchema(
                    [dg.TableColumn(column.name, column.mysql_type.lower()) for column in columns]
                ),
                "dagster/storage_kind": "mysql",
            }
        )

    def load_input(self, context: dg.InputContext) -> pd.DataFrame:
        """Return the asset's DataFrame: a copy, so that nobody changes another's.

        Raises:
            WarehouseError: it was never materialized, it has partitions, or what MySQL says.
        """
        asset, table = _table_of(context)
        if table not in self._frames:
            with plain_errors(self._server, "Nothing was changed."):
                self._frames[table] = self._read(table, asset)
        return self._frames[table].copy()

    def _write(
        self,
        table: str,
        asset: str,
        run_id: str,
        columns: list[StoredColumn],
        count: int,
        say: Callable[[str], None],
    ) -> None:
        """Fill a side table, and put it into the place of the old one with one RENAME."""
        new, old = quote(table + NEW), quote(table + OLD)
        owner = f"{_owner(asset)} run={run_id} write={uuid.uuid4().hex}"
        with connect(self._server, writes=True) as connection:
            wait_as_long_as_it_takes(connection)
            for statement in _SESSION:
                rows(connection, statement)
            with _lock(connection, f"{self._server.database}.{table}", say):
                stands = self._marks(connection, table, asset)
                # What a killed writer left.
                rows(connection, f"DROP TABLE IF EXISTS {new}, {old}")
                try:
                    rows(connection, create_table(new, columns, owner, connection.escape))
                    connection.begin()
                    ((packet,),) = rows(connection, "SELECT @@max_allowed_packet")
                    for insert in inserts(new, columns, count, connection.escape):
                        check_size(len(insert.encode()), packet, table, self._server)
                        rows(connection, insert)
                    connection.commit()
                    swap = f"{new} TO {quote(table)}"
                    if table in stands:
                        swap = f"{quote(table)} TO {old}, {swap}"
                    rows(connection, f"RENAME TABLE {swap}")
                except (pymysql.MySQLError, WarehouseError):
                    with suppress(pymysql.MySQLError):
                        rows(connection, f"DROP TABLE IF EXISTS {new}")
                    raise
                rows(connection, f"DROP TABLE IF EXISTS {old}")

    def _read(self, table: str, asset: str) -> pd.DataFrame:
        """Read the table; once more if it was swapped after it was asked for its columns."""
        mark = self._mark(table, asset)
        while True:
            try:
                frame = self._fetch(table, asset)
            except WarehouseError:
                before, mark = mark, self._mark(table, asset)
                if mark == before:
                    raise
                continue
            before, mark = mark, self._mark(table, asset)
            if mark == before:
                return frame

    def _mark(self, table: str, asset: str) -> str:
        """Return the comment of the table that stands, which no other write has."""
        with connect(self._server) as connection:
            marks = self._marks(connection, table, asset)
        if table not in marks:
            raise WarehouseError(
                f"The asset {asset} is not in mysql_cache: there is no table {table} at "
                f"{self._server.name}.",
                todo=f"Materialize it first: just materialize {asset}",
            )
        return marks[table]

    def _marks(self, connection: "Connection[Any]", table: str, asset: str) -> dict[str, str]:
        """Return the comments of the table and its side tables, of those that there are.

        Raises:
            WarehouseError: a table of that name is not this asset's.
        """
        names = (table, table + NEW, table + OLD)
        marks = {
            str(name): str(mark)
            for name, mark in rows(connection, _TABLES, self._server.database, *names)
        }
        for name, mark in marks.items():
            if not mark.startswith(f"{_owner(asset)} "):
                raise WarehouseError(
                    f"The table {name} at {self._server.name} is not this cache's table of the "
                    f"asset {asset}.",
                    safe="It was not touched.",
                    todo="Rename the asset or the table, or use a database for the cache alone.",
                )
        return marks

    def _fetch(self, table: str, asset: str) -> pd.DataFrame:
        extraction = open_extraction(
            self._server, whole_table(table), comment=f"{_owner(asset)} read"
        )
        extraction.begin()  # a table that was swapped meanwhile is planned anew
        received = pa.Table.from_batches(extraction.batches(), extraction.schema)
        columns = extraction.plan.columns
        return _frame(received, [column for column in columns if column.name != ROW])


def _table_of(context: dg.OutputContext | dg.InputContext) -> tuple[str, str]:
    """Return an asset's name and its table's.

    Raises:
        WarehouseError: not an asset, an asset with partitions, or a name that is too long.
    """
    safe = "Nothing was asked of MySQL."
    if not context.has_asset_key:
        raise WarehouseError("mysql_cache keeps assets, and this is an op's output.", safe=safe)
    asset = context.asset_key.to_user_string()
    if context.has_asset_partitions:
        raise WarehouseError(
            f"The asset {asset} has partitions, and mysql_cache keeps whole tables only: each "
            "partition would replace the others.",
            safe=safe,
            todo="Keep it in the warehouse (no io_manager_key) or with 'pickle_cache'.",
        )
    table = PREFIX + "__".join(context.asset_key.path)
    if len(table + NEW) > NAME_CHARACTERS:
        raise WarehouseError(
            f"The asset {asset} would be the table {table}, and with {NEW} for its side table "
            f"that is {len(table + NEW)} characters; MySQL takes {NAME_CHARACTERS}.",
            safe=safe,
            todo="Give the asset a shorter name, or keep it elsewhere.",
        )
    return asset, table


def without_index(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame as the table will give it back: rows numbered from 0."""
    if any(name is not None for name in frame.index.names) or frame.index.nlevels > 1:
        raise WarehouseError(
            f"The DataFrame's index {list(frame.index.names)} has a name; only columns are kept.",
            safe="Nothing was written.",
            todo="Return frame.reset_index(), which makes a column of it.",
        )
    kept = frame.reset_index(drop=True)
    kept.columns = pd.Index(list(frame.columns))
    return kept


def _owner(asset: str) -> str:
    return f"warehouse asset={asset}"


@contextmanager
def _lock(connection: "Connection[Any]", name: str, say: Callable[[str], None]) -> Iterator[None]:
    """Be the only writer. MySQL frees the lock of one that is gone."""
    # A lock's name has 64 characters at most in MySQL, and a database's name alone may have them.
    key = f"warehouse:{hashlib.sha256(name.encode()).hexdigest()[:40]}"
    said = False
    while rows(connection, "SELECT GET_LOCK(%s, %s)", key, LOCK_SECONDS) != [(1,)]:
        if not said:
            say(f"Waiting for another run, which is writing {name}.")
            said = True
    try:
        yield
    finally:
        with suppress(pymysql.MySQLError):
            rows(connection, "SELECT RELEASE_LOCK(%s)", key)


def _frame(received: pa.Table, columns: list[Column]) -> pd.DataFrame:
    """Rebuild the values, bring the rows into their order, and give each column its dtype."""
    select = ", ".join([ROW, *(column.rebuild for column in columns)])
    with duckdb.connect() as connection:
        connection.register("received", received)
        exact = connection.sql(f"SELECT {select} FROM received").to_arrow_table()
    order = exact.column(ROW).to_numpy()
    if (order[1:] < order[:-1]).any():  # MySQL reads along the primary key, if nothing is odd
        exact = exact.sort_by(ROW)
    series = {column.name: restore(exact.column(column.name), column.comment) for column in columns}
    return pd.DataFrame(series, index=pd.RangeIndex(exact.num_rows), columns=list(series))
