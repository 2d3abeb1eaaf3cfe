"""What changed in a table or view, as text for people."""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING, Any

from tabulate import tabulate

from warehouse.console.text import counted

if TYPE_CHECKING:
    from warehouse.store.diff import Difference

SHOWN = 60
"""Longer values are shown in part, and say so."""


def text(difference: Difference) -> str:
    """Return the text that `just diff` prints."""
    if difference.equal:
        return (
            f"{difference.table} is the same in snapshot {difference.new} as in snapshot "
            f"{difference.old}."
        )
    lines = [
        f"{difference.table} from snapshot {difference.old} to {difference.new}: "
        f"{difference.added:,} {'row' if difference.added == 1 else 'rows'} added, "
        f"{difference.removed:,} removed, {difference.changed:,} changed.",
        *_notes(difference),
    ]
    if difference.examples:
        lines += ["", _table(difference)]
    return "\n".join(lines)


def _notes(difference: Difference) -> list[str]:
    """Return a line on each thing that one must know to read the numbers."""
    if difference.absent is not None:
        what = "removed" if difference.absent == difference.new else "added"
        return [f"It is not in snapshot {difference.absent}: all of its rows count as {what}."]
    lines = [
        f"The column {name} was {how}: {type_}."
        for how, columns in (
            ("added", difference.columns_added),
            ("removed", difference.columns_removed),
        )
        for name, type_ in columns.items()
    ]
    lines += [
        f"The column {name} was {of.old} and is {of.new}; its values are compared as "
        f"{of.compared_as}."
        for name, of in difference.columns_retyped.items()
    ]
    if difference.key is None:
        lines.append(
            "No column tells its rows apart, so that they were compared as wholes: a change is one "
            "row removed and one added. Name the columns that do with --key (in Python key=)."
        )
    elif difference.repeated:
        lines.append(
            f"In more than one row of a snapshot: {counted(difference.repeated, 'value')} of "
            f"{', '.join(difference.key)}. These rows were compared as wholes, a change of one is "
            "a row removed and a row added."
        )
    return lines


def _table(difference: Difference) -> str:
    """Return the examples, under their column and the number of its values that differ."""
    keys = difference.key or ()
    rows: list[list[str]] = []
    last = ""
    for example in difference.examples:
        again = example.column == last
        last = example.column
        rows.append(
            [
                "" if again else example.column,
                "" if again else f"{difference.values[example.column]:,}",
                *(_shown(value) for value in example.key),
                *_both_shown(example.old, example.new),
            ]
        )
    align = ["left", "right", *["left"] * len(keys), "left", "left"]
    headers = ["column", "differ", *keys, "old", "new"]
    return tabulate(rows, headers, tablefmt="simple", disable_numparse=True, colalign=align)


def _both_shown(old: Any, new: Any) -> tuple[str, str]:
    """Return two values as text, long ones from shortly before where they begin to differ."""
    texts = [_shown(old), _shown(new)]
    alike = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(*texts, strict=False)))
    start = max(alike - SHOWN // 3, 0)
    first, second = (_part(text, start) if len(text) > SHOWN else text for text in texts)
    return first, second


def _part(text: str, start: int) -> str:
    piece = text[start : start + SHOWN]
    before, after = "…" if start else "", "…" if start + SHOWN < len(text) else ""
    return f"{before}{piece}{after} ({len(text):,} characters)"


def _shown(value: Any) -> str:
    """Return a value as text: NULL is not 'NULL'."""
    if value is None:
        return "NULL"
    return repr(value) if isinstance(value, str | bytes) else str(value)
