"""Real servers, started once for all tests, and a warehouse of its own for each test."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from tests import spark_server
from tests.servers import launch
from warehouse.errors import WarehouseError
from warehouse.sample.calendar import AS_COMMITTED, CSV_FIRST_DAY, FILE
from warehouse.settings import ROOT

if TYPE_CHECKING:
    import dagster as dg  # its import takes seconds, and not every test needs it

    from warehouse.assets.refresh import Comparison
    from warehouse.project.project import Project

TIMEOUT_SECONDS = 120
# A test file that imports the code location has it made before a test says which days there are.
os.environ["WAREHOUSE_DAILY_START"] = str(CSV_FIRST_DAY)
# Spark's client talks on threads of its own, which a fork would break: servers start by one.
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"


def _server(kind: str) -> Iterator[launch.Database]:
    reason = launch.missing(kind)
    if reason and os.environ.get("REQUIRE_SERVERS") == "1":
        pytest.fail(f"REQUIRE_SERVERS=1, and {reason}")
    if reason:
        pytest.skip(reason)
    with launch.SERVERS[kind]() as database:
        yield database


@pytest.fixture(scope="session")
def mariadb() -> Iterator[launch.Database]:
    """A MariaDB, the same for all tests."""
    yield from _server("mariadb")


@pytest.fixture(scope="session")
def mysql() -> Iterator[launch.Database]:
    """A MySQL, the same for all tests."""
    yield from _server("mysql")


@pytest.fixture(scope="session")
def spark_url() -> Iterator[str]:
    """The URL of a Spark Connect server, the same for all tests: to start one takes half a minute.

    `WAREHOUSE_TEST_SPARK` names one that runs already.
    """
    if url := spark_server.named():
        yield url
        return
    reason = spark_server.missing()
    if reason and os.environ.get("REQUIRE_SERVERS") == "1":
        pytest.fail(f"REQUIRE_SERVERS=1, and {reason}")
    if reason:
        pytest.skip(reason)
    with spark_server.spark_cluster() as cluster:
        yield cluster.url


@pytest.fixture(params=launch.KINDS)
def server(request: pytest.FixtureRequest) -> launch.Database:
    """Each kind of server, running, with an empty database `shop` and an empty log."""
    database: launch.Database = request.getfixturevalue(request.param)
    database.start()
    database.run(
        "DROP DATABASE IF EXISTS shop",
        "CREATE DATABASE shop CHARACTER SET utf8mb4",
    )
    database.clear_log()
    return database


class WarehouseEnv:
    """A warehouse in a folder of its own, and the ways to run it."""

    def __init__(
        self,
        folder: Path,
        monkeypatch: pytest.MonkeyPatch,
        history: Callable[[], dg.DagsterInstance],
    ) -> None:
        self.path = folder / "warehouse.duckdb"
        self._history = history
        self._monkeypatch = monkeypatch
        for name in [name for name in os.environ if name.startswith("WAREHOUSE_")]:
            monkeypatch.delenv(name)
        # A developer's .env may name a production server.
        monkeypatch.setattr("warehouse.settings.ENV_FILE", os.devnull)
        home = folder / "dagster_home"
        home.mkdir()
        (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
        monkeypatch.setenv("DAGSTER_HOME", str(home))
        self.home = folder / "project"
        self.configure(path=self.path)
        # What the tests say of the sample they say of its files.
        (folder / FILE).write_text(AS_COMMITTED)

    def own_project(self) -> Path:
        """Give the warehouse a copy of the shipped files, which the test may change."""
        if not self.home.exists():
            # Imported by now, it holds the shipped files, for this test and all others.
            from warehouse import definitions  # noqa: F401

            for name in ("sql", "checks"):
                shutil.copytree(ROOT / "warehouse" / name, self.home / name)
            self.configure(home=self.home)
        return self.home

    def source(self, name: str, sql: str) -> Path:
        """Write the file of a source, notes included."""
        file = self.own_project() / "sql" / "sources" / f"{name}.sql"
        file.write_text(sql + "\n", encoding="utf-8")
        return file

    def where(self, condition: str | None) -> None:
        """Limit the orders, those by day as well."""
        limited = f"select * from orders where {condition}" if condition else "select * from orders"
        self.source("mysql_orders", limited)
        daily = "-- days: order_date\n-- updated: updated_at\n-- key: id\n"
        self.source("mysql_orders_daily", daily + limited)

    def only(self, *names: str) -> None:
        """Remove the files of all other sources, and of all views and checks."""
        home = self.own_project()
        for file in [*home.rglob("*.sql")]:
            if file.parent.name != "sources" or file.stem not in names:
                file.unlink()

    @property
    def project(self) -> Project:
        """The files of the warehouse, as they are now."""
        from warehouse.project.project import load_project

        return load_project(self.home if self.home.exists() else None)

    @property
    def defs(self) -> dg.Definitions:
        """What Dagster knows of them."""
        from warehouse import definitions

        if self.home.exists():
            return definitions.build_code_location(self.project)
        return definitions.defs

    @property
    def history(self) -> dg.DagsterInstance:
        """The run history."""
        return self._history()

    @property
    def env(self) -> dict[str, str]:
        """The environment as it is now, for a process of its own."""
        return dict(os.environ)

    def configure(self, **settings: object) -> None:
        """Set options by their names in `Settings`; None takes one back."""
        for name, value in settings.items():
            variable = f"WAREHOUSE_{name.upper()}"
            if value is None:
                self._monkeypatch.delenv(variable, raising=False)
            else:
                self._monkeypatch.setenv(variable, str(value))

    def run(
        self,
        selection: str | None = None,
        days: tuple[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> dg.ExecuteInProcessResult:
        """Materialize in this process: what the command line does, without its seconds of import.

        Raises:
            WarehouseError: as the command line would show it.
        """
        from warehouse.cli.selection import select
        from warehouse.days.calendar import range_tags

        defs = self.defs
        keys = select(selection, defs, self.project)
        limits = range_tags(*map(date.fromisoformat, days)) if days else {}
        try:
            return defs.resolve_implicit_global_asset_job_def().execute_in_process(
                instance=self._history(), asset_selection=keys, tags={**limits, **(tags or {})}
            )
        except Exception as error:
            raise _cause(error) from None

    def refresh(self, compared: list[Comparison] | None = None) -> dg.ExecuteInProcessResult:
        """Run the job `refresh` in this process, after this comparison or after its own.

        Raises:
            WarehouseError: as the command line would show it.
        """
        from warehouse.assets.jobs import COMPARED, REFRESH

        try:
            return self.defs.resolve_job_def(REFRESH).execute_in_process(
                instance=self._history(), resources={COMPARED: compared} if compared else None
            )
        except Exception as error:
            raise _cause(error) from None

    def materialize(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Materialize as `just materialize` does, in a process of its own."""
        return self.command(
            "materialize", *arguments, python=("-W", "ignore"), timeout=TIMEOUT_SECONDS
        )

    def command(
        self,
        *arguments: str,
        python: Sequence[str] = (),
        timeout: float = 60,
    ) -> subprocess.CompletedProcess[str]:
        """Give a command, in a process of its own; `python` are options of the interpreter."""
        return subprocess.run(
            [sys.executable, *python, "-m", "warehouse", *arguments],
            cwd=ROOT,
            env=self.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Ask the newest snapshot, as anybody may: through the link, read-only."""
        with duckdb.connect(str(self.path), read_only=True) as connection:
            return connection.execute(sql).fetchall()


def _cause(error: BaseException) -> BaseException:
    """Return the error for people inside Dagster's, or the error itself if there is none."""
    seen: list[BaseException] = []
    inner: BaseException | None = error
    while inner is not None and inner not in seen:  # the chain may come back to where it was
        if isinstance(inner, WarehouseError):
            return inner
        seen.append(inner)
        inner = getattr(inner, "user_exception", None) or inner.__cause__ or inner.__context__
    return error


@pytest.fixture(scope="session")
def history() -> Iterator[dg.DagsterInstance]:
    """A run history in memory, made once: that takes as long as a run."""
    import dagster as dg

    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def warehouse_env(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> WarehouseEnv:
    """A warehouse that no other test sees."""
    return WarehouseEnv(tmp_path, monkeypatch, lambda: request.getfixturevalue("history"))


@pytest.fixture(scope="session")
def failed_run(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a warehouse of the sample, in which the last run failed.

    All tests share it: they look at it, and write nothing.
    """
    import dagster as dg

    with pytest.MonkeyPatch.context() as monkeypatch:
        env = WarehouseEnv(
            tmp_path_factory.mktemp("failed_run"), monkeypatch, dg.DagsterInstance.ephemeral
        )
        assert env.materialize().returncode == 0
        orders = env.source("mysql_orders", "select * from nonsense")
        assert env.materialize("mysql_orders").returncode == 1
        orders.write_text("select * from orders\n")
        return env.env
