"""A query's result as a DataFrame: each value is the one that DuckDB has."""

from collections.abc import Iterator
from decimal import Decimal

import duckdb
import pandas as pd
import pytest

from warehouse.serve.frames import frame

VALUES = [
    "12345678901234567890123456789012345.678::DECIMAL(38,3)",
    "0.1::DECIMAL(4,1)",
    "170141183460469231731687303715884105727::HUGEINT",
    "9007199254740993::HUGEINT",
    "340282366920938463463374607431768211455::UHUGEINT",
    "18446744073709551615::UBIGINT",
    "9007199254740993::BIGINT",
    "[0.1, NULL]::DECIMAL(38,3)[]",
    "[9007199254740993]::HUGEINT[]",
    "{'amount': 0.1::DECIMAL(4,1)}",
    "MAP {'amount': 9007199254740993::HUGEINT}",
    "true",
    "TIMESTAMP '9999-12-31 00:00:00'",
    "TIMESTAMP '2025-01-01 00:00:00.123456'",
    "'text'",
]


@pytest.fixture
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        yield connection


@pytest.mark.parametrize("value", VALUES)
def test_each_value_is_the_same_beside_a_null(
    database: duckdb.DuckDBPyConnection, value: str
) -> None:
    relation = database.sql(
        f"SELECT i, if(i = 0, {value}, NULL) AS v FROM range(2) t(i) ORDER BY i"
    )
    ((_, exact), _) = relation.fetchall()
    column = frame(relation).v
    assert column[0] == exact
    assert not isinstance(column[0], float)
    assert pd.isna(column[1])


def test_sums_of_integers_are_integers_that_pandas_knows(
    database: duckdb.DuckDBPyConnection,
) -> None:
    data = frame(
        database.sql("SELECT sum(i) AS small, sum(i)::HUGEINT << 70 AS large FROM range(9) t(i)")
    )
    assert (str(data.small.dtype), data.small[0]) == ("Int64", 36)
    assert data.large[0] == 36 << 70


def test_decimals_add_and_divide_exactly(database: duckdb.DuckDBPyConnection) -> None:
    data = frame(database.sql("SELECT sum(0.1::DECIMAL(12,2)) AS a, 3 AS n FROM range(3)"))
    assert (data.a + data.a)[0] == Decimal("0.60")
    assert (data.a / data.n)[0] == Decimal("0.1")


def test_a_name_twice(database: duckdb.DuckDBPyConnection) -> None:
    data = frame(database.sql('SELECT 1 AS "a ""b", 2.5 AS "a ""b"'))
    assert data.iloc[0].to_list() == [1, Decimal("2.5")]


def test_no_rows(database: duckdb.DuckDBPyConnection) -> None:
    data = frame(database.sql("SELECT 2.5 AS a, sum(i) AS b FROM range(0) t(i) GROUP BY a"))
    assert (list(data.columns), len(data)) == (["a", "b"], 0)
