"""What DuckDB has and Spark has not: numbers of more than 38 digits, and times of late dates."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from warehouse.engines.spark.engine import ParquetTable, SparkEngine
from warehouse.engines.spark.session import connect
from warehouse.errors import WarehouseError


def test_it_is_said_where_it_is_and_what_to_write(spark_url: str, tmp_path: Path) -> None:
    file = tmp_path / "t.parquet"
    duckdb.sql(f"COPY (SELECT {'9' * 38}::DECIMAL(38,0) AS h FROM range(2)) TO '{file}'")
    table = ParquetTable({"h": "HUGEINT"}, [f"file://{file}"])
    engine = SparkEngine(connect(spark_url), {"t": table}, [])
    for sql, where in [("sum(h)", ""), ("h + h", " in the column `x`")]:
        with pytest.raises((WarehouseError, duckdb.Error)):
            engine.sql(f"SELECT {sql} AS x FROM t").fetchall()
        assert isinstance(engine.failure, WarehouseError)
        assert f"a number{where} has more than 38 digits" in engine.failure.what
        assert "x::DOUBLE * y" in engine.failure.todo
    assert engine.sql("SELECT h::DOUBLE * 2 AS x FROM t").fetchall() == [(2e38,)] * 2
    engine.close()


def test_a_date_after_the_last_time_is_said(spark_url: str, tmp_path: Path) -> None:
    file = tmp_path / "t.parquet"
    duckdb.sql(f"COPY (SELECT DATE '2026-01-01' + 200000000 AS d) TO '{file}'")
    engine = SparkEngine(
        connect(spark_url), {"t": ParquetTable({"d": "DATE"}, [f"file://{file}"])}, []
    )
    with pytest.raises((WarehouseError, duckdb.Error)):
        engine.sql("SELECT monthname(d) AS x FROM t").fetchall()
    assert isinstance(engine.failure, WarehouseError)
    assert "a date lies after the year 294246" in engine.failure.what
    engine.close()
