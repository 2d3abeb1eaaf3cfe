"""The database of a run is a copy of an empty one, and what Dagster itself would have made."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.event_log import SqliteEventLogStorage

from tests.conftest import WarehouseEnv
from warehouse.assets.run_database import with_database
from warehouse.assets.run_history import history, home
from warehouse.cli.run import Request, run


def content(file: Path) -> list[object]:
    """Return the tables and indexes of a database, how it is written, and its version."""
    connection = sqlite3.connect(file)
    try:
        return [
            sorted(connection.execute("SELECT name, sql FROM sqlite_master").fetchall(), key=str),
            connection.execute("PRAGMA journal_mode").fetchall(),
            connection.execute("SELECT version_num FROM alembic_version").fetchall(),
            connection.execute("SELECT count(*) FROM event_logs").fetchall(),
        ]
    finally:
        connection.close()


def database(instance: dg.DagsterInstance, run_id: str) -> Path:
    storage = instance.event_log_storage
    assert isinstance(storage, SqliteEventLogStorage)
    return Path(storage.path_for_shard(run_id))


@pytest.mark.usefixtures("warehouse_env")
def test_it_is_what_dagster_makes(tmp_path: Path) -> None:
    own = SqliteEventLogStorage(str(tmp_path / "own"))
    with own.run_connection("a-run"):
        pass
    with history() as instance:
        for _ in range(2):
            copied = database(instance, with_database(instance))
            assert content(copied) == content(Path(own.path_for_shard("a-run")))
        assert not [*copied.parent.glob("*.copy")]


def test_a_run_is_noted_in_it(warehouse_env: WarehouseEnv, monkeypatch: pytest.MonkeyPatch) -> None:
    warehouse_env.only("mysql_customers")
    made: list[str] = []

    def noted(instance: dg.DagsterInstance, run_id: str | None) -> str:
        made.append(with_database(instance, run_id))
        return made[-1]

    monkeypatch.setattr("warehouse.assets.in_process.with_database", noted)
    run(Request("mysql_customers"))
    with history() as instance:
        (latest,) = instance.get_run_records(limit=1)
        assert [latest.dagster_run.run_id] == made
        kinds = [event.dagster_event_type for event in instance.all_logs(made[0])]
        assert dg.DagsterEventType.RUN_SUCCESS in kinds


@pytest.mark.usefixtures("warehouse_env")
def test_without_room_for_it_dagster_makes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with history() as instance:
        monkeypatch.setattr(shutil, "copyfile", full)
        copied = database(instance, with_database(instance))
        assert not copied.exists() and not [*copied.parent.glob("*.copy")]
    assert [*home().glob("empty-run-*.db")]
