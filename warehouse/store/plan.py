"""What a run would change: its staged file against what everyone reads, as values."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import duckdb

from warehouse.errors import WarehouseError
from warehouse.project.project import Project
from warehouse.store import audit, diff, side_by_side, snapshots, view_rows
from warehouse.store.little_memory import why_not_computed
from warehouse.store.snapshots import Snapshot
from warehouse.store.views import kinds


@dataclass(frozen=True)
class Change:
    """What would become of a table or view.

    Attributes:
        rows_before: How many rows everyone reads; None if it is not there.
        rows_after: How many there would be; None if it would be gone, or cannot be computed.
        key: The columns that tell rows apart; None if none do: rows are compared as wholes.
        columns_retyped: The two types of a column whose type changes.
        error: Why its rows cannot be computed.
    """

    name: str
    kind: str
    rows_before: int | None = None
    rows_after: int | None = None
    added: int = 0
    removed: int = 0
    changed: int = 0
    key: Sequence[str] | None = None
    columns_added: Mapping[str, str] = field(default_factory=dict)
    columns_removed: Mapping[str, str] = field(default_factory=dict)
    columns_retyped: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    error: str = ""

    @property
    def equal(self) -> bool:
        """Whether nothing would change."""
        columns = self.columns_added or self.columns_removed or self.columns_retyped
        stays = (self.rows_before is None) == (self.rows_after is None)
        return stays and not (self.added or self.removed or self.changed or columns or self.error)


@dataclass(frozen=True)
class Plan:
    """What would become of all that a run concerns, and of the checks on it."""

    changes: Sequence[Change]
    verdicts: Sequence[audit.Verdict]

    @property
    def equal(self) -> bool:
        """Whether nothing would change."""
        return all(change.equal for change in self.changes)

    @property
    def blocked(self) -> bool:
        """Whether a check of severity block fails."""
        return any(verdict.blocks for verdict in self.verdicts)


def compute(
    project: Project, written: Collection[str], current: Snapshot | None, staged: Snapshot
) -> Plan:
    """Compare what a run staged with what everyone reads, in little memory.

    Args:
        project: All files.
        written: The tables that the run wrote.
        current: What everyone reads; None before the first write.
        staged: What would be published.

    Raises:
        WarehouseError: there is no room for temporary files.
    """
    before: dict[str, str] = {}
    if current:
        with snapshots.open_file(current.file) as connection:
            before = kinds(connection)
    with audit.opened(staged) as connection:
        after = kinds(connection)
        touched = {*written, *audit.changed_views(current, connection)}
    names = [
        name
        for name in (*project.by_name, *(view.name for view in project.views))
        if name in after and audit.touches(name, project, touched)
    ]
    others = [name for name in sorted(written) if name not in names and name in after]
    removed = [name for name in before if name not in after]
    with side_by_side.attached(current, staged) as connection:
        # In the order of the views: each reads the rows of those before it.
        changes = [
            _change(connection, project, name, before.get(name), after.get(name), current, staged)
            for name in (*names, *others, *removed)
        ]
        view_rows.search(connection, side_by_side.CATALOGS["new"])
        found = audit.verdicts_on(connection, project, project.checks, touched, after)
    return Plan(changes, found)


def _change(
    connection: duckdb.DuckDBPyConnection,
    project: Project,
    name: str,
    before: str | None,
    after: str | None,
    current: Snapshot | None,
    staged: Snapshot,
) -> Change:
    """Return what becomes of a table or view.

    Args:
        connection: See `side_by_side.attached`.
        project: All files.
        name: Its name.
        before: Whether everyone reads a table or a view of that name; None: neither.
        after: The same of what would be published.
        current: What everyone reads.
        staged: What would be published.
    """
    kind = after or before or ""
    try:
        if before is None:
            rows = side_by_side.rows(connection, "new", name)
            return Change(name, kind, rows_after=rows, added=rows)
        if after is None or current is None:
            rows = side_by_side.rows(connection, "old", name)
            return Change(name, kind, rows_before=rows, removed=rows)
        found = _difference(connection, project, name, current, staged)
        rows = side_by_side.rows(connection, "new", name)
    except duckdb.Error as error:
        return Change(name, kind, error=why_not_computed(error))
    return Change(
        name,
        kind,
        rows_before=rows - found.added + found.removed,
        rows_after=rows,
        added=found.added,
        removed=found.removed,
        changed=found.changed,
        key=found.key,
        columns_added=found.columns_added,
        columns_removed=found.columns_removed,
        columns_retyped={one: (of.old, of.new) for one, of in found.columns_retyped.items()},
    )


def _difference(
    connection: duckdb.DuckDBPyConnection,
    project: Project,
    name: str,
    current: Snapshot,
    staged: Snapshot,
) -> diff.Difference:
    """Compare by the key that the source's file names, or by the one that is found."""
    named = project.by_name[name].key if name in project.by_name else None
    for key in (named, None) if named else (None,):
        with connection.cursor() as own, suppress(WarehouseError):  # a column of it is new, or goes
            return diff.difference(own, current, staged, name, key, examples=False)
    raise AssertionError("without a key, nothing is missing")
