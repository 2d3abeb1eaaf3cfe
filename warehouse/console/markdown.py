"""Markdown tables, in Dagster's UI and wherever else Markdown is shown."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence

import tabulate

# Blanks at the ends of a value are part of it.
tabulate.PRESERVE_WHITESPACE = True

NULL = "NULL"
_MARKUP = re.compile(r"[\\`*\[\]<>|~&]|(?<!\w)_|_(?!\w)")
_LINE_BREAK = re.compile(r"\r\n|\r|\n")


def table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], right: Collection[str] = ()
) -> str:
    """Lay rows out as a table that shows each value as it is, whatever Markdown makes of it.

    Args:
        columns: Their names.
        rows: Their values.
        right: The columns that stand at the right, as numbers do.
    """
    cells = [[_cell(value) for value in row] for row in rows]
    return tabulate.tabulate(
        cells,
        headers=[_cell(column) for column in columns],
        tablefmt="pipe",
        disable_numparse=True,
        # Without rows tabulate stumbles over it.
        colalign=["right" if column in right else "left" for column in columns] if cells else None,
    )


def _cell(value: object) -> str:
    text = NULL if value is None else str(value)
    return _LINE_BREAK.sub("<br>", _MARKUP.sub(r"\\\g<0>", text))
