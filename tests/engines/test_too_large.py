"""A number of more than 38 digits: DuckDB's HUGEINT has some of them, Spark has none."""

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
