"""SQL cells: on the newest snapshot, exact, with Python's variables, and errors in a sentence."""

import re
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

import warehouse
from tests.writer import refresh
from warehouse.settings import ROOT


class Notebook:
    """A kernel's shell, without the kernel."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.shell = InteractiveShell(config=Config({"HistoryManager": {"enabled": False}}))
        self.run("%load_ext warehouse.notebook")

    def run(self, cell: str) -> Any:
        """Run a cell and return its last value."""
        return self.shell.run_cell(cell).result

    def error(self, cell: str, capsys: pytest.CaptureFixture[str]) -> str:
        """Run a cell that fails and return what it shows."""
        capsys.readouterr()
        assert not self.shell.run_cell(cell).success
        return capsys.readouterr().out


@pytest.fixture
def notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Notebook:
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("WAREHOUSE_PATH", str(tmp_path / "warehouse.duckdb"))
    monkeypatch.chdir(tmp_path)
    refresh(tmp_path / "warehouse.duckdb", 1, 10)
    return Notebook(tmp_path / "warehouse.duckdb")


def test_the_next_cell_sees_a_refresh_and_nothing_that_is_held_blocks_it(
    notebook: Notebook,
) -> None:
    held = warehouse.sql("from v")
    notebook.run("%%sql before\nfrom v")
    for _ in range(2):  # the second one prunes what is held
        subprocess.run(
            [sys.executable, "-m", "tests.writer", str(notebook.path), "2", "2", "10"],
            cwd=ROOT,
            check=True,
            timeout=60,
        )
    assert notebook.run("%sql select low from v").low[0] == 3
    assert notebook.run("before.low[0]") == 1
    assert held.fetchall() == [(10, 1, 1)]


def test_values_are_exact(notebook: Notebook) -> None:
    data = notebook.run(
        "%sql select 12345678901234567.89::decimal(19,2) as amount, sum(i) as n from t"
    )
    assert data.amount[0] == Decimal("12345678901234567.89")
    assert (str(data.n.dtype), data.n[0]) == ("Int64", 45)


def test_a_named_cell_keeps_its_answer_and_shows_nothing(notebook: Notebook) -> None:
    assert notebook.run("%%sql kept\nselect 1 as a;\nselect 2 as a") is None
    assert notebook.run("kept.a[0]") == 2
    assert notebook.run("line = %sql select 3 as a\nline.a[0]") == 3


def test_variables_are_values_not_text(
    notebook: Notebook, capsys: pytest.CaptureFixture[str]
) -> None:
    notebook.run("low = %sql select 8 as a\nlow = low.a[0]")
    notebook.run('name = "\' or true --"')
    assert list(notebook.run("%sql select i from t where i >= $low order by i").i) == [8, 9]
    assert notebook.run("%sql select $name as a, '$name' as b").iloc[0].to_list() == [
        "' or true --",
        "$name",
    ]
    said = notebook.error("%sql select $nope", capsys)
    assert "no Python variable `nope`" in said


def test_each_statement_takes_variables(notebook: Notebook) -> None:
    notebook.run("low = 8")
    cell = (
        "%%sql\ncreate temp table mine as select i from t where i >= $low; from mine where i > $low"
    )
    assert list(notebook.run(cell).i) == [9]
    assert notebook.run("%%sql\nselect 7 as a; set threads = 1").a[0] == 7
    assert notebook.run("%sql set threads = 1") is None


@pytest.mark.parametrize(
    ("value", "holds"),
    [
        ("pd.Series([1, 8])", "list_contains($value, i)"),
        ("pd.Index([8, 9])", "list_contains($value, i)"),
        ("pd.Series(pd.to_datetime(['2026-11-01'])).to_numpy()[0]", "$value = date '2026-11-01'"),
        ("(pd.Series([1]) > 0)[0]", "$value"),
    ],
)
def test_what_comes_out_of_a_dataframe_is_a_value(
    notebook: Notebook, value: str, holds: str
) -> None:
    notebook.run(f"import pandas as pd\nvalue = {value}")
    assert notebook.run(f"%sql select count(*) as n from t where i = 8 and {holds}").n[0] == 1


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("%sql from tt", "[Tt]able .*tt"),
        ("%%sql\nselect verion from t", "version"),
        ("%sql selec 1", "syntax error"),
        ("%%sql two words\nselect 1", "no name for a variable"),
        ("%%sql class\nselect 1", "no name for a variable"),
        ("import warehouse; warehouse.connect(snapshot=77)", "no snapshot 77"),
    ],
)
def test_an_error_is_its_text_alone(
    notebook: Notebook, capsys: pytest.CaptureFixture[str], cell: str, said: str
) -> None:
    shown = notebook.error(cell, capsys)
    assert re.search(said, shown)
    assert "Traceback" not in shown and len(shown.splitlines()) <= 5


@pytest.mark.parametrize(
    "write", ["create table mine as select 1", "insert into t from t", "drop view v"]
)
def test_a_write_is_refused_and_told_where_to_go(
    notebook: Notebook, capsys: pytest.CaptureFixture[str], write: str
) -> None:
    shown = notebook.error(f"%%sql\n{write}", capsys)
    assert "read-only" in shown
    where = re.search(r"(attach '\S+' as (\w+) \(read_write\));", shown, re.IGNORECASE)
    assert where, shown
    attach, own = where.groups()
    made = f"{attach}; create or replace table {own}.mine as select 7 as a; from {own}.mine"
    assert notebook.run(f"%%sql\n{made}").a[0] == 7
    assert notebook.run(f"%%sql\n{attach}; from {own}.mine").a[0] == 7, "it lasts"


@pytest.mark.parametrize("ask", ["connect().execute", "sql", "frame"])
def test_a_write_from_python_is_told_where_to_go(
    notebook: Notebook, capsys: pytest.CaptureFixture[str], ask: str
) -> None:
    shown = notebook.error(f"import warehouse\nwarehouse.{ask}('create table a (i int)')", capsys)
    assert shown.count("DuckDB file of your own") == 1
    assert "site-packages" not in shown, "DuckDB's inside is nothing to read"


def test_an_error_of_another_database_is_left_alone(
    notebook: Notebook, capsys: pytest.CaptureFixture[str]
) -> None:
    notebook.run("import duckdb\nduckdb.connect('own.duckdb').close()")
    notebook.run("own = duckdb.connect('own.duckdb', read_only=True)")
    shown = notebook.error("own.execute('create table a (i int)')", capsys)
    assert "read-only" in shown and "warehouse" not in shown
