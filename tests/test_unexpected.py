"""What nobody foresaw reaches a person as a sentence: from each command, cell, asset and tick."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pandas as pd
import pyarrow as pa
import pymysql
import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from tests.conftest import WarehouseEnv
from tests.writer import refresh
from warehouse import doctor
from warehouse.assets.unexpected import KEPT, for_people, redacted
from warehouse.cli import main
from warehouse.errors import WarehouseError, printable, quoted_from

PASSWORD = "sücret p@ss/wörd🎁"
URL = "mysql+pymysql://me:s%C3%BCcret%20p%40ss%2Fw%C3%B6rd%F0%9F%8E%81@127.0.0.1:1/shop"
TEXT = f"\x1b[31mboom\r\u202e {PASSWORD} {URL}"
# Where the thing goes wrong that each command does, deep enough to be past its own care.
COMMANDS = {
    "materialize": ("warehouse.cli.run.history", ["materialize"]),
    "refresh": ("warehouse.assets.refresh.compare", ["refresh"]),
    "sql": ("warehouse.serve.queries.run", ["sql", "select 1"]),
    "status": ("warehouse.cli.status_report.assets", ["status"]),
    "doctor": ("warehouse.doctor.examine", ["doctor"]),
    "export": ("warehouse.serve.export.export", ["export", "out"]),
    "diff": ("warehouse.diff", ["diff", "v"]),
    "history": ("warehouse.store.snapshots.kept", ["history"]),
    "rollback": ("warehouse.cli.snapshots.find", ["rollback", "1"]),
    "sample-mysql": ("warehouse.sample.server.serve", ["sample-mysql", "--port", "0"]),
}
ERRORS: dict[str, Callable[[str], Exception]] = {
    "Python's": KeyError,
    "Arrow's": pa.ArrowInvalid,
    "pandas'": pd.errors.MergeError,
    "Dagster's": dg.DagsterInvariantViolationError,
    "PyMySQL's": lambda text: pymysql.OperationalError(1205, text),
    "no text": lambda _: AssertionError(),
    "no file": lambda text: OSError(text),
}


@pytest.fixture
def env(warehouse_env: WarehouseEnv) -> WarehouseEnv:
    refresh(warehouse_env.path, 1, 10)
    warehouse_env.configure(mysql_url=URL)
    return warehouse_env


def raising(error: Exception) -> Callable[..., Any]:
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


def check_text(text: str) -> None:
    odd = {c for c in text if unicodedata.category(c) in ("Cc", "Cf", "Cs") and c not in "\n\t"}
    assert not odd, repr(text)
    assert "Traceback" not in text
    assert "Nothing was changed" in text or "No half-written data is visible" in text, text


def check_file(text: str) -> None:
    found = re.search(r"whole text is in (\S+\.txt)", text)
    assert found, text
    file = Path(found[1])
    whole = file.read_text(encoding="utf-8")
    assert "Traceback (most recent call last)" in whole
    assert "test_unexpected.py" in whole
    assert "sücret" not in whole
    assert "s%C3%BCcret" not in whole
    assert "\x1b" not in whole
    assert file.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("kind", ERRORS)
def test_each_command(
    env: WarehouseEnv,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    command: str,
    kind: str,
) -> None:
    target, arguments = COMMANDS[command]
    monkeypatch.setattr(target, raising(ERRORS[kind](TEXT)))
    monkeypatch.chdir(env.path.parent)
    with pytest.raises(SystemExit) as exited:
        main(arguments)
    assert exited.value.code == 1
    shown = capfd.readouterr().err
    assert f"`just {command}` failed unexpectedly: " in shown
    check_text(shown)
    check_file(shown)


def test_each_check_of_doctor(
    env: WarehouseEnv, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    checks = [
        replace(check, run=raising(KeyError(TEXT)))
        if check.name in ("variables", "disk")
        else check
        for check in doctor.CHECKS
    ]
    monkeypatch.setattr(doctor, "CHECKS", checks)
    env.configure(mysql_url=None)
    with pytest.raises(SystemExit):
        main(["doctor"])
    out = capfd.readouterr().out
    assert "The check variables failed unexpectedly: KeyError" in out
    assert "The check disk failed unexpectedly: KeyError" in out
    assert "-> Its whole text is in" in out
    assert "versions " in out, "the checks after it go on"
    assert "Traceback" not in out
    assert "\x1b" not in out


def test_a_damaged_run_history(env: WarehouseEnv, capfd: pytest.CaptureFixture[str]) -> None:
    home = env.path.parent / "dagster_home"
    env.configure(mysql_url=None)
    (home / "history").mkdir()
    (home / "history" / "runs.db").write_bytes(b"no database" * 1000)
    with pytest.raises(SystemExit):
        main(["materialize"])
    shown = capfd.readouterr().err
    assert "`just materialize` failed unexpectedly: " in shown
    assert "Traceback" not in shown
    assert "whole text is in" in shown


def test_a_folder_that_takes_no_file(
    env: WarehouseEnv, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (env.path.parent / "dagster_home" / "errors").write_text("a file")
    monkeypatch.setattr("warehouse.cli.status_report.assets", raising(KeyError(TEXT)))
    with pytest.raises(SystemExit):
        main(["status"])
    shown = capfd.readouterr().err
    assert "`just status` failed unexpectedly" in shown
    assert "could not be kept" in shown


def test_only_the_newest_texts_stay(env: WarehouseEnv) -> None:
    for number in range(KEPT + 5):
        for_people("This", KeyError(number))
    folder = env.path.parent / "dagster_home" / "errors"
    assert len(list(folder.iterdir())) == KEPT
    assert f"KeyError: {KEPT + 4}" in max(folder.iterdir()).read_text()


def test_texts_are_no_run_history(env: WarehouseEnv, monkeypatch: pytest.MonkeyPatch) -> None:
    from warehouse.assets import run_history as runs

    monkeypatch.setenv("DAGSTER_HOME", str(env.path.parent / "new"))
    for_people("This", KeyError())
    assert not runs.there()


@pytest.fixture
def shell(env: WarehouseEnv, monkeypatch: pytest.MonkeyPatch) -> Iterator[InteractiveShell]:
    monkeypatch.setenv("IPYTHONDIR", str(env.path.parent / "ipython"))
    shell = InteractiveShell(config=Config({"HistoryManager": {"enabled": False}}))
    shell.run_cell("%load_ext warehouse.notebook")
    yield shell


@pytest.mark.parametrize("cell", ["%sql select 1", "%%sql name\nselect 1"])
def test_a_cell(
    shell: InteractiveShell,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    cell: str,
) -> None:
    monkeypatch.setattr("warehouse.notebook.frame", raising(KeyError(TEXT)))
    result = shell.run_cell(cell)
    assert isinstance(result.error_in_exec, WarehouseError)
    shown = capsys.readouterr().out
    assert "`%sql` failed unexpectedly: KeyError" in shown
    check_text(shown)
    check_file(shown)


STEPS = {
    "Loading mysql_orders": ("warehouse.assets.begin.make_plan", "mysql_orders"),
    "Writing mysql_orders": ("warehouse.store.handlers.insert", "mysql_orders"),
    "Writing the views order_stats": ("warehouse.assets.views.write_views", "order_stats"),
    "Describing the views order_stats": ("warehouse.assets.views.column_schema", "order_stats"),
    "Checking assets": ("warehouse.assets.checks._judge", "mysql_orders"),
}


@pytest.mark.parametrize("doing", STEPS)
@pytest.mark.parametrize("error", [duckdb.TransactionException, KeyError])
def test_each_step_in_the_ui(
    warehouse_env: WarehouseEnv,
    monkeypatch: pytest.MonkeyPatch,
    doing: str,
    error: type[Exception],
) -> None:
    target, selection = STEPS[doing]
    if "view" in doing:
        warehouse_env.run("mysql_orders+" if "Describing" in doing else "mysql_orders")
    monkeypatch.setattr(target, raising(error(TEXT)))
    with pytest.raises(WarehouseError, match=f"{doing} failed unexpectedly: {error.__name__}"):
        warehouse_env.run(selection)

    (run,) = warehouse_env.history.get_runs(limit=1)
    failures = [
        event.dagster_event.step_failure_data.error
        for event in warehouse_env.history.all_logs(run.run_id)
        if event.dagster_event and event.dagster_event.is_step_failure
    ]
    (failed,) = failures
    assert failed is not None
    shown = failed.cause if failed.cause and "WarehouseError" not in failed.message else failed
    assert f"{doing} failed unexpectedly" in shown.message
    check_text(shown.message)
    assert "test_unexpected.py" in failed.to_string(), "the whole text is in the run's page"


def test_the_observation(warehouse_env: WarehouseEnv, monkeypatch: pytest.MonkeyPatch) -> None:
    from dagster._core.definitions.observe import observe

    from warehouse.assets.naming import OWN
    from warehouse.assets.sources import build_upstream

    monkeypatch.setattr("warehouse.assets.sources.source_server", raising(KeyError(TEXT)))
    tables = [
        table
        for table in build_upstream(warehouse_env.project, OWN)
        if table.key.path == ["mysql", "orders"]
    ]
    result = observe(tables, instance=warehouse_env.history, raise_on_error=False)
    (failed,) = [event for event in result.all_events if event.is_step_failure]
    error = failed.step_failure_data.error
    assert error is not None
    shown = error.cause or error
    assert "Observing mysql.orders failed unexpectedly: KeyError" in shown.message
    check_text(shown.message)


def test_the_sensor(warehouse_env: WarehouseEnv, monkeypatch: pytest.MonkeyPatch) -> None:
    from warehouse.assets.naming import OWN
    from warehouse.assets.sensors import build_changed_days

    monkeypatch.setattr("warehouse.assets.sensors.difference", raising(KeyError(TEXT)))
    context = dg.build_sensor_context(instance=warehouse_env.history)
    failed = "The sensor changed_days, comparing mysql_orders_daily failed unexpectedly"
    with pytest.raises(WarehouseError, match=failed) as told:
        build_changed_days(warehouse_env.project, OWN).evaluate_tick(context)
    assert "the tick's page" in str(told.value)


@pytest.mark.parametrize(
    "form",
    [
        PASSWORD,
        "s%C3%BCcret%20p%40ss%2Fw%C3%B6rd%F0%9F%8E%81",
        "s%C3%BCcret+p%40ss%2Fw%C3%B6rd%F0%9F%8E%81",
        repr(PASSWORD.encode()),
        ascii(PASSWORD),
        URL,
    ],
)
def test_no_form_of_the_password_is_kept(env: WarehouseEnv, form: str) -> None:
    assert redacted(f"before {form} after").count("rd") == 0
    env.configure(mysql_url=f"mysql://me:{PASSWORD}@host/shop")  # which cannot be read
    for part in ("sücret", "wörd"):
        assert part not in redacted(f"before {PASSWORD} after")


def test_what_is_printable_stays() -> None:
    for text in ("Zürich — 密码 🎁 👩‍💻 נהנה", "two\nlines\tand a tab", "\\x1b is fine"):
        assert printable(text) == text
    assert printable("\x1b[0m\r\x00\u202e\ud800") == "\\x1b[0m\\r\\x00\\u202e\\ud800"
    assert len(quoted_from("a " * 10_000_000)) < 1_010
