"""What changed in a table or view between two snapshots, as values and as text for people."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from warehouse.errors import WarehouseError
from warehouse.store import compare, rebuild, side_by_side
from warehouse.store.diff_text import text
from warehouse.store.history import find, none_before
from warehouse.store.snapshots import Snapshot, kept


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
        absent: The snapshot in which it is not there, if there is one: all rows of the other are
            added or removed.
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
    absent: int | None = None

    @property
    def equal(self) -> bool:
        """Whether nothing changed: no row, no column."""
        rows = self.added or self.removed or self.changed or self.absent is not None
        return not (rows or self.columns_added or self.columns_removed or self.columns_retyped)

    def __str__(self) -> str:
        """Return the text that `just diff` prints."""
        return text(self)

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
        raise none_before(after)
    with rebuild.Steps() as steps:
        for before in reversed(earlier):
            found = between(before, after, table, names, steps.whole)
            if not found.equal:
                break
    return found


def between(
    old: Snapshot,
    new: Snapshot,
    table: str,
    names: Sequence[str] | None = None,
    whole: Callable[[Snapshot], AbstractContextManager[Path]] = rebuild.whole,
) -> Difference:
    """Compare a table or view of two snapshots, see `diff`."""
    if old == new:
        raise same_snapshot(new.number)
    with side_by_side.attached(old, new, whole) as connection:
        return difference(connection, old, new, table, names)


def same_snapshot(number: int) -> WarehouseError:
    """Say that both snapshots are one."""
    return WarehouseError(
        f"Both are snapshot {number}: there is nothing to compare.",
        todo="`just history` lists what is kept.",
    )


def difference(
    connection: duckdb.DuckDBPyConnection,
    old: Snapshot,
    new: Snapshot,
    table: str,
    names: Sequence[str] | None = None,
    *,
    examples: bool = True,
) -> Difference:
    """Compare a table or view of two snapshots that are attached, see `diff`.

    Args:
        connection: See `side_by_side.attached`; used for nothing else.
        old, new: The snapshots.
        table: Or view.
        names: The columns that tell rows apart.
        examples: Whether values are shown that changed.
    """
    before, after, absent = side_by_side.take(connection, old, new, table)
    columns = side_by_side.common_columns(connection, before, after)
    of = Compared(table, old.number, new.number, before, after, columns, absent)
    return compared(connection, of, names, examples=examples)


@dataclass(frozen=True)
class Compared:
    """What is compared: a table or view, its snapshots, and its columns in them.

    Attributes:
        table: Its name.
        old, new: The snapshots' numbers.
        before, after: Its columns in them, and their types.
        columns: Those that both have.
        absent: The snapshot in which it is not there, if there is one.
    """

    table: str
    old: int
    new: int
    before: Mapping[str, str]
    after: Mapping[str, str]
    columns: Sequence[side_by_side.Column]
    absent: int | None

    def found(
        self,
        key: Sequence[side_by_side.Column] | None,
        repeated: int,
        parts: Sequence[compare.Rows],
        shown: Sequence[Example],
    ) -> Difference:
        """Return what changed.

        Args:
            key: The columns that tell rows apart.
            repeated: How many keys stand in more than one row of a snapshot.
            parts: What became of the rows: with a key, first of those that have one of their own.
            shown: Values that changed.
        """
        before, after = self.before, self.after
        return Difference(
            table=self.table,
            old=self.old,
            new=self.new,
            key=None if key is None else tuple(column.name for column in key),
            repeated=repeated,
            added=sum(part.added for part in parts),
            removed=sum(part.removed for part in parts),
            changed=parts[0].changed,
            columns_added={name: type_ for name, type_ in after.items() if name not in before},
            columns_removed={name: type_ for name, type_ in before.items() if name not in after},
            columns_retyped={
                column.name: Retyped(column.old_type, column.new_type, column.compared_as)
                for column in self.columns
                if column.retyped
            },
            values=parts[0].values,
            examples=shown,
            absent=self.absent,
        )


def compared(
    connection: duckdb.DuckDBPyConnection,
    of: Compared,
    names: Sequence[str] | None,
    *,
    examples: bool = True,
) -> Difference:
    """Compare all rows: those of the tables `old_rows` and `new_rows`, see `difference`."""
    columns = of.columns
    key = (
        named(of.table, columns, names)
        if names
        else compare.default_key(
            columns,
            partial(compare.most_rows, connection),
            partial(compare.note_repeated, connection),
        )
    )
    repeated = compare.note_repeated(connection, key) if key else 0
    shown: list[Example] = []
    parts: list[compare.Rows] = []
    if key is not None:
        rows = compare.by_key(connection, columns, key, repeated, examples=examples)
        if examples:
            shown = shown_of(connection, columns, key, rows)
        parts.append(rows)
    if key is None or repeated:
        parts.append(compare.as_wholes(connection, columns, key or ()))
    return of.found(key, repeated, parts, shown)


def shown_of(
    connection: duckdb.DuckDBPyConnection,
    columns: Sequence[side_by_side.Column],
    key: Sequence[side_by_side.Column],
    rows: compare.Rows,
) -> list[Example]:
    """Return the values that are shown of what `compare.by_key` found."""
    return [Example(*one) for one in compare.examples(connection, columns, key, rows)]


def named(
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
