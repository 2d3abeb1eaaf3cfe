"""What fits a terminal: one line an asset, words whole, colour only where it can be seen."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from rich.cells import cell_len

from tests.terminal import Terminal
from warehouse.console.columns import Heading, lay_out
from warehouse.console.terminal import wrapped
from warehouse.settings import ROOT

WIDTHS = pytest.mark.parametrize("width", [80, 120])


@pytest.fixture(scope="session")
def env(failed_run: Mapping[str, str]) -> dict[str, str]:
    return {**failed_run, "TERM": "xterm-256color"}


def screen(env: dict[str, str], width: int, *arguments: str) -> Terminal:
    terminal = Terminal(env, ROOT, width, *arguments)
    terminal.end()
    return terminal


def words(text: str) -> list[str]:
    return re.sub("[✓!✗]", "", text).split()


@WIDTHS
def test_status_is_one_table_with_a_line_for_each_asset(env: dict[str, str], width: int) -> None:
    shown = screen(env, width, "status").text
    assert max(map(cell_len, shown.splitlines())) <= width
    table, *_ = shown.replace("\r", "").split("\n\n")
    header, *lines = table.splitlines()
    assert [line.split()[0] for line in lines][:2] == ["mysql_customers", "mysql_orders"]
    assert len(lines) == 7 and "…" not in table
    assert re.fullmatch(r"mysql_orders +10,000 .* until .* failure .*  shop\.orders", lines[1])
    assert ("run" in header.replace("last run", "")) is (width == 120)
    assert "The sources are tables at 127.0.0.1:" in shown


@WIDTHS
def test_doctor_breaks_lines_between_words(env: dict[str, str], width: int) -> None:
    shown = screen(env, width, "doctor").text
    folder = env["WAREHOUSE_PATH"]  # longer than a line: it stays whole
    assert all(cell_len(line) <= width or folder[:20] in line for line in shown.splitlines())
    plain = subprocess.run(
        [sys.executable, "-m", "warehouse", "doctor"],
        env=env,
        cwd=ROOT,
        capture_output=True,
        text=True,
    ).stdout
    assert max(map(len, plain.splitlines())) > 80, "a pipe gets a line for each finding"
    lost = {word for word in words(plain) if word not in words(shown)}
    assert {word for word in lost if not re.search(r"\d", word)} <= {"ok", "warning", "failure"}


def test_colour_is_for_terminals_that_want_it(env: dict[str, str]) -> None:
    coloured = screen(env, 80, "status")
    assert "\x1b[1;31mfailure" in coloured.screen and "\x1b[32msuccess" in coloured.screen
    # Yellow and white text cannot be read on white.
    assert not re.findall(r"\x1b\[(?:\d+;)*(?:33|37|93|97)m", coloured.screen)
    plain = screen({**env, "NO_COLOR": "1"}, 80, "status")
    assert not re.findall(r"\x1b\[(?:\d+;)*3\dm", plain.screen)
    assert plain.text.split()[:6] == coloured.text.split()[:6]


def test_what_gives_way_first() -> None:
    headings = (
        Heading("name", least=4, rank=2),
        Heading("rows", right=True),
        Heading("note", least=4, rank=0, optional=True),
        Heading("empty"),
    )
    rows = [("a long name", "1,000", "words", ""), ("日本語のテーブル", "7", "", "")]

    def shown(width: int | None) -> list[str]:
        return [line.plain for line in lay_out(headings, rows, width)]

    assert shown(None) == [
        "name               rows  note",
        "a long name       1,000  words",
        "日本語のテーブル      7",
    ]
    assert shown(29)[1] == "a long name       1,000  wor…"
    assert shown(24)[1] == "a long name       1,000"
    assert shown(16) == ["name        rows", "a long n…  1,000", "日本語の…      7"]


def test_a_word_longer_than_a_line_stays_whole() -> None:
    path = "/a/very/long/path-with-dashes/warehouse.duckdb"
    assert wrapped(f"It is {path} here.", 20, 2) == f"It is\n  {path}\n  here."
    assert wrapped("as it is " * 20, None) == "as it is " * 20


@WIDTHS
def test_long_errors_break_between_words(tmp_path: Path, width: int) -> None:
    """On a terminal alone; paths, commands and SQL stay as they are."""
    folder = tmp_path / ("a-long-name-of-a-folder-" * 6)
    variables = {"HOME": str(tmp_path), "TERM": "xterm", "LANG": "C.UTF-8"}
    env = {**variables, "WAREHOUSE_PATH": str(folder / "warehouse.duckdb"), "PYTHONPATH": str(ROOT)}
    whole = subprocess.run(
        [sys.executable, "-m", "warehouse", "history"], env=env, capture_output=True, text=True
    ).stderr
    shown = screen(env, width, "history").text.replace("\r", "")
    assert max(map(cell_len, whole.splitlines())) > width
    assert shown.split() == whole.split(), "each word is whole"
    starts = (str(folder), "`")  # what stays whole begins a line
    assert all(cell_len(line) <= width or line.startswith(starts) for line in shown.splitlines())


def test_a_query_and_what_points_into_it_stay_together() -> None:
    error = "No such column anywhere.\n\nselect status, amuont from orders where a = 1\n" + (
        " " * 15 + "^^^^^^"
    )
    lines = wrapped(error, 20).splitlines()
    assert lines[:2] == ["No such column", "anywhere."]
    assert lines[3:] == ["select status, amuont from orders where a = 1", " " * 15 + "^^^^^^"]
    assert wrapped("Give `just rollback 3 now` then.", 12) == "Give\n`just rollback 3 now`\nthen."
