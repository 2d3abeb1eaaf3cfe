"""DuckDB binds a SELECT against empty tables: which function each name means, the type of each
operand, which column a name is.

It tells this as its logical plan, before any optimization: `json_serialize_plan`. So the rules of
names, stars, aliases, USING, QUALIFY, GROUP BY ALL and subqueries are DuckDB's own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import duckdb

from warehouse.engines.catalog import open_catalog
from warehouse.engines.refusal import Refused
from warehouse.project.view_files import error_line


@dataclass(frozen=True)
class Bound:
    """A SELECT as DuckDB understands it.

    Attributes:
        plan: Its logical plan, as `json_serialize_plan` writes it.
        columns: The name and the type of each column of the result.
    """

    plan: Mapping[str, Any]
    columns: tuple[tuple[str, str], ...]


def bind(sql: str, tables: Mapping[str, Mapping[str, str]], at: Callable[[int], str]) -> Bound:
    """Bind one SELECT.

    Args:
        sql: In DuckDB's dialect.
        tables: The tables and views that it may read: their columns and DuckDB types.
        at: Names a line of the file.

    Raises:
        Refused: DuckDB does not understand it; names file and line.
    """
    with open_catalog(tables) as connection:
        try:
            statements = connection.extract_statements(sql)
            if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
                raise Refused(at(1), "", "this is not one SELECT.", "Keep one SELECT in the file.")
            described = connection.execute(f"DESCRIBE {sql}").fetchall()
            answer = json.loads(_first(connection, "SELECT json_serialize_plan(?)", sql))
        except duckdb.Error as error:
            said = str(error).splitlines()[0]
            raise Refused(at(error_line(error)), "", said, "Correct the file.") from None
    if answer["error"] or len(answer["plans"]) != 1:
        said = answer.get("error_message", "it has no plan")
        raise Refused(at(1), "", f"DuckDB cannot tell its plan: {said}.")
    return Bound(answer["plans"][0], tuple((name, type_) for name, type_, *_ in described))


def _first(connection: duckdb.DuckDBPyConnection, sql: str, *parameters: object) -> Any:
    ((value,),) = connection.execute(sql, parameters).fetchall()
    return value


@cache
def convert(value: str, type_: str, to: str) -> str | None:
    """Return what DuckDB makes of a constant, as text; None for NULL.

    Args:
        value: The constant's text.
        type_: Its type.
        to: The type that it is cast to.

    Raises:
        ValueError: it cannot be cast.
    """
    with open_catalog({}) as connection:
        cast = f"CAST(CAST(CAST(? AS {type_}) AS {to}) AS VARCHAR)"
        try:
            found = _first(connection, f"SELECT {cast}", value)
        except duckdb.Error as error:
            raise ValueError(str(error).splitlines()[0]) from None
    return None if found is None else str(found)
