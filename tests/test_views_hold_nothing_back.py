"""A view or a check that does not fit fails by itself, and holds no other asset back."""

from __future__ import annotations

import pytest

from tests.conftest import WarehouseEnv
from warehouse.errors import WarehouseError
from warehouse.store.io_manager import FORCE_TAG

NARROW = "select id, customer_id, status, amount, order_date from orders"


@pytest.fixture
def env(warehouse_env: WarehouseEnv) -> WarehouseEnv:
    warehouse_env.only("mysql_orders")
    return warehouse_env


def view(env: WarehouseEnv, name: str, sql: str) -> None:
    (env.home / "sql" / "analytics" / f"{name}.sql").write_text(sql + "\n", encoding="utf-8")


def check(env: WarehouseEnv, asset: str, name: str, sql: str) -> None:
    file = env.home / "checks" / asset / f"{name}.sql"
    file.parent.mkdir(exist_ok=True)
    file.write_text(sql + "\n", encoding="utf-8")


def test_a_view_that_does_not_fit_fails_alone(env: WarehouseEnv) -> None:
    view(env, "broken", "-- One\nselect id,\n  nope\nfrom mysql_orders")
    view(env, "behind_it", "select * from broken")
    view(env, "whole", "select count(*) as n from mysql_orders")
    with pytest.raises(WarehouseError) as caught:
        env.run()
    text = str(caught.value)
    assert "broken.sql:3: " in text and "nope" in text
    assert "behind_it reads broken, which could not be written" in text
    assert "Everything else is published" in text
    assert env.query("SELECT n FROM whole") == [(10_000,)]
    views = env.query("SELECT view_name FROM duckdb_views() WHERE NOT internal")
    assert views == [("whole",)]


def test_the_exit_code_tells_that_something_failed(env: WarehouseEnv) -> None:
    view(env, "broken", "select nope from mysql_orders")
    view(env, "whole", "select count(*) as n from mysql_orders")
    done = env.materialize()
    assert done.returncode == 1
    assert "broken.sql:1: " in done.stderr
    assert env.query("SELECT n FROM whole") == [(10_000,)]


def test_a_view_that_works_now_is_a_reason_to_refuse(env: WarehouseEnv) -> None:
    view(env, "notes", "select note from mysql_orders")
    env.run()
    env.source("mysql_orders", NARROW)
    with pytest.raises(WarehouseError, match=r"notes\.sql:1: .*note.*would break") as caught:
        env.run()
    assert "--force" in str(caught.value)
    assert env.query("SELECT count(note) > 0 FROM mysql_orders") == [(True,)]

    with pytest.raises(WarehouseError, match=r"notes\.sql:1"):
        env.run(tags={FORCE_TAG: "true"})
    assert env.query("SELECT count(*) FROM mysql_orders") == [(10_000,)]
    columns = env.query("SELECT count(*) FROM duckdb_columns() WHERE table_name = 'mysql_orders'")
    assert columns == [(5,)]
    assert env.query("SELECT count(*) FROM duckdb_views() WHERE NOT internal") == [(0,)]


def test_a_new_text_that_does_not_fit_leaves_the_old_view(env: WarehouseEnv) -> None:
    view(env, "whole", "select count(*) as n from mysql_orders")
    env.run()
    view(env, "whole", "select nope as n from mysql_orders")
    with pytest.raises(WarehouseError, match=r"whole\.sql:1"):
        env.run()
    assert env.query("SELECT n FROM whole") == [(10_000,)]


def test_a_check_that_does_not_fit_fails_alone(env: WarehouseEnv) -> None:
    check(env, "mysql_orders", "broken", "select nope from mysql_orders")
    check(env, "mysql_orders", "whole", "select * from mysql_orders where false")
    done = env.materialize()
    assert done.returncode == 3, done.stderr
    assert "1 of 2 checks passed" in done.stdout or "2 of 3 checks passed" in done.stdout
    assert "broken.sql:1" in done.stdout
    assert env.query("SELECT count(*) FROM mysql_orders") == [(10_000,)]
