"""The notebooks run from top to bottom, and the committed ones show what came of it."""

import json
import re
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

from notebooks.execute import FOLDER, METADATA, execute, sample_warehouse

NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
MACHINE_PATH = re.compile(r"(?<![\w./])/(home|root|tmp|work|Users|usr|var|opt|private)/|[A-Z]:\\\\")


@pytest.fixture(scope="module", params=NOTEBOOKS, ids=lambda path: path.name)
def executed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, NotebookNode]:
    """A notebook as it is committed, and as it comes out now."""
    folder = tmp_path_factory.mktemp("sample")
    return request.param, execute(request.param, sample_warehouse(folder), folder)


def committed(path: Path) -> NotebookNode:
    notebook: NotebookNode = nbformat.read(path, as_version=4)
    return notebook


def problems(notebook: NotebookNode) -> list[str]:
    """Return what is wrong with the outputs of a notebook."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    outputs = [(cell.id, output) for cell in cells for output in cell.outputs]
    found = []
    if [cell.execution_count for cell in cells] != [*range(1, len(cells) + 1)]:
        found.append("not executed from top to bottom")
    if not any("image/png" in output.get("data", {}) for _, output in outputs):
        found.append("no picture")
    found += [f"{id_}: an error" for id_, output in outputs if output.output_type == "error"]
    found += [f"{id_}: stderr" for id_, output in outputs if output.get("name") == "stderr"]
    for cell in notebook.cells:
        if place := MACHINE_PATH.search(json.dumps(cell)):
            found.append(f"{cell.id}: a path of a machine, {place[0]}")
    if notebook.metadata != METADATA or any(cell.metadata for cell in notebook.cells):
        found.append("metadata that changes")
    return found


def texts(notebook: NotebookNode) -> dict[str, list[str]]:
    """Return the texts that each cell shows, but for those that tell the time of the load."""
    return {
        cell.id: [output.get("data", {}).get("text/plain", "") for output in cell.outputs]
        for cell in notebook.cells
        if cell.cell_type == "code" and cell.id not in ("age", "snapshots")
    }


def test_it_runs(executed: tuple[Path, NotebookNode]) -> None:
    assert problems(executed[1]) == []


def test_what_is_committed_is_what_it_shows(executed: tuple[Path, NotebookNode]) -> None:
    path, notebook = executed
    assert problems(committed(path)) == [], "run `just notebook-run`"
    assert texts(committed(path)) == texts(notebook), "run `just notebook-run`"
    assert path.stat().st_size < 400_000
