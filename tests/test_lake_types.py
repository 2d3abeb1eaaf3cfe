"""Each value that goes to the lake is read from its Parquet as it was; or it does not go."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import duckdb
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.lakes import change, no_waiting_for_the_disk, send  # noqa: F401
from warehouse.errors import WarehouseError
from warehouse.lake.place import Lake, open_lake
from warehouse.lake.publish import publish
from warehouse.lake.types import _AS_THEY_ARE, _STORED
from warehouse.lake.write import keep_flat
from warehouse.mysql.types import TYPES


def integers(bits: int, signed: bool) -> st.SearchStrategy[str]:
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    return st.integers(low, high).map(str)


MANY_DIGITS = 10**38 - 1
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
FLOATS = st.one_of(
    st.just("'nan'"), st.just("'inf'"), st.just("'-0.0'"), st.floats().map("'{}'".format)
)
CLOCK = st.times().map("'{}'".format)
MOMENT = st.datetimes().map("'{}'".format)
INTERVAL = st.builds(
    "INTERVAL '{} months {} days {} microseconds'".format,
    st.integers(-99999, 99999),
    st.integers(-99999, 99999),
    st.integers(-(10**14), 10**14),
)


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def blob(value: bytes) -> str:
    return f"unhex('{value.hex()}')"


def listed(items: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(st.one_of(st.just("NULL"), items), max_size=3).map(
        lambda some: f"[{', '.join(some)}]"
    )


VALUES: dict[str, st.SearchStrategy[str]] = {
    "TINYINT": integers(8, True),
    "SMALLINT": integers(16, True),
    "INTEGER": integers(32, True),
    "BIGINT": integers(64, True),
    "UTINYINT": integers(8, False),
    "USMALLINT": integers(16, False),
    "UINTEGER": integers(32, False),
    "UBIGINT": integers(64, False),
    "HUGEINT": st.integers(-MANY_DIGITS, MANY_DIGITS).map(str),
    "UHUGEINT": st.integers(0, MANY_DIGITS).map(str),
    "BIGNUM": st.integers(-(10**60), 10**60).map("'{}'".format),
    "DECIMAL(4,1)": st.decimals(-999, 999, places=1).map(str),
    "DECIMAL(12,2)": st.decimals(-(10**9), 10**9, places=2).map(str),
    "DECIMAL(38,10)": st.integers(-MANY_DIGITS, MANY_DIGITS).map(
        lambda n: f"'{'-' * (n < 0)}{abs(n) // 10**10}.{abs(n) % 10**10:010}'"
    ),
    "FLOAT": st.floats(width=32).map("'{}'".format),
    "DOUBLE": FLOATS,
    "BOOLEAN": st.sampled_from(["true", "false"]),
    "VARCHAR": TEXT.map(literal),
    "JSON": st.dictionaries(st.text("ab", max_size=2), st.integers()).map(
        lambda some: literal(str(some).replace("'", '"'))
    ),
    "BLOB": st.binary(max_size=12).map(blob),
    "BIT": st.text("01", min_size=1, max_size=20).map(literal),
    "UUID": st.builds(lambda n: f"'{UUID(int=n)}'", st.integers(0, (1 << 128) - 1)),
    "DATE": st.dates().map("'{}'".format),
    "TIME": CLOCK,
    "TIME_NS": CLOCK.map(lambda text: text if "." not in text else text[:-1] + "789'"),
    "TIME WITH TIME ZONE": st.builds(
        lambda text, hours: f"{text[:-1]}{hours:+03d}:30'", CLOCK, st.integers(-15, 15)
    ),
    "TIMESTAMP": MOMENT,
    "TIMESTAMP_S": MOMENT,
    "TIMESTAMP_MS": MOMENT,
    "TIMESTAMP_NS": st.integers(-(2**52), 2**52).map("make_timestamp({})".format),
    "TIMESTAMPTZ_NS": st.integers(-(2**52), 2**52).map("make_timestamp({})::TIMESTAMPTZ".format),
    "TIMESTAMP WITH TIME ZONE": MOMENT,
    "INTERVAL": INTERVAL,
    "ENUM('a', 'B ''c')": st.sampled_from(["'a'", "'B ''c'"]),
    '"NULL"': st.just("NULL"),
    "INTEGER[]": listed(integers(32, True)),
    "HUGEINT[][]": listed(listed(st.integers(-MANY_DIGITS, MANY_DIGITS).map(str))),
    "UUID[2]": st.just("['11111111-1111-1111-1111-111111111111', NULL]"),
    "FLOAT[3]": st.just("[1.1, NULL, '-0.0']"),
    'STRUCT(a JSON, "B c" TIME[])': st.builds(
        "{{'a': {}, 'B c': {}}}".format, st.just("'[1]'"), listed(CLOCK)
    ),
    "MAP(VARCHAR, BIGINT)": st.dictionaries(TEXT, integers(64, True), max_size=3).map(
        lambda some: "MAP {" + ", ".join(f"{literal(k)}: {v}" for k, v in some.items()) + "}"
    ),
    "MAP(UUID, TIMESTAMP_NS)": st.just(
        "MAP {'11111111-1111-1111-1111-111111111111': '2024-01-01 00:00:00.000001'}"
    ),
}
"""SQL for values of each type that goes to the lake."""

PARQUET = {
    "HUGEINT": "DECIMAL(38,0)",
    "UHUGEINT": "DECIMAL(38,0)",
    "TIMESTAMP_S": "TIMESTAMP",
    "TIMESTAMP_MS": "TIMESTAMP",
    "TIMESTAMP_NS": "TIMESTAMP",
    "TIMESTAMPTZ_NS": "TIMESTAMP WITH TIME ZONE",
    "HUGEINT[][]": "DECIMAL(38,0)[][]",
    "UUID[2]": "VARCHAR[]",
    "FLOAT[3]": "FLOAT[]",
    'STRUCT(a JSON, "B c" TIME[])': 'STRUCT(a VARCHAR, "B c" VARCHAR[])',
    "MAP(UUID, TIMESTAMP_NS)": "MAP(VARCHAR, TIMESTAMP)",
    **dict.fromkeys(
        [
            *("BIGNUM", "JSON", "BIT", "UUID", "TIME", "TIME_NS", "TIME WITH TIME ZONE"),
            *("INTERVAL", "ENUM('a', 'B ''c')", '"NULL"'),
        ],
        "VARCHAR",
    ),
}
"""What the Parquet holds where it is another type."""


pytestmark = pytest.mark.usefixtures("no_waiting_for_the_disk")


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return open_lake(str(tmp_path / "lake"))


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    return open_lake(str(tmp_path_factory.mktemp("types")))


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        keep_flat(opened, None)
        yield opened


@pytest.mark.parametrize("type_", [one for one in VALUES if one != '"NULL"'])
@settings(max_examples=5, deadline=None)
@given(data=st.data())
def test_each_value_of_each_type_arrives(
    many: Lake, connection: duckdb.DuckDBPyConnection, type_: str, data: st.DataObject
) -> None:
    values = data.draw(st.lists(st.one_of(st.just("NULL"), VALUES[type_]), min_size=1))
    rows = ", ".join(f"({n}, {value})" for n, value in enumerate(values))
    connection.execute(f"CREATE OR REPLACE TABLE t (n INTEGER, c {type_})")
    connection.execute(f"INSERT INTO t VALUES {rows}")
    table = publish(connection, many, {"t": ""}, writer="test").snapshot.tables["t"]
    (file,) = table.files
    parquet = f"read_parquet('{many.at(file.path)}')"
    assert file.rows == len(values) and table.columns[1].type == type_
    (_, (_, held, *_)) = connection.execute(f"DESCRIBE FROM {parquet}").fetchall()
    assert held == PARQUET.get(type_, type_)
    wanted, found = (
        connection.execute(f"SELECT {sql}::VARCHAR FROM {source} ORDER BY n").fetchall()
        for sql, source in (("c", "t"), (f"c::{type_}", parquet))
    )
    assert found == wanted


def test_all_types_of_the_map_from_mysql_are_tried() -> None:
    of_the_map = {rule.duckdb.format(p=38, s=10) for rule in TYPES.values()}
    same = {"TIMESTAMPTZ": "TIMESTAMP WITH TIME ZONE", "FLOAT[]": "FLOAT[3]"}
    assert {same.get(one, one) for one in of_the_map} <= {*VALUES}


def test_all_types_of_the_lake_are_tried() -> None:
    with duckdb.connect() as connection:
        names = [n for n in VALUES if n != '"NULL"']
        connection.execute(
            f"CREATE TABLE t ({', '.join(f'c{i} {n}' for i, n in enumerate(names))})"
        )
        tried = {type_.id for type_ in connection.table("t").types} | {"null"}
    assert {*_AS_THEY_ARE, *_STORED} <= tried


def test_a_column_without_any_value(tmp_path: Path, lake: Lake) -> None:
    change(tmp_path / "f.duckdb", "CREATE TABLE t AS SELECT NULL AS n, [NULL] AS l")
    manifest = send(tmp_path / "f.duckdb", lake).snapshot
    assert [column.type for column in manifest.tables["t"].columns] == ['"NULL"', '"NULL"[]']
    found = duckdb.read_parquet(lake.at(manifest.tables["t"].files[0].path))
    assert [*map(str, found.types)] == ["VARCHAR", "VARCHAR[]"]
    assert found.fetchall() == [(None, [None])]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (f"{MANY_DIGITS + 1}::HUGEINT", "1 values of HUGEINT have more than 38 digits"),
        (f"-{MANY_DIGITS + 1}::HUGEINT", "have more than 38 digits"),
        (f"{MANY_DIGITS + 1}::UHUGEINT", "have more than 38 digits"),
        (f"[[1, {MANY_DIGITS + 1}::HUGEINT]]", "have more than 38 digits"),
        ("'infinity'::DATE", "values of DATE are infinite"),
        ("'-infinity'::TIMESTAMP", "are infinite"),
        ("'infinity'::TIMESTAMP_S", "are infinite"),
        ("'infinity'::TIMESTAMP_MS", "are infinite"),
        ("'infinity'::TIMESTAMP_NS", "are infinite or finer than a microsecond"),
        ("'infinity'::TIMESTAMPTZ", "are infinite"),
        ("{'a': 1, 'b c': ['infinity'::DATE]}", "are infinite"),
        ("MAP {'a': 'infinity'::DATE}", "are infinite"),
        ("MAP {'infinity'::DATE: 1}", "are infinite"),
        ("'2024-01-01 00:00:00.000000001'::TIMESTAMP_NS", "finer than a microsecond"),
        ("'2024-01-01 00:00:00.000000001'::TIMESTAMPTZ_NS", "finer than a microsecond"),
        ("['2024-01-01 00:00:00.000000001'::TIMESTAMP_NS, NULL]", "finer than a microsecond"),
        ("union_value(a := 1)", "is UNION"),
        ("[union_value(a := 1)]", "is UNION"),
        ("1::VARIANT", "is VARIANT"),
    ],
)
def test_what_cannot_be_kept_is_refused(tmp_path: Path, lake: Lake, value: str, said: str) -> None:
    file = tmp_path / "f.duckdb"
    change(file, "CREATE TABLE good AS SELECT 1 AS a")
    send(file, lake)
    change(file, f'CREATE TABLE t AS SELECT 1 AS n, {value} AS "the column"')
    with pytest.raises(WarehouseError, match=said) as raised:
        send(file, lake)
    assert "t.the column" in str(raised.value) and "Cast the column" in str(raised.value)
    assert [*Path(lake.root, "snapshots").iterdir()] == [Path(lake.root, "snapshots/000001.json")]
    assert not Path(lake.root, "tables/t").exists()


def test_what_is_equal_and_yet_another_value_is_written_again(tmp_path: Path, lake: Lake) -> None:
    file = tmp_path / "f.duckdb"
    pairs = [
        ("0.0::DOUBLE", "'-0.0'::DOUBLE"),
        ("0.0::FLOAT", "'-0.0'::FLOAT"),
        ("[0.0::DOUBLE]", "['-0.0'::DOUBLE]"),
        ("INTERVAL '1 month'", "INTERVAL '30 days'"),
        ("INTERVAL '1 day'", "INTERVAL '24 hours'"),
        ("[INTERVAL '1 day']", "[INTERVAL '24 hours']"),
        ("'10:00:00+01'::TIMETZ", "'09:00:00+00'::TIMETZ"),
        ("NULL::INTEGER[]", "[]::INTEGER[]"),
        ("[NULL]::INTEGER[]", "[]::INTEGER[]"),
        ("['a, b']", "['a', 'b']"),
        ("NULL::STRUCT(a INTEGER)", "{'a': NULL::INTEGER}"),
        ("NULL::VARCHAR", "''"),
        ("'1'::JSON", "'1 '::JSON"),
        ("1::INTEGER", "1::BIGINT"),
    ]
    for before, after in pairs:
        change(file, f"CREATE OR REPLACE TABLE t AS SELECT {before} AS v, 1 AS n")
        first = send(file, lake).snapshot
        change(file, f"CREATE OR REPLACE TABLE t AS SELECT {after} AS v, 1 AS n")
        second = send(file, lake).snapshot
        assert first.tables["t"].files != second.tables["t"].files, (before, after)


def test_row_groups_and_compression(tmp_path: Path, lake: Lake) -> None:
    file = tmp_path / "f.duckdb"
    change(file, "CREATE TABLE t AS SELECT i, hash(i) AS h FROM range(300_000) r(i)")
    (one,) = send(file, lake).snapshot.tables["t"].files
    metadata = pq.ParquetFile(lake.at(one.path)).metadata
    assert metadata.num_row_groups == 1 and metadata.num_rows == one.rows == 300_000
    assert metadata.row_group(0).column(0).compression == "ZSTD"
    assert Path(lake.at(one.path)).stat().st_size == one.bytes
