"""What `status` says: of the file, of who holds it, and of the runs; it changes nothing."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    SensorInstigatorData,
)
from dagster._daemon.types import DaemonHeartbeat

from tests.conftest import WarehouseEnv
from warehouse.assets import run_history as runs
from warehouse.assets.run_history import STALE_SENSOR, History, LastRun, Unchanged
from warehouse.cli.status_report import Asset, assets, outlook
from warehouse.cli.status_table import Moments
from warehouse.store import open_files as holders
from warehouse.store import publish
from warehouse.store.ledger import LastLoad

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who has a file open")
NOW = datetime(2026, 11, 24, 12, 0, 30, tzinfo=UTC)


def status(env: WarehouseEnv) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "warehouse", "status"],
        env=env.env,
        capture_output=True,
        text=True,
        timeout=60,
    )


def put(path: Path, keep: int = 3) -> None:
    with publish.write(path, keep=keep, who="a test", replacing=["t"]) as connection:
        connection.execute("CREATE TABLE t AS SELECT 1 AS i")


@pytest.fixture
def env(
    failed_run: Mapping[str, str], warehouse_env: WarehouseEnv, monkeypatch: pytest.MonkeyPatch
) -> WarehouseEnv:
    """A warehouse of the sample and its history, in which the last run failed."""
    warehouse_env.path = Path(failed_run["WAREHOUSE_PATH"])
    warehouse_env.configure(path=warehouse_env.path)
    monkeypatch.setenv("DAGSTER_HOME", failed_run["DAGSTER_HOME"])
    return warehouse_env


def everything_under(folder: Path) -> list[tuple[str, int]]:
    return sorted((str(path), path.lstat().st_mtime_ns) for path in folder.rglob("*"))


def test_it_shows_each_asset_and_its_last_run(env: WarehouseEnv) -> None:
    house = env.path.parent / ".warehouse"
    before = everything_under(house)
    done = status(env)
    assert done.returncode == 0, done.stderr
    header, *lines = done.stdout.splitlines()
    assert header.split("  ")[0] == "asset" and header.endswith("  source")
    (orders,) = [line for line in lines if line.startswith("mysql_orders ")]
    clock = r"[-\d]+ [:\d]+"
    assert re.fullmatch(
        rf"mysql_orders +10,000 +{clock} +\d+ \w+ +fresh until {clock} +failure +{clock} "
        r"+[0-9a-f]{8} +127\.0\.0\.1:\d+/shop\.orders",
        orders,
    )
    assert re.search(
        rf"^orders_cleaned +9,545 +success +{clock} +[0-9a-f]{{8}} +view$", done.stdout, re.M
    )
    assert len(lines) == 7 and "loads" not in done.stdout
    assert "\x1b" not in done.stdout
    assert "Snapshot 1," in done.stderr and "1 snapshot on the disk," in done.stderr
    assert "Nothing is loaded by itself unless `just dev` runs." in done.stderr
    assert everything_under(house) == before


def test_without_a_history_the_receipts_speak(
    env: WarehouseEnv, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "elsewhere"
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    done = status(env)
    assert re.search(r"^mysql_orders .* fresh until .* success ", done.stdout, re.M)
    assert "There is no run history here" in done.stderr
    assert not home.exists(), "to look must not make one"


def test_a_history_of_somebody_else_does_not_hide_the_rest(
    env: WarehouseEnv, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "theirs" / "lock").mkdir(parents=True)  # what root cannot open either
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "theirs"))
    done = status(env)
    assert done.returncode == 0, done.stderr
    assert re.search(r"^mysql_orders .* fresh until .* success ", done.stdout, re.M)
    assert "The run history in" in done.stderr and "cannot be read" in done.stderr


def test_the_parts_that_need_no_dagster_do_not_import_it() -> None:
    code = (
        "import sys, warehouse.cli, warehouse.cli.status_report, warehouse.doctor\n"
        "print([name for name in ('dagster', 'pandas') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("built_before", [False, True])
def test_while_a_load_is_running(warehouse_env: WarehouseEnv, built_before: bool) -> None:
    if built_before:
        put(warehouse_env.path)
    with publish.write(warehouse_env.path, keep=3, who="mysql_orders, run 1234"):
        done = status(warehouse_env)
    assert re.search(r"being written since [-\d]+ [:\d]+ .* by mysql_orders, run 1234", done.stderr)
    assert done.returncode == (0 if built_before else 1)
    assert ("There is no warehouse" in done.stderr) is not built_before
    assert "being written" not in status(warehouse_env).stderr


def test_looking_for_the_writer_keeps_nobody_out(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    assert holders.writer(path) is None
    put(path)
    assert holders.writer(path) is None
    with publish.write(path, keep=3, who="the second"):
        writer = holders.writer(path)
        assert writer and writer.name.startswith(f"the second (process {os.getpid()},")
        assert abs(writer.since - datetime.now(UTC)) < timedelta(seconds=5)


@contextmanager
def reading(path: Path) -> Iterator[int]:
    """Have a process open the newest snapshot. Yields its number."""
    code = "import sys, warehouse; c = warehouse.connect(); print('open', flush=True); input()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, "a secret"],
        env=os.environ | {"WAREHOUSE_PATH": str(path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout and process.stdout.readline() == "open\n"
        yield process.pid
    finally:
        process.communicate("\n")


@LINUX
def test_it_names_who_has_a_snapshot_open(warehouse_env: WarehouseEnv) -> None:
    put(warehouse_env.path)
    with reading(warehouse_env.path) as process:
        shown = status(warehouse_env).stdout
        said = rf"^Snapshot 1, the newest, is open in python\S* \(process {process}\)$"
        assert re.search(said, shown, re.M)
        assert "a secret" not in shown
        put(warehouse_env.path, keep=1)
        shown = status(warehouse_env).stdout
        said = rf"^Snapshot 1, pruned, is open in python\S* \(process {process}\)$"
        assert re.search(said, shown, re.M)
    assert "process" not in status(warehouse_env).stdout


def test_a_view_that_takes_long_is_not_counted(warehouse_env: WarehouseEnv) -> None:
    with publish.write(warehouse_env.path, keep=3, who="a test") as connection:
        connection.execute("CREATE VIEW a_quick_one AS SELECT 1 AS i UNION ALL SELECT 2")
        connection.execute(
            "CREATE VIEW slow AS SELECT DISTINCT hash(a.range, b.range) % 7 AS i "
            "FROM range(1000000) a, range(1000000) b"
        )
    began = datetime.now(UTC)
    found = {asset.name: asset.rows for asset in assets(warehouse_env.path)}
    assert datetime.now(UTC) - began < timedelta(seconds=5)
    assert found == {"a_quick_one": 2, "slow": None}
    assert "To count takes longer: the rows of slow." in status(warehouse_env).stderr


LOADED = LastLoad(NOW - timedelta(hours=2), 10, "SELECT", "v1", "run-of-the-load", "here")
SOURCE = Asset("mysql_orders", False, 10, LOADED)


def history(version: str = "v1") -> History:
    return History({}, {SOURCE.name: Unchanged(NOW - timedelta(minutes=5), version)}, True, True)


@pytest.mark.parametrize(
    ("found", "until"),
    [
        (None, NOW - timedelta(hours=1)),
        (history("v1"), NOW + timedelta(minutes=55)),
        (history("of another file"), NOW - timedelta(hours=1)),
    ],
)
def test_a_source_that_was_found_unchanged_is_fresh(found: History | None, until: datetime) -> None:
    (said,) = outlook([SOURCE], found, 60, None, NOW)
    assert said.fresh_until == until
    assert said.next_load is None
    assert said.last_run == LastRun("run-of-the-load", LOADED.started_at, "success")


@pytest.mark.parametrize(
    ("found", "tick", "expected"),
    [
        (None, 5, datetime(2026, 11, 24, 12, 5, tzinfo=UTC)),
        (None, 1, datetime(2026, 11, 24, 12, 1, tzinfo=UTC)),
        (history(), 5, datetime(2026, 11, 24, 13, 0, tzinfo=UTC)),
        (history(), 7, datetime(2026, 11, 24, 12, 56, tzinfo=UTC)),
    ],
)
def test_the_next_load_is_the_first_tick_when_it_is_stale(
    found: History | None, tick: int, expected: datetime
) -> None:
    (said,) = outlook([SOURCE], found, 60, tick, NOW)
    assert said.next_load == expected


def test_what_the_history_tells_of_a_skipped_load() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        instance.report_runless_asset_event(
            dg.AssetMaterialization(
                "mysql_orders", metadata={"skipped": "it did not change", "source_version": "v1"}
            )
        )
        instance.report_runless_asset_event(dg.AssetMaterialization("mysql_orders_daily"))
        found = runs.look(instance, ["mysql_orders", "mysql_orders_daily"], datetime.now(UTC))
    assert set(found.unchanged) == {"mysql_orders"}
    assert found.unchanged["mysql_orders"].version == "v1"
    assert abs(found.unchanged["mysql_orders"].at - datetime.now(UTC)) < timedelta(seconds=30)


@pytest.mark.usefixtures("warehouse_env")
def test_who_reloads() -> None:
    """Only a `just dev` that gave a sign of life, and with the sensor on."""
    now = datetime.now(UTC)
    seen = []
    with runs.history() as instance:

        def see() -> None:
            found = runs.look(instance, [], now)
            seen.append((found.developing, found.reloading))

        see()
        for seconds in (90, 20):
            instance.add_daemon_heartbeat(
                DaemonHeartbeat(now.timestamp() - seconds, runs.DAEMON, "one", [])
            )
            see()
        _switch_off(instance)
        see()
    assert seen == [(False, False), (False, False), (True, True), (True, False)]


def _switch_off(instance: dg.DagsterInstance) -> None:
    from dagster._core.definitions.run_request import InstigatorType
    from dagster._core.remote_origin import (
        InProcessCodeLocationOrigin,
        RemoteInstigatorOrigin,
        RemoteRepositoryOrigin,
    )
    from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

    location = InProcessCodeLocationOrigin(LoadableTargetOrigin(module_name="warehouse"))
    origin = RemoteInstigatorOrigin(
        RemoteRepositoryOrigin(location, "__repository__"), STALE_SENSOR
    )
    instance.add_instigator_state(
        InstigatorState(
            origin, InstigatorType.SENSOR, InstigatorStatus.STOPPED, SensorInstigatorData()
        )
    )


def test_a_terminal_shows_the_day_only_where_the_hour_does_not_tell_it() -> None:
    late = NOW.astimezone().replace(hour=23, minute=40)
    moments = Moments(late, short=True)
    assert moments.clock(late + timedelta(minutes=60)) == "00:40"
    assert moments.clock(late - timedelta(hours=1)) == "22:40"
    assert moments.clock(late - timedelta(days=1)).endswith(" 23:40")
    assert moments.clock(late + timedelta(hours=24)).endswith(" 23:40")
    assert Moments(late, short=False).clock(late + timedelta(minutes=60)).endswith(" 00:40:30")
