"""What an analyst got wrong, and what helps: a sentence for each kind of DuckDB's errors."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches

import duckdb

from warehouse.errors import WarehouseError

READ_ONLY = WarehouseError(
    "The warehouse is read-only: queries cannot change it.",
    todo="To keep a result write a view file under warehouse/sql/, or use a DuckDB file of your "
    "own: `ATTACH 'own.duckdb' AS own (READ_WRITE); CREATE TABLE own.result AS …`. "
    "CREATE TEMP TABLE keeps it until you leave.",
)

EMPTY = WarehouseError("The query is empty.", todo='Write one: "from order_stats".')

_NO_TABLE = re.compile(r'Table with name "?([^"\n]+?)"? does not exist')
_NO_COLUMN = re.compile(
    r'Referenced column "(?P<name>[^"]+)" not found'
    r'|Table "(?P<table>[^"]+)" does not have a column named "(?P<name_of>[^"]+)"'
)
_READ_ONLY = re.compile(r"in read-only mode")
_KIND = re.compile(r"^(?:[A-Z]\w* )+Error: ")
_PLACE = re.compile(r"^(?P<line>LINE \d+: )(?P<query>.*)\n(?P<caret> *\^+)$", re.MULTILINE)


def explained(error: duckdb.Error, connection: duckdb.DuckDBPyConnection) -> WarehouseError:
    """Return an error for people: a sentence that helps, then where in the query it is."""
    # The line's number is that in the statement which the query became a part of.
    text = _PLACE.sub(lambda m: f"{m['query']}\n{m['caret'][len(m['line']) :]}", str(error))
    return advice_on(error, connection) or WarehouseError(_KIND.sub("", text, count=1))


def advice_on(error: duckdb.Error, connection: duckdb.DuckDBPyConnection) -> WarehouseError | None:
    """Return what helps with an error, or None where DuckDB's own words do."""
    text = str(error)
    if _READ_ONLY.search(text):
        return READ_ONLY
    if found := _NO_TABLE.search(text):
        return no_table(found[1], _tables(connection))
    if found := _NO_COLUMN.search(text):
        name = found["name"] or found["name_of"]
        of = f" in {found['table']}" if found["table"] else ""
        # Those that DuckDB thinks near, of the tables that the query names.
        candidates = re.findall(r'"([^"]+)"', text[found.end() :].partition("\n\nLINE")[0])
        return WarehouseError(
            f"There is no column {name}{of}.",
            todo=_nearest(name, candidates, "The nearest:")
            + " `DESCRIBE` with a table's name lists its columns.",
        )
    return None


def no_table(name: str, known: Sequence[str]) -> WarehouseError:
    """Return the error that a table is not there, with the nearest one of those that are."""
    return WarehouseError(
        f"There is no table or view {name}.",
        todo=_nearest(name.rpartition(".")[2], known, "There are"),
    )


def _nearest(name: str, names: Sequence[str], otherwise: str) -> str:
    by_lower = {known.lower(): known for known in names}
    close = get_close_matches(name.lower(), by_lower, n=2)
    if close:
        return f"Did you mean {' or '.join(by_lower[match] for match in close)}?"
    return f"{otherwise} {', '.join(names)}." if names else ""


def _tables(connection: duckdb.DuckDBPyConnection) -> list[str]:
    return [name for (name,) in connection.cursor().execute("SHOW TABLES").fetchall()]
