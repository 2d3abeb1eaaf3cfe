"""The shipped views and checks give Spark's answers as DuckDB's: rows, types and order."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.conftest import WarehouseEnv
from tests.engines import compare, shipped
from tests.engines.edge_rows import as_parquet
from warehouse.engines.translated_views import Outcome
from warehouse.project.project import load_project
from warehouse.store.views import table_columns, write_views

OUTCOMES = {f"{outcome.view.group}/{outcome.view.name}": outcome for outcome in shipped.outcomes()}
VIEWS = [view.name for view in load_project().views]


@pytest.mark.parametrize("name", OUTCOMES)
def test_every_shipped_file_is_translated(name: str) -> None:
    assert OUTCOMES[name].refused is None


def test_the_types_are_those_of_the_sample(warehouse_env: WarehouseEnv) -> None:
    warehouse_env.run("mysql_orders")
    warehouse_env.run("mysql_customers")
    warehouse_env.run("mysql_orders_daily", days=("2025-11-01", "2025-11-01"))
    with duckdb.connect(str(warehouse_env.path), read_only=True) as connection:
        held = table_columns(connection)
    for table, columns in shipped.TABLES.items():
        assert columns.items() <= held[table].items()


def _rows(connection: duckdb.DuckDBPyConnection, table: str, seed: int) -> None:
    """Fill a table of orders: several updates of an order, odd texts, NULLs, the largest ids."""
    statuses = ["' Completed '", "'PENDING'", "'paid\u00a0'", "'shipped'", "''", "NULL", "'ΣΟΦΟΣ'",
                "'completed'", "'pending'", "'İ'"]  # fmt: skip
    listed = ", ".join(statuses)
    connection.execute(f"""
        INSERT INTO {table}
            (id, customer_id, status, amount, order_date, updated_at, is_gift, weight)
        SELECT
            CASE WHEN n % 37 = 0 THEN NULL WHEN n % 3 = 0 THEN 18446744073709551615 - n % 50
                ELSE n % 70 END,
            CASE WHEN n % 41 = 0 THEN NULL ELSE 4294967295 - n % 9 END,
            [{listed}][1 + (n * {seed}) % {len(statuses)}],
            CASE WHEN n % 29 = 0 THEN NULL ELSE ((n * 7919 * {seed}) % 2000001 - 1000000) / 100 END,
            [DATE '0001-01-01', DATE '9999-12-31', NULL, DATE '2025-11-01'][1 + n % 11 % 4]
                + CAST(n % 13 AS INTEGER) * CASE WHEN n % 11 % 4 = 3 THEN 1 ELSE 0 END,
            CASE WHEN n % 17 = 0 THEN NULL
                ELSE TIMESTAMPTZ '2025-11-01 00:00:00+00' + to_seconds(n % 5) END,
            n % 2,
            [0.0, '-0.0'::DOUBLE, 'nan'::DOUBLE, NULL, 1.5][1 + n % 5]
        FROM range(400) AS t(n)
    """)


@pytest.fixture(scope="module")
def dirty() -> Iterator[duckdb.DuckDBPyConnection]:
    """The sample's tables with rows at the borders of their types, and the views on them."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for table, columns in shipped.TABLES.items():
            listed = ", ".join(f'"{name}" {type_}' for name, type_ in columns.items())
            connection.execute(f"CREATE TABLE {table} ({listed})")
        _rows(connection, "mysql_orders", 1)
        _rows(connection, "mysql_orders_daily", 3)
        now = datetime.now(UTC)
        connection.execute("INSERT INTO loads VALUES (?, 'mysql_orders', 399, 'a')", [now])
        connection.execute(
            "INSERT INTO cached_days VALUES ('mysql_orders_daily', '2025-11-01', 1, ?, 'a')", [now]
        )
        views = load_project().views
        assert write_views(connection, views, {view.name for view in views}).failed == {}
        yield connection


@pytest.fixture(scope="module")
def spark_dirty(
    spark: Any, dirty: duckdb.DuckDBPyConnection, tmp_path_factory: pytest.TempPathFactory
) -> Any:
    """Spark with the same tables, and the translated views on them."""
    folder = tmp_path_factory.mktemp("dirty")
    for table in shipped.TABLES:
        file = Path(folder) / f"{table}.parquet"
        as_parquet(dirty, table, shipped.TABLES[table], file)
        spark.read.parquet(str(file)).createOrReplaceTempView(table)
    for name in VIEWS:
        spark.sql(_translated(name).sql).createOrReplaceTempView(name)
    return spark


def _translated(name: str) -> Any:
    found = [one for one in OUTCOMES.values() if one.view.name == name]
    assert len(found) == 1 and found[0].translated
    return found[0].translated


@pytest.mark.parametrize("name", OUTCOMES)
def test_spark_answers_as_duckdb(
    name: str, dirty: duckdb.DuckDBPyConnection, spark_dirty: Any
) -> None:
    outcome: Outcome = OUTCOMES[name]
    assert outcome.translated
    expected = compare.ask_duckdb(dirty, outcome.view.sql)
    found = compare.ask_spark(spark_dirty, outcome.translated)
    assert compare.differences(expected, found, ordered=outcome.view.ordered) == []
