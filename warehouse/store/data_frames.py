"""DataFrames as the rows of an asset. Imports pandas: imported when an asset gives or takes one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dagster as dg
import duckdb
import pandas as pd
import pyarrow as pa
from dagster._core.storage.db_io_manager import TableSlice
from dagster_duckdb_pandas import DuckDBPandasTypeHandler

from warehouse.store.handlers import stored_metadata
from warehouse.store.stream import TableStream, insert


class DataFrameHandler(DuckDBPandasTypeHandler):
    """The stock handler, but columns go by name and an empty DataFrame makes an empty table."""

    def __init__(self, memory_limit: str | None = None) -> None:
        """See `insert` for the limit."""
        self._memory_limit = memory_limit

    def handle_output(
        self,
        context: dg.OutputContext,
        table_slice: TableSlice,
        obj: pd.DataFrame,
        connection: duckdb.DuckDBPyConnection,
    ) -> Mapping[str, Any]:
        """Store the rows in the table, which is made if it is not there."""
        rows = pa.Table.from_pandas(obj, preserve_index=False)
        stream = TableStream(rows.schema, iter(rows.to_batches()))
        count = insert(connection, table_slice.table, stream, self._memory_limit)
        return stored_metadata(context, connection, table_slice, count)
