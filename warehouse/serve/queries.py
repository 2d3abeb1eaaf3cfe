"""One query at a time: stopped by Ctrl-C, and its errors said in a sentence that helps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import TypeVar

import duckdb

from warehouse.engines.engine import Engine, catalog_of, own_errors
from warehouse.errors import WarehouseError
from warehouse.serve import query_errors as mistakes

T = TypeVar("T")


@contextmanager
def in_background(engine: Engine, work: Callable[[], T]) -> Iterator[Future[T]]:
    """Run work on an engine in a thread; an error inside the `with` interrupts its query.

    DuckDB does not notice Ctrl-C while it runs in the main thread.
    """
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(work)
        try:
            yield future
        except BaseException:
            while not future.done():  # the query may not have begun yet
                engine.interrupt()
                wait([future], timeout=0.1)
            raise


def interruptible(engine: Engine, work: Callable[[], T]) -> T:
    """Run work on an engine; Ctrl-C ends its query at once."""
    with in_background(engine, work) as future:
        return future.result()


@contextmanager
def errors_explained(engine: Engine) -> Iterator[None]:
    """Turn DuckDB's errors into ones for people.

    Raises:
        WarehouseError: what DuckDB said, led by a sentence that helps.
    """
    try:
        with own_errors(engine):
            yield
    except duckdb.Error as error:
        raise mistakes.explained(error, catalog_of(engine)) from None


def run(engine: Engine, query: str) -> duckdb.DuckDBPyRelation | None:
    """Run the statements of a query in turn; the last one's rows are what it gives.

    Returns:
        Those rows, not read yet; None if the last statement gives none, like SET.

    Raises:
        WarehouseError: there is no statement, or more than one gives rows.
        duckdb.Error: what DuckDB says of the query.
    """
    statements = duckdb.extract_statements(query)
    if not statements:
        raise mistakes.EMPTY
    asking = [s for s in statements if s.type in _ROWS]
    if len(asking) > 1:
        raise WarehouseError(
            f"{len(asking)} of the {len(statements)} statements give rows, and one result is "
            "given out.",
            safe="None of them was run.",
            todo="Run them one by one, or put them together with UNION ALL.",
        )
    relation = interruptible(engine, lambda: engine.sql(_without_end(query)))
    gives = {kind.name for kind in statements[-1].expected_result_type}
    return None if gives == {"NOTHING"} and not asking else relation


def _without_end(query: str) -> str:
    """Return a query without its last semicolon and what follows it.

    DuckDB makes the last statement a part of another one, and takes off a semicolon only if no
    comment comes after it.
    """
    text = query.encode()  # tokens are counted in bytes
    for position, kind in reversed(duckdb.tokenize(query)):
        if text[position : position + 1] == b";":
            text = text[:position]
        elif kind != duckdb.token_type.comment:
            break
    return text.decode()


_ROWS = (duckdb.StatementType.SELECT, duckdb.StatementType.MULTI)
