"""What people see of a table's first rows: each value as it is, in an order that stays, in time."""

from __future__ import annotations

import time

import duckdb
import pytest

from warehouse.console.markdown import table
from warehouse.store.preview import LONGEST, first_rows, within

SLOW = "FROM range(100_000_000_000) t(i) SELECT sum(i * i) AS s"


@pytest.fixture
def connection() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()


def cells(markdown: str) -> list[list[str]]:
    """Return the header and the rows of a table whose values hold no bars."""
    lines = [line.strip("|").split("|") for line in markdown.splitlines()]
    return [[cell.strip() for cell in line] for line in (lines[0], *lines[2:])]


def test_a_value_is_shown_as_it_is_whatever_markdown_makes_of_it() -> None:
    shown = table(["a|b", "order_date"], [["1|2", "_x_ *y* `z` <b>"], ["two\nlines", "007"]])
    header, _, first, second = shown.splitlines()
    assert header.split() == ["|", r"a\|b", "|", "order_date", "|"]
    assert first == r"| 1\|2         | \_x\_ \*y\* \`z\` \<b\> |"
    assert second.split() == ["|", "two<br>lines", "|", "007", "|"]


def test_no_number_is_rounded_and_nothing_is_not_empty_text() -> None:
    row = ["1e5", "0.10", "123456789012345678901234567890", None, ""]
    assert cells(table(["a", "b", "c", "d", "e"], [row]))[1] == [*row[:3], "NULL", ""]


def test_values_are_written_as_duckdb_writes_them(connection: duckdb.DuckDBPyConnection) -> None:
    query = (
        "SELECT 1.10::DECIMAL(9,2) AS d, true AS b, TIME '01:02:03.4' AS t, "
        "[1, NULL] AS l, MAP {'k': 2} AS m, NULL AS n -- the end"
    )
    assert cells(first_rows(connection, query)) == [
        ["d", "b", "t", "l", "m", "n"],
        ["1.10", "true", "01:02:03.4", r"\[1, NULL\]", "{k=2}", "NULL"],
    ]


def test_ten_rows_and_a_long_value_says_how_long_it_is(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    shown = cells(first_rows(connection, "SELECT repeat('x', 1234) AS x FROM range(100)"))
    assert shown == [["x"], *[["x" * LONGEST + "… (1,234 characters)"]] * 10]
    assert cells(first_rows(connection, "SELECT 1 AS x WHERE false")) == [["x"]]


def test_an_order_of_its_own_is_kept_and_any_other_is_made(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    connection.execute("CREATE TABLE t AS SELECT (i * 7) % 20 AS i FROM range(20) r(i)")
    descending = cells(first_rows(connection, "FROM t ORDER BY i DESC"))
    assert descending[1:3] == [["19"], ["18"]]
    assert cells(first_rows(connection, "FROM t", ordered=False))[1:3] == [["0"], ["1"]]


def test_what_takes_too_long_is_stopped_and_so_is_all_after_it(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    began = time.monotonic()
    with within(connection, 0.3) as hurried:
        assert "42" in first_rows(hurried, "SELECT 42 AS x")
        for _ in range(2):
            with pytest.raises(duckdb.InterruptException):
                first_rows(hurried, SLOW)
    assert time.monotonic() - began < 5
    assert "42" in first_rows(connection, "SELECT 42 AS x")
