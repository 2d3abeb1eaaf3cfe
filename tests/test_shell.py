"""The interactive shell, on a terminal of its own."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import WarehouseEnv
from tests.shell import Open, shells
from tests.writer import refresh

ENDLESS = "select sum(hash(a.range + b.range)) from range(1000000) a, range(1000000) b;"


@pytest.fixture
def open_shell(warehouse_env: WarehouseEnv, tmp_path: Path) -> Iterator[Open]:
    refresh(warehouse_env.path, 1, 10)
    state = {"XDG_STATE_HOME": str(tmp_path / "state")}
    with shells({**warehouse_env.env, **state}, 1) as start:
        yield start


def test_it_answers_on_the_newest_snapshot_and_leaves(
    open_shell: Open, warehouse_env: WarehouseEnv, tmp_path: Path
) -> None:
    shell = open_shell()
    shell.type("select 'version ' || low\r")
    shell.until("...>")
    shell.type("from v;\r")
    shell.until("│ version 1")

    refresh(warehouse_env.path, 2, 10)
    shell.type("select 'version ' || low from v;\r")
    shell.until("Snapshot 2 is new")
    shell.until("│ version 2")
    shell.until("snapshot 2>")

    shell.type("from w;\r")
    said = shell.until("There are snapshots, t, v.")
    assert "There is no table or view w." in said and "Traceback" not in said
    shell.type("create temp table mine as select 'kept' as k;\r")
    shell.until("Count")
    shell.type("from mine;\r")
    shell.until("│ kept")

    shell.type("\x04")
    assert shell.wait() == 0
    assert "from v;" in (tmp_path / "state" / "warehouse" / "history.sql").read_text()


def test_its_commands_and_completion(open_shell: Open) -> None:
    shell = open_shell()
    shell.until(".help · Ctrl-D leaves")
    shell.type(".tables\r")
    assert "snapshots" in shell.until("│ v ")
    shell.type(".schema V\r")
    shell.until("│ high")
    shell.type(".schema vv\r")
    shell.until("Did you mean v?")
    shell.type(".nonsense\r")
    shell.until(".help lists them")
    shell.type("select 'x' || vers")
    shell.until("version")  # in the menu
    shell.type("\t")
    shell.watch(0.5)
    shell.type(" from t;\r")
    shell.until("│ x1")
    shell.type("exit\r")
    assert shell.wait() == 0


def test_it_opens_where_nothing_can_be_kept(open_shell: Open, tmp_path: Path) -> None:
    (tmp_path / "state").write_text("no folder")
    shell = open_shell()
    shell.type("select 'here ' || low from v;\r")
    shell.until("│ here 1")
    shell.type(".quit\r")
    assert shell.wait() == 0


def test_ctrl_c_clears_the_line_and_stops_a_query(open_shell: Open) -> None:
    shell = open_shell()
    shell.type("select nonsense\x03")
    shell.until("snapshot 1>")
    shell.type(ENDLESS + "\r")
    shell.watch(1)
    shell.type("\x03")
    shell.until("Stopped.", seconds=5)
    shell.type("select 'still ' || 'here';\r")
    shell.until("│ still here")
    shell.type("\x04")
    assert shell.wait() == 0


def test_modes_and_the_timer(open_shell: Open) -> None:
    shell = open_shell(PAGER="")
    for mode, shown in (
        ("line", "four = 4"),
        ("csv", "four,NIL"),
        ("json", '"four":4'),
        ("markdown", "|-------:|"),
    ):
        shell.type(f".mode {mode}\r")
        shell.until("snapshot 1>")
        shell.type('select 2 + 2 as four, null as "NIL";\r')
        shell.until(shown)
    shell.type(".mode pie\r")
    shell.until("Write table, line, csv, json or markdown.")
    shell.type(".mode csv\r.timer on\r")
    shell.type("select 'r' || range as r from range(5000);\r")
    assert len(re.findall(r"r\d+", shell.until(" s\r\n"))) >= 5000, "all rows"
    shell.type(".quit\r")
    assert shell.wait() == 0
