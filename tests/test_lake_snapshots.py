"""A snapshot of a lake is one manifest, created whole if nobody else has created that number."""

from __future__ import annotations

import json
import re
import threading
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warehouse.errors import WarehouseError
from warehouse.lake import place, snapshots
from warehouse.lake.manifest import Column, DataFile, LakeTable, Manifest, parse, to_json
from warehouse.lake.names import manifest_path, new_file_path, table_folder
from warehouse.lake.place import Lake, full_url, open_lake
from warehouse.lake.snapshots import LONGEST, add_snapshot, newest, numbers, read
from warehouse.lake.urls import secrets_of, without_credentials


@pytest.fixture(params=["folder", "memory"])
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> Lake:
    return open_lake(str(tmp_path / "lake") if request.param == "folder" else f"memory:/{tmp_path}")


def table(lake: Lake, name: str, content: bytes = b"rows", day: date | None = None) -> LakeTable:
    """Put a file into a lake, as any writer may, and return a table of it."""
    path = new_file_path(name, lake.writer, day)
    lake.fs.makedirs(lake.at(path).rpartition("/")[0], exist_ok=True)
    lake.fs.pipe_file(lake.at(path), content)
    return LakeTable((Column("a", "JSON", "ä"),), (DataFile(path, 3, len(content), day, "x"),))


def test_a_snapshot_is_what_was_added(lake: Lake) -> None:
    assert newest(lake) is None and numbers(lake) == []
    before = datetime.now(UTC)
    orders, customers = table(lake, "orders", day=date(2026, 1, 2)), table(lake, "customers")
    first = add_snapshot(lake, {"orders": orders}, writer="me")
    assert newest(lake) == first and first.tables == {"orders": orders}
    assert first.number == 1 and first.writer == "me"
    assert before <= first.written_at <= datetime.now(UTC)
    second = add_snapshot(lake, {"customers": customers}, writer="me")
    assert newest(lake) == second and second.tables == {"customers": customers, "orders": orders}
    third = add_snapshot(lake, {}, removed=["orders"], writer="me")
    assert newest(lake) == third and third.tables == {"customers": customers}
    assert read(lake, 1) == first and numbers(lake) == [1, 2, 3] and read(lake, 9) is None


def test_what_is_there_already_makes_no_snapshot(lake: Lake) -> None:
    orders = table(lake, "orders")
    first = add_snapshot(lake, {"orders": orders}, writer="me")
    assert add_snapshot(lake, {"orders": orders}, removed=["none"], writer="other") == first
    assert numbers(lake) == [1]


def test_the_file_of_a_manifest(tmp_path: Path) -> None:
    lake = open_lake(str(tmp_path))
    add_snapshot(lake, {"Bücher": table(lake, "Bücher", day=date(2026, 1, 2))}, writer="me")
    content = json.loads((tmp_path / "snapshots" / "000001.json").read_text(encoding="utf-8"))
    assert content["format"] == 1 and content["number"] == 1 and content["writer"] == "me"
    assert re.fullmatch(r"2\d{3}-\d\d-\d\dT[\d:.]+Z", content["written_at"])
    (file,) = content["tables"]["Bücher"]["files"]
    assert file["rows"] == 3 and file["bytes"] == 4 and file["day"] == "2026-01-02"
    assert (tmp_path / file["path"]).read_bytes() == b"rows"
    assert content["tables"]["Bücher"]["columns"] == [{"name": "a", "type": "JSON", "comment": "ä"}]
    assert [one.name for one in (tmp_path / "snapshots").iterdir()] == ["000001.json"]


def test_the_loser_builds_on_the_winner(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    base = add_snapshot(
        lake, {name: table(lake, name) for name in ("mine", "theirs", "both")}, writer="me"
    )
    theirs = {name: table(lake, name, b"theirs") for name in ("theirs", "both", "new")}
    mine = {name: table(lake, name, b"mine") for name in ("mine", "both")}
    said: list[str] = []
    create, tries = place.create, []

    def overtaken(where: Lake, path: str, content: bytes) -> bool:
        tries.append(path)
        if len(tries) == 1:
            add_snapshot(where, theirs, writer="the other")
        return create(where, path, content)

    monkeypatch.setattr(place, "create", overtaken)
    found = add_snapshot(lake, mine, writer="me", base=base, say=said.append)
    assert found.number == 3 and newest(lake) == found
    assert found.tables == {**theirs, **mine}
    assert read(lake, 2) and read(lake, 2).tables["both"] == theirs["both"]  # type: ignore[union-attr]
    assert len(said) == 1 and said[0].startswith("both: snapshot 2 of the lake (the other) came")


def test_a_table_of_another_writer_alone_is_taken_over_in_silence(lake: Lake) -> None:
    base = add_snapshot(lake, {"mine": table(lake, "mine")}, writer="me")
    add_snapshot(lake, {"theirs": table(lake, "theirs")}, writer="other")
    said: list[str] = []
    mine = table(lake, "mine", b"again")
    found = add_snapshot(lake, {"mine": mine}, writer="me", base=base, say=said.append)
    assert {*found.tables} == {"mine", "theirs"} and said == []


def test_many_writers_at_once_lose_nothing(lake: Lake) -> None:
    names = [f"t{number}" for number in range(8)]
    tables = {name: table(lake, name) for name in names}
    start = threading.Barrier(len(names))

    def write(name: str) -> None:
        start.wait()
        add_snapshot(lake, {name: tables[name]}, writer=name)

    threads = [threading.Thread(target=write, args=[name]) for name in names]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    found = newest(lake)
    assert found and found.tables == tables
    assert numbers(lake) == [*range(1, len(names) + 1)]


def test_create_takes_no_name_that_is_taken(lake: Lake) -> None:
    assert place.create(lake, "snapshots/a", b"first")
    assert not place.create(lake, "snapshots/a", b"second")
    assert place.read(lake, "snapshots/a") == b"first"
    assert place.names(lake, "snapshots") == ["a"]


def test_an_answer_that_was_lost_is_no_other_writer(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = place.create
    monkeypatch.setattr(place, "create", lambda *given: create(*given) and False)
    said: list[str] = []
    found = add_snapshot(lake, {"t": table(lake, "t")}, writer="me", say=said.append)
    assert found.number == 1 and numbers(lake) == [1] and newest(lake) == found
    assert said == [], "nobody else wrote the table"


def test_a_file_that_is_not_there(lake: Lake) -> None:
    first = add_snapshot(lake, {"t": table(lake, "t")}, writer="me")
    there = table(lake, "t")
    gone = LakeTable(there.columns, (*there.files, DataFile("tables/t/none.parquet", 1, 1)))
    with pytest.raises(WarehouseError, match=r"t: the file .*/tables/t/none\.parquet is not there"):
        add_snapshot(lake, {"t": gone}, writer="me")
    (file,) = there.files
    short = LakeTable(there.columns, (DataFile(file.path, 1, 99),))
    with pytest.raises(WarehouseError, match="has 4 bytes, not 99"):
        add_snapshot(lake, {"t": short}, writer="me")
    assert newest(lake) == first


def test_a_writer_that_took_too_long(lake: Lake) -> None:
    began = datetime.now(UTC) - LONGEST - timedelta(minutes=1)
    with pytest.raises(WarehouseError, match="Publishing took 12 hours"):
        add_snapshot(lake, {"t": table(lake, "t")}, writer="me", began=began)
    assert newest(lake) is None
    assert snapshots.GRACE >= 2 * LONGEST


@pytest.mark.parametrize("length", range(0, 400, 7))
def test_a_manifest_that_was_cut(tmp_path: Path, length: int) -> None:
    lake = open_lake(str(tmp_path))
    add_snapshot(lake, {"t": table(lake, "t")}, writer="me")
    file = tmp_path / manifest_path(1)
    file.write_bytes(file.read_bytes()[:length])
    with pytest.raises(WarehouseError, match=r"000001\.json is damaged") as raised:
        newest(lake)
    assert "remove it: the snapshot before it is then the newest" in str(raised.value)


@pytest.mark.parametrize(
    "content", [b"[]", b"null", b"\xff", b'{"format": "1"}', b'{"format": 1, "tables": []}']
)
def test_a_manifest_that_is_none(content: bytes) -> None:
    with pytest.raises(WarehouseError, match=r"000001\.json is damaged"):
        parse(content, "000001.json")


def test_a_manifest_of_a_newer_format() -> None:
    with pytest.raises(WarehouseError, match="is of format 2, and this version knows 1"):
        parse(b'{"format": 2}', "000001.json")


TEXT = st.text(st.characters(exclude_categories=["Cs"]))
FILES = st.builds(
    DataFile,
    TEXT,
    st.integers(0),
    st.integers(0),
    st.none() | st.dates(),
    st.text("0123456789abcdef"),
)
TABLES = st.builds(
    LakeTable,
    st.lists(st.builds(Column, TEXT, TEXT, st.none() | TEXT), max_size=2).map(tuple),
    st.lists(FILES, max_size=2).map(tuple),
)


@given(
    st.builds(
        Manifest,
        st.integers(1, 10**9),
        st.datetimes(timezones=st.just(UTC)),
        TEXT,
        st.dictionaries(TEXT, TABLES, max_size=2),
        st.text("0123456789abcdef"),
    )
)
def test_a_manifest_is_read_as_it_was_written(manifest: Manifest) -> None:
    assert parse(to_json(manifest), "it") == manifest


@given(st.sets(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), max_size=20))
def test_the_folder_of_any_table(names: set[str]) -> None:
    folders = {table_folder(name) for name in names}
    assert len({folder.lower() for folder in folders}) == len(names)
    assert all(re.fullmatch(r"tables/[a-z0-9][a-z0-9_-]{0,99}", folder) for folder in folders)


@pytest.mark.parametrize(
    "names",
    [
        ("orders", "Orders", "ORDERS"),
        ("a b", "a/b", "a.b", "a_b", "a-b", "A B"),
        ("ä", "Ä", "ö", "\u00e4", "a\u0308", "🦆", "_", "__", ".", "..", " ", "/", "\\"),
        ("x" * 64, "X" * 64, "é" * 64, "x" * 200, "con", "_x", "2026-01-02"),
    ],
)
def test_odd_names_have_folders_of_their_own(names: tuple[str, ...]) -> None:
    assert len({table_folder(name).lower() for name in names}) == len({*names})


def test_each_new_file_has_a_name_of_its_own() -> None:
    assert new_file_path("orders", "w") != new_file_path("orders", "w")
    assert new_file_path("orders", "w", date(2026, 1, 2)).startswith("tables/orders/2026-01-02-w-")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("/srv/lake?x", "/srv/lake?x"),
        ("s3a://bucket/lake", "s3a://bucket/lake"),
        ("s3://key:hidden@bucket/lake", "s3://bucket/lake"),
        ("s3://hidden@bucket/lake", "s3://bucket/lake"),
        ("s3://key:hid@den@bucket/lake", "s3://bucket/lake"),
        ("s3://bucket/lake?secret=hidden", "s3://bucket/lake"),
        ("s3://bucket?secret=hidden", "s3://bucket"),
        ("abfss://container@account.dfs.core.windows.net/l", None),
        (
            "abfss://me:hidden@account.dfs.core.windows.net/l",
            "abfss://account.dfs.core.windows.net/l",
        ),
        ("sc://host:15002/;token=hidden;user_id=me", "sc://host:15002/"),
    ],
)
def test_a_password_is_not_shown(url: str, shown: str | None) -> None:
    assert without_credentials(url) == (shown or url)
    if "hidden" in url and "=" in url:
        assert "hidden" in secrets_of(url)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("ftp://me:hidden@host/lake", r"WAREHOUSE_LAKE=ftp://host/lake cannot hold a lake: ftp://"),
        ("sftp://host/lake", "cannot hold a lake"),
        ("http://host/lake", "cannot hold a lake"),
        ("none://host/lake", r"s3://, s3a://"),
        ("simplecache::s3://bucket/lake", "cannot hold a lake"),
        ("s3://me:hidden@bucket/lake", "needs the Python package s3fs, which is not installed"),
        ("gs://bucket/lake", "pip install gcsfs"),
        ("abfss://c@account.dfs.core.windows.net/lake", "pip install adlfs"),
    ],
)
def test_a_lake_that_cannot_be_opened(url: str, said: str) -> None:
    with pytest.raises(WarehouseError, match=said) as raised:
        open_lake(url)
    assert "hidden" not in str(raised.value)


def test_what_a_store_says_shows_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    lake = open_lake("memory://me:hidden@bucket/lake?token=secret")
    assert "hidden" not in repr(lake) and lake.shown == "memory://bucket/lake"

    def refuse(*_: object, **__: object) -> None:
        raise ValueError("me:hidden may not use the token secret")

    monkeypatch.setattr(lake.fs, "ls", refuse)
    with pytest.raises(WarehouseError, match="Reading the lake memory://bucket/lake") as raised:
        newest(lake)
    assert "hidden" not in str(raised.value) and "secret" not in str(raised.value)


def test_the_url_of_a_file(tmp_path: Path) -> None:
    assert full_url(open_lake("memory://l/"), "tables/a") == "memory://l/tables/a"
    for url in (f"{tmp_path}/lake", f"file://{tmp_path}/lake/"):
        assert full_url(open_lake(url), "tables/a") == f"file://{tmp_path}/lake/tables/a"
