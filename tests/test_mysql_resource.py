"""The connection to MySQL is a resource: shown without its password, and no run changes it."""

from __future__ import annotations

import dagster as dg
import pytest
from dagster._core.remote_representation.external_data import RepositorySnap

from tests.conftest import WarehouseEnv
from warehouse.assets.mysql_resource import SAMPLE
from warehouse.definitions import build_code_location

SECRET = "s3cr3t-of-the-test"
URL = f"mysql+pymysql://reader:{SECRET}@db.invalid:3307/shop?ssl_mode=required"
SHOWN = "reader@db.invalid:3307/shop (TLS: required)"


def shown(defs: dg.Definitions) -> tuple[object, str]:
    """Return what the page of the resource says, and all that Dagster's UI is ever told."""
    snap = RepositorySnap.from_def(defs.get_repository_def())
    (resource,) = [one for one in snap.resources or () if one.name == "mysql"]
    return resource.configured_values, dg.serialize_value(snap)


def test_it_is_shown_without_its_password(warehouse_env: WarehouseEnv) -> None:
    warehouse_env.configure(mysql_url=URL)
    defs = build_code_location(warehouse_env.project)
    values, everything = shown(defs)
    assert values == {"server": f'"{SHOWN}"'}
    assert SHOWN in everything and SECRET not in everything


def test_the_sample_is_called_so(warehouse_env: WarehouseEnv) -> None:
    values, _ = shown(build_code_location(warehouse_env.project))
    assert values == {"server": f'"{SAMPLE}"'}


def test_an_url_that_cannot_be_read_is_told_by_the_run(warehouse_env: WarehouseEnv) -> None:
    warehouse_env.configure(mysql_url=f"mysql://reader:{SECRET}/x@db/shop")
    values, everything = shown(build_code_location(warehouse_env.project))
    assert values == {"server": '"WAREHOUSE_MYSQL_URL cannot be read"'}
    assert SECRET not in everything


def test_a_run_cannot_have_the_password_sent_elsewhere(warehouse_env: WarehouseEnv) -> None:
    warehouse_env.configure(mysql_url=URL)
    job = build_code_location(warehouse_env.project).resolve_implicit_global_asset_job_def()
    for config in ({"server": "reader@evil.invalid:3307/shop"}, {"url": "mysql://evil.invalid"}):
        with pytest.raises(dg.DagsterInvalidConfigError) as refused:
            job.execute_in_process(
                instance=warehouse_env.history,
                run_config={"resources": {"mysql": {"config": config}}},
            )
        assert SECRET not in str(refused.value)
