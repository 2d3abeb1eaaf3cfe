"""Runs a notebook from top to bottom, in a kernel of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path

import nbformat
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbformat import NotebookNode
from traitlets.config import Config

from warehouse.errors import WarehouseError
from warehouse.report.markdown_file import read_markdown
from warehouse.report.opened import MIME

_FIRST = """\
%config InlineBackend.figure_format = 'retina'
__import__("warehouse.report.opened").report.opened.watch()"""
"""Plots that are sharp on every screen; what the notebook itself sets wins."""
_LAST = """__import__("warehouse.report.opened").report.opened.tell()"""


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


def execute(notebook: NotebookNode, file: Path) -> list[int]:
    """Run a notebook; its outputs become those of now.

    Args:
        notebook: It is changed.
        file: Where it was read from. Its folder is the kernel's.

    Returns:
        The numbers of the snapshots that it opened, in order.

    Raises:
        WarehouseError: a cell failed; names it.
        KeyboardInterrupt: somebody stopped it. The kernel is gone.
    """
    first, last = (nbformat.v4.new_code_cell(text) for text in (_FIRST, _LAST))
    notebook.cells = [first, *notebook.cells, last]
    try:
        _interruptible(_run(notebook, file))
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
        notebook.cells = notebook.cells[1:-1]
    return [number for output in last.outputs for number in output.data[MIME]]


async def _run(notebook: NotebookNode, file: Path) -> None:
    # Without encryption the kernel warns that other users of the machine might listen.
    encrypted = Config({"KernelManager": {"transport_encryption": "auto"}})
    kernel = AsyncKernelManager(kernel_name="python3", config=encrypted)
    folder = {"metadata": {"path": str(file.parent.absolute())}}
    client = NotebookClient(notebook, km=kernel, timeout=None, resources=folder)
    ended = False
    try:
        await client.async_execute()
        ended = True
    finally:
        if kernel.has_kernel:
            await kernel.shutdown_kernel(now=not ended)


def _interruptible(work: Coroutine[None, None, None]) -> None:
    """Do work in another thread. Ctrl-C cancels it.

    In the main thread nbclient answers Ctrl-C itself: it asks the kernel to end, which a query
    that runs does not hear, and the end of the kernel looks like a failure.
    """
    running: Future[tuple[asyncio.AbstractEventLoop, asyncio.Task[None]]] = Future()

    async def noted() -> None:
        task = asyncio.current_task()
        assert task is not None
        running.set_result((asyncio.get_running_loop(), task))
        await work

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(asyncio.run, noted())
        try:
            done.result()
        except KeyboardInterrupt:
            loop, task = running.result()
            loop.call_soon_threadsafe(task.cancel)
            wait([done])
            raise


def _failed(notebook: NotebookNode) -> str:
    """Say which cell was the last one that ran."""
    ran = [
        (number, cell)
        for number, cell in enumerate(notebook.cells)  # the first one is ours
        if cell.cell_type == "code" and cell.get("execution_count")
    ]
    number, cell = ran[-1] if ran else (1, notebook.cells[0])
    return f"line {cell.metadata.line}" if "line" in cell.metadata else f"cell {number}"
