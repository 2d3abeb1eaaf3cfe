"""What a writer does to a table, told so that it can be done to whatever snapshot is the newest."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date

from warehouse.lake.manifest import Column, DataFile, LakeTable


@dataclass(frozen=True)
class NewDays:
    """Some days of a table, read again: the files of its other days stay.

    Attributes:
        columns: Of the table.
        files: That hold the rows of these days.
        days: Which days, those without rows included.
        first, last: The days that the table may have; files of others go.
    """

    columns: tuple[Column, ...]
    files: tuple[DataFile, ...]
    days: frozenset[date]
    first: date
    last: date

    def __post_init__(self) -> None:
        """See that each file is of one of these days, or of none."""
        assert all(file.day is None or file.day in self.days for file in self.files)


Change = LakeTable | NewDays
"""A whole table, or some days of it."""


def applied(change: Change, before: LakeTable | None) -> LakeTable:
    """Return the table after a change.

    Args:
        change: What is done to it.
        before: As the snapshot has it on which the change builds; None if it has none.
    """
    if isinstance(change, LakeTable):
        return change
    kept = (
        file
        for file in (before.files if before else ())
        if file.day is not None
        and file.day not in change.days
        and change.first <= file.day <= change.last
    )
    return LakeTable(change.columns, (*kept, *change.files))


def overwrites(change: Change | None, base: LakeTable | None, current: LakeTable | None) -> bool:
    """Whether a change takes the place of what another writer wrote.

    Args:
        change: None if the table goes.
        base: The table when the writer began.
        current: The table as another writer left it.
    """
    if isinstance(change, NewDays):
        return _files_of(base, change.days) != _files_of(current, change.days)
    return base != current


def _files_of(table: LakeTable | None, days: Collection[date]) -> set[DataFile]:
    files: Iterable[DataFile] = table.files if table else ()
    return {file for file in files if file.day in days}
