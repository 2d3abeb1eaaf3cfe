"""SELECTs of all kinds, made at random: both engines give the same rows, or they are refused."""

from __future__ import annotations

from typing import Any

import duckdb
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.engines.probing import EQUAL, REFUSED, Prober
from tests.engines.queries import Maker

TOGETHER = 6


@settings(
    max_examples=6,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
@given(seed=st.integers(0, 2**32))
def test_queries_of_all_kinds_give_the_same_rows_or_are_refused(
    seed: int, edges: duckdb.DuckDBPyConnection, spark_edges: Any
) -> None:
    prober, maker = Prober(edges, spark_edges), Maker(seed)
    queries = [maker.query() for _ in range(TOGETHER)]
    found = {one.sql: prober.select(one.sql, ordered=one.ordered) for one in queries}
    wrong = {sql: outcome for sql, outcome in found.items() if outcome.what not in (EQUAL, REFUSED)}
    assert wrong == {}
