"""Dagster's `dg` in a clone: it makes an asset, which stands beside those of the warehouse."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.stories import make_origin

pytest.importorskip("dagster_dg_cli", reason="it is in the extra dev")


def test_scaffold_check_and_list(tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    clone.mkdir()
    make_origin(clone)
    private = ("WAREHOUSE_", "DAGSTER_")
    env = {name: value for name, value in os.environ.items() if not name.startswith(private)}

    def dg(*arguments: str) -> str:
        done = subprocess.run(
            [Path(sys.executable).with_name("dg"), *arguments],
            cwd=clone,
            env={**env, "PYTHONPATH": str(clone), "HOME": str(tmp_path)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    dg("scaffold", "defs", "dagster.asset", "assets/extra.py")
    assert (clone / "warehouse" / "defs" / "assets" / "extra.py").is_file()
    dg("check", "defs")
    listed = json.loads(dg("list", "defs", "--json"))
    keys = {asset["asset_key"] for asset in listed["assets"]}
    assert {"extra", "mysql_orders", "orders_summary"} <= keys
