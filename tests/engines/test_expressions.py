"""Expressions that hypothesis makes of the rules' own probes: one inside the other."""

from __future__ import annotations

import random
import re
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.engines.edge_rows import COLUMNS
from tests.engines.probing import DIFFERENT, FAILED, Prober, rows_of
from warehouse.engines.spark.rules import TOPICS

TOGETHER = 40
"""How many expressions Spark is asked at once."""
KNOWN_FAILURES = re.compile(
    "USER_RAISED_EXCEPTION|long overflow|cannot be represented as Decimal\\(38"
)
"""How Spark names a failure that a rule writes, such as one of a time after 9999 as text; and what
is outside its types: times after the year 294246, numbers of more than 38 digits."""
_COLUMN = re.compile(
    r"(?<![\w'\".])(" + "|".join(sorted(COLUMNS, key=len, reverse=True)) + r")\b(?!['\"(:])"
)


def _atoms() -> list[str]:
    """Return the probes of all rules that are written, one value a row."""
    return [
        probe
        for topic, rules in TOPICS.items()
        if topic not in ("Aggregates", "Windows")
        for rule in rules
        if rule.spark is not None
        for probe in rule.probes
        if " over " not in probe
    ]


ATOMS = _atoms()


def _typed(edges: duckdb.DuckDBPyConnection) -> dict[str, list[str]]:
    """Return expressions by the type of their value: the columns, and the probes."""
    found: dict[str, list[str]] = {}
    for name, type_ in COLUMNS.items():
        found.setdefault(type_, []).append(name)
    for probe in ATOMS:
        try:
            ((_, type_, *_),) = edges.execute(f"DESCRIBE SELECT {probe} FROM t").fetchall()
        except duckdb.Error:
            continue
        found.setdefault(type_, []).append(probe)
    return found


def _nested(choose: random.Random, typed: dict[str, list[str]], depth: int) -> str:
    """Put expressions in the place of a probe's columns."""

    def replaced(found: re.Match[str]) -> str:
        inner = choose.choice(typed[COLUMNS[found[1]]])
        if depth > 1 and inner not in COLUMNS:
            inner = _COLUMN.sub(replaced_once, inner)
        return f"({inner})"

    def replaced_once(found: re.Match[str]) -> str:
        return f"({choose.choice(typed[COLUMNS[found[1]]])})"

    return _COLUMN.sub(replaced, choose.choice(ATOMS))


@pytest.fixture(scope="module")
def typed(edges: duckdb.DuckDBPyConnection) -> dict[str, list[str]]:
    return _typed(edges)


@settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
@given(seed=st.integers(0, 2**32))
def test_nested_expressions_give_the_same_answer_or_are_refused(
    seed: int,
    edges: duckdb.DuckDBPyConnection,
    spark_edges: Any,
    typed: dict[str, list[str]],
) -> None:
    choose = random.Random(seed)
    prober = Prober(edges, spark_edges)
    expressions: list[str] = []
    while len(expressions) < TOGETHER:
        expression = _nested(choose, typed, 2)
        try:
            edges.execute(f"DESCRIBE {rows_of(expression)}")
        except duckdb.Error:
            continue  # a constant that does not fit, such as a text for an index
        expressions.append(expression)
    found = prober.rows(expressions, failures=False)
    wrong = {
        expression: (outcome.what, outcome.detail)
        for expression, outcome in found.items()
        if outcome.what in (DIFFERENT, FAILED)
        and not KNOWN_FAILURES.search(outcome.detail)
        and not (outcome.what == FAILED and prober.overflows_as_written(expression))
    }
    assert wrong == {}
