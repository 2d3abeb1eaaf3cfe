"""Views are read from files, checked before a run, written only when they change."""

import re
from pathlib import Path

import duckdb
import pytest

from warehouse.errors import WarehouseError
from warehouse.project.view_files import load_views
from warehouse.store.views import Written, find_broken, write_views

ORDERS = {"id": "INTEGER", "amount": "DECIMAL(12,2)"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "transforms").mkdir()
    return tmp_path


def add(folder: Path, name: str, sql: str) -> None:
    (folder / "transforms" / f"{name}.sql").write_text(sql)


def refused(folder: Path) -> str:
    with pytest.raises(WarehouseError) as error:
        load_views({"orders"}, folder)
    return str(error.value)


def test_a_file_is_a_view(folder: Path) -> None:
    add(
        folder, "big", "-- Orders of\n-- a thousand.\n\nselect * from orders where amount > 1000;\n"
    )
    (view,) = load_views({"orders"}, folder)
    assert (view.name, view.group, set(view.reads)) == ("big", "transforms", {"orders"})
    assert view.description == "Orders of a thousand."


def test_the_comment_on_top_says_whose_it_is(folder: Path) -> None:
    add(folder, "a", "-- Mine.\n-- owner: team:a-b, ann@example.com\n-- See: there.\nfrom orders")
    add(folder, "b", "from orders")
    a, b = load_views({"orders"}, folder)
    assert (a.owners, a.description) == (["team:a-b", "ann@example.com"], "Mine. See: there.")
    assert b.owners == []


@pytest.mark.parametrize("note", ["owner: analytics", "owner:", "severity: fatal"])
def test_a_note_that_means_nothing_is_named(folder: Path, note: str) -> None:
    add(folder, "a", f"-- Mine.\n-- {note}\nfrom orders")
    assert f"a.sql:2: {note.partition(':')[2].strip() or 'nothing'} is no" in refused(folder)


def test_what_a_view_reads_is_read_from_its_sql(folder: Path) -> None:
    add(
        folder,
        "a",
        "with b as (select 1 as id), c as (from b) select * from c join orders using (id)",
    )
    add(
        folder,
        "b",
        "select (select max(id) from a) as m, * from main.orders o where id in (from a)",
    )
    a, b = load_views({"orders"}, folder)
    assert (a.name, set(a.reads)) == ("a", {"orders"})
    assert (b.name, set(b.reads)) == ("b", {"a", "orders"})


def test_views_come_after_what_they_read(folder: Path) -> None:
    add(folder, "a", "from b")
    add(folder, "b", "from c")
    add(folder, "c", "from orders")
    assert [view.name for view in load_views({"orders"}, folder)] == ["c", "b", "a"]


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("select a,\n  from from x", "bad.sql:2: Parser Error"),
        ("select *\nfrom ordrs", "bad.sql:2: there is no table or view ordrs"),
        ("select 1; select 2", "bad.sql:1: a view is one SELECT"),
        ("create table x as select 1", "bad.sql:1: a view is one SELECT"),
        ("-- nothing", "bad.sql:1: a view is one SELECT"),
        ("select *\nfrom bad", "bad.sql:2: the views form a circle: bad reads bad"),
    ],
)
def test_a_file_that_cannot_be_a_view(folder: Path, sql: str, said: str) -> None:
    add(folder, "bad", sql)
    assert said in refused(folder)


def test_a_circle_is_named_with_its_file_and_line(folder: Path) -> None:
    add(folder, "a", "select *\nfrom\n  b")
    add(folder, "b", "from c")
    add(folder, "c", "from a")
    said = refused(folder)
    assert "a.sql:3" in said or "b.sql:1" in said or "c.sql:1" in said
    assert "reads" in said


def test_a_name_is_taken_once(folder: Path) -> None:
    add(folder, "orders", "select 1 as i")
    assert "orders is the name of a table already" in refused(folder)


def test_a_column_that_is_not_there_is_found_without_any_rows(folder: Path) -> None:
    add(folder, "a", "select id,\n  amont\nfrom orders")
    broken = find_broken(load_views({"orders"}, folder), {"orders": ORDERS})
    assert broken.keys() == {"a"}
    assert re.search(r"a\.sql:2: Binder Error.*amont", broken["a"].what)


def test_views_on_tables_that_are_not_there_yet_are_passed_over(folder: Path) -> None:
    add(folder, "a", "from later")
    add(folder, "b", "from a")
    assert find_broken(load_views({"later"}, folder), {"orders": ORDERS}) == {}


def warehouse() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("CREATE TABLE orders (id INTEGER, amount DECIMAL(12,2))")
    return connection


def test_only_changed_views_are_written(folder: Path) -> None:
    add(folder, "a", "-- First.\nselect id from orders")
    add(folder, "b", "from a")
    connection = warehouse()
    both = {"a", "b"}
    assert write_views(connection, load_views({"orders"}, folder), both) == Written(["a", "b"], {})
    assert write_views(connection, load_views({"orders"}, folder), both) == Written([], {})
    add(folder, "a", "-- It's second.\nselect id, amount from orders")
    assert write_views(connection, load_views({"orders"}, folder), {"b"}) == Written([], {})
    assert write_views(connection, load_views({"orders"}, folder), both) == Written(["a"], {})
    assert connection.execute(
        "SELECT comment FROM duckdb_views() WHERE view_name = 'a'"
    ).fetchall() == [("It's second.",)]


def test_a_view_goes_with_its_file(folder: Path) -> None:
    add(folder, "a", "select id from orders")
    add(folder, "b", "from a")
    connection = warehouse()
    write_views(connection, load_views({"orders"}, folder), {"a", "b"})
    (folder / "transforms" / "b.sql").unlink()
    write_views(connection, load_views({"orders"}, folder), {"a"})
    assert connection.execute(
        "SELECT view_name FROM duckdb_views() WHERE NOT internal"
    ).fetchall() == [("a",)]


def test_what_is_not_built_yet_is_named(folder: Path) -> None:
    add(folder, "a", "from orders")
    add(folder, "b", "from a")
    done = write_views(warehouse(), load_views({"orders"}, folder), {"b"})
    assert (done.written, [*done.failed]) == ([], ["b"])
    assert re.search(
        r"b\.sql:1: b reads a, which the warehouse does not hold.*\n.*\n.*just",
        str(done.failed["b"]),
    )


def test_a_view_that_does_not_fit_fails_by_itself(folder: Path) -> None:
    add(folder, "fits", "select id from orders")
    add(folder, "wrong", "select id,\n  amont\nfrom orders")
    add(folder, "reads_wrong", "from wrong")
    connection = warehouse()
    views = load_views({"orders"}, folder)
    done = write_views(connection, views, {view.name for view in views})
    assert done.written == ["fits"]
    assert done.failed.keys() == {"wrong", "reads_wrong"}
    assert re.search(r"wrong\.sql:2: Binder Error.*amont", done.failed["wrong"].what)
    assert "reads_wrong.sql:1: " in done.failed["reads_wrong"].what
    assert "wrong, which could not be written" in done.failed["reads_wrong"].what
    for error in done.failed.values():
        assert error.safe == "Everything else is published."


def test_a_view_whose_new_text_does_not_fit_stays_what_it_was(folder: Path) -> None:
    add(folder, "a", "select id from orders")
    connection = warehouse()
    write_views(connection, load_views({"orders"}, folder), {"a"})
    add(folder, "a", "select nonsense from orders")
    done = write_views(connection, load_views({"orders"}, folder), {"a"})
    assert (done.written, [*done.failed]) == ([], ["a"])
    assert connection.sql("FROM a").columns == ["id"]


def test_of_a_view_that_was_not_asked_for_no_failure_is_told(folder: Path) -> None:
    add(folder, "a", "select id from orders")
    add(folder, "wrong", "select nonsense from orders")
    done = write_views(warehouse(), load_views({"orders"}, folder), {"a"})
    assert done == Written(["a"], {})


def comments(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    return dict(
        connection.execute(
            "SELECT table_name || '.' || column_name, comment FROM duckdb_columns() "
            "WHERE comment IS NOT NULL"
        ).fetchall()
    )


def test_a_column_that_is_shown_unchanged_keeps_its_comment(folder: Path) -> None:
    add(folder, "a", "select id, amount, amount * 2 as twice from orders")
    add(
        folder,
        "b",
        "with c as (select id as number, sum(amount) as amount from a group by id) from c",
    )
    connection = warehouse()
    connection.execute("COMMENT ON COLUMN orders.id IS 'The order''s number'")
    connection.execute("COMMENT ON COLUMN orders.amount IS 'In euros'")
    views = load_views({"orders"}, folder)
    write_views(connection, views, {"a", "b"})
    assert comments(connection) == {
        "orders.id": "The order's number",
        "orders.amount": "In euros",
        "a.id": "The order's number",
        "a.amount": "In euros",
        "b.number": "The order's number",
    }
    connection.execute("COMMENT ON COLUMN orders.id IS NULL")
    connection.execute("COMMENT ON COLUMN orders.amount IS 'In dollars'")
    assert write_views(connection, views, {"a", "b"}) == Written([], {})
    assert comments(connection) == {"orders.amount": "In dollars", "a.amount": "In dollars"}
