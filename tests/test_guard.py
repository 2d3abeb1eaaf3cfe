"""A load that lost too much of the table is refused, and can be forced."""

from __future__ import annotations

import pytest

from tests.conftest import WarehouseEnv
from warehouse.errors import WarehouseError
from warehouse.store.guard import check_shrink
from warehouse.store.io_manager import FORCE_TAG
from warehouse.store.snapshots import newest


@pytest.mark.parametrize(
    ("before", "after", "allowed"),
    [
        *[(0, 0, 0.0), (0, 5, 0.0), (10, 5, 0.5), (10, 10, 0.0), (10, 0, 1.0), (10, 11, 0.0)],
        *[(100, 71, 0.29), (10_000, 4_300, 0.57), (10_000_000, 5_900_000, 0.41)],  # just as many
    ],
)
def test_allowed(before: int, after: int, allowed: float) -> None:
    check_shrink("t", before, after, allowed)


@pytest.mark.parametrize(
    ("before", "after", "allowed"),
    [(10, 4, 0.5), (10, 9, 0.0), (10, 0, 0.99), (1, 0, 0.5), (100, 70, 0.29)],
)
def test_refused(before: int, after: int, allowed: float) -> None:
    with pytest.raises(WarehouseError, match=rf"t had {before} rows and would have {after} "):
        check_shrink("t", before, after, allowed)


def test_a_load_that_lost_most_rows_leaves_everything_as_it_was(
    warehouse_env: WarehouseEnv,
) -> None:
    warehouse_env.run()
    before = newest(warehouse_env.path)
    receipts = warehouse_env.query("FROM loads")
    warehouse_env.where("id < 100")

    with pytest.raises(WarehouseError, match=r"10,000 rows and would have \d+ "):
        warehouse_env.run("mysql_orders")
    warehouse_env.where("false")
    with pytest.raises(WarehouseError, match=r"10,000 rows and would have 0 "):
        warehouse_env.run("mysql_orders")
    assert newest(warehouse_env.path) == before
    assert warehouse_env.query("FROM loads") == receipts
    assert warehouse_env.query("SELECT count(*) FROM mysql_orders") == [(10_000,)]


def test_the_ways_to_force_it(warehouse_env: WarehouseEnv) -> None:
    warehouse_env.run("mysql_orders")
    warehouse_env.where("id < 100")
    warehouse_env.run("mysql_orders", tags={FORCE_TAG: "true"})
    ((few,),) = warehouse_env.query("SELECT count(*) FROM mysql_orders")
    assert 0 < few < 200

    warehouse_env.where("false")
    warehouse_env.configure(max_shrink=1)
    warehouse_env.run("mysql_orders")
    assert warehouse_env.query("SELECT count(*) FROM mysql_orders") == [(0,)]


def test_the_command_line_forces(warehouse_env: WarehouseEnv) -> None:
    assert warehouse_env.materialize("mysql_orders").returncode == 0
    warehouse_env.where("id < 100")
    refused = warehouse_env.materialize("mysql_orders")
    assert refused.returncode == 1
    assert "--force" in refused.stderr
    assert refused.stderr.endswith("warehouse/force=true.\n"), "nothing is said after it"
    assert warehouse_env.materialize("mysql_orders", "--force").returncode == 0
