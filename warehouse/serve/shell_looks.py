"""How the shell shows rows: `.mode` and `.timer`."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import duckdb

from warehouse.errors import WarehouseError, printable
from warehouse.serve import queries
from warehouse.serve.output import COPIED, as_markdown, distinct, keep_flat, stream

MODES = ("table", "line", "csv", "json", "markdown")
_ROWS = 1_000
"""So many are fetched at a time, of a result of any size."""


@dataclass
class Looks:
    """What the person chose.

    Attributes:
        show: Prints as much of a table as the terminal takes, and says what it leaves out.
        mode: One of `MODES`.
        timing: Whether to say how long a query took.
    """

    show: Callable[[duckdb.DuckDBPyRelation], None]
    mode: str = "table"
    timing: bool = False

    def choose(self, mode: str) -> None:
        """Show rows in another way from now on.

        Raises:
            WarehouseError: there is no such way.
        """
        if mode not in MODES:
            raise WarehouseError(f"There is no mode {mode}.", todo=f"Write {_listed(MODES)}.")
        self.mode = mode

    def time(self, wanted: str) -> None:
        """Say how long queries take, or no more.

        Raises:
            WarehouseError: it is neither on nor off.
        """
        if wanted not in ("on", "off"):
            raise WarehouseError("The timer is on or off.", todo="Write `.timer on`.")
        self.timing = wanted == "on"

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Say how long a `with` took, if that is wanted."""
        began = time.perf_counter()
        yield
        if self.timing:
            print(f"{time.perf_counter() - began:.3f} s", file=sys.stderr)

    def print(
        self, connection: duckdb.DuckDBPyConnection, relation: duckdb.DuckDBPyRelation
    ) -> None:
        """Print rows: in the mode `table` as many as fit, else all."""
        if self.mode in COPIED:
            keep_flat(connection)
            try:
                stream(connection, relation, self.mode, sys.stdout.buffer)
            finally:
                connection.execute("RESET threads")
                connection.execute("RESET async_threads")
            return
        ways: dict[str, Callable[[duckdb.DuckDBPyRelation], None]] = {
            "table": self.show,
            "line": lambda it: _lines(connection, it),
            "markdown": lambda it: print(as_markdown(it)),
        }
        queries.interruptible(connection, lambda: ways[self.mode](relation))


def _lines(connection: duckdb.DuckDBPyConnection, relation: duckdb.DuckDBPyRelation) -> None:
    """Print a line for each value, and an empty one behind each row."""
    names = distinct(relation.columns)
    wide = max(map(len, names))
    texts = relation.project(
        ", ".join(f"CAST(#{number} AS VARCHAR)" for number, _ in enumerate(names, 1))
    )
    result = connection.execute(texts.sql_query())
    while rows := result.fetchmany(_ROWS):
        for row in rows:
            for name, value in zip(names, row, strict=True):
                print(f"{name:>{wide}} = {'NULL' if value is None else printable(value)}")
            print()


def _listed(names: tuple[str, ...]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}"
