"""The audit of a snapshot to come: checks of severity block, on the file before it is published.

A check concerns a write if its asset, or anything that the check or the asset reads at any depth,
was written. It is passed over while its asset is not in the file: there is nothing to check yet.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import duckdb

from warehouse.console.text import counted
from warehouse.engines.engine import Engine, rows_of
from warehouse.errors import SAFE, WarehouseError
from warehouse.project.check_files import BLOCK, severity
from warehouse.project.project import Project
from warehouse.project.view_files import View
from warehouse.store import preview, side_by_side, snapshots, view_rows
from warehouse.store.little_memory import why_not_computed
from warehouse.store.snapshots import Snapshot
from warehouse.store.views import relations, stored_versions


@dataclass(frozen=True)
class Verdict:
    """What came of a check.

    Attributes:
        rows: How many it selects; None if it cannot run.
        first_rows: The first of them, as Markdown.
        error: Why it cannot run.
    """

    check: View
    rows: int | None
    first_rows: str = ""
    error: str = ""

    @property
    def passed(self) -> bool:
        """Whether it ran, and selected nothing."""
        return self.rows == 0

    @property
    def blocks(self) -> bool:
        """Whether it keeps a snapshot from being published."""
        return not self.passed and severity(self.check) == BLOCK

    @property
    def words(self) -> str:
        """The same in a sentence."""
        if self.error:
            return f"The check cannot run: {self.check.at(1)}: {self.error}"
        if self.rows:
            return f"Wrong: {counted(self.rows, 'row')}, see {self.check.at(1)}"
        return "No row is wrong."


def judge(engine: Engine, check: View) -> Verdict:
    """Count the rows that a check selects, and show the first ones.

    Raises:
        duckdb.Error: the disk is full.
    """
    try:
        count = rows_of(engine, check.sql)
        return Verdict(check, count, preview.first_rows(engine, check.sql) if count else "")
    except (duckdb.Error, WarehouseError) as error:
        return Verdict(check, None, error=why_not_computed(error))


def verdicts(
    project: Project,
    written: Collection[str],
    chosen: Callable[[View], bool],
    current: Snapshot | None,
    staged: Snapshot,
) -> list[Verdict]:
    """Run checks that a write concerns on what it is about to publish.

    Args:
        project: All files.
        written: The tables that were written.
        chosen: Which checks.
        current: What everyone reads; None before the first write.
        staged: The file to be published, which nobody writes to any more.
    """
    checks = [check for check in project.checks if chosen(check)]
    if not checks:
        return []
    with opened(staged) as connection:
        existing = relations(connection)
        touched = {*written, *changed_views(current, connection)}
        concerned = list(concerning(project, checks, touched, existing))
        _store(connection, [one for one in read_often(concerned, project.views) if one in existing])
        return [judge(connection, check) for check in concerned]


def verdicts_on(
    engine: Engine,
    project: Project,
    checks: Iterable[View],
    touched: Collection[str],
    existing: Collection[str],
) -> list[Verdict]:
    """Run those checks that a write concerns, see `concerning`.

    Args:
        engine: Finds what is about to be published by its name.
        project, checks, touched, existing: See `concerning`.
    """
    return [judge(engine, check) for check in concerning(project, checks, touched, existing)]


def concerning(
    project: Project,
    checks: Iterable[View],
    touched: Collection[str],
    existing: Collection[str],
) -> Iterator[View]:
    """Yield those checks that a write concerns.

    Args:
        project: All files.
        checks: Of which.
        touched: The tables that were written, and the views whose text changed.
        existing: All tables and views in what is about to be published.
    """
    for check in checks:
        read = (check.group, *check.reads)
        if check.group in existing and any(touches(name, project, touched) for name in read):
            yield check


@contextmanager
def opened(staged: Snapshot) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a file that is not published yet, in little memory.

    Raises:
        WarehouseError: there is no room for temporary files.
    """
    with side_by_side.attached(None, staged) as connection:
        view_rows.search(connection, side_by_side.CATALOGS["new"])
        yield connection


def _store(connection: duckdb.DuckDBPyConnection, views: Iterable[str]) -> None:
    """Compute the rows of views once for all that reads them.

    Raises:
        duckdb.Error: the disk is full.
    """
    for view in views:
        try:
            view_rows.store(connection, side_by_side.CATALOGS["new"], view)
        except duckdb.Error as error:
            why_not_computed(error)  # the checks that read it say why


def read_often(checks: Iterable[View], views: Sequence[View]) -> list[str]:
    """Return the views that checks, and the views below them, read more than once.

    Args:
        checks: That are run.
        views: All of them, in an order in which they can be created.
    """
    times = Counter(name for check in checks for name in check.reads)
    for view in reversed(views):
        if times[view.name]:
            times.update(view.reads)
    return [view.name for view in views if times[view.name] > 1]


def changed_views(current: Snapshot | None, staged: duckdb.DuckDBPyConnection) -> set[str]:
    """Return the views whose text is not the one that everyone reads."""
    before: dict[str, str] = {}
    if current:
        with snapshots.open_file(current.file) as connection:
            before = stored_versions(connection)
    return {name for name, text in stored_versions(staged).items() if before.get(name) != text}


def touches(name: str, project: Project, written: Collection[str]) -> bool:
    """Whether a table or view, or anything that it reads at any depth, was written."""
    if name in written:
        return True
    read = next((view.reads for view in project.views if view.name == name), frozenset[str]())
    return any(touches(one, project, written) for one in read)


def refuse(found: Iterable[Verdict], *, force: bool, say: Callable[[str], None]) -> None:
    """See that nothing blocks.

    Args:
        found: What came of the checks.
        force: Say what would block, and go on.
        say: Told of it.

    Raises:
        WarehouseError: something does; names the check's file, how many rows, and the first ones.
    """
    blocking = [verdict for verdict in found if verdict.blocks]
    reasons = [f"{one.check.group}, {one.check.name}: {one.words}" for one in blocking]
    if not blocking:
        return
    if force:
        say(f"Published nevertheless, for it was forced. {'; '.join(reasons)}")
        return
    shown = "\n".join(
        f"{text}\n{one.first_rows}".rstrip() for text, one in zip(reasons, blocking, strict=True)
    )
    raise WarehouseError(
        f"{counted(len(blocking), 'check')} of severity block failed, and nothing is published.\n"
        f"{shown}",
        safe=f"Everyone reads the last snapshot. {SAFE}",
        todo="Correct the data, or the file of the check. Published nevertheless with --force, in "
        "the UI the run tag warehouse/force=true.",
    )
