"""How the shell shows rows: `.mode` and `.timer`."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import duckdb
from prompt_toolkit.styles import Style

from warehouse.console.pager import find_pager, paged
from warehouse.engines.engine import Engine, catalog_of
from warehouse.errors import WarehouseError, printable
from warehouse.serve import queries
from warehouse.serve.output import COPIED, Out, as_markdown, distinct, keep_flat, stream
from warehouse.serve.text_table import fetched, write_table

STYLE = Style.from_dict(
    {
        "pygments.keyword": "bold",
        "pygments.operator.word": "bold",
        "pygments.literal.string": "ansimagenta",
        "pygments.literal.number": "ansired",
        "pygments.comment": "dim",
        "completion-menu": "noinherit reverse",
        "completion-menu.completion.current": "noinherit noreverse bold underline",
        "scrollbar.background": "noinherit reverse",
        "scrollbar.button": "noinherit noreverse",
        "aborting": "noinherit dim",
        "exiting": "noinherit dim",
    }
)
"""The terminal's own colours, and of these the ones that are readable on dark and on light."""

MODES = ("table", "line", "csv", "json", "markdown")


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
    _written: float | None = field(default=None, init=False)

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
        """Say how long a `with` took, without the time in the pager, if that is wanted."""
        began, self._written = time.perf_counter(), None
        yield
        if self.timing:
            print(f"{(self._written or time.perf_counter()) - began:.3f} s", file=sys.stderr)

    def print(
        self,
        engine: Engine,
        relation: duckdb.DuckDBPyRelation,
        mode: str | None = None,
    ) -> None:
        """Show all rows, in a pager if they are more than the screen shows.

        Where there is no pager the mode `table` shows as many as fit.

        Args:
            engine: Where the rows come from.
            relation: The rows.
            mode: None for the one that was chosen.
        """
        mode, pager = mode or self.mode, find_pager()
        if pager is not None:
            with _flat(catalog_of(engine), mode), paged(pager, engine.interrupt) as out:
                _write(engine, relation, mode, out)
                self._written = time.perf_counter()
        elif mode == "table":
            queries.interruptible(engine, lambda: self.show(relation))
        else:
            sys.stdout.flush()
            with _flat(catalog_of(engine), mode):
                _write(engine, relation, mode, sys.stdout.buffer)
            sys.stdout.buffer.flush()


@contextmanager
def _flat(connection: duckdb.DuckDBPyConnection, mode: str) -> Iterator[None]:
    """Have DuckDB write what it writes itself in a memory that does not grow, for a `with`."""
    if mode not in COPIED:
        yield
        return
    keep_flat(connection)
    try:
        yield
    finally:
        connection.execute("RESET threads")
        connection.execute("RESET async_threads")


def _write(
    engine: Engine,
    relation: duckdb.DuckDBPyRelation,
    mode: str,
    out: Out,
) -> None:
    """Write all rows in a mode."""
    if mode in COPIED:
        stream(engine, relation, mode, out)
        return
    connection = catalog_of(engine)
    ways: dict[str, Callable[[], None]] = {
        "table": lambda: write_table(connection, relation, out),
        "line": lambda: _write_lines(connection, relation, out),
        "markdown": lambda: _write_markdown(relation, out),
    }
    queries.interruptible(engine, ways[mode])


def _write_lines(
    connection: duckdb.DuckDBPyConnection, relation: duckdb.DuckDBPyRelation, out: Out
) -> None:
    """Write a line for each value, and an empty one behind each row."""
    names = distinct(relation.columns)
    wide = max(map(len, names))
    for rows in fetched(connection, relation):
        lines = [
            f"{name:>{wide}} = {'NULL' if value is None else printable(value)}\n"
            + ("\n" if name == names[-1] else "")
            for row in rows
            for name, value in zip(names, row, strict=True)
        ]
        out.write("".join(lines).encode())


def _write_markdown(relation: duckdb.DuckDBPyRelation, out: Out) -> None:
    out.write(f"{as_markdown(relation)}\n".encode())


def _listed(names: tuple[str, ...]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}"
