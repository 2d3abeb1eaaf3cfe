"""Any query is a source: each value is what MySQL prints, and an error names file and line."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import zip_longest
from typing import Any
from uuid import UUID

import duckdb
import pymysql
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymysql.constants import FIELD_TYPE
from pymysql.converters import encoders

from tests.conftest import WarehouseEnv
from tests.servers.launch import PASSWORD, READER, Database
from tests.servers.loading import load, query
from tests.servers.orders import make_orders, order
from tests.servers.values import VALUES, Values
from warehouse.errors import WarehouseError

Text = bytes | None
CONVERSIONS: dict[Any, Any] = dict(encoders)
"""Without any for what comes: it stays as it is printed."""
Cell = Any
Expressions = Mapping[str, st.SearchStrategy[str]]

EXAMPLES = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
TIME = re.compile(rb"(-?)(\d+):(\d\d):(\d\d)(?:\.(\d+))?")


def make_everything(database: Database) -> dict[str, Values]:
    """Create a table with a column for each type that the server knows, and all their values."""
    kinds = [values for values in VALUES if values.only in (None, database.kind)]
    columns = {f"c{number}": values for number, values in enumerate(kinds)}
    listed = ", ".join(f"{name} {values.mysql}" for name, values in columns.items())
    rows = [
        ", ".join((values.rows[0] if cell is None else cell)[0] for values, cell in one)
        for cells in zip_longest(*(values.rows for values in kinds))
        for one in [zip(kinds, cells, strict=True)]
    ]
    database.run(
        "SET SESSION sql_mode = 'STRICT_ALL_TABLES,ALLOW_INVALID_DATES', time_zone = '+00:00'",
        f"CREATE TABLE everything (k INT PRIMARY KEY, {listed})",
        *(f"INSERT INTO everything VALUES ({number}, {row})" for number, row in enumerate(rows)),
    )
    return columns


def printed(database: Database, sql: str) -> list[tuple[Text | int, ...]]:
    """Return what MySQL prints in its text protocol, to a session like that of a load."""
    with (
        closing(
            pymysql.connect(
                host=database.host,
                port=database.port,
                user=READER,
                password=PASSWORD,
                database="shop",
                charset="utf8mb4",
                use_unicode=False,
                conv=CONVERSIONS,
                ssl_disabled=True,
            )
        ) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("SET SESSION time_zone = '+00:00', sql_mode = 'STRICT_TRANS_TABLES'")
        cursor.execute("SET SESSION group_concat_max_len = 1000000")
        cursor.execute(sql)
        columns: list[Any] = list(cursor.description)
        codes = [column[1] for column in columns]
        return [
            tuple(_plain(*one) for one in zip(row, codes, strict=True)) for row in cursor.fetchall()
        ]


def _plain(text: Text, code: int) -> Text | int:
    """Return bits as a number, and a geometry without the number of its system in front."""
    if text is not None and code == FIELD_TYPE.BIT:
        return int.from_bytes(text, "big")
    return text[4:] if text is not None and code == FIELD_TYPE.GEOMETRY else text


def _date(text: bytes) -> date | None:
    try:
        return date.fromisoformat(text.decode())
    except ValueError:  # it is none, such as 0000-00-00
        return None


def _moment(text: bytes) -> datetime | None:
    try:
        return datetime.fromisoformat(text.decode())
    except ValueError:
        return None


def _stamp(text: bytes) -> datetime | None:
    moment = _moment(text)
    return moment.replace(tzinfo=UTC) if moment else None


def _duration(text: bytes) -> timedelta:
    found = TIME.fullmatch(text)
    assert found, text
    sign, hours, minutes, seconds, fraction = found.groups()
    length = timedelta(
        hours=int(hours),
        minutes=int(minutes),
        seconds=int(seconds),
        microseconds=int((fraction or b"").ljust(6, b"0")),
    )
    return -length if sign else length


def _float(text: bytes) -> str:
    return f"{float(text):.6g}"  # MySQL prints six digits of a FLOAT


READ: dict[str, Callable[[Any], Cell]] = {
    "BOOLEAN": bool,
    "FLOAT": _float,
    "DOUBLE": float,
    "DATE": _date,
    "TIMESTAMP": _moment,
    "TIMESTAMP WITH TIME ZONE": _stamp,
    "INTERVAL": _duration,
    "VARCHAR": bytes.decode,
    "JSON": bytes.decode,
    "BLOB": bytes,
    "FLOAT[]": lambda text: [one for (one,) in struct.iter_unpack("<f", text)],
    "UUID": lambda text: UUID(text.decode()),
}


def read(text: Any, duckdb_type: str) -> Cell:
    """Return the value that MySQL printed, as Python has it of a DuckDB type."""
    if text is None:
        return None
    if duckdb_type.startswith("DECIMAL"):
        return Decimal(text.decode())
    if duckdb_type.endswith("INT") or duckdb_type.endswith("INTEGER"):
        return int(text)
    return READ[duckdb_type](text)


def normal(value: Cell, duckdb_type: str) -> str:
    """Return a loaded value so that -0.0 is not 0.0, 1.0 is not 1.00, and 1 is not True."""
    if duckdb_type == "FLOAT" and value is not None:
        value = f"{value:.6g}"
    if isinstance(value, datetime) and value.tzinfo:
        value = value.astimezone(UTC)
    return repr(value)


def check(database: Database, sql: str) -> dict[str, str]:
    """See that a load of a query gives what MySQL prints. Returns the types in DuckDB.

    A query that MySQL cannot answer, such as one with a number that is out of range, fails.
    """
    try:
        expected = printed(database, sql)
    except pymysql.MySQLError as refused:
        # DuckDB, which asks for the rows, wraps the error.
        with pytest.raises((WarehouseError, duckdb.Error), match="MySQL at "):
            load(database, query(sql))
        return {"refused": str(refused)}
    connection, _ = load(database, query(sql))
    with connection:
        described = connection.execute("DESCRIBE loaded").fetchall()
        types = [str(type_) for _, type_, *_ in described]
        found = [
            tuple(map(normal, row, types)) for row in connection.execute("FROM loaded").fetchall()
        ]
    wanted = [tuple(repr(read(*one)) for one in zip(row, types, strict=True)) for row in expected]
    assert sorted(found) == sorted(wanted), sql
    return {str(name): type_ for (name, *_), type_ in zip(described, types, strict=True)}


def columns_of(columns: Mapping[str, Values], *beginnings: str) -> list[str]:
    """Return the columns whose DuckDB type begins so."""
    return [name for name, one in columns.items() if one.duckdb.startswith(beginnings)]


def expressions(columns: Mapping[str, Values]) -> Expressions:
    """Return expressions over columns of every type, by what they are."""
    kinds = {
        "number": (
            *("TINYINT", "UTINYINT", "SMALLINT", "USMALLINT", "INTEGER", "UINTEGER", "BIGINT"),
            *("UBIGINT", "DECIMAL", "FLOAT", "DOUBLE", "BOOLEAN"),
        ),
        "text": ("VARCHAR",),
        "blob": ("BLOB",),
        "date": ("DATE",),
        "moment": ("TIMESTAMP",),
        "time": ("INTERVAL",),
        "json": ("JSON",),
    }
    unfit = ("GEOMETRY", "POINT", "VECTOR", "INET")
    plain = {name: one for name, one in columns.items() if not one.mysql.startswith(unfit)}
    bare = {kind: st.sampled_from(columns_of(plain, *names)) for kind, names in kinds.items()}
    number = st.one_of(bare["number"], st.sampled_from(["7", "-1", "0.5", "1e3", "NULL", "k"]))
    text = st.one_of(bare["text"], st.sampled_from(["'x'", "'é🎁'", "''", "NULL"]))
    moments = bare["moment"]
    operators = ["+", "-", "*", "/", "%", "DIV", ">", "=", "<=>"]

    def of(form: str, *parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        return st.tuples(*parts).map(lambda values: form.format(*values))

    numbers = st.recursive(
        number,
        lambda n: st.one_of(
            of(
                "({0} {2} {1})",
                n,
                n,
                st.sampled_from(operators),
            ),
            of("ABS({})", n),
            of("-({})", n),
            of("ROUND({}, 2)", n),
            of("TRUNCATE({}, 1)", n),
            of("COALESCE({}, {})", n, n),
            of("IF(k % 2, {}, {})", n, n),
            of("CASE k % 3 WHEN 0 THEN {} WHEN 1 THEN {} END", n, n),
            of("GREATEST({}, {})", n, n),
            of(
                "CAST({} AS {})",
                n,
                st.sampled_from(["SIGNED", "UNSIGNED", "DECIMAL(65,10)", "DECIMAL(38,4)"]),
            ),
        ),
        max_leaves=4,
    )
    numbers = st.one_of(
        numbers,
        of("LENGTH({})", text),
        of("CHAR_LENGTH({})", text),
        of("DATEDIFF({}, {})", bare["date"], moments),
        of("YEAR({})", bare["date"]),
        of("EXTRACT(DAY_MICROSECOND FROM {})", moments),
        of("({} IS NULL)", text),
        of("({0} & {1})", bare["number"], bare["number"]),
        of("TIMESTAMPDIFF(SECOND, {}, {})", moments, moments),
        of("(SELECT MAX({}) FROM everything AS other)", bare["number"]),
    )
    return {
        "number": numbers,
        "text": st.one_of(
            text,
            of("CONCAT({}, '-', {})", text, text),
            of("UPPER({})", text),
            of("LEFT({}, 3)", text),
            of("COALESCE({}, {})", text, numbers),
            of("IF(k % 2, {}, {})", text, bare["date"]),
            of("CAST({} AS CHAR)", numbers),
            of("DATE_FORMAT({}, '%Y-%m')", bare["date"]),
            of("HEX({})", bare["blob"]),
            of("CONCAT({}, {})", bare["time"], moments),
        ),
        "blob": st.one_of(
            bare["blob"],
            of("CONCAT({}, {})", bare["blob"], bare["blob"]),
            of("CAST({} AS BINARY)", text),
            of("COALESCE({}, {})", bare["blob"], text),
        ),
        "date": st.one_of(
            bare["date"],
            of("DATE({})", moments),
            of("LAST_DAY({})", bare["date"]),
            of("DATE_ADD({}, INTERVAL k DAY)", bare["date"]),
            of("COALESCE({}, {})", bare["date"], bare["date"]),
        ),
        "moment": st.one_of(
            moments,
            of("COALESCE({}, {})", moments, moments),
            of("IF(k % 2, {}, {})", moments, bare["date"]),
            of("CAST({} AS DATETIME(3))", bare["date"]),
            of("DATE_SUB({}, INTERVAL 7 MICROSECOND)", moments),
            of("TIMESTAMP({})", moments),
        ),
        "time": st.one_of(
            bare["time"],
            of("TIMEDIFF({}, {})", moments, moments),
            of("TIME({})", moments),
            of("COALESCE({}, {})", bare["time"], bare["time"]),
            st.sampled_from(["SEC_TO_TIME(k * 1000)", "SEC_TO_TIME(k / 7)", "MAKETIME(-1, 2, k)"]),
        ),
        "json": st.one_of(
            bare["json"],
            of("JSON_OBJECT('a', {}, 'b', {})", bare["text"], st.just("k")),
            of("JSON_ARRAY({}, k)", bare["date"]),
            of("COALESCE({}, {})", bare["json"], bare["json"]),
        ),
    }


def aggregates(by_kind: Expressions) -> st.SearchStrategy[str]:
    """Return aggregates of expressions of any kind."""
    numeric = st.sampled_from(["SUM", "AVG", "MIN", "MAX", "COUNT", "STDDEV_POP", "BIT_OR"])
    other = st.sampled_from(["MIN({})", "MAX({})", "COUNT({})"])
    kinds = st.sampled_from(["text", "blob", "date", "moment", "time"]).flatmap(by_kind.__getitem__)
    return st.one_of(
        st.tuples(numeric, by_kind["number"]).map(lambda pair: f"{pair[0]}({pair[1]})"),
        st.tuples(other, kinds).map(lambda pair: pair[0].format(pair[1])),
    )


def grouped(by_kind: Expressions) -> st.SearchStrategy[str]:
    """Return aggregates that do not work over windows, too."""
    listed = by_kind["text"].map(lambda text: f"GROUP_CONCAT({text} ORDER BY k SEPARATOR '|')")
    distinct = by_kind["number"].map(lambda number: f"COUNT(DISTINCT {number})")
    return st.one_of(aggregates(by_kind), listed, distinct)


def windowed(by_kind: Expressions) -> st.SearchStrategy[str]:
    """Return window functions, whose order is that of a key: no two rows are in the same place."""
    frames = ["", "PARTITION BY k % 3", "PARTITION BY k % 2 ORDER BY k", "ORDER BY k DESC"]
    frames.append("ORDER BY k ROWS BETWEEN 2 PRECEDING AND 1 FOLLOWING")
    any_kind = anything(by_kind)
    ranks = ["ROW_NUMBER()", "RANK()", "DENSE_RANK()", "NTILE(3)", "PERCENT_RANK()", "CUME_DIST()"]
    moved = ["LAG({})", "LEAD({}, 2)", "FIRST_VALUE({})", "LAST_VALUE({})", "NTH_VALUE({}, 2)"]
    return st.one_of(
        st.tuples(aggregates(by_kind), st.sampled_from(frames)).map(
            lambda pair: f"{pair[0]} OVER ({pair[1]})"
        ),
        st.sampled_from(ranks).map(lambda rank: f"{rank} OVER (ORDER BY k)"),
        st.tuples(st.sampled_from(moved), any_kind).map(
            lambda pair: f"{pair[0].format(pair[1])} OVER (ORDER BY k)"
        ),
    )


def anything(by_kind: Expressions) -> st.SearchStrategy[str]:
    """Return expressions of any kind."""
    return st.sampled_from(sorted(by_kind)).flatmap(by_kind.__getitem__)


def named(some: Sequence[str], name: str = "x") -> str:
    """Return expressions as the columns of a SELECT."""
    return ", ".join(f"{one} AS {name}{number}" for number, one in enumerate(some))


def some(one: st.SearchStrategy[str]) -> st.SearchStrategy[list[str]]:
    return st.lists(one, min_size=1, max_size=4)


def of_two(expression: str) -> str:
    """Return the same of the second of two tables that are joined."""
    return re.sub(r"\b(c\d+|k)\b", r"b.\1", expression)


SHAPES: dict[str, Callable[[Expressions], st.SearchStrategy[str]]] = {
    "expressions": lambda e: some(anything(e)).map(
        lambda x: f"SELECT k, {named(x)} FROM everything"
    ),
    "a join": lambda e: some(anything(e)).map(
        lambda x: (
            f"SELECT {of_two(named(x))}, a.*\nFROM everything AS a "
            "LEFT JOIN everything AS b ON b.k = a.k + 2"
        )
    ),
    "groups": lambda e: some(grouped(e)).map(
        lambda x: f"SELECT k % 3 AS g, {named(x)} FROM everything GROUP BY k % 3"
    ),
    "totals": lambda e: some(aggregates(e)).map(
        lambda x: f"SELECT k % 3 AS g, {named(x)} FROM everything GROUP BY k % 3 WITH ROLLUP"
    ),
    "one row": lambda e: some(grouped(e)).map(lambda x: f"SELECT {named(x)} FROM everything"),
    "no row": lambda e: some(anything(e)).map(
        lambda x: f"SELECT {named(x)} FROM everything WHERE k < 0"
    ),
    "windows": lambda e: some(windowed(e)).map(lambda x: f"SELECT k, {named(x)} FROM everything"),
    "a CTE": lambda e: st.tuples(some(anything(e)), some(grouped(e))).map(
        lambda xs: (
            f"WITH one AS (SELECT k, {named(xs[0])} FROM everything),\n"
            f"two AS (SELECT MAX(k) AS last, {named(xs[1], 'y')} FROM everything)\n"
            "SELECT * FROM one LEFT JOIN two ON k = last"
        )
    ),
    "a union": lambda e: st.tuples(anything(e), anything(e)).map(
        lambda xs: (
            f"SELECT k, {xs[0]} AS x FROM everything UNION ALL\n"
            f"SELECT k + 100, {xs[1]} FROM everything"
        )
    ),
    "a union of one kind": lambda e: (
        st.sampled_from(sorted(e))
        .flatmap(lambda kind: st.tuples(e[kind], e[kind]))
        .map(
            lambda xs: (
                f"SELECT k, {xs[0]} AS x FROM everything UNION ALL\n"
                f"SELECT k + 100, {xs[1]} FROM everything"
            )
        )
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_each_value_is_what_mysql_prints(server: Database, shape: str) -> None:
    by_kind = expressions(make_everything(server))

    @EXAMPLES
    @given(SHAPES[shape](by_kind))
    def equal(sql: str) -> None:
        check(server, sql)

    equal()


TYPES = {
    "COUNT(*)": "BIGINT",
    "COUNT(DISTINCT amount)": "BIGINT",
    "SUM(amount)": "DECIMAL(34,2)",
    "AVG(amount)": "DECIMAL(16,6)",
    "MAX(amount)": "DECIMAL(12,2)",
    "MAX(amount) / 3": "DECIMAL(16,6)",
    "SUM(weight)": "DOUBLE",
    "AVG(item_count)": "DECIMAL(9,4)",
    "MIN(order_date)": "DATE",
    "MAX(updated_at)": "TIMESTAMP WITH TIME ZONE",
    "GROUP_CONCAT(status)": "VARCHAR",
    "NULL": "VARCHAR",
    "TIMEDIFF('10:00', '12:30')": "INTERVAL",
    "CAST(MAX(id) AS UNSIGNED)": "UBIGINT",
}


def test_types_are_as_wide_as_they_must_be(server: Database) -> None:
    make_orders(server, [order(1), order(2, amount="-9999999999.99")])
    sql = f"SELECT {named([*TYPES])} FROM orders"
    assert list(check(server, sql).values()) == list(TYPES.values())


def test_a_type_that_mysql_changes_on_the_way(server: Database) -> None:
    make_orders(server, [order(1), order(2)])
    days = "DATEDIFF(order_date, updated_at)"
    check(server, f"SELECT id, LAG({days}) OVER (ORDER BY id) AS x FROM orders")


WRONG: dict[str, tuple[str, str]] = {
    "syntax": (
        "select id,\n  amount\nfrom orders\nwhere amount >\norder by id",
        r":6: MySQL at reader@\S+ cannot parse the query: .*near 'order by id' at line 5",
    ),
    "a column": (
        "select id,\n  amuont\nfrom orders",
        r":3: MySQL at reader@\S+ knows no column amuont there\. Did you mean amount",
    ),
    "a column of a table": (
        "select o.id\nfrom orders as o\njoin customers as c\n  on c.idd = o.customer_id",
        r":5: MySQL at reader@\S+ knows no column c\.idd there\. Did you mean id",
    ),
    "a table": (
        "select *\nfrom orders\njoin custommers using (id)",
        r":4: MySQL at reader@\S+ shows this account no table `custommers`\. "
        r"Did you mean customers",
    ),
    "a table in a CTE": (
        "with a as (\n  select * from oders\n)\nselect * from a",
        r":3: MySQL at reader@\S+ shows this account no table `oders`\. Did you mean orders",
    ),
    "two columns of one name": (
        "select o.id,\n  c.ID\nfrom orders as o join customers as c on c.id = o.customer_id",
        r":[23]: two columns are called (id|ID)\.\n[^$]*AS another_name",
    ),
    "an expression": ("select id from orders where id in (1, (2, 3))", r":2: MySQL at reader@"),
    "a function": ("select id, no_such(id) from orders", r":2: MySQL at reader@.*no_such"),
    "a write": ("delete from orders", r":2: a source is one SELECT: it begins with DELETE\."),
    "a SET": ("set global a = 1", r":2: a source is one SELECT: it begins with SET\."),
    "a CTE that writes": (
        "with a as (select 1) delete from orders",
        r":2: a source is one SELECT: it holds DELETE\.",
    ),
    "a lock": ("select * from orders for update", r":2: a source is one SELECT: it locks rows"),
    "a file": (
        "select * into outfile '/tmp/x' from orders",
        r":2: a source is one SELECT: |:2: MySQL at reader@",
    ),
    "two statements": (
        "select 1;\nselect 2",
        r":3: a source is one SELECT: it goes on behind a semicolon\.",
    ),
    "nothing": ("", r":3: a source is one SELECT: it is empty\."),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_with_a_query(
    server: Database, warehouse_env: WarehouseEnv, what: str
) -> None:
    make_orders(server, [order(1)])
    warehouse_env.configure(mysql_url=server.url())
    sql, said = WRONG[what]
    warehouse_env.source("mysql_orders", f"-- owner: team:data\n{sql}")
    server.clear_log()
    with pytest.raises(WarehouseError) as caught:
        warehouse_env.run("mysql_orders")
    text = str(caught.value)
    assert re.search(r"sql/sources/mysql_orders\.sql" + said, text), text
    assert len(text.splitlines()) == 3
    assert PASSWORD not in text
    assert not any("delete" in one or "set global" in one for one in server.queries())
    assert not warehouse_env.path.exists()


NOTES = {
    "day: order_date": r":1: there is no note day\.\n[^$]*Did you mean days\?",
    "days: order_date in Europe/Berlim": r":1: there is no time zone Europe/Berlim\.",
    "days: a, b": r":1: the note days cannot be a, b\.",
    "start: 2026-02-30": ":1: the note start means nothing without days",
    "start: soon": r":1: the note start cannot be soon\.",
    "max_shrink: 20%": r":1: the note max_shrink cannot be 20%\.",
    "freshness: -1": r":1: the note freshness cannot be -1\.",
    "key:": r":1: the note key cannot be empty\.",
    "owner: me": r":1: the note owner cannot be me\.",
    "key: id\n-- key: id": r":2: the note key is there twice\.",
}


@pytest.mark.parametrize("note", NOTES)
def test_a_note_that_means_nothing(warehouse_env: WarehouseEnv, note: str) -> None:
    warehouse_env.source("mysql_orders", f"-- {note}\nselect * from orders")
    with pytest.raises(WarehouseError, match=rf"mysql_orders\.sql{NOTES[note]}"):
        _ = warehouse_env.project
