"""A source is a file: its notes and its SELECT are read, and judged, without a server."""

from __future__ import annotations

import os
import re
import string
import subprocess
import sys
from datetime import date
from pathlib import Path
from zoneinfo import available_timezones

import dagster as dg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import WarehouseEnv
from warehouse.assets.naming import OWN
from warehouse.assets.upstream import as_identifier, upstream_key
from warehouse.errors import WarehouseError
from warehouse.project.project import BOOKKEEPING, RESERVED, load_project
from warehouse.project.source_files import DayColumn, Source, load_sources, parse_source
from warehouse.project.source_query import NoSelect, TableName, examine, expand_star, line_of
from warehouse.settings import ROOT

T = TableName("", "t")


def read(folder: Path, text: str | bytes, name: str = "a") -> Source:
    """Read a file of this text."""
    file = folder / f"{name}.sql"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return parse_source(file)


def refused(folder: Path, text: str | bytes, name: str = "a") -> WarehouseError:
    with pytest.raises(WarehouseError) as error:
        read(folder, text, name)
    return error.value


# -- The file


def test_all_that_a_file_says(tmp_path: Path) -> None:
    source = read(
        tmp_path,
        "-- Orders of\n-- Berlin.\n"
        "-- owner: team:data, ann@example.com\n-- freshness: 30\n-- key: id, `line no`\n"
        "-- updated: updated_at\n-- days: placed_at in Europe/Berlin\n-- start: 2025-11-01\n"
        "-- max_shrink: 0.2\n-- from: CRM\n\n"
        "select id, `line no`, placed_at, updated_at\nfrom orders\nwhere city = 'Berlin';\n",
    )
    assert source.name == "a"
    assert source.description == "Orders of Berlin."
    assert source.owners == ("team:data", "ann@example.com")
    assert (source.freshness, source.max_shrink, source.server) == (30, 0.2, "crm")
    assert (source.key, source.updated) == (("id", "line no"), "updated_at")
    assert source.days == DayColumn("placed_at", "Europe/Berlin")
    assert source.start == date(2025, 11, 1)
    assert source.sql.endswith("where city = 'Berlin'")
    assert source.facts.reads == frozenset({TableName("", "orders")})
    assert source.at().endswith("a.sql:12") and source.at(3).endswith("a.sql:14")


def test_a_remark_is_for_people_only(tmp_path: Path) -> None:
    source = read(tmp_path, "-- Told.\n-- # days: placed_at\n--# Owner: x\n-- key: id\nselect 1")
    assert (source.description, source.key, source.days) == ("Told.", ("id",), None)


def test_what_no_note_says_is_left_to_the_settings(tmp_path: Path) -> None:
    source = read(tmp_path, "select * from t")
    assert (source.description, source.owners, source.key, source.server) == ("", (), (), "")
    unsaid = (source.freshness, source.updated, source.days, source.start, source.max_shrink)
    assert unsaid == (None,) * 5


@pytest.mark.parametrize(
    "text",
    [
        "-- Told.\r\n-- key: id\r\nselect *\r\nfrom t\r\n",
        "\ufeff-- Told.\n-- key: id\nselect *\nfrom t\n",
        "\ufeff-- Told.\r\n-- key: id\r\nselect *\r\nfrom t",
        "-- Told.\n-- key: id\nselect *\nfrom t;\n",
        "-- Told.\n-- key: id\nselect *\nfrom t ; ;\n\n",
        "  -- Told.\n\n--key:id\nselect *\nfrom t",
    ],
    ids=["Windows", "BOM", "both", "semicolon", "semicolons", "blanks"],
)
def test_how_an_editor_saves_it_changes_nothing(tmp_path: Path, text: str) -> None:
    source = read(tmp_path, text)
    assert (source.description, source.key) == ("Told.", ("id",))
    assert source.sql.split() == ["select", "*", "from", "t"]
    assert source.facts.star_of == T


@pytest.mark.parametrize("end", ["-- the end", "# the end", "/* the end */", "; -- the end", ";#"])
def test_a_comment_at_the_end_stays_behind_no_semicolon(tmp_path: Path, end: str) -> None:
    source = read(tmp_path, f"select * from t {end}")
    assert source.facts.star_of == T
    assert ";" not in source.sql
    assert "the end" in source.sql or "end" not in end


@pytest.mark.parametrize("name", ["a-b", "a b", "a.b", "ä", "-", "a$"])
def test_a_name_that_no_asset_can_have(tmp_path: Path, name: str) -> None:
    error = refused(tmp_path, "select 1", name)
    assert f"{name}.sql:1: {name} cannot be the name of an asset." in error.what


def test_a_file_in_another_encoding_is_named_with_its_line(tmp_path: Path) -> None:
    error = refused(tmp_path, "-- Ort\nselect 1 as Größe".encode("latin-1"))
    assert "a.sql:2: the file is not UTF-8." in error.what


# -- The notes


@pytest.mark.parametrize(
    ("note", "said"),
    [
        ("owner: analytics", "the note owner cannot be analytics"),
        ("owner:", "the note owner cannot be empty"),
        ("freshness: soon", "the note freshness cannot be soon"),
        ("freshness: 0", "the note freshness cannot be 0"),
        ("freshness: -5", "the note freshness cannot be -5"),
        ("key:", "the note key cannot be empty"),
        ("key: id,", "the note key cannot be id,"),
        ("key: id name", "the note key cannot be id name"),
        ("updated: a, b", "the note updated cannot be a, b"),
        ("days: placed_at in", "the note days cannot be placed_at in"),
        ("days: placed_at at UTC", "the note days cannot be"),
        ("days: placed_at in Europe/Berln", "there is no time zone Europe/Berln"),
        ("days: placed_at in Europe", "there is no time zone Europe"),
        ("days: placed_at in ../../etc/passwd", "there is no time zone"),
        ("days: placed_at in " + "x" * 300, "there is no time zone"),
        ("start: yesterday", "the note start cannot be yesterday"),
        ("max_shrink: 20%", "the note max_shrink cannot be 20%"),
        ("max_shrink: 1.5", "the note max_shrink cannot be 1.5"),
        ("from: a b", "the note from cannot be a b"),
        ("day: order_date", "there is no note day."),
        ("Days: order_date", "there is no note Days."),
        ("owners: team:data", "there is no note owners."),
        ("freshnes: 30", "there is no note freshnes."),
        ("max-shrink: 0.2", "there is no note max-shrink."),
    ],
)
def test_a_note_that_means_nothing_is_named_with_its_line(
    tmp_path: Path, note: str, said: str
) -> None:
    error = refused(tmp_path, f"-- Mine.\n\n-- {note}\nselect * from t")
    assert f"a.sql:3: {said}" in error.what
    assert error.todo


def test_a_note_is_there_once(tmp_path: Path) -> None:
    error = refused(tmp_path, "-- key: id\n-- key: no\nselect * from t")
    assert "a.sql:2: the note key is there twice." in error.what


def test_a_first_day_that_is_none(tmp_path: Path) -> None:
    error = refused(tmp_path, "-- days: d\n-- start: 2025-02-30\nselect * from t")
    assert "a.sql:2: 2025-02-30 is not a day." in error.what


def test_a_first_day_of_a_table_without_days_means_nothing(tmp_path: Path) -> None:
    error = refused(tmp_path, "-- Mine.\n-- start: 2025-02-01\nselect * from t")
    assert "a.sql:2: the note start means nothing without days." in error.what


@pytest.mark.parametrize(
    "words", ["See: the wiki", "https://example.com/orders", "12:30 is noon", ": odd", "a:b:c"]
)
def test_a_colon_alone_makes_no_note(tmp_path: Path, words: str) -> None:
    assert read(tmp_path, f"-- {words}\nselect * from t").description == words


def test_only_the_comment_on_top_has_notes(tmp_path: Path) -> None:
    source = read(tmp_path, "-- Mine.\nselect *\n-- key: id\nfrom t\n-- days: d")
    assert (source.key, source.days, source.description) == ((), None, "Mine.")


NAMES = st.text(string.ascii_letters + string.digits + "_äß$", min_size=1, max_size=12)
QUOTED = st.text(st.characters(exclude_categories=["C", "Z"]) | st.sampled_from(" ,`"), min_size=1)
COLUMNS = st.one_of(
    NAMES.map(lambda name: (name, name)),
    QUOTED.map(lambda name: (name, f"`{name.replace('`', '``')}`")),
)
BLANKS = st.sampled_from(["", " ", "\t", "  "])


@given(
    st.lists(COLUMNS, min_size=1, max_size=4),
    COLUMNS,
    COLUMNS,
    st.none() | st.sampled_from(sorted(available_timezones())),
    st.dates(),
    st.integers(1, 10**6),
    st.floats(0, 1).map(lambda share: round(share, 4)),
    BLANKS,
    st.randoms(use_true_random=False),
)
def test_a_note_is_read_as_it_is_written(
    tmp_path_factory: pytest.TempPathFactory,
    key: list[tuple[str, str]],
    updated: tuple[str, str],
    days: tuple[str, str],
    zone: str | None,
    start: date,
    freshness: int,
    share: float,
    blank: str,
    rng: object,
) -> None:
    notes = [
        f"key: {f'{blank},{blank}'.join(text for _, text in key)}",
        f"updated:{blank}{updated[1]}",
        f"days: {days[1]}" + (f" in {zone}" if zone else ""),
        f"start: {start}",
        f"freshness: {freshness}{blank}",
        f"max_shrink: {share:.4f}",
    ]
    rng.shuffle(notes)  # type: ignore[attr-defined]
    comment = "".join(f"--{blank}{note}\n" for note in notes)
    source = read(tmp_path_factory.mktemp("notes"), f"{comment}select * from t")
    assert source.key == tuple(name for name, _ in key)
    assert source.updated == updated[0]
    assert source.days == DayColumn(days[0], zone or "UTC")
    assert (source.start, source.freshness, source.max_shrink) == (start, freshness, share)
    assert source.description == ""


@given(st.text(max_size=60), st.text(max_size=60))
def test_no_text_is_a_failure_that_nobody_foresaw(
    tmp_path_factory: pytest.TempPathFactory, comment: str, sql: str
) -> None:
    text = f"-- {comment}\n{sql}".encode("utf-8", "surrogatepass")
    try:
        source = read(tmp_path_factory.mktemp("any"), text)
    except WarehouseError as error:
        assert "a.sql:" in error.what
    else:
        assert source.sql


# -- The SELECT


@pytest.mark.parametrize(
    ("sql", "line", "said"),
    [
        ("", 1, "it is empty"),
        ("-- nothing else", 1, "it is empty"),
        ("/* nothing else */ ;", 1, "it is empty"),
        ("insert into t values (1)", 1, "it begins with INSERT"),
        ("update t set a = 1", 1, "it begins with UPDATE"),
        ("delete from t", 1, "it begins with DELETE"),
        ("drop table t", 1, "it begins with DROP"),
        ("call p()", 1, "it begins with CALL"),
        ("set @a = 1", 1, "it begins with SET"),
        ("show tables", 1, "it begins with SHOW"),
        ("table t", 1, "it begins with TABLE"),
        ("delimiter //\nselect 1", 1, "it begins with DELIMITER"),
        ("with x as (select 1)\ndelete from t", 2, "it holds DELETE"),
        ("with x as (select 1)\ndelete quick t from t join x", 2, "it holds DELETE"),
        ("with x as (select 1)\nupdate t join x set a = 1", 2, "it holds UPDATE"),
        ("select 1;\nselect 2", 2, "it goes on behind a semicolon"),
        ("select 1;\n\ndrop table t;", 3, "it goes on behind a semicolon"),
        ("select *\nfrom t\ninto outfile '/tmp/x'", 3, "it writes"),
        ("select *\ninto outfile '/tmp/x' from t", 2, "it writes"),
        ("select * from t into dumpfile 'x'", 1, "it writes"),
        ("select a into @v from t", 1, "it writes"),
        ("select *\nfrom t\nfor update", 3, "it locks rows"),
        ("select * from t for share skip locked", 1, "it locks rows"),
        ("select * from t\nlock in share mode", 2, "it locks rows"),
        ("select * from (\nselect * from t for update\n) as x", 2, "it locks rows"),
        ("select 1\n/*! into outfile '/tmp/x' */", 2, "a comment that MySQL executes"),
        ("select * from t /*!50000 for update */", 1, "a comment that MySQL executes"),
        ("select 1 /*M!100100 into outfile 'x' */", 1, "a comment that MySQL executes"),
        ("select 'abc", 1, "it cannot be read"),
    ],
)
def test_what_is_no_select_is_named_with_its_line(
    tmp_path: Path, sql: str, line: int, said: str
) -> None:
    error = refused(tmp_path, f"-- Mine.\n-- key: id\n{sql}")
    found = error.what
    at = line if said == "it is empty" else line + 2
    assert said in found
    assert f"a.sql:{at}: a source is one SELECT" in found or said == "it is empty"
    assert "Nothing was sent to MySQL" in str(error)


@pytest.mark.parametrize(
    "sql",
    [
        "select t.update, t.into, t.delete from t",
        "select `into`, `update` from t",
        "select 'into outfile; for update' as a from t",
        'select "for update" as a from t',
        "select * from t -- for update;\nwhere true",
        "select * from t # into outfile 'x'",
        "select /* ; delete */ * from t",
        "select substring(a from 1 for 2) from t",
        "select * from t use index for join (i)",
        "select replace(a, 'x', 'y'), insert(a, 1, 2, 'z') from t",
    ],
)
def test_words_that_do_nothing_are_no_reason_to_refuse(sql: str) -> None:
    assert examine(sql) is not None


@pytest.mark.parametrize(
    "sql",
    [
        "select * from t where a match against ('x')",
        "select * from t procedure analyse()",
        "select next value for s",
        "select * frm t",
        "select\\G",
    ],
)
def test_what_only_mysql_can_parse_is_left_to_it(sql: str) -> None:
    facts = examine(sql)
    assert (facts.reads, facts.constant, facts.star_of) == (None, False, None)


def reads(sql: str) -> set[str]:
    found = examine(sql).reads
    assert found is not None
    return {f"{table.database}.{table.name}".lstrip(".") for table in found}


@pytest.mark.parametrize(
    ("sql", "tables"),
    [
        ("select * from t", {"t"}),
        ("select * from shop.t join `other db`.`t` as u using (id)", {"shop.t", "other db.t"}),
        ("select * from `we``ird`", {"we`ird"}),
        ("select * from `order`, `select`", {"order", "select"}),
        ("select * from 2024_orders", {"2024_orders"}),
        ("select * from Kunden where Größe > 1", {"Kunden"}),
        ("with c as (select * from t) select * from c join u using (id)", {"t", "u"}),
        ("with recursive c as (select 1 as n union select n + 1 from c) select * from c", set()),
        ("select * from t where id in (select id from u where exists (select 1 from v))", {*"tuv"}),
        ("select (select max(id) from u) as m from t", {"t", "u"}),
        ("select * from t union all select * from u", {"t", "u"}),
        ("(select * from t) union (select * from u) order by 1 limit 3", {"t", "u"}),
        ("select * from (select * from t) as x", {"t"}),
        ("select * from t, lateral (select * from u where u.id = t.id) as x", {"t", "u"}),
        ("select 1 from dual", set()),
        ("select 1", set()),
        ("values row(1, 2)", set()),
        ("select * from json_table('[1]', '$[*]' columns (a int path '$')) as j", set()),
    ],
)
def test_the_tables_that_it_reads(sql: str, tables: set[str]) -> None:
    assert reads(sql) == tables


@pytest.mark.parametrize(
    "of_the_moment",
    [
        *("now()", "now(6)", "current_timestamp", "current_timestamp(3)", "sysdate()"),
        *("curdate()", "current_date", "current_date()", "curtime()", "current_time"),
        *("localtime", "localtime()", "localtimestamp", "localtimestamp(2)", "unix_timestamp()"),
        *("utc_date()", "utc_date", "utc_time", "utc_time()", "UTC_TIMESTAMP", "utc_timestamp(6)"),
        *("rand()", "rand(3)", "uuid()", "uuid_short()", "random_bytes(4)", "sleep(0)"),
        *("user()", "current_user", "current_user()", "session_user()", "system_user()"),
        *("current_role()", "database()", "schema()", "version()", "connection_id()"),
        *("last_insert_id()", "row_count()", "found_rows()", "get_lock('a', 1)", "load_file('a')"),
        *("@a", "@@version", "@@session.sql_mode", "@@global.x", "nextval(s)", "lastval(s)"),
        *("our_own_function(a)", "shop.our_own_function(a)"),
    ],
)
def test_what_depends_on_the_clock_on_chance_or_on_the_session(of_the_moment: str) -> None:
    assert not examine(f"select {of_the_moment} as a from t").constant
    assert not examine(f"select * from t where a < {of_the_moment}").constant
    assert not examine(f"select * from t where a in (select {of_the_moment} from u)").constant


@pytest.mark.parametrize(
    "sql",
    [
        "select * from t",
        "select version, user, `now`, `utc_date2`, date(a) from t",
        "select concat(a, 'x'), hex(b), sum(c) over (order by d) from t where a > '2026-01-01'",
        "select date_format(a, '%Y'), from_unixtime(b), json_extract(c, '$.now()') from t",
        "select count(*) from t group by a having count(*) > 1",
    ],
)
def test_what_depends_on_the_tables_alone(sql: str) -> None:
    assert examine(sql).constant


@pytest.mark.parametrize(
    ("sql", "star", "plain"),
    [
        ("select * from t", True, True),
        ("select * from t where a > 1 and b in (1, 2)", True, True),
        ("select * from t order by a", True, True),
        ("select * from t as x where x.a > 1", True, True),
        ("SELECT\n*\nFROM `t`", True, True),
        ("select a, b + 1 as c from t", False, True),
        ("select *, a as b from t", False, True),
        ("select t.* from t", False, True),
        ("select distinct * from t", False, False),
        ("select * from t limit 10", False, False),
        ("select * from t group by a", False, False),
        ("select count(*) from t", False, False),
        ("select row_number() over (order by a) from t", False, False),
        ("select * from t where a in (select b from t)", False, False),
        ("select * from t where a = (select max(b) from u)", False, False),
        ("select * from t, u", False, False),
        ("select * from t join t as u using (id)", False, False),
        ("select * from (select * from t) as x", False, False),
        ("with t as (select 1 as a) select * from t", False, False),
        ("select * from t union select * from t", False, False),
        ("select * from dual", False, False),
        ("select * from json_table('[1]', '$[*]' columns (a int path '$')) as j", False, False),
    ],
)
def test_whose_rows_it_takes_one_by_one(sql: str, star: bool, plain: bool) -> None:
    facts = examine(sql)
    assert (facts.star_of is not None, facts.plain_of is not None) == (star, plain)
    assert facts.star_of in (None, T) and facts.plain_of in (None, T)


def test_an_order_is_told() -> None:
    assert examine("select * from t order by a").ordered
    assert examine("select a from t union select b from u order by 1").ordered
    assert not examine("select * from (select * from t order by a limit 1) as x").ordered


@pytest.mark.parametrize(
    ("sql", "expanded"),
    [
        ("select * from t", "select `a`, `b` from t"),
        (
            "select/* all * */ *\nfrom t where a * 2 > b",
            "select/* all * */ `a`, `b`\nfrom t where a * 2 > b",
        ),
        ("-- *\nselect * from t where a = '*'", "-- *\nselect `a`, `b` from t where a = '*'"),
        ("select * from `größe` as t", "select `a`, `b` from `größe` as t"),
        ("/* 😀ä */ select * from t", "/* 😀ä */ select `a`, `b` from t"),
    ],
)
def test_a_star_gives_way_to_columns(sql: str, expanded: str) -> None:
    assert examine(sql).star_of is not None
    assert expand_star(sql, "`a`, `b`") == expanded


def test_the_line_that_names_something() -> None:
    sql = "select a,\n  `Line No`,\n  'b' as c\nfrom t"
    assert [line_of(sql, name) for name in ("A", "line no", "c", "t", "nothing")] == [1, 2, 3, 4, 1]


def test_line_and_text_of_an_error_do_not_need_a_file() -> None:
    with pytest.raises(NoSelect, match="it writes") as error:
        examine("select 1\ninto @a")
    assert error.value.line == 2


# -- The project


def test_files_come_in_the_order_of_their_names_from_folders_too(tmp_path: Path) -> None:
    (tmp_path / "crm").mkdir()
    read(tmp_path, "select * from b", "b")
    read(tmp_path, "select * from a", "a")
    read(tmp_path / "crm", "select * from `c` limit 5", "c")
    assert [source.name for source in load_sources(tmp_path)] == ["a", "b", "c"]


def project(home: Path, **files: str) -> None:
    for path, sql in files.items():
        folder, _, name = path.partition("__")
        (home / "sql" / folder).mkdir(parents=True, exist_ok=True)
        (home / "sql" / folder / f"{name}.sql").write_text(sql, encoding="utf-8")


@pytest.mark.parametrize("name", [*BOOKKEEPING, "Loads", *sorted(RESERVED)])
def test_a_name_that_is_taken(tmp_path: Path, name: str) -> None:
    project(tmp_path, **{f"sources__{name}": "select * from t"})
    with pytest.raises(WarehouseError, match=rf"{name}\.sql:1: {name} is the name of .* already"):
        load_project(tmp_path)


def test_dagster_takes_no_reserved_name() -> None:
    from dagster._core.definitions.utils import DISALLOWED_NAMES

    assert {*RESERVED} - {"checks", "views"} == {name.lower() for name in DISALLOWED_NAMES}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("sources__orders", "sources__Orders"),
        ("sources__orders", "sources/crm__orders"),
        ("sources__orders", "shop__orders"),
        ("sources__orders", "shop__Orders"),
        ("shop__orders", "finance__ORDERS"),
    ],
)
def test_a_name_is_taken_once_whatever_its_case(tmp_path: Path, first: str, second: str) -> None:
    project(tmp_path, **{first: "select 1 as a", second: "select 2 as a"})
    with pytest.raises(
        WarehouseError, match=r"(?i)orders\.sql:1: orders is the name of .* already"
    ):
        load_project(tmp_path)


def test_a_home_without_the_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(WarehouseError, match=r"There is no folder .*nowhere/sql") as error:
        load_project(tmp_path / "nowhere")
    assert "WAREHOUSE_HOME" in str(error.value)


def test_a_source_reads_no_table_of_the_warehouse_and_a_view_does(tmp_path: Path) -> None:
    project(
        tmp_path,
        sources__orders="-- days: day in Asia/Tokyo\nselect * from shop.orders",
        sources__people="select * from customers",
        shop__both="select * from orders join people using (id)",
    )
    found = load_project(tmp_path)
    assert [*found.by_name] == ["orders", "people"]
    assert [source.name for source in found.with_days] == ["orders"]
    assert [source.name for source in found.whole] == ["people"]
    assert [(view.name, set(view.reads)) for view in found.views] == [
        ("both", {"orders", "people"})
    ]


# -- Dagster, and no server


def validate(env: WarehouseEnv) -> subprocess.CompletedProcess[str]:
    """Run `dagster definitions validate` where no MySQL answers."""
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "dagster", "definitions", "validate"],
        cwd=ROOT,
        env={**env.env, "WAREHOUSE_MYSQL_URL": "mysql+pymysql://me:secret@127.0.0.1:1/shop"},
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_the_definitions_are_valid_without_a_server(warehouse_env: WarehouseEnv) -> None:
    warehouse_env.source("lines", "-- days: d in Asia/Tokyo\nselect * from shop.order_lines")
    done = validate(warehouse_env)
    assert done.returncode == 0, done.stdout
    assert "Validation successful" in done.stdout


@pytest.mark.parametrize(
    "sql",
    [
        "select * from `order lines`",
        "select * from größe",
        "select * from $sys",
        "select * from `shop`.`order lines`",
        "select * from a_b join a.b using (id)",
        "select * from A join a using (id)",
        "select * from `a-b`",
        "select * from `order lines` join order__20_lines using (id) join order_20_lines",
        "select * from a__b join a.b using (id) join `a`.`_b` using (id)",
    ],
)
def test_a_table_may_have_any_name(warehouse_env: WarehouseEnv, sql: str) -> None:
    warehouse_env.source("lines", sql)
    warehouse_env.only("lines")
    warehouse_env.defs.resolve_implicit_global_asset_job_def()


@given(st.text(alphabet="_2f a.é🎁"))
def test_no_two_tables_are_one_asset(name: str) -> None:
    encoded = as_identifier(name)
    assert re.fullmatch("[A-Za-z0-9_]*", encoded)
    assert re.sub("__([0-9a-f]+)_", lambda found: chr(int(found[1], 16)), encoded) == name


@pytest.mark.parametrize("name", ["orders", "sales_2024_q1", "_a_b_", "order__lines", "fact_de_1"])
def test_a_table_s_name_stays_where_dagster_takes_it(name: str) -> None:
    assert upstream_key(TableName("", name), OWN).path == ["mysql", name]


def test_a_fault_in_a_file_is_named_without_a_server(warehouse_env: WarehouseEnv) -> None:
    file = warehouse_env.source("lines", "-- Mine.\n-- days: d in Nowhere\nselect * from t")
    done = validate(warehouse_env)
    assert done.returncode != 0
    assert f"{file}:2: there is no time zone Nowhere" in done.stdout + done.stderr


def test_upstream_of_a_source_stand_the_tables_that_it_reads(warehouse_env: WarehouseEnv) -> None:
    warehouse_env.source("lines", "select * from orders join other.lines using (id)")
    graph = warehouse_env.defs.resolve_asset_graph()
    node = graph.get(dg.AssetKey("lines"))
    assert {key.to_user_string() for key in node.parent_keys} == {
        "mysql/orders",
        "mysql/other/lines",
    }
    assert all(graph.get(key).is_observable for key in node.parent_keys)


def test_the_shipped_files_are_sources() -> None:
    shipped = load_project()
    assert [*shipped.by_name] == ["mysql_customers", "mysql_orders", "mysql_orders_daily"]
    assert all(source.description and source.owners for source in shipped.sources)
    assert os.fspath(shipped.sources[0].file).startswith(os.fspath(ROOT))
