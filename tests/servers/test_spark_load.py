"""A load by Spark's executors gives the table that DuckDB gets, value by value."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.servers.launch import Database
from tests.servers.loading import load, query
from tests.servers.test_exact import make_table
from warehouse.assets.spark_load import SparkLoad, load_by_spark
from warehouse.engines.spark.cluster import JDBC_JAR
from warehouse.engines.spark.session import connect
from warehouse.mysql.plan import describe
from warehouse.mysql.query import SourceQuery
from warehouse.mysql.url import parse_url
from warehouse.project.quoting import literal

pytest.importorskip("pyspark")


@pytest.fixture(scope="module")
def spark(spark_url: str) -> Iterator[Any]:
    """A session that these tests share."""
    if not JDBC_JAR.exists():
        pytest.skip(f"no {JDBC_JAR}: apt-get install libmariadb-java")
    session = connect(spark_url)
    yield session
    session.stop()


def spark_load(
    spark: Any, database: Database, source: SourceQuery, folder: Path, **options: Any
) -> SparkLoad:
    """Load what a SELECT gives into a folder."""
    plan = describe(parse_url(database.url()), source)
    return load_by_spark(spark, plan, f"file://{folder}", say=print, **options)


def differing(
    connection: duckdb.DuckDBPyConnection, loaded: SparkLoad, key: str
) -> list[tuple[Any, ...]]:
    """Return the rows that differ between what DuckDB loaded and what Spark wrote."""
    connection.execute(
        f"CREATE OR REPLACE VIEW written AS FROM '{loaded.folder.removeprefix('file://')}/**/*.parquet'"
    )
    found = []
    for column in loaded.plan.columns:
        both = f"""
            SELECT {literal(column.mysql_type)}, l.{column.quoted}, w.value
            FROM loaded AS l JOIN (
                SELECT {key}, CAST({column.quoted} AS {column.duckdb_type}) AS value FROM written
            ) AS w USING ({key})
            WHERE CAST(l.{column.quoted} AS VARCHAR) IS DISTINCT FROM CAST(w.value AS VARCHAR)
        """
        found += connection.execute(both).fetchall()
    return found


def test_every_type(server: Database, spark: Any, tmp_path: Path) -> None:
    columns = make_table(server)
    connection, extraction = load(server, "everything")
    loaded = spark_load(spark, server, query("SELECT * FROM everything"), tmp_path / "out")
    assert differing(connection, loaded, "k") == []
    assert loaded.written.rows == extraction.rows
    assert loaded.written.invalid == {
        name: len(values.invalid) for name, values in columns.items() if values.invalid
    }
