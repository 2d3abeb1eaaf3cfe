"""Several writers to one lake at once: two runs on Spark and a publication lose nothing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.lakes import rows
from tests.servers.test_materialize_on_spark import env  # noqa: F401
from warehouse.lake.place import open_lake
from warehouse.lake.snapshots import newest, numbers
from warehouse.settings import load_settings

if TYPE_CHECKING:
    from tests.conftest import WarehouseEnv
    from tests.servers.launch import Database

pytest.importorskip("pyspark")
pytestmark = pytest.mark.parametrize("server", ["mariadb"], indirect=True)


def test_two_runs_and_a_publication(
    server: Database,
    env: WarehouseEnv,  # noqa: F811
    spark_url: str,
) -> None:
    server.run("CREATE TABLE small (n INT PRIMARY KEY)", "INSERT INTO small VALUES (1), (2)")
    for name in ("small", "sent"):
        env.source(name, "select * from small")
    env.configure(spark=None)
    env.run("sent")
    env.configure(spark=spark_url)
    commands = [("materialize", "things"), ("materialize", "small"), ("publish",)]
    with ThreadPoolExecutor() as pool:
        done = [*pool.map(lambda one: env.command(*one, timeout=120), commands)]
    assert [one.returncode for one in done] == [0, 0, 0], [one.stderr for one in done]
    lake = open_lake(str(load_settings(env.home).lake))
    manifest = newest(lake)
    assert manifest and numbers(lake) == [1, 2, 3]
    held = {name: table.rows for name, table in manifest.tables.items()}
    assert held == {"things": 60, "small": 2, "sent": 2, "loads": 3}
    names = [column.name for column in manifest.tables["loads"].columns]
    receipts = [row[names.index("table_name")] for row in rows(lake, "loads")]
    assert sorted(receipts) == ["sent", "small", "things"]

    # Published again, the receipts of the others stay, and nothing is written.
    again = env.command("publish")
    assert "Nothing changed: there is no new one." in again.stdout, again.stderr
    assert len(rows(lake, "loads")) == 3


def test_a_table_that_spark_loaded_later_is_sent_only_by_its_name(
    server: Database,
    env: WarehouseEnv,  # noqa: F811
    spark_url: str,
) -> None:
    env.configure(spark=None)
    env.run("things")
    server.run("INSERT INTO `odd things` VALUES (555, 'later', 1, NULL)")
    env.configure(spark=spark_url)
    env.run("things")
    lake = open_lake(str(load_settings(env.home).lake))
    assert len(rows(lake, "things")) == 61
    done = env.command("publish")
    assert done.returncode == 0, done.stderr
    assert "things stays as it is in the lake: Spark loaded it there at 20" in done.stderr
    assert "`just publish things` sends it all the same." in done.stderr
    assert len(rows(lake, "things")) == 61
    assert env.command("publish", "things").returncode == 0
    assert len(rows(lake, "things")) == 60

    # MySQL has not changed since Spark asked, and all the same the lake's table is another one.
    automatic = {"dagster/from_automation_condition": "true"}
    for _ in range(2):
        env.run("things", tags=automatic)
        assert len(rows(lake, "things")) == 61
    found = newest(lake)
    assert found and found.number == len(numbers(lake)) == 4  # the second run had nothing to do

    # DuckDB asks later than Spark did: its table is the newer one.
    env.configure(spark=None)
    server.run("DELETE FROM `odd things` WHERE `odd id` = 555")
    env.run("things")
    done = env.command("publish")
    assert "stays as it is" not in done.stderr
    assert len(rows(lake, "things")) == 60
