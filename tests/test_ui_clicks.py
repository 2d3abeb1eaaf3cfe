"""What people do in Dagster's UI, done by clicks in Chromium."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests import ui
from tests.browser import CHROMIUM, Page, browser
from tests.conftest import WarehouseEnv
from warehouse.settings import DAGSTER_FILE, ROOT

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")

RUNS = """{runsOrError{... on Runs{results{
  runId jobName status assetSelection{path} repositoryOrigin{repositoryLocationName}
}}}}"""
OPEN = """{runsOrError(filter:{statuses:[NOT_STARTED,QUEUED,STARTING,STARTED]}){
  ... on Runs{results{runId}}
}}"""
TICKS = """{instigationStateOrError(instigationSelector:{name:"stale_sources",
  repositoryName:"__repository__",repositoryLocationName:"warehouse"}){
  ... on InstigationState{ticks{status}}}}"""
WARNING = "used for the original run"
"""What the button's tip says of a run whose job is not the one that the UI knows."""
TIP_SECONDS = 2
LINES = ("Dagster's UI is at ", "While it runs it loads ", "To load everything now: ")


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WarehouseEnv]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        folder = tmp_path_factory.mktemp("clicks")

        def no_history() -> None:
            raise AssertionError

        env = WarehouseEnv(folder, monkeypatch, no_history)  # type: ignore[arg-type]
        env.own_project()
        shipped = (ROOT / DAGSTER_FILE).read_text()
        settings = shipped[shipped.index("python_logs:") :]  # what follows has no paths
        (folder / "dagster_home" / DAGSTER_FILE).write_text(settings)
        done = env.materialize()
        assert done.returncode == 0, done.stderr
        yield env


@pytest.fixture(scope="module")
def dev(warehouse: WarehouseEnv, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ui.Dev]:
    log = tmp_path_factory.mktemp("log") / "log"
    with ui.running(warehouse.env, log) as running:
        yield running
        assert running.end(signal.SIGTERM) == 0, running.log.read_text()


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with browser() as page:
        yield page


def runs(dev: ui.Dev) -> list[dict[str, Any]]:
    """Return all runs that have ended, the newest first; waits for the others."""
    ends = time.monotonic() + ui.START_SECONDS
    while dev.graphql(OPEN)["runsOrError"]["results"]:
        assert time.monotonic() < ends
        time.sleep(0.5)
    found: list[dict[str, Any]] = dev.graphql(RUNS)["runsOrError"]["results"]
    return found


def test_all_is_one_click_in_a_job(dev: ui.Dev, page: Page, warehouse: WarehouseEnv) -> None:
    before = warehouse.query("SELECT count(*) FROM loads")
    page.open(f"{dev.address}/jobs")
    page.wait("refresh")
    page.click("all", "a")
    page.wait("what just materialize does")
    page.click("Materialize all")
    page.wait("Launched run")
    newest = runs(dev)[0]
    assert (newest["jobName"], newest["status"]) == ("all", "SUCCESS")
    assert warehouse.query("SELECT count(*) FROM loads") == [(before[0][0] + 2,)]


def test_a_run_of_the_command_line_is_one_of_a_job_that_the_ui_knows(
    dev: ui.Dev, page: Page, warehouse: WarehouseEnv
) -> None:
    done = warehouse.materialize("mysql_customers")
    assert done.returncode == 0, done.stderr
    of_all = next(run for run in reversed(runs(dev)) if run["jobName"] == "all")
    of_one = runs(dev)[0]
    assert of_one["assetSelection"] == [{"path": ["mysql_customers"]}]
    page.open(f"{dev.address}/overview/activity/timeline")
    page.wait("Jobless asset materializations", "all")
    for run in (of_all, of_one):
        assert run["repositoryOrigin"]["repositoryLocationName"] == "warehouse"
        page.open(f"{dev.address}/runs/{run['runId']}")
        page.wait(run["runId"][:8], "Re-execute all", "Success")
        page.hover("Re-execute all")
        time.sleep(TIP_SECONDS)
        assert WARNING not in page.text and "not available" not in page.text
        count = len(runs(dev))
        page.click("Re-execute all")
        ends = time.monotonic() + ui.START_SECONDS
        while len(again := runs(dev)) == count:
            assert time.monotonic() < ends, page.text
            time.sleep(0.5)
        assert (again[0]["jobName"], again[0]["status"]) == (run["jobName"], "SUCCESS")
        assert again[0]["assetSelection"] == run["assetSelection"]


def test_a_new_file_is_an_asset_of_a_running_ui(
    dev: ui.Dev, page: Page, warehouse: WarehouseEnv
) -> None:
    file = warehouse.home / "sql" / "analytics" / "spenders.sql"
    file.write_text(
        "-- Who spends.\nselect customer_id, sum(amount) from completed_orders group by 1"
    )
    done = warehouse.materialize("spenders")
    assert done.returncode == 0, done.stderr
    assert _said(dev, "Loaded again: sql/analytics/spenders.sql.")
    page.open(f"{dev.address}/assets/spenders")
    shown = page.wait("Who spends.", "completed_orders")
    assert "External" not in shown
    file.write_text("select nope frm completed_orders")
    assert _said(dev, "Until then the UI shows the files as they were.")
    page.open(f"{dev.address}/assets/spenders")
    page.wait("Who spends.")
    file.unlink()
    assert _said(dev, "Loaded again: sql/analytics/spenders.sql.", times=2)


def test_its_own_lines_stay_in_sight(dev: ui.Dev) -> None:
    ends = time.monotonic() + ui.START_SECONDS
    while not dev.graphql(TICKS)["instigationStateOrError"]["ticks"]:
        assert time.monotonic() < ends
        time.sleep(0.5)
    lines = dev.log.read_text().splitlines()
    assert [line for line in lines if line.startswith(LINES)] == lines[: len(LINES)]
    assert not [line for line in lines if "dagster.daemon" in line or "DEBUG" in line], lines


def _said(dev: ui.Dev, text: str, times: int = 1) -> bool:
    ends = time.monotonic() + 30
    while dev.log.read_text().count(text) < times and time.monotonic() < ends:
        time.sleep(0.1)
    return dev.log.read_text().count(text) >= times
