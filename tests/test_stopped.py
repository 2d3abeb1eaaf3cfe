"""A run is stopped at whatever place DuckDB works: it says so, and publishes nothing."""

from __future__ import annotations

import csv
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import Any

import duckdb
import pytest

from tests.conftest import WarehouseEnv
from warehouse.cli import main
from warehouse.cli.exit_codes import ExitCode
from warehouse.sample.generate import CSV
from warehouse.sample.server import serve
from warehouse.sample.tables import CUSTOMERS, ORDERS
from warehouse.settings import ROOT

CALLS = ("execute", "sql", "begin", "commit", "rollback")
# DuckDB looks for signals only while it works: a query of a second, unless it is stopped.
LONG = "SELECT count(*) FROM range(1000000000) AS numbers(n) WHERE n % 3 = 1"
SECONDS = 0.03
Reached = Callable[[str], None]


@pytest.fixture
def shop(tmp_path: Path, warehouse_env: WarehouseEnv) -> Iterator[WarehouseEnv]:
    """A sample server over a few orders, of which a first snapshot is there."""
    orders = tmp_path / "orders.csv"
    with CSV.open(newline="", encoding="utf-8") as file, orders.open("w", encoding="utf-8") as out:
        rows = [row for row in csv.DictReader(file) if row["id"] != r"\N"][-50:]
        writer = csv.DictWriter(out, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    with serve(tables=(replace(ORDERS, csv=orders), CUSTOMERS)) as server:
        day = min(row["order_date"] for row in rows)
        warehouse_env.configure(mysql_url=server.url, daily_start=day)
        assert run(["materialize"]) == ExitCode.DONE
        yield warehouse_env


def run(command: list[str]) -> int:
    """Run a command in this process. Returns its exit code."""
    with pytest.raises(SystemExit) as left:
        main(command)
    return int(left.value.code or 0)


def place(frame: FrameType | None) -> str:
    """Return the line of the warehouse's code that calls; empty if none does."""
    package = str(ROOT / "warehouse")
    while frame is not None:
        file = frame.f_code.co_filename
        if file.startswith(package):
            return f"{file[len(package) + 1 :]}:{frame.f_lineno}"
        frame = frame.f_back
    return ""


def hooked(monkeypatch: pytest.MonkeyPatch, reached: Reached) -> None:
    """Have each call of DuckDB in the main thread tell its place before."""

    def telling(original: Any) -> Any:
        def called(self: Any, *values: Any, **named: Any) -> Any:
            if threading.current_thread() is threading.main_thread():
                reached(place(sys._getframe(1)))
            return original(self, *values, **named)

        return called

    kind = duckdb.DuckDBPyConnection
    for name in CALLS:
        monkeypatch.setattr(kind, name, telling(getattr(kind, name)))


@dataclass
class Stop:
    """Sends a signal when a run comes to a place for the first time, while DuckDB works."""

    path: Path
    place: str
    signal: signal.Signals
    published: Path | None = None
    done: bool = False

    def reached(self, place: str) -> None:
        if place != self.place or self.done:
            return
        self.done = True
        self.published = self.path.readlink()
        threading.Timer(SECONDS, os.kill, (os.getpid(), self.signal)).start()
        with duckdb.connect(config={"threads": 1}) as other:
            other.execute(LONG)


def places(command: list[str], stops: signal.Signals) -> list[str]:
    """Return the places that a run comes to where a signal does not simply end the process."""
    found: list[str] = []

    def reached(place: str) -> None:
        if place and signal.getsignal(stops) is not signal.SIG_DFL:
            found.append(place)

    with pytest.MonkeyPatch.context() as patch:
        hooked(patch, reached)
        assert run(command) == ExitCode.DONE
    return list(dict.fromkeys(found))


@pytest.mark.parametrize(
    ("command", "number", "every"),
    [
        ("materialize mysql_customers --keep-going", signal.SIGTERM, 2),
        ("materialize", signal.SIGINT, 7),
        ("materialize mysql_orders_daily --partition {day}", signal.SIGINT, 4),
        ("status", signal.SIGINT, 1),
    ],
)
def test_a_run_that_is_stopped(
    shop: WarehouseEnv,
    command: str,
    number: signal.Signals,
    every: int,
    capfd: pytest.CaptureFixture[str],
) -> None:
    wrong = []
    words = command.format(day=os.environ["WAREHOUSE_DAILY_START"]).split()
    assert run(words) == ExitCode.DONE  # the first time it does more
    for where in places(words, number)[::every]:
        capfd.readouterr()
        stop = Stop(shop.path, where, number)
        with pytest.MonkeyPatch.context() as patch:
            hooked(patch, stop.reached)
            code = run(words)
        said = capfd.readouterr().err
        staging = (shop.path.parent / ".warehouse" / "staging").exists()
        if (
            not stop.done
            or code != ExitCode.STOPPED
            or not said.endswith("Stopped. Nothing half-written is visible.\n")
            or shop.path.readlink() != stop.published
            or staging
        ):
            wrong.append((where, code, shop.path.readlink(), stop, staging, said[-300:]))
    assert wrong == []
