"""A refusal names the file, the line and the construct, says why, and what to write instead."""

from __future__ import annotations

import pytest

from tests.engines.compare import translated
from tests.engines.edge_rows import COLUMNS
from warehouse.engines.refusal import Refused

TABLES = {"t": COLUMNS}


@pytest.mark.parametrize(
    ("sql", "line", "construct", "instead"),
    [
        ("-- Ü\nselect g,\n  stddev(k) as x\nfrom t group by g", 3, "stddev(k)", "DuckDB"),
        ("select k,\n\n ln(k + 1) as x from t", 3, "ln(k + 1)", "DuckDB"),
        ("select 'ö' as o,\n s::int as x from t", 2, "::int", "source"),
        ("select k,\ncount(distinct i) over () as n from t", 2, "count(distinct i)", "GROUP BY"),
        ("select k,\n dense_rank() over () as n from t", 2, "dense_rank()", "ORDER BY"),
        ("select k from t\nlimit 3", 2, "limit", "ORDER BY"),
        ("select list(s)\nfrom t", 1, "list(s)", "order by"),
        ("select k\nfrom t a asof join t b using (k)", 2, "asof join", "qualify"),
        ("with x as (\n select ln(f) as y from t\n)\nfrom x", 2, "ln(f)", "in DuckDB"),
        ("select (select\n avg(d) from t) as x", 2, "avg(d)", "sum(x) / count(x)"),
        ("select k from t\nwhere reverse(s) = 'a'", 2, "reverse(s)", "source"),
        ("select k from t -- avg(d)\nqualify avg(d) over (order by k) > 1", 2, "avg(d)", "sum"),
    ],
)
def test_a_refusal_names_its_place(sql: str, line: int, construct: str, instead: str) -> None:
    with pytest.raises(Refused) as refused:
        translated(sql, TABLES)
    assert refused.value.place == f"probe.sql:{line}"
    assert refused.value.construct == construct
    assert instead in refused.value.instead
    assert str(refused.value).splitlines() == [
        f"probe.sql:{line}: {construct}: {refused.value.why}",
        refused.value.instead,
    ]


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("select nope\nfrom t", 'probe.sql:1: Binder Error: Referenced column "nope" not found'),
        ("select k\nfrom t\nwhere nope > 1", "probe.sql:3: Binder Error"),
        ("select k from", "probe.sql:1: Parser Error"),
        ("select k from t; drop table t", "probe.sql:1: this is not one SELECT."),
        ("select 1::integer + 'x'::date", "probe.sql:1: "),
    ],
)
def test_an_error_of_duckdb_is_worded(sql: str, said: str) -> None:
    with pytest.raises(Refused) as refused:
        translated(sql, TABLES)
    assert str(refused.value).startswith(said)


def test_a_column_without_a_counterpart_is_refused_where_it_is_read() -> None:
    tables = {"t": {"k": "INTEGER", "until": "INTERVAL", "at": "TIME"}}
    assert translated("select k from t", tables).columns == (("k", "INTEGER"),)
    with pytest.raises(Refused, match=r":2: until: the column t\.until: the type INTERVAL"):
        translated("select k,\nuntil from t", tables)


def test_names_that_spark_takes_for_one_are_refused() -> None:
    tables = {"t": {"Ä": "INTEGER", "ä": "INTEGER"}}
    with pytest.raises(Refused, match="one name for Spark"):
        translated("select 1 as x from t", tables)


def test_what_is_nested_too_deeply_is_refused() -> None:
    deep = "k" + " + 1" * 3000
    try:
        translated(f"select {deep} as x from t", TABLES)
    except Refused as refused:
        assert "deep" in refused.why or "depth" in refused.why


def test_no_table_hides_a_step() -> None:
    found = translated(
        "select k from step1", {"step1": {"k": "INTEGER"}, "step_": {"x": "INTEGER"}}
    )
    assert "WITH step__1 AS (SELECT `k` AS c0 FROM `step1` AS s)" in found.sql
