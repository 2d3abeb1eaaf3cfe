"""One run is one snapshot: all that it writes goes into one private copy, published as a whole."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path

import duckdb

from warehouse.store import snapshots
from warehouse.store.snapshots import Snapshot

Opener = Callable[[set[str]], AbstractContextManager[duckdb.DuckDBPyConnection]]
"""Opens the private copy; published when it is left without an error, thrown away otherwise. It is
given the set that will name the tables which are written by then."""


Review = Callable[[Collection[str], Snapshot | None, Snapshot], None]


class _Discarded(Exception):
    """Leaves the private copy without publishing it."""


class RunSnapshot:
    """What a run writes, from its first write until all that it awaits is in."""

    def __init__(self, open_copy: Opener, awaited: set[str], steps: set[str]) -> None:
        """Open the private copy.

        Args:
            open_copy: Opens it.
            awaited: The tables, and `VIEWS`, that the run writes. With the last it is published.
            steps: The steps that may write. With an executor that gives each step a process of its
                own, it is one.
        """
        self._awaited = awaited
        self.steps = steps
        self.written: set[str] = set()
        self._copy = ExitStack()
        self._connection = self._copy.enter_context(open_copy(self.written))
        self.lost: set[str] = set()

    @contextmanager
    def turn(
        self, tables: Collection[str] = (), replacing: Sequence[str] = ()
    ) -> Iterator[duckdb.DuckDBPyConnection]:
        """Write something, as a whole or not at all; nobody else sees it yet.

        Args:
            tables: Which are written.
            replacing: Tables that are written again; gone when the `with` begins, so that the file
                does not hold them twice. `lost` names them if they are not written.
        """
        connection = self._connection
        for table in replacing:
            connection.execute(f"DROP TABLE IF EXISTS {table}")
            self.lost.add(table)
        if replacing:
            connection.commit()
            connection.execute("CHECKPOINT")  # frees the dropped blocks for what comes
            connection.begin()
        try:
            yield connection
        except BaseException:
            with suppress(duckdb.Error):
                connection.rollback()
            connection.begin()
            raise
        connection.commit()
        connection.begin()
        self.written |= {*tables}
        self.lost -= {*replacing}

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """Return a connection of its own to what is written so far."""
        return self._connection.cursor()

    def done(self, name: str) -> bool:
        """Note that something awaited is in. Returns whether it was the last, and all published."""
        self._awaited.discard(name)
        if self._awaited:
            return False
        self.publish()
        return True

    def publish(self) -> None:
        """Make what is written the newest snapshot."""
        self._copy.close()

    def restore(self, path: Path) -> None:
        """Take back from the newest snapshot the tables that were dropped and not written."""
        current = snapshots.newest(path)
        if not self.lost or current is None:
            return
        self._connection.commit()
        file = str(current.file.resolve()).replace("'", "''")
        self._connection.execute(f"ATTACH '{file}' AS last_snapshot (READ_ONLY)")
        try:
            for table in sorted(self.lost):
                with suppress(duckdb.CatalogException):  # it was not there before, either
                    self._connection.execute(f"CREATE TABLE {table} AS FROM last_snapshot.{table}")
        finally:
            self._connection.execute("DETACH last_snapshot")
            self._connection.begin()

    def discard(self) -> None:
        """Throw away what is written."""
        error = _Discarded()
        with suppress(_Discarded):
            self._copy.__exit__(_Discarded, error, None)


VIEWS = "views"
"""What a run awaits that writes views, however many."""

_open: dict[tuple[Path, str], RunSnapshot] = {}
"""By warehouse and run: those that are not published yet."""
_skipped: dict[tuple[Path, str], set[str]] = {}
"""By warehouse and run: what it will not write, told before its first write."""
_held: dict[Path, Review] = {}
"""Warehouses whose runs in this process write one snapshot together, and who reviews it."""

_TOGETHER = ""
"""Stands for the runs of a warehouse that is held."""


@contextmanager
def held(path: Path, review: Review) -> Iterator[Callable[[], RunSnapshot | None]]:
    """Have all runs of a `with` write into one snapshot, which is published by nobody but it.

    Args:
        path: The link that readers open.
        review: Called with the tables written, what everyone reads and the file to be published;
            raises to keep it from that.

    Yields:
        Returns what they wrote, which is then the caller's to publish; None if that is nothing.
        What it was not asked for is thrown away.
    """
    _held[path] = review
    try:
        yield lambda: _open.pop((path, _TOGETHER), None)
    finally:
        del _held[path]
        if written := _open.pop((path, _TOGETHER), None):
            written.discard()


def reviewer(path: Path) -> Review | None:
    """Return who reviews what the runs of a warehouse write; None if each publishes by itself."""
    return _held.get(path)


def _key(path: Path, run_id: str) -> tuple[Path, str]:
    return path, _TOGETHER if path in _held else run_id


def of_run(path: Path, run_id: str) -> RunSnapshot | None:
    """Return the snapshot that a run writes in this process, if it is not published yet."""
    return _open.get(_key(path, run_id))


def open_for_run(
    path: Path, run_id: str, open_copy: Opener, awaited: set[str], steps: set[str]
) -> RunSnapshot:
    """Return the snapshot that a run writes; opened if this is its first write."""
    key = _key(path, run_id)
    if key not in _open:
        _open[key] = RunSnapshot(open_copy, awaited - _skipped.pop((path, run_id), set()), steps)
    return _open[key]


def skip(path: Path, run_id: str, name: str) -> None:
    """Note that a run does not write something that it may await."""
    if of_run(path, run_id):
        note_done(path, run_id, name)
    else:
        _skipped.setdefault((path, run_id), set()).add(name)


def note_done(path: Path, run_id: str, name: str) -> None:
    """Note that something is in that a run awaits; with the last all of it is published."""
    written = _open.get((path, run_id))
    if written is None or path in _held:
        return
    try:
        published = written.done(name)
    except BaseException:
        _open.pop((path, run_id), None)
        raise
    if published:
        del _open[path, run_id]


def close_run(path: Path, run_id: str) -> RunSnapshot | None:
    """Return what a run wrote and did not publish, for its end to decide on."""
    _skipped.pop((path, run_id), None)
    return _open.pop((path, run_id), None)


@contextmanager
def read_for_run(path: Path, run_id: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open what a run sees for the length of a `with`, see `open_for_reading`."""
    with open_for_reading(path, run_id) as connection:
        yield connection


def open_for_reading(path: Path, run_id: str) -> duckdb.DuckDBPyConnection:
    """Open what a run sees: what it wrote itself, or the newest snapshot."""
    written = of_run(path, run_id)
    return written.cursor() if written else snapshots.open_newest(path)
