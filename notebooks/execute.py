"""Writes the outputs of the notebooks anew: `python -m notebooks.execute [orders.ipynb ...]`.

They show the sample data, on the days of its files, from a warehouse that is made for it and thrown
away: whoever executes them gets the same, but for the time of the load.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode
from traitlets.config import Config

from warehouse.sample.calendar import CSV_LAST_DAY, FILE, FIXED
from warehouse.settings import ROOT

FOLDER = ROOT / "notebooks"
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def sample_warehouse(folder: Path) -> dict[str, str]:
    """Load the sample by the first command, which leaves history: a day ago, and now.

    Args:
        folder: Where the warehouse is made.

    Returns:
        The environment in which a notebook sees it.
    """
    home = folder / "dagster_home"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n", encoding="utf-8")
    (folder / FILE).write_text(f"{CSV_LAST_DAY} {FIXED}\n", encoding="utf-8")
    env = {
        **{name: value for name, value in os.environ.items() if not name.startswith("WAREHOUSE_")},
        "DAGSTER_HOME": str(home),
        "WAREHOUSE_PATH": str(folder / "warehouse.duckdb"),
        # Said, so that a developer's .env has no say.
        "WAREHOUSE_HOME": str(ROOT / "warehouse"),
        "TZ": "UTC",
    }
    subprocess.run(
        [sys.executable, "-m", "warehouse", "materialize"],
        cwd=ROOT,
        env=env,
        stdout=subprocess.DEVNULL,
        check=True,
    )
    return env


def execute(path: Path, env: dict[str, str], folder: Path) -> NotebookNode:
    """Execute a notebook from top to bottom in a kernel of its own.

    Args:
        path: The notebook; it is not written.
        env: The kernel's environment.
        folder: The kernel's working folder, where a notebook may leave files.

    Returns:
        The notebook with its outputs, and without what would change for no reason.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell failed.
    """
    notebook: NotebookNode = nbformat.read(path, as_version=4)
    NotebookClient(
        notebook,
        timeout=120,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        record_timing=False,
        # Without it the kernel warns that other users of the machine might listen.
        config=Config({"KernelManager": {"transport_encryption": "auto"}}),
    ).execute(env=env)
    notebook.metadata = nbformat.from_dict(METADATA)
    return notebook


def main(names: list[str]) -> None:
    """Execute the notebooks named, or all, and write each with its outputs."""
    paths = [FOLDER / name for name in names] or sorted(FOLDER.glob("*.ipynb"))
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        env = sample_warehouse(folder)
        for path in paths:
            nbformat.write(execute(path, env, folder), path)
            print(path.relative_to(ROOT))


if __name__ == "__main__":
    main(sys.argv[1:])
