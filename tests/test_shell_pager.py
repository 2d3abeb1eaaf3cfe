"""The shell's results of any size: on the screen if they fit, else in a pager, all of them."""

from __future__ import annotations

import re
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from tests.conftest import WarehouseEnv
from tests.shell import Open, ShellTerminal, shells
from tests.writer import refresh
from warehouse.serve.text_table import ROWS, WIDEST, write_table

LESS = pytest.mark.skipif(shutil.which("less") is None, reason="less is not installed")
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux says what memory is used")
LONG_AFTER_ROWS = "select 'row ' || range as r from range(10000000000000) where range < 3000"
SMALL = (24, 80)


@pytest.fixture
def open_shell(warehouse_env: WarehouseEnv, tmp_path: Path) -> Iterator[Open]:
    refresh(warehouse_env.path, 1, 10)
    with shells({**warehouse_env.env, "XDG_STATE_HOME": str(tmp_path / "state")}, 1) as start:
        yield start


def answers(shell: ShellTerminal) -> None:
    shell.type("select 'still ' || 'here' as x;\r")
    shell.until("still here", seconds=5)


def threads() -> int:
    with duckdb.connect() as connection:
        ((number,),) = connection.execute("SELECT current_setting('threads')").fetchall()
        return int(number)


def memory(process: int) -> int:
    """Return the most that a process has used, in MB."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) // 1000


@LESS
@LINUX
@pytest.mark.parametrize("mode", ["table", "line", "csv", "json"])
def test_five_million_rows_begin_at_once_in_flat_memory(open_shell: Open, mode: str) -> None:
    shell = open_shell(SMALL)
    shell.type(f".mode {mode}\r")
    shell.until("snapshot 1>")
    shell.type("select 'r' || range as r from range(10);\r")
    shell.until("r9")
    before = memory(shell.pid)
    began = time.monotonic()
    shell.type("select 'row ' || range as r, repeat('x', 200) as x from range(5000000);\r")
    shell.until("row 5")
    shell.until("\r\n:")  # less waits for a key
    assert time.monotonic() - began < 5
    assert memory(shell.pid) - before < 100
    shell.type("q")
    shell.until("snapshot 1>", seconds=5)
    answers(shell)


@LESS
@pytest.mark.parametrize("mode", ["table", "line", "csv"])
def test_leaving_the_pager_stops_a_query_that_has_no_more_rows_yet(
    open_shell: Open, mode: str
) -> None:
    shell = open_shell(SMALL)
    shell.type(f".mode {mode}\r{LONG_AFTER_ROWS};\r")
    shell.until("row 5")
    shell.until("\r\n:")
    shell.watch(1)  # all rows that there are have come
    shell.type("q")
    shell.until("snapshot 1>", seconds=5)
    shell.type(".mode table\rselect 'threads: ' || current_setting('threads') as x;\r")
    shell.until(f"threads: {threads()}")


@LESS
def test_the_pager_goes_to_the_real_end(open_shell: Open) -> None:
    shell = open_shell(SMALL)
    shell.type("select 'row ' || range as r from range(12345);\r")
    shell.until("row 5 ")
    shell.until("\r\n:")
    shell.type("G")
    shell.until("row 12344 │")
    shell.until("12,345 rows")
    shell.type("q")
    answers(shell)


@LESS
def test_what_is_wide_goes_to_the_pager_and_lines_stay_whole(open_shell: Open) -> None:
    shell = open_shell(SMALL)
    shell.type("select repeat('-', 100) as x, 'bey' || 'ond' as y;\r")
    assert "beyond" not in shell.until("(END)")
    shell.type("\x1bOC")  # the arrow to the right
    shell.until("beyond")
    shell.type("q")
    answers(shell)


@LESS
def test_ctrl_c_in_the_pager_stops_the_query_and_the_pager_stays(open_shell: Open) -> None:
    shell = open_shell(SMALL)
    shell.type(f"{LONG_AFTER_ROWS};\r")
    shell.until("row 5")
    shell.until("\r\n:")
    shell.type("G")
    shell.watch(1)
    shell.type("\x03")
    shell.until("row 5")  # it shows what has come
    shell.type("q")
    shell.until("Stopped.", seconds=5)
    answers(shell)


@LESS
def test_an_error_after_the_first_rows_is_said_when_the_pager_is_left(open_shell: Open) -> None:
    shell = open_shell(SMALL)
    shell.type(
        "select (case when range < 300000 then range::text else 'x' end)::int as r, "
        "repeat('-', 100) as x from range(400000);\r"
    )
    shell.until("│       5 │")
    shell.until("\r\n:")
    shell.type("G")
    assert "rows" not in shell.until("(END)"), "it does not look like the end"
    shell.type("q")
    shell.until("Could not convert string 'x' to INT32")
    answers(shell)


def test_a_pager_of_ones_own(open_shell: Open, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text('#!/bin/sh\necho paged with "$1"\ncat\n')
    (tmp_path / "mine").chmod(0o755)
    shell = open_shell(SMALL, PAGER=f"{tmp_path / 'mine'} 'two words'")
    shell.type("select 'row ' || range as r from range(100);\r")
    shell.until("paged with two words")
    shell.until("row 99")
    shell.until("100 rows")
    shell.type("select 'row ' || range as r from range(5);\r")
    assert "paged" not in shell.until("5 rows")
    shell.type(".mode csv\r")
    shell.type("select 'row ' || range as r from range(100);\r")
    shell.until("paged with two words")


@pytest.mark.parametrize("variables", [{"PAGER": ""}, {"TERM": "dumb"}, {"PATH": "/nowhere"}])
def test_without_a_pager_as_much_as_fits(open_shell: Open, variables: dict[str, str]) -> None:
    shell = open_shell(SMALL, **variables)
    shell.type("select 'row ' || range as r from range(1000);\r")
    shell.until("row 999")
    shell.until("(100 shown)")
    answers(shell)


class Written:
    """What a table was written to."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def write(self, data: bytes) -> None:
        self.lines += data.decode().split("\n")[:-1]

    def flush(self) -> None:
        pass


def table(query: str, *values: object) -> list[str]:
    out = Written()
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute("CREATE TABLE given (a VARCHAR, b VARCHAR)")
        for pair in values:
            connection.execute("INSERT INTO given VALUES (?, ?)", pair)
        write_table(connection, connection.sql(query), out)
    return out.lines


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0│"), max_size=30)


@settings(deadline=None)
@given(st.lists(st.tuples(TEXT, st.none() | TEXT), max_size=5))
def test_each_row_is_a_line_in_one_frame(rows: list[tuple[str, str | None]]) -> None:
    lines = table("from given", *rows)
    assert len(lines) == 3 + 1 + len(rows) + 2
    assert len({cell_len(line) for line in lines[:-1]}) == 1, "the frame is straight"
    assert lines[-1] == ("1 row" if len(rows) == 1 else f"{len(rows)} rows")
    for line, row in zip(lines[4:-2], rows, strict=True):
        cells = [cell[1:].rstrip(" ") for cell in line.split("│")[1:-1]]
        for cell, value in zip(cells, row, strict=True):
            plain = "NULL" if value is None else value.rstrip(" ")
            assert cell == plain or not plain.isprintable()


def test_numbers_stand_at_the_right_and_control_characters_are_written_out() -> None:
    assert table("select 7 as n, 'a\x1b[1m' as t union all select 1234.5, 'b\tc\nd'") == [
        "┌───────────────┬──────────┐",
        "│       n       │    t     │",
        "│ decimal(11,1) │ varchar  │",
        "├───────────────┼──────────┤",
        "│           7.0 │ a\\x1b[1m │",
        "│        1234.5 │ b\\tc\\nd  │",
        "└───────────────┴──────────┘",
        "2 rows",
    ]


def test_wider_rows_begin_a_frame_and_a_long_value_stays_whole() -> None:
    lines = table(f"select repeat('x', 1 + 20 * (range // {ROWS})) as x from range({ROWS + 1})")
    assert lines.index("└─────────┘") == ROWS + 4
    assert lines[-3:] == [f"│ {'x' * 21} │", f"└{'─' * 23}┘", f"{ROWS + 1:,} rows"]
    wide = table(f"select repeat('x', {WIDEST + 50}) as x, 'y' as y")
    assert cell_len(wide[0]) == WIDEST + 14 and wide[4] == f"│ {'x' * (WIDEST + 50)} │ y       │"
