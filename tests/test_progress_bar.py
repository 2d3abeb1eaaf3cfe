"""DuckDB writes its progress bar to stdout. Where that is a file or a pipe, only data comes."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from typing import TYPE_CHECKING

from warehouse.store.publish import write

if TYPE_CHECKING:
    from tests.conftest import WarehouseEnv

SCRIPT = """
import warehouse
asked = "SELECT current_setting('enable_progress_bar')"
print(warehouse.connect().execute(asked).fetchall())
print(warehouse.sql(asked).fetchall())
"""
"""DuckDB shows no bar before two seconds, so its setting is looked at."""


def test_a_terminal_has_the_bar_and_a_pipe_has_not(warehouse_env: WarehouseEnv) -> None:
    with write(warehouse_env.path, keep=1, who="a test") as connection:
        connection.execute("CREATE TABLE t AS SELECT 1 AS n")
    command = [sys.executable, "-c", SCRIPT]
    piped = subprocess.run(command, env=warehouse_env.env, capture_output=True, check=True)
    assert piped.stdout.decode().splitlines() == ["[(False,)]"] * 2

    ours, theirs = pty.openpty()
    try:
        subprocess.run(command, env=warehouse_env.env, stdout=theirs, check=True)
        assert os.read(ours, 1_000).decode().splitlines() == ["[(True,)]"] * 2
    finally:
        os.close(theirs)
        os.close(ours)
