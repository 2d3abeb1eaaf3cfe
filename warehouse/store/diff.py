"""What changed in a table or view between two snapshots, as values and as text for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from itertools import takewhile
from pathlib import Path
from typing import Any, NamedTuple

from tabulate import tabulate

from warehouse.console.text import counted
from warehouse.errors import WarehouseError
from warehouse.store import compare, side_by_side
from warehouse.store.history import find
from warehouse.store.snapshots import Snapshot, kept

SHOWN = 60
"""Longer values are shown in part, and say so."""


class Retyped(NamedTuple):
    """The types of a column in the two snapshots, and the one in which its values are compared."""

    old: str
    new: str
    compared_as: str


@dataclass(frozen=True)
class Example:
    """A value that changed. The key has one value for each of `Difference.key`."""

    key: tuple[Any, ...]
    column: str
    old: Any
    new: Any


@dataclass(frozen=True, repr=False)
class Difference:
    """What changed in a table or view from one snapshot to another.

    Attributes:
        table: Its name.
        old, new: The snapshots' numbers.
        key: The columns that tell rows apart; empty if there is but one row; None if no columns
            do, and rows were compared as wholes: then none is changed, only added or removed.
        repeated: How many keys stand in more than one row of a snapshot. Such rows, too, are
            compared as wholes.
        added, removed, changed: How many rows.
        columns_added, columns_removed: Columns by name, with their type.
        columns_retyped: Columns whose type changed.
        values: By column, in how many of the changed rows its value differs.
        examples: A few of these values for each column, those with the smallest keys.
    """

    table: str
    old: int
    new: int
    key: tuple[str, ...] | None
    repeated: int
    added: int
    removed: int
    changed: int
    columns_added: Mapping[str, str]
    columns_removed: Mapping[str, str]
    columns_retyped: Mapping[str, Retyped]
    values: Mapping[str, int]
    examples: Sequence[Example]

    @property
    def equal(self) -> bool:
        """Whether nothing changed: no row, no column."""
        rows = self.added or self.removed or self.changed
        return not (rows or self.columns_added or self.columns_removed or self.columns_retyped)

    def __str__(self) -> str:
        """Return the text that `just diff` prints."""
        if self.equal:
            return f"{self.table} is the same in snapshot {self.new} as in snapshot {self.old}."
        lines = [
            f"{self.table} from snapshot {self.old} to {self.new}: {self.added:,} "
            f"{'row' if self.added == 1 else 'rows'} added, {self.removed:,} removed, "
            f"{self.changed:,} changed.",
            *_notes(self),
        ]
        if self.examples:
            lines += ["", _table(self)]
        return "\n".join(lines)

    __repr__ = __str__


def diff(
    path: Path,
    table: str,
    old: int | str | date | None = None,
    new: int | str | date | None = None,
    key: str | Sequence[str] | None = None,
) -> Difference:
    """Compare a table or view of two snapshots.

    Args:
        path: The link that readers open.
        table: Or view.
        old: See `history.find`; None for the last one before `new` in which the table was
            different: many a snapshot changes other tables only.
        new: See `history.find`; None for the newest one.
        key: The columns that tell rows apart; None for `compare.default_key`.

    Raises:
        WarehouseError: a snapshot, the table or a column of the key is not there.
    """
    names = [key] if isinstance(key, str) else key
    while True:
        # Pruned meanwhile, what was meant is another one now, or an error that lists those kept.
        with suppress(side_by_side.Pruned):
            return _found(path, table, old, new, names)


def _found(
    path: Path,
    table: str,
    old: int | str | date | None,
    new: int | str | date | None,
    names: Sequence[str] | None,
) -> Difference:
    after = find(path, 0 if new is None else new)
    if old is not None:
        return between(find(path, old), after, table, names)
    earlier = [snapshot for snapshot in kept(path) if snapshot.number < after.number]
    if not earlier:
        raise WarehouseError(
            f"Snapshot {after.number} is the oldest that is kept: it has none to compare with.",
            todo="The next load makes one. `just history` lists what is kept.",
        )
    found = None
    for before in reversed(earlier):
        try:
            found = between(before, after, table, names)
        except WarehouseError:
            if found is None:
                raise
            break  # it was not there yet, and did not change since
        if not found.equal:
            break
    assert found
    return found


def between(
    old: Snapshot, new: Snapshot, table: str, names: Sequence[str] | None = None
) -> Difference:
    """Compare a table or view of two snapshots, see `diff`."""
    if old == new:
        raise WarehouseError(
            f"Both are snapshot {new.number}: there is nothing to compare.",
            todo="`just history` lists what is kept.",
        )
    with side_by_side.attached(old, new) as connection:
        before, after = (
            side_by_side.take(connection, side, snapshot, table)
            for side, snapshot in (("old", old), ("new", new))
        )
        columns = side_by_side.common_columns(connection, before, after)
        key = _named(table, columns, names) if names else compare.default_key(connection, columns)
        repeated = compare.note_repeated(connection, key) if key else 0
        shown: list[Example] = []
        parts: list[compare.Rows] = []
        if key is not None:
            rows = compare.by_key(connection, columns, key, repeated)
            shown = [
                Example(*example) for example in compare.examples(connection, columns, key, rows)
            ]
            parts.append(rows)
        if key is None or repeated:
            parts.append(compare.as_wholes(connection, columns, key or ()))
    return Difference(
        table=table,
        old=old.number,
        new=new.number,
        key=None if key is None else tuple(column.name for column in key),
        repeated=repeated,
        added=sum(part.added for part in parts),
        removed=sum(part.removed for part in parts),
        changed=parts[0].changed,
        columns_added={name: type_ for name, type_ in after.items() if name not in before},
        columns_removed={name: type_ for name, type_ in before.items() if name not in after},
        columns_retyped={
            column.name: Retyped(column.old_type, column.new_type, column.compared_as)
            for column in columns
            if column.retyped
        },
        values=parts[0].values,
        examples=shown,
    )


def _named(
    table: str, columns: Sequence[side_by_side.Column], names: Sequence[str]
) -> list[side_by_side.Column]:
    """Return the columns of these names.

    Raises:
        WarehouseError: one is not in both snapshots.
    """
    by_name = {column.name.lower(): column for column in columns}
    for name in names:
        if name.lower() not in by_name:
            raise WarehouseError(
                f"{table} has no column {name} in both snapshots.",
                todo=f"The key can be made of {', '.join(column.name for column in columns)}.",
            )
    return [by_name[name.lower()] for name in names]


def _notes(difference: Difference) -> list[str]:
    """Return a line on each thing that one must know to read the numbers."""
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
