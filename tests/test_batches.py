"""Sources whose days are not the same, in one command."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.conftest import WarehouseEnv

NOTES = "-- days: order_date\n-- updated: updated_at\n-- start: {start}\n"


def test_sources_that_begin_on_other_days(warehouse_env: WarehouseEnv) -> None:
    for name, start in (("early", "2025-11-01"), ("late", "2025-11-10")):
        notes = NOTES.format(start=start)
        warehouse_env.source(name, f"{notes}select * from orders where order_date >= '{start}'")
    warehouse_env.only("early", "late", "mysql_customers")
    done = warehouse_env.materialize("key:early or key:late or key:mysql_customers")
    assert done.returncode == 0, done.stderr
    assert "3 assets in" in done.stdout
    for name, start in (("early", "2025-11-01"), ("late", "2025-11-10")):
        held = f"SELECT count(*) > 0, min(order_date) >= '{start}' FROM {name}"
        assert warehouse_env.query(held) == [(True, True)]
    day = warehouse_env.materialize("key:early or key:late", "--partition", "2025-11-05")
    assert day.returncode == 1 and "2025-11-05" in day.stderr, "late has no such day"
