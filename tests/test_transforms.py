"""What the UI is told of a view: its columns and where they come from, its rows, its file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from tests.conftest import WarehouseEnv
from warehouse.assets import views as transforms
from warehouse.assets.naming import OWN
from warehouse.project.project import BOOKKEEPING
from warehouse.project.view_files import load_views

FILES = {
    "paid": "-- Paid orders.\n-- owner: team:shop\n"
    "select id, amount * 2 as twice, count(*) over () as n from mysql_orders order by id desc",
    "some": "select columns('^am') from mysql_orders",
    "wrong": "select status::integer as number\nfrom mysql_orders",
}


def tell(env: WarehouseEnv, folder: Path, files: dict[str, str]) -> dict[str, dict[str, Any]]:
    """Build views of their own; return the metadata of each."""
    env.run("mysql_orders")
    (folder / "shop").mkdir(parents=True)
    for name, sql in files.items():
        (folder / "shop" / f"{name}.sql").write_text(sql)
    project = env.project
    loaded = load_views({*project.by_name, *BOOKKEEPING}, folder)
    views = transforms.build_views(replace(project, views=tuple(loaded)), OWN)
    result = dg.materialize([views], instance=env.history)
    return {
        event.asset_key.to_user_string(): {
            key: value.value
            for key, value in event.step_materialization_data.materialization.metadata.items()
        }
        for event in result.get_asset_materialization_events()
        if event.asset_key
    }


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("told")
    with pytest.MonkeyPatch.context() as monkeypatch, dg.DagsterInstance.ephemeral() as instance:
        return tell(WarehouseEnv(folder, monkeypatch, lambda: instance), folder / "sql", FILES)


def test_a_view_is_told_with_its_columns_and_rows(told: dict[str, dict[str, Any]]) -> None:
    paid = told["paid"]
    assert paid["dagster/row_count"] == 10_000
    assert len(paid["preview"].splitlines()) == 2 + 10
    assert paid["preview"].splitlines()[0].split() == ["|", "id", "|", "twice", "|", "n", "|"]
    assert [(c.name, c.description) for c in paid["dagster/column_schema"].columns] == [
        ("id", "Order number · from mysql_orders.id"),
        ("twice", "from mysql_orders.amount"),
        ("n", None),
    ]
    assert paid["dagster/column_lineage"].deps_by_column["twice"] == [
        dg.TableColumnDep("mysql_orders", "amount")
    ]


def test_what_cannot_be_told_is_left_out(told: dict[str, dict[str, Any]]) -> None:
    some = told["some"]
    assert [(c.name, c.description) for c in some["dagster/column_schema"].columns] == [
        ("amount", None)
    ]
    assert some["dagster/column_lineage"].deps_by_column == {}
    assert some["dagster/row_count"] == 10_000


def test_rows_that_cannot_be_computed_are_no_failure(told: dict[str, dict[str, Any]]) -> None:
    assert "preview" not in told["wrong"]
    assert "wrong.sql:1: Conversion Error" in told["wrong"]["not_shown"]


def test_what_takes_too_long_is_said_and_not_waited_for(
    warehouse_env: WarehouseEnv, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transforms, "PREVIEW_SECONDS", 0.2)
    endless = "select sum(i * i) as total from range(100_000_000_000) as t(i)"
    slow = tell(warehouse_env, tmp_path / "sql", {"slow": endless})["slow"]
    assert "preview" not in slow and "dagster/row_count" not in slow
    assert 'just sql "from slow limit 10"' in slow["not_shown"]
    assert [column.name for column in slow["dagster/column_schema"].columns] == ["total"]
