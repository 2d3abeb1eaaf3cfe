"""Runs a notebook from top to bottom, in a kernel of its own."""

from __future__ import annotations

from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbformat import NotebookNode
from traitlets.config import Config

from warehouse.errors import WarehouseError
from warehouse.report.markdown_file import read_markdown

_SHARP = "%config InlineBackend.figure_format = 'retina'"
"""Plots that are sharp on every screen; what the notebook itself sets wins."""


def read(file: Path) -> NotebookNode:
    """Read a notebook, or Markdown with queries in it.

    Raises:
        WarehouseError: there is no such file, or it is neither.
    """
    if not file.is_file():
        raise WarehouseError(
            f"There is no file {file}.", todo="Name a notebook, or a Markdown file."
        )
    try:
        if file.suffix == ".ipynb":
            notebook: NotebookNode = nbformat.read(file, as_version=4)
            return notebook
        if file.suffix == ".md":
            return read_markdown(file)
    except (nbformat.reader.NotJSONError, nbformat.ValidationError, UnicodeDecodeError):
        raise WarehouseError(f"{file} cannot be read as {file.suffix}.") from None
    raise WarehouseError(
        f"{file} is neither a notebook nor Markdown.", todo="Name a file in .ipynb or .md."
    )


def execute(notebook: NotebookNode, file: Path) -> None:
    """Run a notebook; its outputs become those of now.

    Args:
        notebook: It is changed.
        file: Where it was read from. Its folder is the kernel's.

    Raises:
        WarehouseError: a cell failed; names it.
    """
    sharp = nbformat.v4.new_code_cell(_SHARP)
    notebook.cells.insert(0, sharp)
    client = NotebookClient(
        notebook,
        timeout=None,
        kernel_name="python3",
        resources={"metadata": {"path": str(file.parent.absolute())}},
        # Without it the kernel warns that other users of the machine might listen.
        config=Config({"KernelManager": {"transport_encryption": "auto"}}),
    )
    try:
        client.execute()
    except CellExecutionError as error:
        raise WarehouseError(
            f"{file}, {_failed(notebook)}: {error.evalue or error.ename}",
            safe="No page was written.",
        ) from None
    except DeadKernelError:
        raise WarehouseError(
            f"{file}, {_failed(notebook)}: the kernel died.",
            safe="No page was written.",
            todo="Most often memory ran out: ask for fewer rows.",
        ) from None
    finally:
        notebook.cells.remove(sharp)


def _failed(notebook: NotebookNode) -> str:
    """Say which cell was the last one that ran."""
    ran = [
        (number, cell)
        for number, cell in enumerate(notebook.cells)  # the first one is ours
        if cell.cell_type == "code" and cell.get("execution_count")
    ]
    number, cell = ran[-1] if ran else (1, notebook.cells[0])
    return f"line {cell.metadata.line}" if "line" in cell.metadata else f"cell {number}"
