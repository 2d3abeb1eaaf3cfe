"""What the shell completes, on a stranger's schema: names that SQL takes only in quotes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import WarehouseEnv
from tests.shell import Open, shells
from warehouse.project.quoting import quoted
from warehouse.serve.shell_completion import Names, names_of
from warehouse.store.publish import write

TABLES = {
    "Sales Orders": ("Order No", "Kunde"),
    "Kunden": ("Name", "Straße", "größe"),
    "Überweisungen": ("id",),
    "order": ("select", "left", "value"),
    'quo"ted': ('a"b', "plain"),
    "2024": ("1st",),
}
NAMES = Names(
    ["select", "where"], TABLES, ["strftime"], frozenset({"order", "select", "left", "where"})
)
ANY_NAME = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1)


def offered(text: str, behind: str = "") -> list[str]:
    """Return the whole text after each completion."""
    return [
        text[: len(text) - replaced] + written
        for written, replaced in NAMES.completions(text, behind)
    ]


@pytest.mark.parametrize(
    ("text", "completed"),
    [
        ("from sal", ['from "Sales Orders"']),
        ('from "sal', ['from "Sales Orders"']),
        ('from "Sales O', ['from "Sales Orders"']),
        ("select 1 from kunden JOIN ü", ["select 1 from kunden JOIN Überweisungen"]),
        ('from "Sales Orders", kun', ['from "Sales Orders", Kunden']),
        ("from Kunden k, ord", ['from Kunden k, "order"']),
        ('from "quo""t', ['from "quo""ted"']),
        ("from 20", ['from "2024"']),
        (".schema sal", ['.schema "Sales Orders"']),
        ("from Kunden where stra", ["from Kunden where Straße"]),
        ("from Kunden where GRÖ", ["from Kunden where größe"]),
        ('from "Sales Orders" where ord', ['from "Sales Orders" where "Order No"']),
        ("from kunden k where k.", [f"from kunden k where k.{n}" for n in TABLES["Kunden"]]),
        ('from "order" as o select o.le', ['from "order" as o select o."left"']),
        ('from "Sales Orders" so select so.k', ['from "Sales Orders" so select so.Kunde']),
        ("select strf", ["select strftime"]),
    ],
)
def test_what_completes(text: str, completed: list[str]) -> None:
    assert offered(text)[: len(completed)] == completed


@pytest.mark.parametrize(
    "text",
    ["select 'kun", "select 1 -- kun", "select /* kun", "select 1 ", "select 'it''s kun", ""],
)
def test_nothing_completes_in_texts_and_comments(text: str) -> None:
    assert offered(text) == []


def test_tables_behind_the_cursor_count() -> None:
    assert offered("select stra", " from Kunden")[0] == "select Straße"


@pytest.fixture(scope="module")
def memory() -> Iterator[tuple[duckdb.DuckDBPyConnection, frozenset[str]]]:
    """A database, and the keywords that need quotes."""
    with duckdb.connect(config={"threads": 1}) as connection:
        yield connection, names_of(connection).to_quote


@settings(deadline=None)
@given(table=ANY_NAME, column=ANY_NAME)
def test_each_completion_is_sql(
    memory: tuple[duckdb.DuckDBPyConnection, frozenset[str]], table: str, column: str
) -> None:
    connection, to_quote = memory
    connection.execute(f"CREATE TABLE {quoted(table)} AS SELECT 7 AS {quoted(column)}")
    names = Names((), {table: (column,)}, (), to_quote)
    try:
        for typed in ('"', table[:1]):
            for written, _ in names.completions(f"from {typed}"):
                query = f"select {names.written(column)} from {written}"
                assert connection.execute(query).fetchall() == [(7,)]
    finally:
        connection.execute(f"DROP TABLE {quoted(table)}")


def test_keywords_are_quoted() -> None:
    with duckdb.connect(config={"threads": 1}) as connection:
        keywords = connection.execute("SELECT keyword_name FROM duckdb_keywords()").fetchall()
        names = names_of(connection)
        for (word,) in keywords:
            written = names.written(word)
            connection.execute(f"CREATE TEMP TABLE {quoted(word)} AS SELECT 7 AS {quoted(word)}")
            found = connection.execute(f"select {written} from {written}").fetchall()
            assert found == [(7,)], word
            connection.execute(f"DROP TABLE {quoted(word)}")


@pytest.fixture
def open_shell(warehouse_env: WarehouseEnv, tmp_path: Path) -> Iterator[Open]:
    with write(warehouse_env.path, keep=3, who="a test", replacing=[]) as connection:
        for table, columns in TABLES.items():
            values = ", ".join(f"'in {name}' AS {quoted(name)}" for name in columns)
            connection.execute(f"CREATE TABLE {quoted(table)} AS SELECT {values}")
    with shells({**warehouse_env.env, "XDG_STATE_HOME": str(tmp_path / "state")}, 1) as start:
        yield start


@pytest.mark.parametrize(
    ("typed", "more", "shown"),
    [
        ("from sal", ";", "in Order No"),
        ("from überw", ";", "in id"),
        ('from "order" select le', ";", "in left"),
        ("from kunden k where k.str", "<> '';", "in größe"),
    ],
)
def test_tab_writes_the_name(open_shell: Open, typed: str, more: str, shown: str) -> None:
    shell = open_shell()
    shell.type(typed)
    shell.watch(0.7)
    shell.type("\t")
    shell.watch(0.7)
    shell.type(f" {more}\r")
    shell.until(f"│ {shown}")
