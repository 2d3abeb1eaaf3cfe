"""A session of Spark, the same for all tests, and the edge rows in both engines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.engines import edge_rows
from warehouse.engines.spark.session import connect


@pytest.fixture(scope="session")
def spark(spark_url: str) -> Iterator[Any]:
    """A session of Spark."""
    session = connect(spark_url)
    yield session
    session.stop()


@pytest.fixture(scope="session")
def edges() -> Iterator[duckdb.DuckDBPyConnection]:
    """DuckDB with the edge rows as its table `t`."""
    with duckdb.connect() as connection:
        edge_rows.create(connection)
        yield connection


@pytest.fixture(scope="session")
def spark_edges(
    spark: Any, edges: duckdb.DuckDBPyConnection, tmp_path_factory: pytest.TempPathFactory
) -> Any:
    """The session, with the edge rows as its view `t`."""
    file = Path(tmp_path_factory.mktemp("edges")) / "t.parquet"
    edge_rows.as_parquet(edges, "t", edge_rows.COLUMNS, file)
    spark.read.parquet(str(file)).createOrReplaceTempView("t")
    return spark
