"""What DuckDB's grammar has beside functions: equal rows, types and order, or a refusal."""

from __future__ import annotations

from typing import Any

import duckdb
import pytest

from tests.engines import compare, constructs
from tests.engines.edge_rows import COLUMNS
from tests.engines.probing import EQUAL, Prober
from warehouse.engines.refusal import Refused


@pytest.fixture(scope="module")
def prober(edges: duckdb.DuckDBPyConnection, spark_edges: Any) -> Prober:
    return Prober(edges, spark_edges)


@pytest.mark.parametrize("name", constructs.SAME)
def test_spark_answers_as_duckdb(name: str, prober: Prober) -> None:
    sql = constructs.SAME[name]
    outcome = prober.select(sql, ordered="order by" in sql.rpartition(")")[2])
    assert outcome.what == EQUAL, f"{sql}\n{outcome.detail}"


@pytest.mark.parametrize("name", constructs.REFUSED)
def test_it_is_refused_with_a_sentence(name: str) -> None:
    with pytest.raises(Refused) as refused:
        compare.translated(constructs.REFUSED[name], {"t": COLUMNS})
    assert refused.value.place.startswith("probe.sql:1")
    assert len(refused.value.why.split()) > 2
    assert str(refused.value).startswith("probe.sql:1: ")
