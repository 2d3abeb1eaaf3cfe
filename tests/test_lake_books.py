"""No writer to a lake loses what another one wrote: its tables, its days, its receipts."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.lakes import change, no_waiting_for_the_disk, rows, send  # noqa: F401
from warehouse.assets.lake_books import Books, Entries, going_back, open_books, take_over
from warehouse.errors import WarehouseError
from warehouse.lake import place
from warehouse.lake.changes import NewDays
from warehouse.lake.manifest import Column, DataFile, LakeTable, Manifest
from warehouse.lake.names import new_file_path
from warehouse.lake.place import Lake, open_lake
from warehouse.lake.snapshots import add_snapshot, newest, numbers, read, roll_back
from warehouse.store import cached_days, ledger

pytestmark = pytest.mark.usefixtures("no_waiting_for_the_disk")

AT = datetime(2026, 1, 1, tzinfo=UTC)
DAYS = [date(2026, 1, day) for day in (1, 2, 3)]
COLUMNS = (Column("n", "INTEGER"),)


def receipt(run: str, table: str) -> ledger.Receipt:
    return ledger.Receipt(
        started_at=AT,
        table_name=table,
        rows=1,
        seconds=0.1,
        bytes=1,
        server=None,
        host="h",
        port=3306,
        database="d",
        source_table=table,
        server_version="9",
        binlog_position=None,
        gtid=None,
        source_version="v",
        query="select",
        invalid_dates={"a": 1},
        invalid_values={},
        first_invalid={"a": "1"},
        hidden_columns=None,
        instant=None,
        run_id=run,
    )


def data_file(lake: Lake, table: str, writer: str, day: date | None = None) -> DataFile:
    """Put a file into a lake; its identity is its writer."""
    path = new_file_path(table, lake.writer, day)
    lake.fs.makedirs(lake.at(path).rpartition("/")[0], exist_ok=True)
    lake.fs.pipe_file(lake.at(path), b"rows")
    return DataFile(path, 1, 4, day, writer)


@dataclass
class State:
    """What a snapshot holds: by table and day (None: it has no days) its writer, and the books."""

    tables: dict[str, dict[date | None, str]] = field(default_factory=dict)
    receipts: set[tuple[str, str]] = field(default_factory=set)
    days: dict[tuple[str, date], str] = field(default_factory=dict)

    def without_days_of(self, tables: set[str]) -> dict[tuple[str, date], str]:
        return {key: run for key, run in self.days.items() if key[0] not in tables}


def state(lake: Lake, manifest: Manifest) -> State:
    """Read a snapshot."""
    found = State()
    for name, table in manifest.tables.items():
        if name not in (ledger.TABLE, cached_days.TABLE):
            found.tables[name] = {file.day: file.identity for file in table.files}
            assert len(found.tables[name]) == len(table.files)
    with closing(open_books(lake, manifest)) as books:
        present = {name for (name,) in books.execute("SHOW TABLES").fetchall()}
        if ledger.TABLE in present:
            held = books.execute("SELECT run_id, table_name FROM loads").fetchall()
            found.receipts = {*held}
            assert len(found.receipts) == len(held), "a receipt is there once"
        if cached_days.TABLE in present:
            noted = books.execute("SELECT table_name, day, run_id FROM cached_days").fetchall()
            found.days = {(table, day): run for table, day, run in noted}
            assert len(found.days) == len(noted), "a day is there once"
    return found


Expected = Callable[[State], State]
"""What a writer makes of the snapshot on which it comes to build."""


def load(lake: Lake, run: str, table: str) -> Expected:
    """A run on Spark that loads a whole table."""

    def enter(books: Books) -> None:
        ledger.record(books, receipt(run, table))
        if days := cached_days.days(books, table):
            cached_days.strike(books, table, [*days])

    made = LakeTable(COLUMNS, (data_file(lake, table, run),))
    add_snapshot(lake, {table: made}, writer=run, merge=Entries(lake, enter))
    return lambda before: State(
        {**before.tables, table: {None: run}},
        before.receipts | {(run, table)},
        before.without_days_of({table}),
    )


def load_days(lake: Lake, run: str, table: str, days: list[date]) -> Expected:
    """A run on Spark that loads some days of a table."""

    def enter(books: Books) -> None:
        ledger.record(books, receipt(run, table))
        cached_days.record(books, table, dict.fromkeys(days, 1), AT, run)

    files = tuple(data_file(lake, table, run, day) for day in days)
    made = NewDays(COLUMNS, files, frozenset(days), DAYS[0], DAYS[-1])
    add_snapshot(lake, {table: made}, writer=run, merge=Entries(lake, enter))
    return lambda before: State(
        {
            **before.tables,
            table: {
                **{d: w for d, w in before.tables.get(table, {}).items() if d is not None},
                **dict.fromkeys(days, run),
            },
        },
        before.receipts | {(run, table)},
        {**before.days, **{(table, day): run for day in days}},
    )


def publish(lake: Lake, run: str, table: str, days: list[date]) -> Expected:
    """`just publish` of a file whose last load was of some days; it knows of one run before."""
    files = tuple(data_file(lake, table, run, day) for day in days)
    with duckdb.connect() as held:
        for one in ("first", run):
            ledger.record(held, receipt(one, table))
        cached_days.record(held, table, dict.fromkeys(days, 1), AT, run)
        add_snapshot(
            lake,
            {table: LakeTable(COLUMNS, files)},
            writer=run,
            merge=Entries(lake, lambda books: take_over(books, held, {table})),
        )
    return lambda before: State(
        {**before.tables, table: dict.fromkeys(days, run)},
        before.receipts | {("first", table), (run, table)},
        {**before.without_days_of({table}), **{(table, day): run for day in days}},
    )


def go_back(lake: Lake, *_others: object) -> Expected:
    """`just rollback -1`."""
    now = newest(lake)
    if len(numbers(lake)) < 2 or now is None:
        return lambda before: before
    older = roll_back(lake, -1, merge=partial(going_back, lake))[0]
    back, current = state(lake, older), state(lake, now)
    touched = {*back.tables, *current.tables}
    return lambda before: State(
        {**{n: t for n, t in before.tables.items() if n not in touched}, **back.tables},
        before.receipts | back.receipts,
        {**before.without_days_of(touched), **back.days},
    )


WRITERS: dict[str, Callable[..., Expected]] = {
    "load": lambda lake, run, table, _: load(lake, run, table),
    "days": load_days,
    "publish": publish,
    "rollback": go_back,
}


@dataclass(frozen=True)
class Write:
    """A write, and how many others come between its look at the lake and its manifest."""

    kind: str
    table: str
    days: tuple[date, ...]
    overtaken: int


WRITES = st.lists(
    st.builds(
        Write,
        st.sampled_from([*WRITERS]),
        st.sampled_from(["a", "b"]),
        st.sets(st.sampled_from(DAYS), min_size=1).map(lambda days: tuple(sorted(days))),
        st.integers(0, 2),
    ),
    min_size=2,
    max_size=5,
)


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(WRITES)
@example([Write("days", "a", (DAYS[0],), 1), Write("days", "a", (DAYS[1],), 0)])
def test_however_writers_come_between_each_other(
    tmp_path_factory: pytest.TempPathFactory, writes: list[Write]
) -> None:
    """Each snapshot is what its writer made of the one before, whatever it had looked at."""
    lake = open_lake(str(tmp_path_factory.mktemp("lake")))
    waiting = [*enumerate(writes)]
    expected: dict[int, Expected] = {}
    create = place.create

    def run_next() -> None:
        number, write = waiting.pop(0)
        left = [write.overtaken]

        def overtaken(where: Lake, path: str, content: bytes) -> bool:
            while left[0] and waiting:
                left[0] -= 1
                run_next()
            patch.setattr(place, "create", overtaken)
            done = create(where, path, content)
            if done:
                published.append(int(Path(path).stem))
            return done

        published: list[int] = []
        patch.setattr(place, "create", overtaken)
        makes = WRITERS[write.kind](lake, f"run {number}", write.table, [*write.days])
        if published:
            expected[published[-1]] = makes

    with pytest.MonkeyPatch.context() as patch:
        while waiting:
            run_next()
    before = State()
    for snapshot in numbers(lake):
        manifest = read(lake, snapshot)
        assert manifest
        assert state(lake, manifest) == expected[snapshot](before)
        before = state(lake, manifest)
    named = {path for n in numbers(lake) if (one := read(lake, n)) for path in one.files}
    assert {*place.sizes(lake, "tables")} == named, "a try that failed leaves nothing"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return open_lake(str(tmp_path / "lake"))


def test_the_books_stay_one_file_each(lake: Lake) -> None:
    for number in range(8):
        load_days(lake, f"run {number}", "t", [DAYS[number % 3]])
    found = newest(lake)
    assert found
    assert [len(found.tables[name].files) for name in (ledger.TABLE, cached_days.TABLE)] == [1, 1]
    assert len(rows(lake, ledger.TABLE)) == 8 and len(rows(lake, cached_days.TABLE)) == 3


@pytest.mark.parametrize("kind", ["load", "publish"])
def test_the_books_of_an_earlier_version(lake: Lake, tmp_path: Path, kind: str) -> None:
    """Its receipts lack columns, and lie in several files."""
    file = tmp_path / "old.duckdb"
    old = "SELECT TIMESTAMPTZ '2025-01-01 00:00:00+00' AS started_at, 't' AS table_name, 1 AS rows"
    change(file, f"CREATE TABLE loads AS {old}, 'old ' || i AS run_id FROM range(3) r(i)")
    first = send(file, lake).snapshot.tables["loads"]
    change(file, "UPDATE loads SET run_id = 'older'")
    parts = LakeTable(
        first.columns, (*first.files, *send(file, lake).snapshot.tables["loads"].files)
    )
    add_snapshot(lake, {"loads": parts}, writer="an earlier version")
    WRITERS[kind](lake, "new", "t", DAYS[:1])
    with closing(open_books(lake, newest(lake))) as books:
        found = books.execute("SELECT run_id, source_version FROM loads").fetchall()
    new = [("new", "v")] if kind == "load" else [("first", "v"), ("new", "v")]
    before = [(run, None) for run in ("old 0", "old 1", "old 2", *["older"] * 3)]
    assert sorted(found, key=str) == [*new, *before]


@pytest.mark.parametrize("moment", ["before the manifest", "after the manifest"])
def test_a_writer_that_is_stopped_as_it_publishes(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """What it published stays readable, and what it did not goes."""
    file, link = tmp_path / "w.duckdb", os.link
    change(file, "CREATE TABLE t AS SELECT 1 AS n")
    send(file, lake)
    change(file, "UPDATE t SET n = 2")

    def stopped(part: Path, manifest: Path) -> None:
        if moment == "after the manifest":
            link(part, manifest)
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "link", stopped)
    with pytest.raises(KeyboardInterrupt):
        send(file, lake)
    monkeypatch.undo()
    assert rows(lake, "t") == [(2 if moment == "after the manifest" else 1,)]
    named = {path for n in numbers(lake) if (one := read(lake, n)) for path in one.files}
    assert {*place.sizes(lake, "tables")} == named


def test_what_is_written_for_a_snapshot_that_fails_goes(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(lake, "first", "t")
    before = {*place.sizes(lake, "tables/loads")}

    def refuse(*_: object) -> bool:
        raise WarehouseError("no")

    monkeypatch.setattr(place, "create", refuse)
    with pytest.raises(WarehouseError, match="no"):
        load(lake, "second", "t")
    assert {*place.sizes(lake, "tables/loads")} == before


def test_days_that_two_read_are_said(lake: Lake) -> None:
    base = newest(lake)
    load_days(lake, "one", "t", DAYS[:2])
    said: list[str] = []
    for days in (DAYS[2:], DAYS[1:]):
        files = tuple(data_file(lake, "t", "two", day) for day in days)
        made = NewDays(COLUMNS, files, frozenset(days), DAYS[0], DAYS[-1])
        add_snapshot(lake, {"t": made}, writer="two", base=base, say=said.append)
        assert bool(said) == (days == DAYS[1:])
    found = newest(lake)
    assert found
    assert state(lake, found).tables["t"] == {DAYS[0]: "one", DAYS[1]: "two", DAYS[2]: "two"}


def test_days_that_are_none_any_more_go(lake: Lake) -> None:
    load_days(lake, "one", "t", DAYS)
    file = data_file(lake, "t", "two", DAYS[2])
    made = NewDays(COLUMNS, (file,), frozenset(DAYS[2:]), DAYS[1], DAYS[2])
    add_snapshot(lake, {"t": made}, writer="two")
    found = newest(lake)
    assert found
    assert state(lake, found).tables["t"] == {DAYS[1]: "one", DAYS[2]: "two"}
