"""What an engine does: it answers SELECTs that are written in DuckDB's dialect.

A DuckDB connection is an engine as it is. `spark.engine.SparkEngine` is the other one: it sends
the same text, translated, to a cluster, and gives the rows back as a DuckDB relation. So all that
shows, writes or compares rows is written once.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol, cast

import duckdb

from warehouse.engines.interrupts import stoppable


class Engine(Protocol):
    """Answers SELECTs on one snapshot."""

    def sql(self, query: str, /, *, params: Any = None) -> duckdb.DuckDBPyRelation:
        """Run a SELECT in DuckDB's dialect; its rows come as the relation is read.

        Args:
            query: What to run.
            params: The values of its `$name` parameters, by name.

        Raises:
            WarehouseError: the engine cannot run it, or fails.
            duckdb.Error: DuckDB does not understand it.
        """
        ...

    def interrupt(self) -> None:
        """Stop the query that runs; whoever reads its rows gets an error."""
        ...

    def close(self) -> None:
        """Let go of the snapshot."""
        ...


class _Remote(Engine, Protocol):
    catalog: duckdb.DuckDBPyConnection
    failure: Exception | None


def catalog_of(engine: Engine) -> duckdb.DuckDBPyConnection:
    """Return the DuckDB connection that an engine's relations belong to.

    It knows the names and types of all tables and views. Only where DuckDB itself is the engine
    does it know their rows.
    """
    if isinstance(engine, duckdb.DuckDBPyConnection):
        return engine
    return cast(_Remote, engine).catalog


@contextmanager
def own_errors(engine: Engine) -> Iterator[None]:
    """Raise what the engine itself said where DuckDB says that a stream failed.

    The rows of another engine come to DuckDB as a stream, whose errors it puts into its own words.
    """
    try:
        yield
    except duckdb.Error:
        if failure := getattr(engine, "failure", None):
            raise failure from None
        raise


def rows_of(engine: Engine, query: str) -> int:
    """Return how many rows a SELECT has."""
    # In a line of its own: the query may end in a comment.
    with own_errors(engine), stoppable(catalog_of(engine)):
        ((count,),) = engine.sql(f"SELECT count(*) FROM (\n{query}\n)").fetchall()
    return int(count)
