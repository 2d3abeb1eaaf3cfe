"""The password is nowhere but in the environment."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote, quote_plus

import dagster as dg
import pytest

from tests.conftest import WarehouseEnv
from tests.servers.launch import PASSWORD, Database
from tests.servers.orders import make_orders, order
from warehouse.cli.run import Request, run
from warehouse.errors import WarehouseError

FORMS = {PASSWORD, quote(PASSWORD, safe=""), quote(PASSWORD), quote_plus(PASSWORD)}


def secret_in(text: str | bytes) -> bool:
    """Whether a text holds the password in any form."""
    raw = text.encode() if isinstance(text, str) else text
    return any(form.encode() in raw for form in FORMS)


def files_with_secret(folder: Path) -> list[Path]:
    """Return the files under a folder that hold it: snapshots, run history, logs."""
    return [path for path in folder.rglob("*") if path.is_file() and secret_in(path.read_bytes())]


def test_after_a_load(
    server: Database, warehouse_env: WarehouseEnv, capfd: pytest.CaptureFixture[str]
) -> None:
    make_orders(server, [order(1)])
    warehouse_env.configure(mysql_url=server.url())
    run(Request(None))

    shown = capfd.readouterr()
    assert "mysql_orders" in shown.out
    assert not secret_in(shown.out + shown.err)
    with dg.DagsterInstance.get() as instance:
        (record,) = instance.get_run_records()
        events = instance.all_logs(record.dagster_run.run_id)
        assert len(events) > 10
        assert not any(secret_in(dg.serialize_value(event)) for event in events)
    assert warehouse_env.path.exists()
    assert files_with_secret(warehouse_env.path.parent) == []


def test_a_password_that_was_not_encoded(warehouse_env: WarehouseEnv) -> None:
    warehouse_env.configure(mysql_url="mysql+pymysql://reader:half@secret@127.0.0.1:1/shop")
    with pytest.raises(WarehouseError) as caught:
        warehouse_env.run("mysql_orders")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("broken", ["where", "table", "password", "database", "port", "mysql_url"])
def test_in_an_error(
    server: Database,
    warehouse_env: WarehouseEnv,
    broken: str,
    capfd: pytest.CaptureFixture[str],
) -> None:
    make_orders(server, [order(1)])
    warehouse_env.configure(mysql_url=server.url())
    wrong: dict[str, dict[str, str]] = {
        "password": {"mysql_url": server.url(user="root")},
        "database": {"mysql_url": server.url("nonsense")},
        "port": {"mysql_url": server.url().replace(str(server.port), "1")},
        "mysql_url": {"mysql_url": f"mysql://reader:{PASSWORD}@{server.host}:{server.port}/shop"},
    }
    sources = {
        "where": f"select * from orders where id = = '{PASSWORD}'",
        "table": "select * from nonsense",
    }
    if broken in sources:
        file = warehouse_env.source("mysql_orders", sources[broken])
    else:
        warehouse_env.configure(**wrong[broken])
    with pytest.raises(WarehouseError) as caught:
        warehouse_env.run("mysql_orders")

    shown = capfd.readouterr()
    assert not secret_in(str(caught.value))
    assert not secret_in(shown.out + shown.err)
    if broken in sources:
        file.unlink()  # somebody wrote it there
    assert files_with_secret(warehouse_env.path.parent) == []
