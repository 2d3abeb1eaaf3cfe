"""`report` that is stopped, and `report` during which a snapshot is published."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from tests.conftest import WarehouseEnv
from tests.terminal import Terminal
from tests.writer import refresh

ENDLESS = "select sum(hash(a.range + b.range)) from range(1000000) a, range(1000000) b"
SLOW = "import pathlib, time; pathlib.Path('begun').touch(); time.sleep(600)"
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux lists children in /proc")


def write(folder: Path, kind: str) -> str:
    """Write a report that never ends; it makes a file `begun` when it is at that place."""
    if kind == "notebook":
        nbformat.write(new_notebook(cells=[new_code_cell(SLOW)]), folder / "long.ipynb")
        return "long.ipynb"
    begun = "```python\nfrom pathlib import Path; Path('begun').touch()\n```\n"
    (folder / "long.md").write_text(f"{begun}\n```sql\n{ENDLESS}\n```\n")
    return "long.md"


def wait_for(file: Path) -> None:
    deadline = time.monotonic() + 60
    while not file.exists():
        assert time.monotonic() < deadline, f"no {file}"
        time.sleep(0.05)


def kernels(folder: Path) -> list[str]:
    """Return the processes that work in a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").resolve() == folder:
                found.append((process / "cmdline").read_text().replace("\0", " "))
        except OSError:  # it has ended, or it is somebody else's
            continue
    return found


@LINUX
@pytest.mark.parametrize(("kind", "earlier"), [("notebook", None), ("query", "the last one")])
def test_ctrl_c_ends_it_at_once(
    warehouse_env: WarehouseEnv, tmp_path: Path, kind: str, earlier: str | None
) -> None:
    refresh(warehouse_env.path, 1, 10)
    folder = tmp_path / "reports"
    folder.mkdir()
    file = write(folder, kind)
    if earlier:
        (folder / "report.html").write_text(earlier)
    terminal = Terminal({**warehouse_env.env, "TERM": "xterm"}, folder, 80, "report", file)
    wait_for(folder / "begun")
    time.sleep(0.5)
    assert any("ipykernel" in process for process in kernels(folder))
    began = time.monotonic()
    terminal.type("\x03")
    assert terminal.end() == 130
    assert time.monotonic() - began < 5
    assert "Stopped." in terminal.text and "Error" not in terminal.text, terminal.text
    assert kernels(folder) == []
    left = {path.name for path in folder.iterdir()} - {file, "begun", ".ipython"}
    assert left == ({"report.html"} if earlier else set())
    assert not earlier or (folder / "report.html").read_text() == earlier


@pytest.mark.parametrize("kept", [True, False])
def test_the_page_names_all_snapshots_that_it_shows(
    warehouse_env: WarehouseEnv, tmp_path: Path, kept: bool
) -> None:
    refresh(warehouse_env.path, 1, 10)
    pause = (
        "from pathlib import Path; import time; Path('begun').touch()\n"
        "while not Path('go').exists(): time.sleep(0.05)"
    )
    query = "```sql\nselect low from v\n```\n"
    (tmp_path / "mine.md").write_text(f"{query}\n```python\n{pause}\n```\n\n{query}")
    report = subprocess.Popen(
        [sys.executable, "-m", "warehouse", "report", "mine.md"],
        cwd=tmp_path,
        env=warehouse_env.env,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for(tmp_path / "begun")
    for version in range(2, 3 if kept else 6):  # three stay
        refresh(warehouse_env.path, version, 10)
    newest = 2 if kept else 5
    (tmp_path / "go").touch()
    _, said = report.communicate(timeout=60)
    assert report.returncode == 0, said
    assert f"The page shows the snapshots 1, {newest}" in said
    page = (tmp_path / "report.html").read_text()
    (footer,) = re.findall(r"<footer>.*</footer>", page, re.DOTALL)
    first = r"published [-\d]+ [:\d]+ UTC" if kept else "which is not kept any more"
    assert re.search(f"Snapshot 1 of the warehouse, {first}", footer)
    assert re.search(rf"Snapshot {newest} of the warehouse, published [-\d]+ [:\d]+ UTC", footer)
