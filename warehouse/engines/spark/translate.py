"""One SELECT of DuckDB's as Spark's SQL with equal answers, or a refusal that says why not."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from warehouse.engines.refusal import Refusal, Refused
from warehouse.engines.spark import grouping, joins, relations
from warehouse.engines.spark.binding import bind
from warehouse.engines.spark.expression import Unknown
from warehouse.engines.spark.steps import Steps, finish

OPERATORS = relations.OPERATORS | grouping.OPERATORS | joins.OPERATORS
"""What writes each operator of a plan; what is not here is refused."""


@dataclass(frozen=True)
class Translated:
    """A SELECT for Spark.

    Attributes:
        sql: In Spark's dialect, for a session with the settings of `settings.SETTINGS`.
        columns: The name and the DuckDB type of each column of the result.
    """

    sql: str
    columns: tuple[tuple[str, str], ...]


def translate(
    sql: str, tables: Mapping[str, Mapping[str, str]], at: Callable[[int], str]
) -> Translated:
    """Translate one SELECT.

    Args:
        sql: In DuckDB's dialect.
        tables: The tables and views that it may read: their columns and DuckDB types.
        at: Names a line of the file, as `View.at`.

    Raises:
        Refused: DuckDB does not understand it, or Spark would not give the same answer; names file
            and line, and says what to write instead.
    """
    bound = bind(sql, tables, at)
    try:
        check_names([name for name, _ in bound.columns], "columns of the result")
        for table, columns in tables.items():
            check_names(columns, f"columns of {table}")
        steps = Steps(OPERATORS, relations.REFUSED, prefix(tables))
        last = steps.relation(bound.plan)
        return Translated(finish(steps, last, bound.columns), bound.columns)
    except Refusal as refusal:
        construct, line = _found(sql, refusal)
        raise Refused(at(line), construct, refusal.why, refusal.instead) from None
    except RecursionError:
        deep = "this is nested too deeply."
        raise Refused(at(1), "", deep, "Cut it into several views.") from None
    except Exception as error:  # a plan of a shape that nobody has seen
        why = f"no rule knows this plan of DuckDB's ({type(error).__name__}: {error})."
        raise Refused(at(1), "", why, "Write it in plainer SQL.") from error


def prefix(tables: Iterable[str]) -> str:
    """Return a beginning of names that no table has."""
    found = "step"
    while any(table.lower().startswith(found) for table in tables):
        found += "_"
    return found


def check_names(names: Iterable[str], what: str) -> None:
    """See that Spark can tell names apart: it does not see the case of any letter.

    Raises:
        Refusal: it cannot.
    """
    seen: dict[str, str] = {}
    for name in names:
        other = seen.setdefault(name.upper().lower(), name)
        if other is not name:
            raise Refusal(
                f"two {what} are {other} and {name}, which are one name for Spark.",
                "Give one of them another name with AS.",
            )


_WRITTEN = {"count_star": "count", "rank_dense": "dense_rank", "cast": "", "case": "case"}
"""How users write what has another name in DuckDB's plans."""


def _found(sql: str, refusal: Refusal) -> tuple[str, int]:
    """Return the construct as the user wrote it, and its line.

    DuckDB keeps no place of aggregates and of operators such as LIMIT: the first one of that name
    is shown.
    """
    written = sql.encode()
    place = refusal.place if isinstance(refusal, Unknown) else None
    if place and place[1] and sum(place) <= len(written):
        first, length = place
        construct = written[first : first + length].decode(errors="replace")
        return construct, written[:first].count(b"\n") + 1
    name = refusal.name if isinstance(refusal, Unknown) else refusal.construct
    name = _WRITTEN.get(name, name)
    plain = re.sub(r"--[^\n]*", lambda comment: " " * len(comment[0]), sql)
    found = re.search(rf"(?<!\w){re.escape(name)}(?!\w)", plain, re.IGNORECASE) if name else None
    if found is None:
        return "", 1
    return _call(plain[found.start() :], len(found[0])), plain[: found.start()].count("\n") + 1


def _call(sql: str, name: int) -> str:
    """Return the call that a text begins with: a name, and what is in its parentheses."""
    depth = 0
    for place, character in enumerate(sql):
        depth += (character == "(") - (character == ")")
        if place >= name and depth == 0:
            return sql[: place + (character == ")")].strip()
    return sql[:name]
