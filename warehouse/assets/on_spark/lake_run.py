"""One run is one snapshot of the lake: files first, and at the end the manifest that names them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

from warehouse.assets.begin import Run
from warehouse.assets.lake_books import Books, Entries, open_books
from warehouse.assets.on_spark.read import AGAIN
from warehouse.engines.catalog import columns_of
from warehouse.engines.engine import Engine, catalog_of
from warehouse.engines.spark.on_lake import engine_on, lake_of, open_newest
from warehouse.errors import WarehouseError
from warehouse.lake import place
from warehouse.lake.changes import Change, NewDays, applied
from warehouse.lake.manifest import LakeTable, Manifest
from warehouse.lake.names import new_folder_path
from warehouse.lake.snapshots import add_snapshot, named_files, newest
from warehouse.lake.writers import Note
from warehouse.mysql.instant import open_together
from warehouse.mysql.plan import Plan
from warehouse.mysql.url import Server
from warehouse.project.check_files import BLOCK, severity
from warehouse.project.project import Project
from warehouse.project.source_files import Source
from warehouse.settings import Settings
from warehouse.store import audit, cached_days, guard, ledger
from warehouse.store.audit import Verdict


@dataclass(frozen=True)
class Loaded:
    """A source that was loaded into files.

    Attributes:
        change: What it does to the table.
        receipt: Of the load.
        rows_by_day: Of the days that were read; empty if it has none.
        plan: By which it was read.
    """

    change: Change
    receipt: ledger.Receipt
    rows_by_day: Mapping[date, int]
    plan: Plan


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
        with closing(open_books(self.lake, self.base)) as books:
            self.last_loads = {
                name: last for name in awaited if (last := ledger.last_load(books, name))
            }
        self._began = datetime.now(UTC)
        self._project = project
        self._run = run
        self._awaited = set(awaited)
        self._loaded: dict[str, Loaded] = {}
        self._positions: dict[Server, str | None] = {}
        self._folders: list[str] = []
        self._note = Note(self.lake)

    @property
    def _tables(self) -> dict[str, LakeTable]:
        return {name: applied(one.change, self.table(name)) for name, one in self._loaded.items()}

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

    @property
    def complete(self) -> bool:
        """Whether all that the run awaits is written."""
        return not self._awaited

    def note_position(self, server: Server) -> None:
        """Note where a server stands before the run's first source of it is read."""
        if server not in self._positions:
            self._positions[server] = _position(server, self._run)

    def new_folder(self, table: str) -> str:
        """Return the path of a folder for the files of a table; it is not there yet."""
        folder = new_folder_path(table, self.lake.writer)
        self._folders.append(folder)
        return folder

    def add(self, source: Source, loaded: Loaded) -> LakeTable:
        """Note that a source is written. Returns the table as it is going to be.

        Raises:
            WarehouseError: it lost more rows than is allowed.
        """
        before = self.table(source.name)
        after = applied(loaded.change, before)
        if before and not self._run.force:
            own = source.max_shrink
            allowed = source.settings.max_shrink if own is None else own
            note = "" if own is None else "max_shrink"
            guard.check_shrink(source.name, before.rows, after.rows, allowed, note)
        self._loaded[source.name] = loaded
        self._awaited.discard(source.name)
        return after

    def without(self, name: str) -> bool:
        """Note that a source is not written. Returns whether all others are."""
        self._awaited.discard(name)
        return self.complete

    def publish(self, keep: Callable[[Sequence[Verdict]], None]) -> Manifest | None:
        """Publish what was written, unless a check of severity block fails on it.

        Args:
            keep: Told which of them fail.

        Returns:
            The snapshot; None if nothing was written.

        Raises:
            WarehouseError: one fails, or the lake cannot be written.
        """
        if not self._loaded:
            return None
        self._review(keep)
        moved = self._moved()
        self.base = add_snapshot(
            self.lake,
            {name: one.change for name, one in self._loaded.items()},
            writer=", ".join(sorted(self._loaded)) + f" (run {self._run.run_id})",
            merge=Entries(self.lake, lambda books: self._enter(books, moved), say=self._run.say),
            base=self.base,
            began=self._began,
            say=self._run.say,
        )
        return self.base

    def clean_up(self) -> None:
        """Remove what was written and is in no snapshot; the next writer looks for what is left."""
        held = self.base.files if self.base else {}
        left = [folder for folder in self._folders if not _holds(held, folder)]
        self._remove(left)
        self._note.end(executors_write=bool(left))

    def _remove(self, folders: Collection[str]) -> None:
        if not folders:
            return
        with suppress(WarehouseError):
            named = named_files(self.lake)  # a run that is stopped may have published already
            for folder in folders:
                for written in (folder, folder + AGAIN):
                    if not _holds(named, written):
                        place.remove_folder(self.lake, written)

    def _moved(self) -> set[str | None]:
        """Return the servers that did not stand still while several sources were read."""
        return {
            server.name
            for server, position in self._positions.items()
            if len(self._loaded) > 1 and (not position or _position(server, self._run) != position)
        }

    def _enter(self, books: Books, moved: Collection[str | None]) -> None:
        """Enter the receipts, and which days were read."""
        for name, one in self._loaded.items():
            receipt = one.receipt
            if one.plan.server.name in moved:
                said = f"{receipt.instant}; not that of the other sources of the run, as far as "
                receipt = replace(receipt, instant=f"{said}can be proven")
            ledger.record(books, receipt)
            days = cached_days.days(books, name)
            if isinstance(one.change, NewDays):
                source = self._project.by_name[name]
                assert source.days
                asked_at = one.plan.asked_at_by(source.updated or source.days.name)
                cached_days.record(books, name, one.rows_by_day, asked_at, self._run.run_id)
                first, last = one.change.first, one.change.last
                days = {day for day in days if not first <= day <= last}
            if days:  # whose rows are none of the table any more
                cached_days.strike(books, name, [*days])

    def _review(self, keep: Callable[[Sequence[Verdict]], None]) -> None:
        """See that no check of severity block fails on the snapshot to come."""
        checks = [check for check in self._project.checks if severity(check) == BLOCK]
        if not checks:
            return
        with closing(engine_on(self._project.settings, self.lake, self.staged)) as engine:
            held = columns_of(catalog_of(engine))
            found = audit.verdicts_on(engine, self._project, checks, self._tables, held)
        keep([verdict for verdict in found if verdict.blocks])
        audit.refuse(found, force=self._run.force, say=self._run.say)


def _holds(paths: Iterable[str], folder: str) -> bool:
    return any(path.startswith(f"{folder}/") for path in paths)


def _position(server: Server, run: Run) -> str | None:
    """Return where a server stands; None if it cannot be told."""
    with open_together(server, 1, say=run.say) as (_, instant):
        return instant.position


_RUNS: dict[str, LakeRun] = {}
"""By run, in this process: those that are not published yet."""


def lake_run_of(run_id: str, begin: Callable[[], LakeRun]) -> LakeRun:
    """Return what a run writes to the lake; begun if this is its first table."""
    if run_id not in _RUNS:
        _RUNS[run_id] = begin()
    return _RUNS[run_id]


def end_run(run_id: str) -> None:
    """End a run: what it has not published by now is removed."""
    if ended := _RUNS.pop(run_id, None):
        ended.clean_up()


@contextmanager
def open_for_run(settings: Settings, run_id: str) -> Iterator[Engine]:
    """Open what a run sees: what it wrote itself, or the newest snapshot of the lake."""
    written = _RUNS.get(run_id)
    with closing(
        engine_on(settings, written.lake, written.staged) if written else open_newest(settings)
    ) as engine:
        yield engine
