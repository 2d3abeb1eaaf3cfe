"""A result as a table of text that is written as the rows come: it may be of any size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import duckdb
from rich.cells import cell_len

from warehouse.console.text import counted
from warehouse.errors import on_one_line
from warehouse.serve.json_values import NUMBERS
from warehouse.serve.output import Out

ROWS = 1_000
"""So many are fetched at a time. The first ones say how wide the columns are."""

WIDEST = 200
"""Places that a column takes at most. A longer value is whole, and moves the rest of its line."""

_TOP, _UNDER_NAMES, _BOTTOM = ("┌", "┬", "┐"), ("├", "┼", "┤"), ("└", "┴", "┘")


def write_table(
    connection: duckdb.DuckDBPyConnection,
    relation: duckdb.DuckDBPyRelation,
    out: Out,
) -> None:
    """Write all rows of a result in a frame. If later rows are wider, a second frame begins.

    Raises:
        duckdb.Error: the query failed. The frame stays open: it does not look like the end.
    """
    names = [_shown(name) for name in relation.columns]
    types = [str(type_).lower() for type_ in relation.types]
    numbers = [type_.id in NUMBERS for type_ in relation.types]
    widths: list[int] = []
    count = 0
    for texts in fetched(connection, relation):
        rows = [[_shown(text) for text in row] for row in texts]
        wider = [
            max(old, *(min(cell_len(cell), WIDEST) for cell in column))
            for old, column in zip(
                widths or [0] * len(names), zip(names, types, *rows, strict=True), strict=True
            )
        ]
        lines = []
        if wider != widths:
            lines += [_border(_BOTTOM, widths)] if widths else []
            widths = wider
            lines += [_border(_TOP, widths)]
            lines += [_row(_centred(texts, widths), widths) for texts in (names, types)]
            lines += [_border(_UNDER_NAMES, widths)]
        lines += [_row(row, widths, numbers) for row in rows]
        out.write("".join(f"{line}\n" for line in lines).encode())
        count += len(rows)
    out.write(f"{_border(_BOTTOM, widths)}\n{counted(count, 'row')}\n".encode())


def fetched(
    connection: duckdb.DuckDBPyConnection, relation: duckdb.DuckDBPyRelation
) -> Iterator[list[tuple[str | None, ...]]]:
    """Yield the rows as texts, some at a time: at least once, and then without any."""
    texts = relation.project(
        ", ".join(f"CAST(#{number} AS VARCHAR)" for number, _ in enumerate(relation.columns, 1))
    )
    result = connection.execute(texts.sql_query())
    yield result.fetchmany(ROWS)
    while rows := result.fetchmany(ROWS):
        yield rows


def _shown(text: str | None) -> str:
    return "NULL" if text is None else on_one_line(text)


def _border(corners: tuple[str, str, str], widths: Sequence[int]) -> str:
    left, middle, right = corners
    return left + middle.join("─" * (width + 2) for width in widths) + right


def _centred(cells: Sequence[str], widths: Sequence[int]) -> list[str]:
    return [
        " " * ((width - cell_len(cell)) // 2) + cell
        for cell, width in zip(cells, widths, strict=True)
    ]


def _row(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool] = ()) -> str:
    padded = []
    for place, (cell, width) in enumerate(zip(cells, widths, strict=True)):
        blanks = " " * (width - cell_len(cell))
        padded.append(blanks + cell if right and right[place] else cell + blanks)
    return f"│ {' │ '.join(padded)} │"
