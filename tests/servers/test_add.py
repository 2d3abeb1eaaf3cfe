"""`add`: source files from what MySQL's definitions say."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from tests.servers import strange
from warehouse.assets.source_queries import query_of
from warehouse.cli import main
from warehouse.definitions import build_code_location
from warehouse.mysql.plan import make_plan
from warehouse.mysql.session import connect
from warehouse.mysql.url import parse_url
from warehouse.project.project import load_project
from warehouse.project.source_files import DayColumn
from warehouse.project.source_text import mysql_name

if TYPE_CHECKING:
    from tests.conftest import WarehouseEnv
    from tests.servers.launch import Database

USERS = """
CREATE TABLE users (
  id INT PRIMARY KEY, name VARCHAR(80) NOT NULL, `group` INT, password_hash CHAR(60),
  apiToken VARCHAR(40), token_count INT, hashtag VARCHAR(20), hidden INT INVISIBLE,
  password_changed_at DATETIME, seen_on DATE NOT NULL,
  changed TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  KEY by_day (seen_on)
) COMMENT = 'Who may log in; owner: the support team'
"""
USERS_FILE = """\
-- Who may log in; owner: the support team
-- key: id
-- updated: changed
-- # Left out, as their names look like secrets: password_hash, apiToken.
-- # To load it by day, take the # off one of the lines that begin with days. The first day is
-- # WAREHOUSE_DAILY_START, or what a line `-- start: 2020-01-31` says.
-- # seen_on: date; the index by_day finds its days.
-- # days: seen_on
-- # password_changed_at: datetime, by UTC, or add: in Europe/Berlin; no index begins with it, so
-- # that MySQL reads the whole table for any day.
-- # days: password_changed_at
select
  id,
  name,
  `group`,
  token_count,
  hashtag,
  password_changed_at,
  seen_on,
  changed
from users
"""


def add(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["add", *arguments])


def empty(env: WarehouseEnv, url: str) -> Path:
    """Point the warehouse to a project folder without a file, and return that of the sources."""
    env.own_project()
    env.only()
    env.configure(mysql_url=url)
    return env.home / "sql" / "sources"


@pytest.fixture
def sources(server: Database, warehouse_env: WarehouseEnv) -> Path:
    return empty(warehouse_env, server.url())


def test_all_that_the_definitions_say(
    server: Database, warehouse_env: WarehouseEnv, sources: Path
) -> None:
    server.run(USERS, "INSERT INTO users (id, name, seen_on) VALUES (1, 'Ann', '2026-01-01')")
    done = add("USERS")
    assert done.exit_code == 0, done.output
    file = sources / "mysql_users.sql"
    assert done.stdout == f"{file}\n"
    assert file.read_text() == USERS_FILE
    assert "secrets: password_hash, apiToken" in done.stderr
    assert "1 file written. Next: `just materialize`" in done.stderr

    (source,) = load_project(warehouse_env.home).sources
    assert source.description == "Who may log in; owner: the support team"
    assert (source.key, source.updated, source.days) == (("id",), "changed", None)
    warehouse_env.run()
    assert warehouse_env.query("SELECT id, name, seen_on::VARCHAR FROM mysql_users") == [
        (1, "Ann", "2026-01-01")
    ]


def test_the_days_are_there_when_their_remark_is_none(
    server: Database, warehouse_env: WarehouseEnv, sources: Path
) -> None:
    server.run(USERS, "INSERT INTO users (id, name, seen_on) VALUES (1, 'Ann', '2026-01-01')")
    add("users")
    file = sources / "mysql_users.sql"
    file.write_text(file.read_text().replace("-- # days: seen_on", "-- days: seen_on"))
    (source,) = load_project(warehouse_env.home).sources
    assert source.days == DayColumn("seen_on")
    warehouse_env.run("mysql_users", days=("2026-01-01", "2026-01-02"))
    assert warehouse_env.query("SELECT id FROM mysql_users") == [(1,)]


def test_a_plain_table_is_one_line(server: Database, sources: Path) -> None:
    server.run("CREATE TABLE t (a INT)", "CREATE TABLE u (a INT NOT NULL UNIQUE, at DATETIME)")
    add("t", "u")
    assert (sources / "mysql_t.sql").read_text() == "select * from t\n"
    assert "-- key: a\n" in (sources / "mysql_u.sql").read_text()


def test_a_time_of_change_by_its_name_only_is_left_to_the_reader(
    server: Database, sources: Path
) -> None:
    server.run("CREATE TABLE t (a INT PRIMARY KEY, updated_at DATETIME)")
    add("t")
    assert (sources / "mysql_t.sql").read_text().splitlines() == [
        "-- key: a",
        "-- # If updated_at changes with each change of a row, take the # off: `just refresh` can "
        "then tell",
        "-- # which days changed.",
        "-- # updated: updated_at",
        "select * from t",
    ]


@pytest.mark.usefixtures("sources")
@pytest.mark.parametrize(
    "comment",
    [
        "Owner: sales",
        "key: id",
        "# of visits",
        "days - by day",
        "-- updated: x",
        "a\nfrom: b\x1b[1m",
    ],
)
def test_a_comment_that_reads_like_a_note_is_none(
    server: Database, warehouse_env: WarehouseEnv, comment: str
) -> None:
    with closing(server.admin("shop")) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE t (a INT) COMMENT = %s", (comment,))
    assert add("t").exit_code == 0
    (source,) = load_project(warehouse_env.home).sources
    assert comment.split()[-1].replace("\x1b", "\\x1b") in source.description
    assert (source.key, source.updated, source.server, source.owners) == ((), None, "", ())


def test_nothing_is_overwritten(server: Database, sources: Path) -> None:
    server.run("CREATE TABLE customers (id INT)", "CREATE TABLE other (id INT)")
    own = sources / "people.sql"
    own.write_text("select id from customers where id > 5\n")
    (sources / "mysql_other.sql").write_text("select 1 as one\n")
    done = add("customers", "other")
    assert done.exit_code == 0
    assert f"customers: {own} reads it already. It stays as it is." in done.stderr
    assert done.stdout == f"{sources / 'mysql_other_2.sql'}\n"
    assert (sources / "mysql_other.sql").read_text() == "select 1 as one\n"
    again = add("*")
    assert (again.exit_code, again.stdout) == (0, "")
    assert "No file was written." in again.stderr


def test_a_source_that_joins_a_table_does_not_stand_for_it(server: Database, sources: Path) -> None:
    server.run("CREATE TABLE a (id INT)", "CREATE TABLE b (id INT)")
    (sources / "both.sql").write_text("select a.id from a join b on a.id = b.id\n")
    assert add("a").stdout == f"{sources / 'mysql_a.sql'}\n"


def test_a_dry_run_prints(server: Database, sources: Path) -> None:
    server.run("CREATE TABLE t (a INT)")
    done = add("t", "--dry-run")
    assert done.stdout == f"-- {sources / 'mysql_t.sql'}\nselect * from t\n\n"
    assert "No file was written." in done.stderr
    assert [*sources.iterdir()] == []


@pytest.mark.usefixtures("sources")
def test_what_would_not_load_gets_no_file(server: Database) -> None:
    """A pattern goes on without it; whoever named it is told by the exit code, too."""
    server.run(
        "CREATE TABLE t (a INT)",
        "CREATE VIEW v AS SELECT a FROM t",
        "CREATE TABLE gone (a INT)",
        "CREATE VIEW broken AS SELECT a FROM gone",
        "DROP TABLE gone",
        "CREATE SQL SECURITY INVOKER VIEW forbidden AS SELECT user AS a FROM mysql.user",
        "CREATE TABLE vault (password VARCHAR(60), token VARCHAR(60))",
    )
    done = add("*")
    assert done.exit_code == 0
    assert {Path(line).name for line in done.stdout.splitlines()} == {"mysql_t.sql", "mysql_v.sql"}
    assert "broken: no file. MySQL says: View 'shop.broken' references invalid" in done.stderr
    assert "forbidden: no file. The view `forbidden` in MySQL at" in done.stderr
    assert "vault: no file. Each of its columns looks like a secret." in done.stderr
    assert add("vault").exit_code == 1
    assert add("t", "broken").exit_code == 1
    missing = add("t", "vaults")
    assert missing.exit_code == 1 and "Did you mean vault?" in missing.stderr
    assert add().exit_code == 2


def test_a_table_that_the_account_may_not_read(
    server: Database, warehouse_env: WarehouseEnv, sources: Path
) -> None:
    server.run(
        "CREATE TABLE log (a INT, b INT)",
        "CREATE TABLE some (a INT, b INT, secret INT)",
        "CREATE OR REPLACE USER narrow@'%' IDENTIFIED BY 'narrow'"
        if server.kind == "mariadb"
        else "CREATE USER IF NOT EXISTS narrow@'%' IDENTIFIED BY 'narrow'",
        "GRANT INSERT ON shop.log TO narrow@'%'",
        "GRANT SELECT (b) ON shop.some TO narrow@'%'",
    )
    warehouse_env.configure(mysql_url=server.url(user="narrow", password="narrow"))
    done = add("*")
    assert "log: no file. The account may not read it. Ask for SELECT on it." in done.stderr
    assert (sources / "mysql_some.sql").read_text() == "select * from some\n"
    assert add("log").exit_code == 1


@pytest.mark.usefixtures("warehouse_env")
def test_the_shipped_sources_are_found() -> None:
    done = add("customers", "orders")
    assert (done.exit_code, done.stdout) == (0, "")
    assert "customers: warehouse/sql/sources/mysql_customers.sql reads it already." in done.stderr


def test_every_file_loads(crowd: Database, warehouse_env: WarehouseEnv) -> None:
    url = crowd.url(strange.DATABASE)
    folder = empty(warehouse_env, url)
    done = add("*")
    assert done.exit_code == 0, done.output
    files = [Path(line) for line in done.stdout.splitlines()]
    assert {file.name for file in files} == {file.name for file in folder.iterdir()}
    assert len({file.name.lower() for file in files}) == strange.TABLES
    assert (folder / "mysql_orders.sql").read_text().endswith("select * from orders\n")

    project = load_project(warehouse_env.home)
    read = [table.name for source in project.sources for table in source.facts.reads or ()]
    assert sorted(read) == sorted([*strange.ODD, *strange.USUAL])
    server = parse_url(url)
    with connect(server) as connection:
        for source in project.sources:
            plan = make_plan(connection, server, query_of(source))
            assert [column.name for column in plan.columns if column.key] == ["id"]
            assert source.key == ("id",) and source.updated == "changed"
    build_code_location(project)

    assert add("*").stdout == "", "each table is read by now"


def test_reserved_words_are_quoted(mysql: Database) -> None:
    """All that this server reserves, whatever our list says."""
    mysql.start()
    rows = mysql.run("SELECT word FROM information_schema.keywords WHERE reserved = 1")
    assert len(rows) > 200
    assert [word for (word,) in rows if mysql_name(word.lower()) == word.lower()] == []
