"""Markdown tables, in Dagster's UI and wherever else Markdown is shown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from tabulate import tabulate

NULL = "NULL"
_MARKUP = re.compile(r"[\\`*\[\]<>|~&]|(?<!\w)_|_(?!\w)")
_LINE_BREAK = re.compile(r"\r\n|\r|\n")


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Lay rows out as a table that shows each value as it is, whatever Markdown makes of it."""
    return tabulate(
        [[_cell(value) for value in row] for row in rows],
        headers=[_cell(column) for column in columns],
        tablefmt="github",
        disable_numparse=True,
    )


def _cell(value: object) -> str:
    text = NULL if value is None else str(value)
    return _LINE_BREAK.sub("<br>", _MARKUP.sub(r"\\\g<0>", text))
