"""Markdown with queries in it becomes a notebook: each block of SQL or Python is a cell."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from warehouse.errors import WarehouseError
from warehouse.report.shown import SHOWN

LANGUAGES = {"sql", "python"}
_FENCE = re.compile(r" {0,3}(?P<fence>`{3,}|~{3,}) *(?P<words>[^`]*)")
_SETUP = """\
%load_ext warehouse.notebook
import pandas as pd
from matplotlib import pyplot as plt
import warehouse
from warehouse.report import shown
shown.prepare()"""


@dataclass(frozen=True)
class Block:
    """A part of a Markdown file.

    Attributes:
        line: Its first one, counted from 1.
        words: What follows the fence of a block that is run; none for Markdown.
    """

    line: int
    words: tuple[str, ...]
    text: str


def read_markdown(file: Path) -> NotebookNode:
    """Return a Markdown file as a notebook.

    A block that begins with three backticks and `sql` is run: `sql revenue show=line` keeps the
    rows in the Python variable `revenue`, and shows them in one of the ways of `shown.SHOWN`, of
    which `table` is meant if none is named. A block of `python` is run as a cell is. All other
    blocks stay as they are.

    Raises:
        WarehouseError: a word behind `sql` is not understood, or a block does not end.
    """
    cells = [new_code_cell(_SETUP, metadata=_hidden(1))]
    for number, block in enumerate(blocks(file.read_text(encoding="utf-8"), file)):
        if not block.words:
            cells.append(new_markdown_cell(block.text))
        elif block.words[0] == "python":
            cells.append(new_code_cell(block.text, metadata={"line": block.line}))
        else:
            cells += _query(block, f"block_{number}", file)
    notebook: NotebookNode = new_notebook(cells=cells)
    notebook.metadata = nbformat.from_dict({"language_info": {"name": "python"}})
    return notebook


def blocks(text: str, file: Path) -> Iterator[Block]:
    """Yield the parts of a Markdown text, those that are run and those between them."""
    fence, words, part, start = "", (), [], 1
    for number, line in enumerate(text.splitlines(), 1):
        found = _FENCE.match(line)
        if fence and found and found["fence"].startswith(fence) and not found["words"].strip():
            if words:
                yield Block(start, words, "\n".join(part))
                part, start = [], number + 1
            else:
                part.append(line)
            fence, words = "", ()
        elif not fence and found:
            fence, words = found["fence"], tuple(found["words"].split())
            if words and words[0] in LANGUAGES:
                if "\n".join(part).strip():
                    yield Block(start, (), "\n".join(part))
                part, start = [], number
            else:
                words = ()
                part.append(line)
        else:
            part.append(line)
    if words:
        raise WarehouseError(
            f"{file}, line {start}: the block of {words[0]} does not end.",
            todo=f"Write {fence} on a line of its own behind it.",
        )
    if "\n".join(part).strip():
        yield Block(start, (), "\n".join(part))


def _query(block: Block, name: str, file: Path) -> list[NotebookNode]:
    """Return a cell that asks, and one that shows the rows."""
    show = "table"
    for word in block.words[1:]:
        if word.startswith("show=") and word.removeprefix("show=") in SHOWN:
            show = word.removeprefix("show=")
        elif word.isidentifier():
            name = word
        else:
            raise WarehouseError(
                f"{file}, line {block.line}: `{word}` behind sql is not understood.",
                todo=f"Write ```sql NAME show=HOW, where HOW is one of {', '.join(SHOWN)}.",
            )
    return [
        new_code_cell(f"%%sql {name}\n{block.text}", metadata={"line": block.line}),
        new_code_cell(f"shown.show({name}, {show!r})", metadata=_hidden(block.line)),
    ]


def _hidden(line: int) -> dict[str, object]:
    return {"line": line, "transient": {"remove_source": True}}
