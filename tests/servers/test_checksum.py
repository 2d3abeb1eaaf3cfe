"""MySQL and DuckDB make the same checksum of the same rows, and another one of other rows."""

from __future__ import annotations

import random
from contextlib import closing
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.servers.launch import Database
from tests.servers.loading import load
from warehouse.days.checksum import Clock
from warehouse.errors import WarehouseError
from warehouse.mysql.checksum import check_columns
from warehouse.mysql.fingerprints import ask_days
from warehouse.mysql.plan import Days, describe
from warehouse.mysql.query import whole_table
from warehouse.mysql.url import parse_url
from warehouse.store import cached_days as store_days

DAY = date(2026, 11, 20)
DAYS = Days("day", ((DAY, DAY),))
Row = tuple[Any, ...]

SIGNED = st.one_of(
    st.integers(-(2**63), 2**63 - 1),
    st.integers(-100, 100),
    st.integers(-(2**39), 2**39 - 1).map(lambda n: n << 24),
    st.integers(-(2**31), 2**31 - 1).map(lambda n: n << 32),
    # As Twitter's: milliseconds, a machine and a number.
    st.tuples(st.integers(0, 2**41 - 1), st.integers(0, 3), st.integers(0, 3)).map(
        lambda parts: parts[0] << 22 | parts[1] << 12 | parts[2]
    ),
)
UNSIGNED = st.one_of(SIGNED.map(lambda n: n % 2**64), st.integers(2**63, 2**64 - 1))
TEXT = st.one_of(
    st.text(st.characters(codec="utf-8"), max_size=20),
    st.sampled_from(["a", "A", "a ", "ä", "a\0", "", "🎁", "-", "1 2", "ß", "ss"]),
)
LATIN = st.text(st.characters(codec="cp1252", min_codepoint=32), max_size=20)
TIMES = st.one_of(
    st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59)),
    st.integers(0, 600).map(lambda s: datetime(2026, 11, 20, 12) + timedelta(seconds=s)),
    st.none(),
)
STAMPS = st.one_of(
    st.datetimes(datetime(1970, 1, 2), datetime(2038, 1, 18)),
    st.integers(0, 600).map(lambda s: datetime(2026, 11, 20, 12) + timedelta(seconds=s)),
    st.none(),
)

KEYS: dict[str, st.SearchStrategy[Any]] = {
    "bigint": SIGNED,
    "bigint unsigned": UNSIGNED,
    "bigint(20) unsigned zerofill": UNSIGNED,
    "int": st.integers(-(2**31), 2**31 - 1),
    "mediumint unsigned": st.integers(0, 2**24 - 1),
    "tinyint": st.integers(-128, 127),
    "year": st.integers(1901, 2155),
    "bit(64)": UNSIGNED,
    "varchar(20) collate utf8mb4_bin": TEXT,
    "varchar(20) character set latin1 collate latin1_bin": LATIN,
    "char(20) character set utf16 collate utf16_bin": TEXT.map(lambda text: text.rstrip(" ")),
    "varbinary(20)": st.binary(max_size=20),
    "decimal(30,10)": st.decimals(
        min_value=-(10**19), max_value=10**19, places=10, allow_nan=False
    ).map(lambda number: number + 0),
    "decimal(60,5)": st.integers(-(10**59), 10**59).map(lambda n: Decimal(n).scaleb(-5)),
    "datetime(3)": st.datetimes(datetime(1000, 1, 1)).map(
        lambda time: time.replace(microsecond=time.microsecond // 1000 * 1000)
    ),
    "date": st.dates(date(1000, 1, 1)),
    "enum('a', 'B b', 'ü')": st.sampled_from(["a", "B b", "ü"]),
}
TIME_TYPES = {
    "timestamp": STAMPS,
    "timestamp(6)": STAMPS,
    "datetime": TIMES,
    "datetime(3)": TIMES,
    "datetime(6)": TIMES,
    "date": TIMES,
}
EXAMPLES = settings(
    max_examples=6,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def make(database: Database, columns: str) -> None:
    """Make the table anew; each row is of the same day."""
    database.run(
        "DROP TABLE IF EXISTS rows_of_a_day",
        f"CREATE TABLE rows_of_a_day (day DATE NOT NULL DEFAULT '{DAY}', {columns})",
    )


def fill(database: Database, columns: list[str], rows: list[Row]) -> None:
    """Have these rows and no others."""
    marks = ", ".join(["%s"] * len(columns))
    with closing(database.admin("shop")) as connection, connection.cursor() as cursor:
        cursor.execute("SET SESSION time_zone = '+00:00', sql_mode = 'ALLOW_INVALID_DATES'")
        cursor.execute("DELETE FROM rows_of_a_day")
        insert = f"INSERT INTO rows_of_a_day ({', '.join(columns)}) VALUES ({marks})"
        for row in rows:  # each by itself: with many, the server may not say which is wrong
            cursor.execute(insert, row)


def checksums(database: Database, key: tuple[str, ...]) -> tuple[int, int]:
    """Return MySQL's checksum, and DuckDB's of the loaded rows."""
    plan = describe(parse_url(database.url()), whole_table("rows_of_a_day"))
    check_columns(plan, key, "changed")
    with ask_days(plan, DAYS, key=key, updated="changed") as asked:
        there = asked.counted(lambda _: None).fingerprints
        connection, _ = load(database, "rows_of_a_day")
        with connection:
            connection.execute(
                f"CREATE TABLE {store_days.TABLE} AS SELECT 'loaded' AS table_name, "
                f"DATE '{DAY}' AS day, now() AS asked_at"
            )
            here = store_days.cached_days(connection, "loaded", "day", asked.recipe)
    fingerprint = here[DAY].fingerprint
    if DAY not in there:
        return 0, fingerprint.checksum
    assert there[DAY].rows == fingerprint.rows
    return there[DAY].checksum, fingerprint.checksum


@pytest.mark.parametrize("kind", KEYS)
def test_both_sides_agree_on_any_key(server: Database, kind: str) -> None:
    make(server, f"k {kind} NULL, changed DATETIME(6) NULL")

    @EXAMPLES
    @given(st.lists(st.tuples(st.none() | KEYS[kind], TIMES), max_size=15))
    def agree(rows: list[Row]) -> None:
        fill(server, ["k", "changed"], rows)
        mysql, duckdb = checksums(server, ("k",))
        assert mysql == duckdb

    agree()


@pytest.mark.parametrize("kind", ["bigint", "bigint unsigned", "int", "tinyint"])
@pytest.mark.parametrize("time", TIME_TYPES)
def test_both_sides_agree_on_an_integer_that_is_unique(
    server: Database, kind: str, time: str
) -> None:
    make(server, f"k {kind} PRIMARY KEY, changed {time} NULL")

    @EXAMPLES
    @given(st.dictionaries(KEYS[kind], TIME_TYPES[time], max_size=15))
    def agree(rows: dict[int, datetime | None]) -> None:
        fill(server, ["k", "changed"], list(rows.items()))
        mysql, duckdb = checksums(server, ("k",))
        assert mysql == duckdb

    agree()


IMPOSSIBLE = [
    *("0000-00-00", "0000-01-01", "0000-12-31", "2024-00-15", "2024-02-00", "2024-02-30"),
    *("2023-02-29", "2024-02-29", "2026-04-31", "0001-01-01", "9999-12-31"),
]


@pytest.mark.parametrize("unique", [True, False])
@pytest.mark.parametrize("time", ["datetime", "datetime(6)", "date"])
def test_both_sides_agree_on_dates_that_are_none(server: Database, time: str, unique: bool) -> None:
    make(server, f"k INT {'PRIMARY KEY' if unique else 'NULL'}, changed {time} NULL")
    of_day = "" if time == "date" else " 23:59:59"
    for number, text in enumerate(IMPOSSIBLE, 1):
        fill(server, ["k", "changed"], [(number, text + of_day)])
        mysql, duckdb = checksums(server, ("k",))
        assert mysql == duckdb, text


def test_both_sides_agree_on_a_key_of_several_columns(server: Database) -> None:
    names = ["a", "b", "c"]
    make(server, "a BIGINT NULL, b VARCHAR(20) NULL, c DECIMAL(9,2) NULL, changed DATETIME NULL")
    keys = st.tuples(
        st.none() | SIGNED, st.none() | TEXT, st.none() | st.decimals(-99, 99, places=2)
    )

    @EXAMPLES
    @given(st.lists(st.tuples(keys, TIMES), max_size=5))
    def agree(rows: list[tuple[Row, datetime | None]]) -> None:
        fill(server, [*names, "changed"], [(*key, time) for key, time in rows])
        mysql, duckdb = checksums(server, ("a", "b", "c"))
        assert mysql == duckdb

    agree()


NOON = datetime(2026, 11, 20, 12)
SEVERAL = {
    "multiples of 2^24": [n << 24 for n in range(1, 5)],
    "multiples of 2^32": [n << 32 for n in range(1, 5)],
    "equal low bits": [7 + (n << 32) for n in range(4)],
    "neighbours": [5_000_000, 5_000_001, 5_000_002, 5_000_003],
    "the first ones": [0, 1, 2, 3],
    "powers of two": [1, 2, 4, 8],
    "like Twitter's": [(1_480_000_000_000 + n) << 22 for n in range(4)],
    "over 2^63": [2**64 - 1, 2**63, 2**63 + 1, 2**64 - 2**32],
}
NEGATIVE = {"negative": [-1, -2, -(2**63), 2**63 - 1], "both signs": [-1, 1, -2, 2]}
TEXTS = {
    "case": ["a", "A", "b", "B"],
    "trailing blanks": ["a", "a ", "a  ", ""],
    "emoji": ["🎁", "🎂", "é", "e"],
}


@pytest.mark.parametrize(
    ("kind", "keys"),
    [
        *(pytest.param("BIGINT UNSIGNED", keys, id=name) for name, keys in SEVERAL.items()),
        *(pytest.param("BIGINT", keys, id=name) for name, keys in NEGATIVE.items()),
        *(pytest.param("VARCHAR(9) COLLATE utf8mb4_bin", k, id=n) for n, k in TEXTS.items()),
    ],
)
def test_rows_that_swap_their_times(server: Database, kind: str, keys: list[Any]) -> None:
    """Many more changes are tried in `tests/test_checksum.py`."""
    # utf8mb4_bin takes trailing blanks for nothing.
    make(server, f"k {kind} {'' if 'a ' in keys else 'PRIMARY KEY'}, changed DATETIME NOT NULL")
    times = [NOON + timedelta(minutes=n) for n in range(4)]
    seen = set()
    for order in ([0, 1, 2, 3], [1, 0, 2, 3], [0, 2, 1, 3], [1, 2, 0, 3], [1, 0, 3, 2]):
        fill(server, ["k", "changed"], [(keys[n], times[order[n]]) for n in range(4)])
        mysql, duckdb = checksums(server, ("k",))
        assert mysql == duckdb
        seen.add(mysql)
    assert len(seen) == 5


def test_rows_that_are_the_same_do_not_cancel_each_other(server: Database) -> None:
    """Two rows of one `id`, changed by one statement, as the lines of an order."""
    make(server, "k BIGINT NOT NULL, changed DATETIME NOT NULL")
    later = NOON + timedelta(minutes=1)
    seen = set()
    for times in ([NOON, NOON, later], [later, later, later], [later, NOON, NOON]):
        fill(server, ["k", "changed"], list(zip([5, 5, 6], times, strict=True)))
        mysql, duckdb = checksums(server, ("k",))
        assert mysql == duckdb
        seen.add(mysql)
    assert len(seen) == 3


@pytest.mark.parametrize("time", ["timestamp(6)", "datetime(6)", "datetime(1)"])
def test_a_change_within_the_same_second_is_seen(server: Database, time: str) -> None:
    make(server, f"k BIGINT PRIMARY KEY, changed {time} NOT NULL")
    seen = set()
    for fraction in (0, 100_000, 900_000):
        fill(server, ["k", "changed"], [(1, NOON.replace(microsecond=fraction)), (2, NOON)])
        mysql, duckdb = checksums(server, ("k",))
        assert mysql == duckdb
        seen.add(mysql)
    assert len(seen) == 3


@pytest.mark.parametrize(
    ("kind", "other"), [("INT PRIMARY KEY", 3), ("INT NULL", None), ("VARCHAR(9)", "b")]
)
def test_a_row_without_a_time_has_a_part(server: Database, kind: str, other: object) -> None:
    make(server, f"k {kind}, changed DATETIME NULL")
    seen = []
    for keys in ((1, 2), (1, other)):
        fill(server, ["k", "changed"], [(key, None) for key in keys])
        mysql, duckdb = checksums(server, ("k",))
        assert mysql == duckdb
        seen.append(mysql)
    assert seen[0] != seen[1]


def test_a_uuid_of_mariadb(mariadb: Database) -> None:
    mariadb.run("DROP DATABASE IF EXISTS shop", "CREATE DATABASE shop CHARACTER SET utf8mb4")
    make(mariadb, "k UUID PRIMARY KEY, changed DATETIME NULL")
    keys = random.Random(1)
    rows = [(str(UUID(int=keys.getrandbits(128), version=4)), NOON) for _ in range(9)]
    fill(mariadb, ["k", "changed"], rows)
    mysql, duckdb = checksums(mariadb, ("k",))
    assert mysql == duckdb


@pytest.mark.parametrize("kind", ["double", "float", "time", "json"])
def test_a_key_that_the_two_do_not_write_alike(server: Database, kind: str) -> None:
    make(server, f"k {kind}, changed DATETIME NULL")
    plan = describe(parse_url(server.url()), whole_table("rows_of_a_day"))
    with pytest.raises(WarehouseError, match="is of the type"):
        check_columns(plan, ("k",), "changed")


def test_no_time_is_before_the_first_one() -> None:
    assert Clock.SECONDS.none == 366 * 86_400 - 1
    assert Clock.MICROSECONDS.none == 366 * 86_400 * 10**6 - 1
