"""Lays a notebook that was run out as one HTML file that asks nobody for anything."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bs4 import BeautifulSoup
from nbconvert import HTMLExporter
from nbconvert.filters import Highlight2HTML
from nbformat import NotebookNode
from pygments.formatters import HtmlFormatter

from warehouse.console.text import counted
from warehouse.errors import WarehouseError
from warehouse.report.origin import Origin

TEMPLATES = Path(__file__).parent
_CHAPTERS = 3
"""So many make a table of contents worth its place."""

_UNITS = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))
_STYLES = (("", "default"), ("@media (prefers-color-scheme: dark)", "github-dark"))


@dataclass(frozen=True)
class Report:
    """What stands around the notebook.

    Attributes:
        file: What it was made from.
        origins: The snapshots that the data came from, the oldest first.
        written: When the page was begun.
    """

    file: Path
    origins: tuple[Origin, ...]
    written: datetime


def render(notebook: NotebookNode, report: Report) -> str:
    """Return a notebook as HTML: code folded away, and at the end where the data came from.

    The page forbids its browser every request and every script.

    Raises:
        WarehouseError: it shows something that is elsewhere, or that needs a script.
    """
    title = _take_title(notebook) or report.file.stem.replace("_", " ").capitalize()
    exporter = HTMLExporter(
        template_name="page",
        extra_template_basedirs=[str(TEMPLATES)],
        embed_images=True,
        exclude_anchor_links=True,
    )
    exporter.exclude_input_prompt = exporter.exclude_output_prompt = True
    exporter.register_filter("highlight_sql", Highlight2HTML(pygments_lexer="sql"))
    exporter.register_filter("moment", _moment)
    exporter.register_filter("age", lambda at: _age(at, report.written))
    text, _ = exporter.from_notebook_node(
        notebook,
        resources={
            "metadata": {"path": str(report.file.parent)},
            "report": {
                "title": title,
                "byline": _byline(report),
                "style": _style(),
                "origins": report.origins,
                "written": report.written,
                "file": report.file.name,
            },
        },
    )
    page = BeautifulSoup(text, features="html.parser")
    _refuse_what_is_elsewhere(page, report.file)
    _add_contents(page)
    return str(page)


def _take_title(notebook: NotebookNode) -> str | None:
    """Take the first heading out, if the notebook begins with one."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            first, _, rest = cell.source.lstrip().partition("\n")
            if first.startswith("# "):
                cell.source = rest
                return str(first[2:].strip())
            return None
    return None


def _byline(report: Report) -> str:
    loaded = [load.at for origin in report.origins for load in origin.loads]
    if not loaded:
        return f"Written {_moment(report.written)}"
    return f"Data as of {_moment(min(loaded))} · written {_moment(report.written)}"


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _age(at: datetime, now: datetime) -> str:
    seconds = max(int((now - at).total_seconds()), 0)
    for unit, length in _UNITS:
        if seconds >= length:
            return counted(seconds // length, unit)
    return "now"


def _style() -> str:
    parts = [(TEMPLATES / "page" / "page.css").read_text(encoding="utf-8")]
    for where, name in _STYLES:
        rules = HtmlFormatter(style=name).get_style_defs(".highlight")
        plain = "\n".join(line for line in rules.splitlines() if "background" not in line)
        parts.append(f"{where} {{\n{plain}\n}}" if where else plain)
    return "\n".join(parts)


def _refuse_what_is_elsewhere(page: BeautifulSoup, file: Path) -> None:
    for element in page.select("script, iframe, object, embed"):
        raise WarehouseError(
            f"{file} shows a <{element.name}>, which a page without scripts cannot.",
            safe="No page was written.",
            todo="Draw it with matplotlib: a plot becomes a picture.",
        )
    for element in page.select("[src]"):
        if not str(element["src"]).startswith("data:"):
            raise WarehouseError(
                f"{file} shows {element['src']}, which is not in the page.",
                safe="No page was written.",
                todo="Save the picture beside the file, and name it by its path from there.",
            )


def _add_contents(page: BeautifulSoup) -> None:
    chapters = page.select("main h2")
    if len(chapters) < _CHAPTERS or page.main is None:
        return
    contents, listed = page.new_tag("nav"), page.new_tag("ul")
    contents.append(listed)
    for number, chapter in enumerate(chapters, 1):
        chapter["id"] = f"chapter-{number}"
        link = page.new_tag("a", href=f"#chapter-{number}")
        link.string = chapter.get_text()
        item = page.new_tag("li")
        item.append(link)
        listed.append(item)
    page.main.insert(0, contents)
