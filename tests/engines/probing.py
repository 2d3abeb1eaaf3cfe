"""Compares many expressions at once: Spark takes about as long for fifty as for one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from tests.engines import compare
from tests.engines.edge_rows import COLUMNS
from warehouse.engines.refusal import Refused

EQUAL, REFUSED, BOTH_FAIL, ONE_FAILS, DIFFERENT, FAILED = (
    "equal",
    "refused",
    "both fail",
    "DuckDB alone fails",
    "different",
    "failed",
)
TABLES: Mapping[str, Mapping[str, str]] = {"t": COLUMNS}
TOGETHER = 60


@dataclass(frozen=True)
class Outcome:
    """What became of an expression: one of the words above, and more about it."""

    what: str
    detail: str = ""


def rows_of(expression: str) -> str:
    """Return a SELECT of an expression for each edge row."""
    return f"SELECT k, {expression} AS x FROM t"


def groups_of(expression: str) -> str:
    """Return a SELECT of an aggregate for each group of the edge rows."""
    return f"SELECT g, {expression} AS x FROM t GROUP BY g"


class Prober:
    """Asks both engines."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, spark: Any) -> None:
        self._duckdb = connection
        self._spark = spark

    def rows(self, expressions: Sequence[str], *, failures: bool = True) -> dict[str, Outcome]:
        """Compare expressions, row by row. Where DuckDB fails at some rows, the others count.

        Args:
            expressions: Each has a value for each row.
            failures: Whether to see that Spark fails where DuckDB does: it takes a query each.
        """
        found: dict[str, Outcome] = {}
        asked: dict[str, str] = {}
        for expression in dict.fromkeys(expressions):
            if refused := self._refused(rows_of(expression)):
                found[expression] = refused
            elif self._fails(rows_of(expression)):
                if failures:
                    found[expression] = self._failing(rows_of(expression))
                if kept := self._where_it_works(expression):
                    asked[expression] = kept
            else:
                asked[expression] = expression
        for expression, outcome in self._compare(asked, "SELECT k, {} FROM t").items():
            if found.get(expression, outcome).what in (EQUAL, BOTH_FAIL, outcome.what):
                found[expression] = outcome
        return found

    def groups(self, expressions: Sequence[str]) -> dict[str, Outcome]:
        """Compare aggregates, group by group."""
        found: dict[str, Outcome] = {}
        asked: dict[str, str] = {}
        for expression in dict.fromkeys(expressions):
            if refused := self._refused(groups_of(expression)):
                found[expression] = refused
            elif self._fails(groups_of(expression)):
                found[expression] = self._failing(groups_of(expression))
            else:
                asked[expression] = expression
        return found | self._compare(asked, "SELECT g, {} FROM t GROUP BY g")

    def select(self, sql: str, *, ordered: bool = False) -> Outcome:
        """Compare one SELECT."""
        if refused := self._refused(sql):
            return refused
        if self._fails(sql):
            return self._failing(sql)
        expected = compare.ask_duckdb(self._duckdb, sql)
        query = compare.translated(sql, TABLES)
        try:
            answer = compare.ask_spark(self._spark, query)
        except Exception as error:
            return Outcome(FAILED, f"{str(error)[:700]}\n{query.sql}")
        found = compare.differences(expected, answer, ordered=ordered)
        return Outcome(DIFFERENT, f"{found}\n{query.sql}") if found else Outcome(EQUAL)

    def overflows_as_written(self, expression: str) -> bool:
        """Whether DuckDB computes an expression only because it rewrites it: `i * 2 > 0`."""
        self._duckdb.execute("SET disabled_optimizers = 'expression_rewriter'")
        try:
            self._duckdb.execute(rows_of(expression)).fetchall()
        except duckdb.OutOfRangeException:
            return True
        finally:
            self._duckdb.execute("RESET disabled_optimizers")
        return False

    def _refused(self, sql: str) -> Outcome | None:
        try:
            compare.translated(sql, TABLES)
        except Refused as refused:
            return Outcome(REFUSED, str(refused))
        return None

    def _fails(self, sql: str) -> bool:
        try:
            self._duckdb.execute(sql).fetchall()
        except duckdb.Error:
            return True
        return False

    def _failing(self, sql: str) -> Outcome:
        """Say whether Spark fails where DuckDB does."""
        query = compare.translated(sql, TABLES)
        try:
            # Spark itself: a value outside its type must not wait for somebody to read it.
            self._spark.sql(query.sql).toArrow()
        except Exception as error:
            return Outcome(BOTH_FAIL, str(error)[:200])
        return Outcome(ONE_FAILS, query.sql)

    def _where_it_works(self, expression: str) -> str | None:
        tried = f"SELECT k FROM t WHERE TRY({expression}) IS NOT NULL ORDER BY k"
        try:
            rows = [row for (row,) in self._duckdb.execute(tried).fetchall()]
        except duckdb.Error:
            return None
        kept = f"CASE WHEN k IN ({', '.join(map(str, rows))}) THEN {expression} END"
        return kept if rows and not self._fails(rows_of(kept)) else None

    def _compare(self, asked: Mapping[str, str], select: str) -> dict[str, Outcome]:
        found: dict[str, Outcome] = {}
        names = list(asked)
        for start in range(0, len(names), TOGETHER):
            found |= self._batch(
                {name: asked[name] for name in names[start : start + TOGETHER]}, select
            )
        return found

    def _batch(self, asked: Mapping[str, str], select: str) -> dict[str, Outcome]:
        listed = ", ".join(f"{sql} AS x{place}" for place, sql in enumerate(asked.values()))
        sql = select.replace("{}", listed)
        query = compare.translated(sql, TABLES)
        try:
            answer = compare.ask_spark(self._spark, query)
        except Exception as error:
            if len(asked) == 1:
                return {name: Outcome(FAILED, f"{str(error)[:700]}\n{query.sql}") for name in asked}
            items = list(asked.items())
            half = len(items) // 2
            first, second = dict(items[:half]), dict(items[half:])
            return self._batch(first, select) | self._batch(second, select)
        expected = compare.ask_duckdb(self._duckdb, sql)
        outcomes = {}
        for place, name in enumerate(asked, 1):
            # Each row with its key: a value must stand in its row.
            sides = [[(row[0], row[place]) for row in side] for side in (expected, answer)]
            differing = compare.differences(*sides, ordered=False)
            outcomes[name] = (
                Outcome(DIFFERENT, str(differing)[:700]) if differing else Outcome(EQUAL)
            )
        return outcomes
