"""Ctrl-C ends what DuckDB does at once, whichever of its threads does it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import duckdb
import pytest

from tests.conftest import WarehouseEnv
from warehouse.cli.exit_codes import ExitCode
from warehouse.engines.interrupts import stoppable
from warehouse.errors import interrupted
from warehouse.settings import ROOT
from warehouse.store import scratch

# Each thread has a part of it, and no part ends within the hour.
ENDLESS = "SELECT max(sha256((a.i * b.i)::VARCHAR)) AS most FROM {t} a, {t} b, {t} c"
AT_ONCE_SECONDS = 10


@pytest.fixture
def busy() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": 4}) as connection:
        connection.execute("CREATE TABLE t AS SELECT i FROM range(1000000) s(i)")
        yield connection


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_query_of_all_threads(
    busy: duckdb.DuckDBPyConnection, number: signal.Signals
) -> None:
    def stop(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(number, stop)
    try:
        began = time.monotonic()
        threading.Timer(0.5, os.kill, (os.getpid(), number)).start()
        with pytest.raises(RuntimeError) as stopped, stoppable(busy):
            busy.execute(ENDLESS.format(t="t"))
        assert interrupted(stopped.value)
        assert time.monotonic() - began < AT_ONCE_SECONDS
        assert signal.getsignal(number) is stop
        assert busy.execute("SELECT 1").fetchall() == [(1,)]
    finally:
        signal.signal(number, before)


def test_a_signal_that_raises_nothing_ends_nothing(busy: duckdb.DuckDBPyConnection) -> None:
    noted: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: noted.append(number))
    try:
        threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
        with stoppable(busy):
            counted = "SELECT count(DISTINCT sha256(i::VARCHAR)) FROM t"
            assert busy.execute(counted).fetchall() == [(1_000_000,)]
            while not noted:
                time.sleep(0.01)
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_handler_that_was_set_meanwhile_stays(busy: duckdb.DuckDBPyConnection) -> None:
    before = signal.getsignal(signal.SIGINT)
    try:
        with stoppable(busy):
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("severity", ["block", "error"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_in_a_check_that_does_not_end(
    warehouse_env: WarehouseEnv, severity: str, number: signal.Signals
) -> None:
    home = warehouse_env.own_project()
    check = home / "checks" / "orders_cleaned" / "endless.sql"
    check.parent.mkdir(exist_ok=True)
    numbers = "(SELECT range AS i FROM range(1000000))"
    check.write_text(
        f"-- severity: {severity}\n"
        f"SELECT * FROM orders_cleaned, ({ENDLESS.format(t=numbers)}) WHERE most = ''\n"
    )
    folder = warehouse_env.path.parent / ".warehouse"
    with subprocess.Popen(
        [sys.executable, "-m", "warehouse", "materialize", "+orders_cleaned"],
        cwd=ROOT,
        env=warehouse_env.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            while not (warehouse_env.path.exists() or [*folder.glob(f"{scratch.LEAD}*")]):
                assert process.poll() is None
                time.sleep(0.05)
            time.sleep(2)  # to the check, in a snapshot that is published or is to be audited
            assert process.poll() is None
            began = time.monotonic()
            process.send_signal(number)
            assert process.wait(60) == ExitCode.STOPPED
            assert time.monotonic() - began < AT_ONCE_SECONDS
        finally:
            process.kill()
        assert process.stderr and "Stopped." in process.stderr.read()
    assert warehouse_env.path.exists() == (severity == "error")
