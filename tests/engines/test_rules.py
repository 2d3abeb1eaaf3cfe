"""Each rule's probes: equal in value and type row by row, or refused with a sentence."""

from __future__ import annotations

from typing import Any

import duckdb
import pytest

from tests.engines.probing import BOTH_FAIL, EQUAL, REFUSED, Outcome, Prober
from warehouse.engines.spark.rule import Rule
from warehouse.engines.spark.rules import RULES, TOPICS

ALL = [rule for rules in TOPICS.values() for rule in rules]
GROUPED = ("Aggregates",)
MOVING = "{} over (order by k rows between 5 preceding and current row)"
"""What makes a window function of an aggregate."""
REFUSED_IN_PART = {
    "f::float",
    "i::float",
    "avg(b)",
    "avg(u)",
    "regexp_extract(s, '(a*)+', 1)",
    "round(fl, 1)",
    "quantile_cont(k, 0.3)",
    "quantile_cont(b, 0.25)",
    "regexp_replace(s, 'x*', '-', 'g')",
    "any_value(s)",
    "first(i)",
    "uu < '8'::uuid",
    "strftime(dt, '%m%m')",
    "strftime(dt, '%y%Y')",
}
"""The probes that their rule refuses although it knows how to write others."""


@pytest.fixture(scope="module")
def prober(edges: duckdb.DuckDBPyConnection, spark_edges: Any) -> Prober:
    return Prober(edges, spark_edges)


def _asked(topic: str) -> list[tuple[Rule, str]]:
    return [(rule, probe) for rule in TOPICS[topic] for probe in rule.probes]


def _wrong(asked: list[tuple[Rule, str]], found: dict[str, Outcome]) -> list[str]:
    wrong = []
    for rule, probe in asked:
        refused = rule.spark is None or probe in REFUSED_IN_PART
        allowed = (REFUSED,) if refused else (EQUAL, BOTH_FAIL)
        if found[probe].what not in allowed:
            wrong.append(f"{probe}: {found[probe].what}: {found[probe].detail}")
    return wrong


@pytest.mark.parametrize("topic", TOPICS)
def test_each_rule_gives_the_same_answer_or_refuses(topic: str, prober: Prober) -> None:
    asked = _asked(topic)
    probes = [probe for _, probe in asked]
    found = prober.groups(probes) if topic in GROUPED else prober.rows(probes)
    assert _wrong(asked, found) == []


def test_an_aggregate_is_a_window_function_too(prober: Prober) -> None:
    probes = {
        MOVING.format(probe)
        for rule, probe in _asked("Aggregates")
        if isinstance(rule.spark, str) or rule.name in ("sum", "avg")
    }
    usable = {probe for probe in probes if "distinct" not in probe and "single" not in probe}
    found = prober.rows(sorted(usable))
    wrong = {probe: one for probe, one in found.items() if one.what not in (EQUAL, REFUSED)}
    assert wrong == {}
    assert sum(one.what == EQUAL for one in found.values()) > 20


@pytest.mark.parametrize("rule", ALL, ids=lambda rule: rule.construct)
def test_each_rule_is_probed_and_says_why(rule: Rule) -> None:
    assert any(other.probes for other in RULES[rule.name])
    if rule.spark is None:
        assert rule.why.endswith(".")
        assert rule.instead.endswith((".", ""))


def test_every_other_name_of_a_function_is_known(edges: duckdb.DuckDBPyConnection) -> None:
    aliases = edges.execute(
        "SELECT DISTINCT function_name, alias_of FROM duckdb_functions() WHERE alias_of IS NOT NULL"
    ).fetchall()
    missing = {alias: name for alias, name in aliases if name in RULES and alias not in RULES}
    assert missing == {}
