"""What an engine does: it answers SELECTs that are written in DuckDB's dialect.

A DuckDB connection is an engine as it is. `spark.engine.SparkEngine` is the other one: it sends
the same text, translated, to a cluster, and gives the rows back as a DuckDB relation. So all that
shows, writes or compares rows is written once.
"""

from __future__ import annotations

from typing import Protocol

import duckdb


class Engine(Protocol):
    """Answers SELECTs on one snapshot."""

    def sql(self, query: str, /) -> duckdb.DuckDBPyRelation:
        """Run a SELECT in DuckDB's dialect; its rows come as the relation is read.

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


def rows_of(engine: Engine, query: str) -> int:
    """Return how many rows a SELECT has."""
    # In a line of its own: the query may end in a comment.
    ((count,),) = engine.sql(f"SELECT count(*) FROM (\n{query}\n)").fetchall()
    return int(count)
