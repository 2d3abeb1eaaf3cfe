"""The first rows of a query and how many it has, for people: within a time, and never mangled."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from warehouse.console import markdown
from warehouse.engines.engine import Engine, catalog_of, own_errors
from warehouse.engines.interrupts import stoppable
from warehouse.engines.refusal import Refused

ROWS = 10
LONGEST = 100
"""Characters of a value that are shown; of a longer one it is said how long it is."""

_INTERRUPT_SECONDS = 0.05


def first_rows(engine: Engine, query: str, *, ordered: bool = True) -> str:
    """Return the first rows of a query as Markdown, each value as DuckDB writes it.

    Args:
        engine: Where the query runs.
        query: A SELECT.
        ordered: Whether its rows come in an order of their own; if not, they are sorted, so that
            the first ones are the same the next time.
    """
    # In a line of its own: the query may end in a comment.
    rows = f"FROM (\n{query}\n)"
    try:
        found = engine.sql(rows if ordered else f"{rows} ORDER BY ALL")
    except Refused:  # the engine has another order of some type
        found = engine.sql(rows)
    shown = found.limit(ROWS)
    texts = ", ".join(f"CAST(#{number} AS VARCHAR)" for number, _ in enumerate(shown.columns, 1))
    with own_errors(engine), stoppable(catalog_of(engine)):
        values = shown.project(texts).fetchall()
    return markdown.table(shown.columns, [[_short(value) for value in row] for row in values])


def _short(value: str | None) -> str | None:
    if value is None or len(value) <= LONGEST:
        return value
    return f"{value[:LONGEST]}… ({len(value):,} characters)"


@contextmanager
def within(engine: Engine, seconds: float) -> Iterator[Engine]:
    """Give an engine whose queries have so many seconds together.

    A query that is not done by then, and each one after it, raises `duckdb.InterruptException`.
    """
    # Of a connection its own cursor: others may ask the same one meanwhile.
    cursor = engine.cursor() if isinstance(engine, duckdb.DuckDBPyConnection) else engine
    over = threading.Event()

    def watch() -> None:
        # More than once: what begins just after it was interrupted goes on.
        wait = seconds
        while not over.wait(wait):
            cursor.interrupt()
            wait = _INTERRUPT_SECONDS

    watcher = threading.Thread(target=watch, name="time-is-up", daemon=True)
    watcher.start()
    try:
        yield cursor
    finally:
        over.set()
        watcher.join()
        if cursor is not engine:
            cursor.close()
