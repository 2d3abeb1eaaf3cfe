"""One run is one snapshot of the lake: files first, and at the end the manifest that names them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime

from warehouse.assets.begin import Run
from warehouse.assets.on_spark.bookkeeping import open_books, write_books
from warehouse.engines.catalog import columns_of
from warehouse.engines.engine import Engine, catalog_of
from warehouse.engines.spark.on_lake import engine_on, lake_of, open_newest
from warehouse.lake.manifest import LakeTable, Manifest
from warehouse.lake.snapshots import add_snapshot, newest
from warehouse.lake.write import discard
from warehouse.project.check_files import BLOCK, severity
from warehouse.project.project import Project
from warehouse.settings import Settings
from warehouse.store import audit, guard, ledger
from warehouse.store.audit import Verdict


class LakeRun:
    """What a run writes to the lake, from its first table until all that it awaits is in."""

    def __init__(self, project: Project, run: Run, awaited: set[str]) -> None:
        """Begin.

        Args:
            project: All files.
            run: Which run.
            awaited: The sources that it loads. With the last one all of them are published.
        """
        self.lake = lake_of(project.settings)
        self.base = newest(self.lake)
        self.books = open_books(self.lake, self.base)
        self._began = datetime.now(UTC)
        self._project = project
        self._run = run
        self._awaited = set(awaited)
        self._tables: dict[str, LakeTable] = {}

    @property
    def staged(self) -> Manifest:
        """The snapshot to come, as far as it is written."""
        before = self.base.tables if self.base else {}
        number = self.base.number + 1 if self.base else 1
        writer = f"run {self._run.run_id}"
        return Manifest(number, datetime.now(UTC), writer, {**before, **self._tables})

    def table(self, name: str) -> LakeTable | None:
        """Return a table of the newest snapshot, if it is there."""
        return self.base.tables.get(name) if self.base else None

    def add(self, name: str, table: LakeTable, receipt: ledger.Receipt) -> bool:
        """Note that a source is written. Returns whether it was the last one that is awaited.

        Raises:
            WarehouseError: it lost more rows than is allowed.
        """
        source = self._project.by_name[name]
        if (before := self.table(name)) and not self._run.force:
            own = source.max_shrink
            allowed = source.settings.max_shrink if own is None else own
            note = "" if own is None else "max_shrink"
            guard.check_shrink(name, before.rows, table.rows, allowed, note)
        ledger.record(self.books, receipt)
        self._tables[name] = table
        self._awaited.discard(name)
        return not self._awaited

    def skip(self, name: str) -> bool:
        """Note that a source is not written. Returns whether it was the last that is awaited."""
        self._awaited.discard(name)
        return not self._awaited

    def publish(self, keep: Callable[[Verdict], None]) -> Manifest | None:
        """Publish what was written, unless a check of severity block fails on it.

        Args:
            keep: Told what came of such a check.

        Returns:
            The snapshot; None if nothing was written.

        Raises:
            WarehouseError: one fails, or the lake cannot be written.
        """
        if not self._tables:
            return None
        self._review(keep)
        written = {**self._tables, **write_books(self.books, self.lake)}
        return add_snapshot(
            self.lake,
            written,
            writer=", ".join(sorted(self._tables)) + f" (run {self._run.run_id})",
            base=self.base,
            began=self._began,
            say=self._run.say,
        )

    def discard(self) -> None:
        """Remove the files that were written and are in no snapshot."""
        held = {
            file.path
            for table in (self.base.tables if self.base else {}).values()
            for file in table.files
        }
        for table in self._tables.values():
            discard(self.lake, [file for file in table.files if file.path not in held])
        self._tables = {}

    def _review(self, keep: Callable[[Verdict], None]) -> None:
        """See that no check of severity block fails on the snapshot to come."""
        checks = [check for check in self._project.checks if severity(check) == BLOCK]
        if not checks:
            return
        with closing(engine_on(self._project.settings, self.lake, self.staged)) as engine:
            held = columns_of(catalog_of(engine))
            found = audit.verdicts_on(engine, self._project, checks, self._tables, held)
        if not self._run.force:
            for verdict in found:
                if verdict.blocks:
                    keep(verdict)
        audit.refuse(found, force=self._run.force, say=self._run.say)


_RUNS: dict[str, LakeRun] = {}
"""By run, in this process: those that are not published yet."""


def lake_run_of(run_id: str, begin: Callable[[], LakeRun]) -> LakeRun:
    """Return what a run writes to the lake; begun if this is its first table."""
    if run_id not in _RUNS:
        _RUNS[run_id] = begin()
    return _RUNS[run_id]


def end_run(run_id: str) -> LakeRun | None:
    """Return what a run has not published, for its end to decide on."""
    return _RUNS.pop(run_id, None)


@contextmanager
def open_for_run(settings: Settings, run_id: str) -> Iterator[Engine]:
    """Open what a run sees: what it wrote itself, or the newest snapshot of the lake."""
    written = _RUNS.get(run_id)
    with closing(
        engine_on(settings, written.lake, written.staged) if written else open_newest(settings)
    ) as engine:
        yield engine
