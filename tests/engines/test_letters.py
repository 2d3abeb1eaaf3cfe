"""lower and upper of every letter that there is."""

from __future__ import annotations

from typing import Any

import duckdb

from tests.engines import compare
from warehouse.engines.spark.rules.letters import LOWER, UPPER


def test_every_letter_is_mapped_as_duckdb_does(spark: Any, tmp_path: Any) -> None:
    file = tmp_path / "letters.parquet"
    with duckdb.connect() as connection:
        connection.execute(
            "CREATE TABLE letters AS SELECT chr(code::INTEGER) AS c "
            "FROM range(1, 1114112) AS r(code) WHERE code NOT BETWEEN 55296 AND 57343 "
            "AND code NOT BETWEEN 262144 AND 262500"
        )
        connection.execute(f"COPY letters TO '{file}' (FORMAT parquet)")
        spark.read.parquet(str(file)).createOrReplaceTempView("letters")
        # Only rows that differ travel: Spark compares with what DuckDB says.
        connection.execute(
            "CREATE TABLE mapped AS SELECT c, lower(c) AS low, upper(c) AS up, "
            "lower('x' || c || 'Σ') AS low_in_word, upper('x' || c || 'ß') AS up_in_word "
            "FROM letters"
        )
        mapped = tmp_path / "mapped.parquet"
        connection.execute(f"COPY mapped TO '{mapped}' (FORMAT parquet)")
    spark.read.parquet(str(mapped)).createOrReplaceTempView("mapped")
    columns = dict.fromkeys(("c", "low", "up", "low_in_word", "up_in_word"), "VARCHAR")
    query = compare.translated(
        "select c from mapped where lower(c) <> low or upper(c) <> up "
        "or lower('x' || c || 'Σ') <> low_in_word or upper('x' || c || 'ß') <> up_in_word",
        {"mapped": columns},
    )
    assert compare.ask_spark(spark, query) == []


def test_each_letter_of_the_tables_is_needed(spark: Any) -> None:
    for function, letters in (("lower", LOWER), ("upper", UPPER)):
        written = ", ".join(f"{function}('{letter}')" for letter in letters)
        (row,) = spark.sql(f"SELECT {written}").collect()
        same = [a for a, b in zip(letters, row, strict=True) if letters[a] == b and a != "Σ"]
        assert same == []
