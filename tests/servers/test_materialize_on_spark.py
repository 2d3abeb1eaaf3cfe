"""`WAREHOUSE_SPARK` set: the same files and commands run on the cluster, with DuckDB's answers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

import warehouse
from warehouse.engines.spark.cluster import JDBC_JAR
from warehouse.errors import WarehouseError
from warehouse.lake.place import open_lake
from warehouse.lake.snapshots import named_files, newest
from warehouse.serve.newest import newest as newest_engine
from warehouse.settings import load_settings

if TYPE_CHECKING:
    from tests.conftest import WarehouseEnv
    from tests.servers.launch import Database

pytest.importorskip("pyspark")
# Loads of both servers are compared in test_spark_load.
pytestmark = pytest.mark.parametrize("server", ["mariadb"], indirect=True)

VIEW = """
-- owner: team:data
select kind, count(*) as things, sum(price) as worth, max(seen_at) as last
from things where "odd id" is not null group by kind order by kind asc nulls last
"""
ROWS = [
    *[f"({n}, 'kind {n % 3}', {n}.25, '2025-11-01 10:00:00')" for n in range(1, 60)],
    "(18446744073709551615, NULL, -0.01, '2025-11-02 23:59:59.999999')",
]


@pytest.fixture
def env(
    server: Database, spark_url: str, warehouse_env: WarehouseEnv, tmp_path: Path
) -> WarehouseEnv:
    """A project with one source, one view and one blocking check; its table has an odd name."""
    assert JDBC_JAR.exists(), "apt-get install libmariadb-java"
    server.run(
        "CREATE TABLE `odd things` (`odd id` BIGINT UNSIGNED PRIMARY KEY, kind VARCHAR(20), "
        "price DECIMAL(10,2), seen_at DATETIME(6))",
        f"INSERT INTO `odd things` VALUES {', '.join(ROWS)}",
    )
    warehouse_env.source("things", "select * from `odd things`")
    warehouse_env.only("things")
    home = warehouse_env.own_project()
    write(home / "sql/analytics/worth.sql", VIEW)
    write(
        home / "checks/worth/positive.sql",
        "-- severity: block\nselect * from worth where worth < -1",
    )
    warehouse_env.configure(mysql_url=server.url(), spark=spark_url, lake=tmp_path / "lake")
    return warehouse_env


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text.strip() + "\n", encoding="utf-8")


def answers(env: WarehouseEnv, name: str = "worth") -> list[tuple[Any, ...]]:
    """Return the rows and types of a view or table in the engine of the settings."""
    with newest_engine(load_settings(env.home)) as engine:
        relation = engine.sql(f"from {name}")
        return [tuple(map(str, relation.types)), *relation.fetchall()]


def snapshot(env: WarehouseEnv) -> int:
    found = newest(open_lake(str(load_settings(env.home).lake)))
    return found.number if found else 0


def nothing_is_left_over(env: WarehouseEnv) -> None:
    """See that the lake holds the files of its snapshots, and no others, nor other folders."""
    lake = Path(str(load_settings(env.home).lake))
    named = {lake / path for path in named_files(open_lake(str(lake)))}
    assert {*lake.rglob("*.parquet")} == named
    assert {*lake.glob("tables/*/*")} <= named | {file.parent for file in named}


def test_the_same_files_give_the_same_answers(server: Database, env: WarehouseEnv) -> None:
    done = env.materialize()
    assert done.returncode == 0, done.stderr
    assert "1 of 1 checks passed" in done.stdout or "2 of 2 checks passed" in done.stdout
    assert not env.path.exists()  # DuckDB's file has no part in it
    on_spark = answers(env)
    found = warehouse.frame('select "odd id" from things where "odd id" > 50 order by all')
    assert found["odd id"].tolist()[-1] == 2**64 - 1
    assert warehouse.sql("from loads").project("table_name, rows").fetchall() == [
        ("things", len(ROWS))
    ]
    assert "1 of 1 are kept" in env.command("history").stderr

    # The DBA sees who asked.
    asked = [text for text in server.queries() if "warehouse asset=things" in text]
    assert asked

    # Without Spark, DuckDB loads the same.
    env.configure(spark=None)
    assert env.materialize().returncode == 0
    assert answers(env) == on_spark
    env.configure(spark="sc://127.0.0.1:1")
    refused = env.command("refresh")
    assert refused.returncode == 1
    assert "`just refresh` reads DuckDB's file alone" in refused.stderr


def test_what_a_check_blocks_is_not_published(server: Database, env: WarehouseEnv) -> None:
    env.run()
    before = answers(env)
    server.run("INSERT INTO `odd things` VALUES (99999, 'bad', -500, NULL)")
    with pytest.raises(WarehouseError, match="1 check of severity block failed"):
        env.run()
    assert snapshot(env) == 1
    assert answers(env) == before
    nothing_is_left_over(env)

    # Forced, it is published; and rolled back.
    env.run(tags={"warehouse/force": "true"})
    assert snapshot(env) == 2
    assert answers(env) != before
    done = env.command("rollback", "-1")
    assert done.returncode == 0, done.stderr
    assert snapshot(env) == 3
    assert answers(env) == before


def test_a_view_is_kept_as_a_table_for_as_long_as_it_is_true(
    server: Database, env: WarehouseEnv
) -> None:
    env.run()
    computed = answers(env)
    file = env.home / "sql/analytics/worth.sql"
    write(file, f"-- keep: table\n{VIEW.strip()}")
    env.run("worth")
    manifest = newest(open_lake(str(load_settings(env.home).lake)))
    assert manifest
    assert manifest.tables["worth"].rows == len(computed) - 1
    assert answers(env) == computed  # its order, too

    # What it was made of changes: it is computed until it is kept again.
    server.run("INSERT INTO `odd things` VALUES (555, 'kind 9', 1, NULL)")
    env.run("things")
    changed = answers(env)
    assert [row[0] for row in changed[1:]] == ["kind 0", "kind 1", "kind 2", "kind 9", None]
    env.run("worth")
    assert answers(env) == changed
    manifest = newest(open_lake(str(load_settings(env.home).lake)))
    assert manifest
    assert manifest.tables["worth"].rows == 5


def test_a_view_that_fails_in_its_last_rows_is_not_kept(env: WarehouseEnv) -> None:
    env.run()
    text = """-- owner: team:data
-- keep: table
select "odd id", cast("odd id" as integer) as small from things"""
    write(env.home / "sql/analytics/worth.sql", text)
    before = answers(env, "things")
    with pytest.raises(WarehouseError, match="The view worth: ") as failed:
        env.run("worth")
    assert "18446744073709551615" in failed.value.what
    assert "\n" not in failed.value.what
    assert snapshot(env) == 1
    assert answers(env, "things") == before
    nothing_is_left_over(env)


def test_a_load_that_lost_rows_is_refused(server: Database, env: WarehouseEnv) -> None:
    env.run()
    server.run("DELETE FROM `odd things` WHERE `odd id` > 3")
    with pytest.raises(WarehouseError, match="had 60 rows and would have 3"):
        env.run()
    assert snapshot(env) == 1
    nothing_is_left_over(env)


def test_a_day_is_loaded_alone(server: Database, env: WarehouseEnv) -> None:
    env.source(
        "by_day",
        "-- days: seen_at\n-- start: 2025-11-01\nselect * from `odd things`",
    )
    env.run("by_day", ("2025-11-01", "2025-11-02"))
    days = 'select seen_at::date as day, count(*) as n from "by_day" group by day order by day'
    with newest_engine(load_settings(env.home)) as engine:
        assert [n for _, n in engine.sql(days).fetchall()] == [59, 1]
        assert engine.sql("select count(*) from cached_days").fetchall() == [(2,)]
    server.run("INSERT INTO `odd things` VALUES (70000, 'late', 1, '2025-11-02 01:00:00')")
    lake = Path(str(load_settings(env.home).lake))
    old = {*lake.rglob("*.parquet")}
    env.run("by_day", ("2025-11-02", "2025-11-02"))
    with newest_engine(load_settings(env.home)) as engine:
        assert [n for _, n in engine.sql(days).fetchall()] == [59, 2]
    new = {file.parent.name for file in {*lake.rglob("*.parquet")} - old if "by_day" in str(file)}
    assert len(new) == 1


def test_days_are_not_compared_with_another_file(env: WarehouseEnv) -> None:
    env.source(
        "by_day",
        "-- days: seen_at\n-- updated: seen_at\n-- start: 2025-11-01\nselect * from `odd things`",
    )
    with pytest.raises(WarehouseError, match="compared with the rows in DuckDB's file"):
        env.refresh()


def test_a_view_that_spark_cannot_run_is_named(env: WarehouseEnv) -> None:
    write(
        env.home / "sql/analytics/odd.sql",
        "select approx_count_distinct(kind) as n from things",
    )
    done = env.materialize()
    assert done.returncode == 1
    assert re.search(r"odd\.sql:1.*approx_count_distinct", done.stderr), done.stderr
    assert "0 views written" in done.stderr and " 1 up to date: worth. " in done.stderr
    assert snapshot(env) == 1  # the tables are published: DuckDB's rule for a new view that fails


def test_a_mysql_that_dies_publishes_nothing(server: Database, env: WarehouseEnv) -> None:
    env.run()
    before = answers(env)
    server.stop()
    with pytest.raises(WarehouseError):
        env.run()
    assert snapshot(env) == 1
    assert answers(env) == before  # and everything that was loaded goes on working
    server.start()
    env.run()
    assert snapshot(env) == 2


def test_the_sample_is_told_to_be_published(env: WarehouseEnv) -> None:
    env.configure(mysql_url=None)
    with pytest.raises(WarehouseError, match="embedded sample server, which Spark cannot read"):
        env.run()


def test_results_of_any_kind(env: WarehouseEnv, tmp_path: Path) -> None:
    env.run()
    done = env.command("sql", "from things order by all", "--output", str(tmp_path / "o.parquet"))
    assert done.returncode == 0, done.stderr
    assert duckdb.read_parquet(f"{tmp_path}/o.parquet").shape == (len(ROWS), 4)
    done = env.command("sql", "from worth", "--format", "csv")
    assert done.stdout.splitlines()[0] == "kind,things,worth,last"
    done = env.command("sql", "from wort")
    assert "Did you mean worth?" in done.stderr
    done = env.command("sql", "create table x as select 1")
    assert done.returncode == 1
    assert "not a SELECT" in done.stderr
    assert "worth" in env.command("sql", "show tables").stdout
